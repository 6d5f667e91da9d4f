"""`export`, and the model that is committed: a folder of two megabytes that answers without data."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sru_repro.core.errors import DataError
from sru_repro.data.terms import terms
from sru_repro.records.base import write
from sru_repro.records.run import read_record
from sru_repro.reporting.compare.gather import gather, records_of
from sru_repro.reporting.runs.records import load_records
from sru_repro.reporting.sweeps.entries import read_folder
from sru_repro.training.card import card as card_of
from sru_repro.training.exported import checksum, tensor_bytes, tensors_of

Command = Callable[..., Any]

MODELS = Path(__file__).parents[2] / "results/models"
MODEL = MODELS / "sst-sru"
COMMITTED = MODELS.parent / "runs/sst/sru2/short/seed1.json"


@pytest.mark.parametrize(
    ("text", "label", "most"),
    [
        ("A gorgeous, witty, seductive movie.", "positive", "seductive"),
        ("What a waste of a talented cast!", "negative", "waste"),
    ],
)
def test_the_committed_model_classifies_and_shows_its_gates(
    text: str, label: str, most: str, sru_repro: Command, tmp_path: Path
) -> None:
    called = sru_repro("predict", f"run={MODEL}", f"text={text}", cwd=tmp_path)
    assert (called.status, called.err) == (0, "")
    first, head, *lines = called.out.splitlines()
    assert first.split()[0] == label and float(first.split()[1]) > 0.7
    assert head.split() == ["word", "share", "of", "the", "last", "state", "f", "r"]
    assert max(map(len, called.out.splitlines())) <= 80
    assert max(lines, key=lambda line: line.count("━")).split()[0] == most
    answer = json.loads(sru_repro("predict", f"run={MODEL}", f"text={text}", "--json", cwd=tmp_path).out)
    assert [line.split()[0] for line in lines] == [word["word"] for word in answer["words"]]
    assert 0.5 < sum(word["brought"] for word in answer["words"]) < 1, "the rest was there before"
    for word in answer["words"]:
        assert len(word["forget"]) == len(word["reset"]) == 2, "a number a layer"
        assert all(0 < gate < 1 for gate in (*word["forget"], *word["reset"]))


def test_lines_are_answers_of_one_line_unless_gates_are_asked_for(sru_repro: Command, tmp_path: Path) -> None:
    stdin = (MODELS / "sentences.txt").read_text()
    plain = sru_repro("predict", f"run={MODEL}", cwd=tmp_path, stdin=stdin)
    shown = sru_repro("predict", f"run={MODEL}", "--gates", cwd=tmp_path, stdin=stdin)
    assert plain.status == shown.status == 0
    assert len(plain.out.splitlines()) == len(stdin.splitlines())
    assert [block.splitlines()[0] for block in shown.out.strip().split("\n\n")] == plain.out.splitlines()


def test_the_committed_model_is_small_and_tells_of_itself() -> None:
    assert sum(path.stat().st_size for path in MODEL.iterdir()) < 2e6
    record, card = read_record(MODEL), (MODEL / "README.md").read_text()
    small = record.exported
    assert small is not None and small.run["test/accuracy"] > record.metrics["test/accuracy"] > 0.8
    (other,) = small.others
    assert other.figures["val/accuracy"] < record.metrics["val/accuracy"] == small.way.figures["val/accuracy"]
    for figure in (one["test/accuracy"] for one in (small.run, record.metrics, other.figures)):
        assert f" {100 * figure:.1f} % " in card
    assert all(digest in card for digest in small.files.values())
    sizes = {name: (MODEL / name).stat().st_size for name in small.files}
    place = MODEL.relative_to(MODELS.parents[1])
    assert card == card_of(record, small, sizes, place, terms(record.task, record.data.vectors))
    assert not any(line.startswith(" ") for line in card.splitlines()), "a sentence a line"
    assert not any(part in (MODEL / "run.json").read_text() for part in ('"/', '"~'))


@pytest.mark.parametrize("name", ["model.safetensors", "words.json"])
@pytest.mark.parametrize("damage", ["cut", "changed", "gone"])
def test_a_damaged_file_is_one_line(name: str, damage: str, sru_repro: Command, tmp_path: Path) -> None:
    shutil.copytree(MODEL, tmp_path / "model")
    path = tmp_path / "model" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content[:-9] if damage == "cut" else content)
    if damage == "gone":
        path.unlink()
    called = sru_repro("predict", "run=model", "text=superb", cwd=tmp_path)
    expected = "found none" if damage == "gone" else "expected the file whose SHA-256 in run.json begins with"
    assert called.status == 2 and not called.out and called.err.count("\n") == 1
    assert called.err.startswith(f"sru-repro: model/{name}: ") and expected in called.err


@pytest.fixture(scope="module")
def whole(sru_repro: Command, sst_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with all that its run had."""
    folder: Path = tmp_path_factory.mktemp("whole") / "model"
    words = ("export", f"run={sst_run}", f"out={folder}", "dtype=float32", "max_mb=20")
    called = sru_repro(*words, cwd=folder.parent)
    assert called.status == 0, called.err
    return folder


