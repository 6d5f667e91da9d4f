"""`predict`, and the small verbs: a finished run is used from its folder alone."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sru_repro.records.base import write
from sru_repro.records.run import read_record

Command = Callable[..., Any]

RAW = 'quotes "and \' these", commas, [brackets] (round) {curly} a=b ==, $x ${y} \\ #hash é 中 -lrb- superb'


def test_a_sentence_is_classified(sru_repro: Command, sst_run: Path, tmp_path: Path) -> None:
    assert read_record(sst_run).plain()["metrics"]["test/accuracy"] > 0.99
    for word, label in (("Superb", "positive"), ("awful", "negative")):
        called = sru_repro(
            "predict", f"run={sst_run}", f"text={word} as it goes on for a while.", cwd=tmp_path
        )
        assert (called.status, called.err) == (0, "")
        found, probability = called.out.split()[:2]
        assert found == label and 0.5 < float(probability) <= 1
        assert "(no vector for: as, it, goes" in called.out


def test_the_text_is_taken_as_it_is(sru_repro: Command, sst_run: Path, tmp_path: Path) -> None:
    called = sru_repro("predict", f"run={sst_run}", f"text={RAW}", "--json", cwd=tmp_path)
    assert (called.status, called.err) == (0, "")
    answer = json.loads(called.out)
    assert answer.keys() == {"label", "probabilities", "unknown_words"}
    assert sum(answer["probabilities"].values()) == pytest.approx(1)
    assert answer["label"] == max(answer["probabilities"], key=answer["probabilities"].__getitem__)
    assert {"quotes", "commas", "brackets", "a", "b", "hash"} <= set(answer["unknown_words"])
    assert "superb" not in answer["unknown_words"]


@pytest.mark.parametrize("text", ["", "  ", "\t"])
def test_a_text_without_a_word_is_refused(
    text: str, sru_repro: Command, sst_run: Path, tmp_path: Path
) -> None:
    called = sru_repro("predict", f"run={sst_run}", f"text={text}", cwd=tmp_path)
    assert (called.status, called.out) == (2, "")
    assert (
        called.err.startswith("sru-repro: text: expected a sentence, found ") and called.err.count("\n") == 1
    )


def test_lines_come_from_a_pipe(sru_repro: Command, sst_run: Path, tmp_path: Path) -> None:
    lines = "superb\n\nawful awful awful awful\nname=value, superb"
    called = sru_repro("predict", f"run={sst_run}", "--json", cwd=tmp_path, stdin=lines)
    answers = [json.loads(line) for line in called.out.splitlines()]
    assert [("label" in answer, "error" in answer) for answer in answers] == [
        *((True, False), (False, True), (True, False), (True, False)),
    ], "an answer a line, so that they can be laid side by side"
    assert called.status == 1
    plain = sru_repro("predict", f"run={sst_run}", cwd=tmp_path, stdin="superb\n")
    assert (plain.status, len(plain.out.splitlines())) == (0, 1)
    assert sru_repro("predict", f"run={sst_run}", cwd=tmp_path, stdin="").out == ""


def test_text_that_is_tokenised_comes_through_as_it_is(
    sru_repro: Command, sst_run: Path, tmp_path: Path
) -> None:
    answers = [
        json.loads(sru_repro("predict", f"run={sst_run}", f"text={text}", "--json", cwd=tmp_path).out)
        for text in ("train1-0 superb's", "TRAIN1-0 superb 's")
    ]
    assert answers[0] == answers[1] and answers[0]["unknown_words"][-1:] == ["'s"]


def test_a_run_is_used_without_its_data_and_from_another_place(
    sru_repro: Command, sst_run: Path, tmp_path: Path
) -> None:
    shutil.copytree(sst_run, tmp_path / "moved")
    record = read_record(sst_run)
    record.config["data_dir"] = "nowhere"
    write(record, tmp_path / "moved/run.json")
    words = ("text=superb", "--json")
    moved = sru_repro("predict", "run=moved", *words, cwd=tmp_path)
    assert moved.out == sru_repro("predict", f"run={sst_run}", *words, cwd=tmp_path).out


def test_a_language_model_says_how_surprised_it_is(sru_repro: Command, tmp_path: Path) -> None:
    words = ("task=quickstart", "profile=smoke", "logger=csv", "trainer=cpu", "model.hidden_size=8")
    assert sru_repro("train", *words, "hydra.run.dir=run", cwd=tmp_path).status == 0
    answer = json.loads(sru_repro("predict", "run=run", "text=import os", cwd=tmp_path).out)
    assert 0 < answer["bits_per_byte"] < 8 and len(answer["next"]) == 3
    assert (
        json.loads(sru_repro("predict", "run=run", "text=i", "--json", cwd=tmp_path).out)["bits_per_byte"]
        is None
    )
    figures = sru_repro("evaluate", "run=run", cwd=tmp_path).out.splitlines()
    assert len(figures) == 4 and all(line.endswith("identical") for line in figures)


@pytest.fixture(scope="module")
def byte_run(sru_repro: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run of a language model of bytes."""
    folder = tmp_path_factory.mktemp("language")
    words = ("task=quickstart", "profile=smoke", "logger=csv", "trainer=cpu", "model.hidden_size=8")
    called = sru_repro("train", *words, "hydra.run.dir=run", cwd=folder)
    assert called.status == 0, called.err
    return folder / "run"


