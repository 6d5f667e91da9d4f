"""SQuAD as a whole: numbers that lead back to the text, alignment, parts, comparability, the cache, real data."""

import resource
import shutil
import sys
import time
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spacy

from sru_repro.core.errors import ConfigError, DataError
from sru_repro.data.squad import dataset as module
from sru_repro.data.squad import files as squad_files
from sru_repro.data.squad import prepare as squad_prepare
from sru_repro.data.squad.dataset import Squad, load_squad, pack_squad
from sru_repro.data.squad.files import PUBLISHED
from sru_repro.data.squad.packed import FOLDER
from sru_repro.data.squad.split import Split
from sru_repro.data.store import hub as hub_module

Write = Callable[..., Path]


def check_round_trip(squad: Squad, split: Split) -> None:
    """Every number leads back to the text it stands for."""
    for index in range(len(split)):
        example = split.question(index)
        pieces = [example.passage_text[start:end] for start, end in example.spans]
        words = [squad.forms[form] for form in example.passage]
        assert len(words) == len(example.tags) == len(example.entities) == len(example.frequency)
        assert [squad.forms[form] for form in example.lower_passage] == [word.lower() for word in words]
        if example.passage_text.isascii():
            assert words == pieces
        asked = [squad.forms[form] for form in example.question]
        assert [squad.forms[form] for form in example.lower_question] == [word.lower() for word in asked]
        if example.start >= 0:
            first, last = example.spans[example.start, 0], example.spans[example.end, 1]
            assert example.passage_text[first:last] in example.answers


def test_both_splits(squad_dir: Write) -> None:
    squad = load_squad(squad_dir(), tagger="none")
    assert (len(squad.train), len(squad.dev)) == (5, 3)
    check_round_trip(squad, squad.train)
    check_round_trip(squad, squad.dev)
    train = [squad.train.question(i) for i in range(5)]
    # train-2 asks for a part of a word, and is left out.
    assert [example.id for example in train] == ["train-0", "train-1", "train-3", "train-4", "train-5"]
    assert [example.answers for example in train[2:]] == [("北京是中国的首都",), ("🐫",), ("مصر",)]
    assert train[0].question_text == "Where is Łódź?"
    assert train[0].passage_text == "Łódź\u00a0lies\tin Poland; Poland's flag is red."
    assert (train[0].start, train[0].end) == (3, 3)
    assert train[0].lemma_passage is None and not train[0].tags.any() and not train[0].entities.any()
    dev = [squad.dev.question(i) for i in range(3)]
    assert [example.id for example in dev] == ["dev-0", "dev-1", "dev-2"]
    assert [example.answers for example in dev] == [("Red", "ed", "Red wine"), ("mea", "red meat"), ("win",)]
    assert [(example.start, example.end) for example in dev] == [(0, 0), (3, 4), (-1, -1)]
    np.testing.assert_allclose(dev[0].frequency, np.array([2, 1, 1, 2, 1, 1]) / 6, rtol=1e-6)
    assert [view.dtype for view in (dev[0].passage, dev[0].spans, dev[0].tags)] == [np.int32] * 3
    assert dev[0].frequency.dtype == np.float32


def test_what_is_said_about_it(squad_dir: Write) -> None:
    squad = load_squad(squad_dir(), tagger="none")
    assert (squad.tags, squad.entities, squad.tagged) == (("",), ("",), False)
    assert squad.tagger == f"spacy {spacy.__version__}, blank en"
    assert squad.source == "squad/train-v1.1.json, squad/dev-v1.1.json"
    assert squad.description == "SQuAD 1.1, 9 questions"
    assert (squad.comparable, squad.share) == (False, 9 / 98_169)
    assert squad.why_not == (
        "train-v1.1.json: 6 questions instead of 87,599; dev-v1.1.json: 3 questions instead of 10,570"
    )
    assert squad.notes == (
        "6 training and 3 dev questions",
        "1 of 6 training answers (16.7 %) do not fall on token borders and are left out",
        "1 of 3 dev questions (33.3 %) have no answer on token borders; they stay, and count",
        f"tokens by {squad.tagger}: without an English model of spaCy there are no lemmas, tags and entities",
    )