def test_in_float32_with_room_for_all_it_is_the_run(
    whole: Path, sru_repro: Command, sst_run: Path, tmp_path: Path
) -> None:
    record, run = read_record(whole), read_record(sst_run)
    assert record.exported is not None and record.exported.way.words == record.exported.of_words
    assert record.metrics == {key: run.metrics[key] for key in record.metrics}, "bit by bit"
    assert record.data.fingerprint != run.data.fingerprint == record.exported.fingerprint
    words = ("text=Superb , unheard of", "--json")
    answers = [sru_repro("predict", f"run={place}", *words, cwd=tmp_path).out for place in (whole, sst_run)]
    assert answers[0] == answers[1] and json.loads(answers[0])["unknown_words"] == [",", "unheard", "of"]


def test_evaluate_measures_the_exported_model(
    whole: Path, sru_repro: Command, data: Path, tmp_path: Path
) -> None:
    before = sorted(path.name for path in whole.iterdir())
    called = sru_repro("evaluate", f"run={whole}", f"data_dir={data}", cwd=tmp_path)
    assert called.status == 0, called.err
    assert [line.split()[-1] for line in called.out.splitlines()] == ["identical"] * 4
    assert sorted(path.name for path in whole.iterdir()) == before, "nothing is written beside it"


@pytest.mark.parametrize("vectors", ["axes", "rows"])
def test_where_not_all_fits_it_is_made_small(
    vectors: str, sru_repro: Command, sst_run: Path, data: Path, tmp_path: Path
) -> None:
    words = ("out=small", "max_mb=0.3", f"vectors={vectors}", f"data_dir={data}")
    called = sru_repro("export", f"run={sst_run}", *words, cwd=tmp_path)
    assert called.status == 0, called.err
    assert sum(path.stat().st_size for path in (tmp_path / "small").iterdir()) <= 0.3e6
    record = read_record(tmp_path / "small")
    small = record.exported
    assert small is not None and (small.way.axes > 0) == (vectors == "axes")
    assert (small.way.words < small.of_words) == (small.way.known < 1) == (vectors == "rows")
    for word, label in (("Superb", "positive"), ("awful", "negative")):
        said = sru_repro("predict", "run=small", f"text={word} as it goes on .", cwd=tmp_path).out
        assert said.split()[0] == label
    again = sru_repro("evaluate", "run=small", f"data_dir={data}", cwd=tmp_path)
    assert again.status == 0 and again.out.count("identical") == 4