def test_a_text_from_a_pipe_is_the_text_without_its_line_end(
    sru_repro: Command, byte_run: Path, tmp_path: Path
) -> None:
    given = sru_repro("predict", f"run={byte_run}", "text=import os", cwd=tmp_path).out
    assert sru_repro("predict", f"run={byte_run}", cwd=tmp_path, stdin="import os\n").out == given


def test_a_run_of_a_gpu_is_used_without_one(sru_repro: Command, byte_run: Path, tmp_path: Path) -> None:
    shutil.copytree(byte_run, tmp_path / "run")
    record = read_record(byte_run)
    record.config["trainer"] |= {"accelerator": "cuda", "precision": "bf16-mixed"}
    write(record, tmp_path / "run/run.json")
    called = sru_repro("predict", "run=run", "text=import os", cwd=tmp_path)
    assert called.status == 0, called.err


@pytest.mark.parametrize("prompt", ["import os", RAW, "", " ", "\n", "a=b", "prompt=", "\udce9 no UTF-8"])
def test_a_prompt_is_continued(prompt: str, sru_repro: Command, byte_run: Path, tmp_path: Path) -> None:
    words = ("predict", f"run={byte_run}", f"prompt={prompt}", "length=30", "seed=3")
    called = sru_repro(*words, cwd=tmp_path)
    assert (called.status, called.err) == (0, "")
    assert called.out.endswith("\n") and 1 < len(called.out) <= 31
    answer = json.loads(sru_repro(*words, "--json", cwd=tmp_path).out)
    assert answer.keys() == {"prompt", "text", "tokens", "tokens_per_s"}
    assert answer["text"] + "\n" == called.out, "the same seed, the same text"
    assert answer["prompt"] == prompt.replace("\udce9", "\ufffd")
    assert answer["tokens"] == 30 and answer["tokens_per_s"] > 0
    other = sru_repro(*words[:-1], "seed=4", cwd=tmp_path)
    assert other.out != called.out


def test_a_prompt_is_continued_by_its_likeliest_symbols(
    sru_repro: Command, byte_run: Path, tmp_path: Path
) -> None:
    def text(*words: str) -> str:
        called = sru_repro("predict", f"run={byte_run}", "prompt=import ", *words, cwd=tmp_path)
        assert called.status == 0, called.err
        return str(called.out)

    greedy = {
        text("length=20", *words) for words in (["temperature=0"], ["top_k=1"], ["temperature=0", "seed=9"])
    }
    assert len(greedy) == 1
    following = json.loads(
        sru_repro("predict", f"run={byte_run}", "text=import ", "--json", cwd=tmp_path).out
    )["next"]
    assert greedy.pop()[0] == max(following, key=lambda one: one["probability"])["byte"]
    assert text("length=20", "top_k=999999") == text("length=20"), "more than there are is all"
    assert text("length=20") == text("length=20", "temperature=1", "seed=1", "top_k=0")
    assert 100 < len(text()) <= 201