def test_the_published_files_are_known_by_their_digest(
    squad_dir: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = squad_dir()
    digests = [module.digest(folder / f"squad/{split.file}") for split in PUBLISHED]
    sizes = (6, 3)
    same = [
        replace(split, sha256=found, questions=size)
        for split, found, size in zip(PUBLISHED, digests, sizes, strict=True)
    ]
    monkeypatch.setattr(module, "PUBLISHED", same)
    squad = load_squad(folder, tagger="none")
    assert (squad.comparable, squad.why_not, squad.share) == (True, "", 1.0)
    monkeypatch.setattr(module, "PUBLISHED", [same[0], replace(same[1], sha256="0" * 64)])
    squad = load_squad(folder, tagger="none")
    assert squad.why_not == "dev-v1.1.json is not the published file (other ids or offsets)"
    assert not squad.comparable and squad.share == 1.0


def test_a_part_is_evenly_spread(squad_dir: Write) -> None:
    whole = load_squad(squad_dir(), tagger="none")
    part = load_squad(squad_dir(), tagger="none", limit=3)
    assert [part.train.question(i).id for i in range(len(part.train))] == ["train-0", "train-1", "train-4"]
    assert len(part.dev) == 3 and part.forms == whole.forms
    assert part.fingerprint == f"{whole.fingerprint}-part3"
    assert part.why_not == f"{whole.why_not}; only 3 questions of each split, evenly spread"
    assert part.notes == (*whole.notes, "only 3 questions of each split, evenly spread")
    assert part.share == whole.share * 6 / 8
    assert load_squad(squad_dir(), tagger="none", limit=5).fingerprint == whole.fingerprint


def test_prepared_once(squad_dir: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = squad_dir()
    first = load_squad(folder, tagger="none")
    with monkeypatch.context() as patch:
        patch.setattr(module, "read_file", None)
        again = load_squad(folder, tagger="none", limit=2)
    assert again.fingerprint == f"{first.fingerprint}-part2"
    (kept,) = (tmp_path / "cache").iterdir()
    (kept / "spans").rename(kept / "moved")  # the maps of the sets above stay as they are
    (kept / "spans").write_bytes((kept / "moved").read_bytes()[:-1])
    assert load_squad(folder, tagger="none").fingerprint == first.fingerprint
    check_round_trip(again, again.train)


def test_a_file_that_is_refused_leaves_nothing_in_the_cache(squad_dir: Write, tmp_path: Path) -> None:
    folder = squad_dir()
    path = folder / "squad/dev-v1.1.json"
    path.write_text(path.read_text().replace('"Red"', '"Rid"'))
    with pytest.raises(DataError, match=r'dev-v1.1.json: .* question dev-0: expected the answer "Rid" at'):
        load_squad(folder, tagger="none")
    assert not (tmp_path / "cache").exists()


def test_no_answer_on_token_borders(squad_dir: Write) -> None:
    folder = squad_dir(train={"Poland": [("Where?", "Pol")]})
    with pytest.raises(DataError, match=r"expected training answers on token borders, found none among 1$"):
        load_squad(folder, tagger="none")


def test_a_tagger_that_is_not_installed(squad_dir: Write) -> None:
    with pytest.raises(ConfigError, match=r"task.tagger=no_model: .*python -m spacy download no_model"):
        load_squad(squad_dir(), tagger="no_model")


@pytest.mark.slow
def test_the_number_of_processes_changes_nothing(
    squad_dir: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = squad_dir()
    alone = load_squad(folder, tagger="none")
    shutil.rmtree(tmp_path / "cache")
    monkeypatch.setattr(squad_prepare, "_cores", lambda: 2)
    monkeypatch.setattr(squad_prepare, "WORTH_A_PROCESS", 4)
    monkeypatch.setattr(squad_prepare, "CHUNK", 2)
    monkeypatch.setattr(squad_prepare, "chunk_of", None)  # this process does nothing
    together = load_squad(folder, tagger="none")
    assert together.fingerprint == alone.fingerprint and together.forms == alone.forms


def test_hub_and_files_are_the_same_data(
    squad_dir: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = squad_dir()
    files = load_squad(folder, tagger="none")
    calls: list[str] = []

    def load_dataset(path: str, *, split: str) -> list[dict[str, Any]]:
        calls.append(split)
        raw = squad_files.read_file(folder / f"squad/{'train' if split == 'train' else 'dev'}-v1.1.json")
        return [
            {
                "id": key,
                "title": "Places",
                "context": raw.passages[passage],
                "question": question,
                "answers": {"text": [a for _, a in answers], "answer_start": [s for s, _ in answers]},
            }
            for key, passage, question, answers in zip(
                raw.ids, raw.passage_of, raw.questions, raw.answers, strict=True
            )
        ]

    fake = types.SimpleNamespace(load_dataset=load_dataset, disable_progress_bars=lambda: None)
    monkeypatch.setitem(sys.modules, "datasets", fake)
    monkeypatch.setattr(hub_module, "connection_problem", lambda url: None)
    for _ in range(2):
        hub = load_squad(tmp_path / "nowhere", tagger="none")
        assert (hub.fingerprint, hub.source) == (files.fingerprint, "rajpurkar/squad")
    assert calls == ["train", "validation"]  # the second time from the cache


def test_a_model_adds_lemmas_tags_and_entities(squad_dir: Write, tmp_path: Path) -> None:
    pipeline = spacy.blank("en")
    rules = pipeline.add_pipe("attribute_ruler")
    rules.add([[{"LOWER": {"IN": ["is", "lies"]}}]], {"TAG": "VBZ", "LEMMA": "be"})  # type: ignore[attr-defined]
    names = pipeline.add_pipe("entity_ruler")
    names.add_patterns([{"label": "GPE", "pattern": "Poland"}])  # type: ignore[attr-defined]
    pipeline.to_disk(tmp_path / "model")
    plain = load_squad(squad_dir(), tagger="none")
    squad = load_squad(squad_dir(), tagger=str(tmp_path / "model"))
    assert squad.tagged and squad.tagger == "en_pipeline 0.0.0" and len(squad.notes) == 3
    assert (squad.tags, squad.entities) == (("", "VBZ"), ("", "GPE"))
    assert squad.fingerprint != plain.fingerprint
    check_round_trip(squad, squad.train)
    example = squad.train.question(0)
    assert example.lemma_passage is not None and example.lemma_question is not None
    assert example.tags.tolist() == [0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0]
    assert example.entities.tolist() == [0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0]
    assert squad.forms[example.lemma_passage[1]] == squad.forms[example.lemma_question[1]] == "be"


def test_the_complete_set_and_its_pack(real_data: Path, tmp_path: Path) -> None:
    start = time.perf_counter()
    squad = load_squad(real_data, tagger="none")
    assert time.perf_counter() - start < 120  # 26 s on one core that is busy otherwise, too
    memory = sum(
        resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    assert memory < 3 << 20  # KiB; all of this process, and the largest of those it started
    assert (len(squad.train), len(squad.dev), squad.share) == (86_643, 10_570, 1.0)
    assert squad.notes[0] == "87,599 training and 10,570 dev questions"
    part = replace(squad, train=Split(squad.train.store, squad.train.rows[::97]))
    check_round_trip(part, part.train)
    pack_squad(squad, tmp_path / FOLDER)
    again = load_squad(tmp_path)
    assert (again.fingerprint, again.notes, len(again.train)) == (squad.fingerprint, squad.notes, 86_643)
    sample = [Split(whole.train.store, whole.train.rows[::997]) for whole in (squad, again)]
    for index in range(len(sample[0])):
        one, other = (split.question(index) for split in sample)
        assert one.passage_text == other.passage_text and one.answers == other.answers
        np.testing.assert_array_equal(one.spans, other.spans)