def test_what_cannot_be_exported_is_one_line(
    whole: Path, sru_repro: Command, sst_run: Path, data: Path, tmp_path: Path
) -> None:
    language_run = tmp_path / "language"
    language_run.mkdir()
    shutil.copy(MODELS.parent / "runs/enwik8/sru/short/seed1.json", language_run / "run.json")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/letter.txt").touch()
    for words, expected in (
        (f"run={language_run} out=x", "expected a run of sentence classification, found task enwik8"),
        (f"run={whole} out=x", "expected a run, found an exported model"),
        (
            f"run={sst_run} out=full",
            "out=full: expected a new folder or that of an exported model, found other",
        ),
        (f"run={sst_run} out={sst_run}", "expected a new folder or that of an exported model, found a run"),
        (f"run={sst_run} out={sst_run}/a/b", "b: expected a folder beside the runs, found one inside "),
        (f"run={whole}/run.json out=x", "expected a run, found an exported model"),
        (
            f"run={COMMITTED} out=x data_dir={data}",
            f"{COMMITTED}: expected a run's folder, found a committed record, which has no weights",
        ),
        (f"run={sst_run} out=x max_mb=0.03", "or more for this model, found 0.03"),
        (f"run={sst_run} out=x max_mb=-1", "max_mb: expected megabytes, more than 0, found '-1'"),
        (f"run={sst_run} out=x dtype=int8", "dtype: expected"),
        (f"run={sst_run}", "out: "),
    ):
        called = sru_repro("export", *words.split(), cwd=tmp_path)
        assert called.status == 2 and called.err.count("\n") == 1 and expected in called.err, called.err
    assert not (tmp_path / "x").exists() and not (sst_run / "a").exists()


def test_what_does_not_belong_together_is_named(sru_repro: Command, data: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(MODEL, model)
    record = json.loads((model / "run.json").read_text())
    wider = json.loads(json.dumps(record))
    wider["config"]["model"]["hidden_size"] = 64
    short = json.dumps({"words": ["<pad>", "<unk>"], "classes": ["negative", "positive"]}).encode()
    tensors = tensors_of((MODEL / "model.safetensors").read_bytes(), MODEL)
    tensors["embedding.weight.axis"] = tensors.pop("embedding.weight.axes")
    size = "model.safetensors: expected weights of this configuration, found: size mismatch for "
    for changed, name, content, expected in (
        (wider, "README.md", b"", size),
        (record, "words.json", short, size),
        (record, "words.json", b"[1]", "words.json: expected a mapping, found list"),
        (
            record,
            "model.safetensors",
            tensor_bytes(tensors),
            "model.safetensors: expected tables as codes, axes",
        ),
        (
            {**record, "exported": None},
            "README.md",
            b"",
            "run.json: expected the record of an exported model, as",
        ),
        ([], "README.md", b"", "run.json: expected a mapping, found list"),
    ):
        before = (MODEL / name).read_bytes()
        (model / name).write_bytes(content)
        text = json.dumps(changed).replace(checksum(before), checksum(content))
        (model / "run.json").write_text(text)
        called = sru_repro("predict", "run=model", "text=superb", cwd=tmp_path)
        assert called.status == 2 and not called.out and called.err.count("\n") == 1, called.err
        assert called.err.startswith(f"sru-repro: model/{expected}"), called.err
        assert called.err.endswith("; take it again from where it came\n")
        if content == short:
            measured = sru_repro("evaluate", "run=model", f"data_dir={data}", cwd=tmp_path)
            assert measured.status == 2 and f"model/{size}" in measured.err.splitlines()[-1], measured.err
        (model / name).write_bytes(before)


def test_it_is_no_run_beside_runs(tmp_path: Path) -> None:
    for folder in ("runs/x", "runs/x/inside", "runs/model", "alone/model"):
        shutil.copytree(MODEL, tmp_path / folder)
    run = read_record(MODEL)
    run.exported = None
    write(run, tmp_path / "runs/x/run.json")
    runs = tmp_path / "runs"
    assert load_records(runs) == [run] == [one.run for one in read_folder(runs).entries]
    for word in (str(runs), f"{runs}/*", f"{runs}/**/*.json"):
        assert [one.run for one in gather(records_of(word))] == [run]
    alone = tmp_path / "alone"
    assert load_records(alone) == [] == records_of(str(alone))
    with pytest.raises(DataError, match="expected a run, found an exported model; name the run it was taken"):
        gather(records_of(str(alone / "model")))
    with pytest.raises(DataError, match="found none; has a training begun"):
        read_folder(alone)
