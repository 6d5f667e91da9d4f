"""`predict passage=`: questions about a passage, one or many, asked of a stand-in that answers with its words."""

import io
import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sru_repro.cli.answer import each_line
from sru_repro.core.errors import DataError
from sru_repro.tasks import task_class

Command = Callable[..., Any]

PASSAGE = "@home in Zürich\r\nand 中文 elsewhere"
READS = "this run answers questions; use passage=@FILE question="


@pytest.fixture
def reader(sst_run: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run whose task answers with words of the passage, from the one that the question names."""

    def answer(self: Any, passage: str, question: str, top: int = 3) -> dict[str, Any]:
        spans = [found.span() for found in re.finditer(r"\S+", passage)]
        first = int(question)
        if first >= len(spans):
            raise DataError("question: expected a word of the passage, found none")
        found = [
            {"answer": passage[a:b], "start": a, "end": b, "confidence": 0.5 / (k + 1)}
            for k, (a, b) in enumerate(spans[first : first + top])
        ]
        return {**found[0], "others": found[1:]}

    monkeypatch.setattr(task_class("sst"), "answer", answer)
    return sst_run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The passage as a file, with the mark of its byte order that some editors write."""
    (tmp_path / "passage.txt").write_bytes(b"\xef\xbb\xbf" + PASSAGE.encode())
    return tmp_path / "passage.txt"


def test_the_answer_comes_before_the_runners_up(
    sru_repro: Command, reader: Path, file: Path, tmp_path: Path
) -> None:
    words = ("predict", f"run={reader}", "passage=@passage.txt", "question=2")
    called = sru_repro(*words, cwd=tmp_path)
    assert (called.status, called.err) == (0, "")
    assert called.out == "Zürich  0.500\n  and  0.250\n  中文  0.167\n"
    assert sru_repro(*words, "top=1", cwd=tmp_path).out == "Zürich  0.500\n"
    assert len(sru_repro(*words, "top=99", cwd=tmp_path).out.splitlines()) == 4


def test_places_are_those_of_the_passage(
    sru_repro: Command, reader: Path, file: Path, tmp_path: Path
) -> None:
    for passage in ("@passage.txt", f"@{PASSAGE}"):
        called = sru_repro(
            "predict", f"run={reader}", f"passage={passage}", "question=2", "top=2", "--json", cwd=tmp_path
        )
        assert called.status == 0 and called.out.count("\n") == 1
        said = json.loads(called.out)
        assert said["others"] == [{"answer": "and", "start": 17, "end": 20, "confidence": 0.25}]
        assert PASSAGE[said["start"] : said["end"]] == said["answer"] == "Zürich", "\\r\\n are two characters"


def test_an_answer_over_two_lines_is_printed_in_one(
    sru_repro: Command, reader: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(self: Any, passage: str, question: str, top: int = 3) -> dict[str, Any]:
        return {"answer": passage, "start": 0, "end": len(passage), "confidence": 1.0, "others": []}

    monkeypatch.setattr(task_class("sst"), "answer", answer)
    words = ("predict", f"run={reader}", "passage=New\n York", "question=a=b [c]")
    assert sru_repro(*words, cwd=tmp_path).out == "New York  1.000\n"
    assert json.loads(sru_repro(*words, "--json", cwd=tmp_path).out)["answer"] == "New\n York"


def test_questions_come_from_a_pipe(sru_repro: Command, reader: Path, file: Path, tmp_path: Path) -> None:
    words = ("predict", f"run={reader}", "passage=@passage.txt", "top=2")
    none = "question: expected a word of the passage, found none"
    called = sru_repro(*words, cwd=tmp_path, stdin="0\n\n9\n2")
    assert (called.status, called.err) == (1, "")
    assert called.out == f"@home  0.500\n\nerror: {none}\nZürich  0.500\n"
    called = sru_repro(*words, cwd=tmp_path, stdin="0\n \n2\n")
    assert (called.status, called.out) == (0, "@home  0.500\n\nZürich  0.500\n")
    called = sru_repro(*words, "--json", cwd=tmp_path, stdin="0\n\n9\n2")
    assert (called.status, called.err) == (1, "")
    first, *errors, last = map(json.loads, called.out.splitlines())
    assert (first["answer"], last["answer"]) == ("@home", "Zürich")
    assert errors == [{"error": "question: expected a text, found an empty one"}, {"error": none}]
    called = sru_repro(*words, "--json", cwd=tmp_path, stdin="2\n0\n")
    assert called.status == 0
    assert [len(json.loads(line)["others"]) for line in called.out.splitlines()] == [1, 1]
    assert sru_repro(*words, cwd=tmp_path).out == ""


def test_a_terminal_is_prompted_on_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = io.StringIO("one\ntwo\n")
    monkeypatch.setattr(sys, "stdin", typed)
    monkeypatch.setattr(typed, "isatty", lambda: True)
    assert each_line("ends by Ctrl-D", lambda line: {"said": line}, str, False, mark="? ") == 0
    assert capsys.readouterr() == ("{'said': 'one'}\n{'said': 'two'}\n", "ends by Ctrl-D\n? ? ? \n")


def test_a_line_that_is_no_utf_8_does_not_end_those_behind_it(
    sru_repro: Command, reader: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"caf\xe9?\nyes\n"), encoding="utf-8"))
    assert each_line("", lambda line: {"said": line}, lambda said: str(len(said["said"])), False) == 0
    assert capsys.readouterr().out == "5\n3\n"
    called = sru_repro("predict", f"run={reader}", "passage=a", cwd=reader, stdin="caf\udce9?\n0\n")
    assert called.status == 1
    assert called.out == "error: question: expected UTF-8, found byte 0xe9 at place 3\na  0.500\n"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("question=a", "question: expected it beside passage=@FILE, found no passage\n"),
        ("top=2 text=a", "top: expected it beside passage=@FILE, found no passage\n"),
        ("passage=a text=b", "passage: expected either passage= or text=, found both\n"),
        ("passage=a prompt=b", "passage: expected either passage= or prompt=, found both\n"),
        ("passage=a seed=1", 'seed: expected it beside prompt="...", found no prompt\n'),
        ("passage=a question=b top=0", "top: expected a whole number from 1 on, found '0'\n"),
        ("passage=a question=b top=two", "top: expected a whole number from 1 on, found 'two'\n"),
        ("passage= question=b", "passage: expected a text, found an empty one\n"),
        ("passage=a question=", "question: expected a text, found an empty one\n"),
        ("passage=\udcff question=b", "passage: expected UTF-8, found byte 0xff at place 0\n"),
        ("passage=@empty.txt question=b", "passage=@empty.txt: expected a text, found an empty one\n"),
        (
            "passage=@nowhere.txt",
            "passage=@nowhere.txt: expected a text file, found: No such file or directory; ",
        ),
        (
            "passage=@",
            "passage=@: expected a text file, found: Is a directory; passage=@@... is a text that ",
        ),
        (
            "passage=@latin.txt",
            "passage=@latin.txt: expected UTF-8, found byte 0xe9 at place 3; convert the file\n",
        ),
        ("passage=a passage=b", "passage: expected once, found twice\n"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_a_run_is_read(
    words: str, line: str, sru_repro: Command, tmp_path: Path
) -> None:
    (tmp_path / "empty.txt").write_text(" \n")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    called = sru_repro("predict", "run=nowhere", *words.split(" "), cwd=tmp_path)
    assert (called.status, called.out) == (2, "")
    assert called.err.startswith(f"sru-repro: {line}") and called.err.count("\n") == 1


def test_a_text_taken_for_a_file_is_told_in_one_line(sru_repro: Command, tmp_path: Path) -> None:
    called = sru_repro("predict", "run=nowhere", "passage=@home\nand away " + "x" * 5000, cwd=tmp_path)
    assert called.status == 2 and called.err.count("\n") == 1 and len(called.err) < 300
    assert called.err.startswith("sru-repro: passage=@home and away xx")


def without_checkpoint(run: Path, folder: Path) -> str:
    """A copy of the run that only its record is left of."""
    shutil.copytree(run, folder / "run", ignore=shutil.ignore_patterns("checkpoints"))
    return "run=run"


def test_other_tasks_answer_nothing(
    sru_repro: Command, sst_run: Path, language_run: Path, tmp_path: Path
) -> None:
    for run, line in (
        (sst_run, "this run classifies; use text="),
        (language_run, "this run is a language model; use prompt= or text="),
    ):
        (tmp_path / run.parent.name).mkdir()
        place = tmp_path / run.parent.name
        called = sru_repro("predict", without_checkpoint(run, place), "passage=a", "question=b", cwd=place)
        assert (called.status, called.out, called.err) == (2, "", f"sru-repro: passage: {line}\n")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["text=a"], f"text: {READS}"),
        (["prompt=a"], f"prompt: {READS}"),
        ([], "passage: missing; use passage=@FILE question="),
    ],
)
def test_a_reader_does_nothing_else(
    words: list[str], line: str, sru_repro: Command, reader: Path, tmp_path: Path
) -> None:
    called = sru_repro("predict", without_checkpoint(reader, tmp_path), *words, cwd=tmp_path, stdin="a\n")
    assert (called.status, called.out, called.err) == (2, "", f"sru-repro: {line}\n")