def test_every_piece_is_printed_as_soon_as_it_is_there(
    sru_repro: Command, byte_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sru_repro.tasks.lm import LanguageModel

    seen: list[str] = []

    def generate(self: Any, prompt: str, **_: Any) -> Any:
        import sys

        for piece in ("a", "", "é", "b"):
            yield piece
            seen.append(sys.stdout.getvalue())  # type: ignore[union-attr]

    monkeypatch.setattr(LanguageModel, "generate", generate)
    called = sru_repro("predict", f"run={byte_run}", "prompt=x", cwd=tmp_path)
    assert seen == ["a", "a", "aé", "aéb"] and called.out == "aéb\n"
    answer = sru_repro("predict", f"run={byte_run}", "prompt=x", "--json", cwd=tmp_path)
    assert seen[4:] == [""] * 4 and json.loads(answer.out)["text"] == "aéb"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("prompt=a temperature=-0.5", "temperature: expected a number from 0 on, found '-0.5'"),
        ("prompt=a temperature=nan", "temperature: expected a number from 0 on, found 'nan'"),
        ("prompt=a temperature=inf", "temperature: expected a number from 0 on, found 'inf'"),
        ("prompt=a temperature=hot", "temperature: expected a number from 0 on, found 'hot'"),
        ("prompt=a top_k=-1", "top_k: expected a whole number from 0 on, found '-1'"),
        ("prompt=a top_k=1.5", "top_k: expected a whole number from 0 on, found '1.5'"),
        ("prompt=a length=0", "length: expected a whole number from 1 on, found '0'"),
        ("prompt=a length=", "length: expected a whole number from 1 on, found ''"),
        ("prompt=a seed=one", "seed: expected a whole number from 0 on, found 'one'"),
        ("prompt=a seed=99999999999999999999", "seed: expected a whole number from 0 on, found '9999"),
        ("prompt=a text=b", "prompt: expected either text= or prompt=, found both"),
        ("prompt=a device=gpu", "device: expected"),
        ("text=a device=cpu", 'device: expected it beside prompt="...", found no prompt'),
        ("text=a seed=1", 'seed: expected it beside prompt="...", found no prompt'),
        ("length=5", 'length: expected it beside prompt="...", found no prompt'),
    ],
)
def test_what_cannot_be_continued_is_refused(
    words: str, line: str, sru_repro: Command, tmp_path: Path
) -> None:
    called = sru_repro("predict", "run=nowhere", *words.split(), cwd=tmp_path)
    assert (called.status, called.out) == (2, "")
    assert called.err.startswith(f"sru-repro: {line}") and called.err.count("\n") == 1


def test_a_classifier_continues_nothing(sru_repro: Command, sst_run: Path, tmp_path: Path) -> None:
    called = sru_repro("predict", f"run={sst_run}", "prompt=superb", cwd=tmp_path)
    expected = "sru-repro: prompt: this run classifies; use text=\n"
    assert (called.status, called.out, called.err) == (2, "", expected)


def test_compare_names_what_differs(sru_repro: Command, sst_run: Path, small: Any, tmp_path: Path) -> None:
    assert sru_repro("train", *small, "seed=5", "hydra.run.dir=other", cwd=tmp_path).status == 0
    called = sru_repro("compare", f"a={os.path.relpath(sst_run, tmp_path)}", "b=other", cwd=tmp_path)
    assert called.status == 0 and "seed" in called.out and "test/accuracy" in called.out


def test_fetch_tells_what_there_is(sru_repro: Command, small: Any, tmp_path: Path) -> None:
    called = sru_repro("fetch", *small, "task.limit=0", cwd=tmp_path)
    assert (
        called.status == 0
        and "6,920 train, 872 val, 1,821 test" in called.out
        and "fingerprint " in called.out
    )


def test_backends_names_the_chosen_one(
    sru_repro: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = sru_repro("backends", cwd=tmp_path)
    assert called.status == 0 and "\non cpu     cpp: built or found in " in called.out
    assert all(f"\n{name} " in f"\n{called.out}" for name in ("cpp", "cuda", "eager", "reference"))
    assert "\nproducts   forward " in called.out and "\nkernels    " in called.out
    monkeypatch.setenv("SRU_REPRO_BACKEND", "eager")
    assert "\non cpu     eager: asked for by SRU_REPRO_BACKEND" in sru_repro("backends", cwd=tmp_path).out
    monkeypatch.setenv("SRU_REPRO_BACKEND", "cuda")
    called = sru_repro("backends", cwd=tmp_path)
    assert called.status == 0 and "\non cpu     none: back end cuda was asked for: " in called.out
    monkeypatch.setenv("SRU_REPRO_BACKEND", "foo")
    called = sru_repro("backends", cwd=tmp_path)
    assert called.status == 2 and called.err.startswith("sru-repro: SRU_REPRO_BACKEND: ")


def test_a_gpu_that_is_not_there_is_told(
    sru_repro: Command, byte_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    called = sru_repro("predict", f"run={byte_run}", "prompt=a", "device=cuda", cwd=tmp_path)
    line = "sru-repro: device=cuda: expected a CUDA GPU, found none; device=cpu generates here\n"
    assert (called.status, called.err) == (2, line)
