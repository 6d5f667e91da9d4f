"""SQuAD's files and the Hub: what is read, and the one line for everything that is wrong with them."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sru_repro.core.errors import DataError
from sru_repro.data.squad import files
from sru_repro.data.squad.files import read_file, read_hub

PASSAGE = "Rome lies on the Tiber."
GOOD: dict[str, Any] = {
    "version": "1.1",
    "data": [
        {
            "title": "Rome",
            "paragraphs": [
                {
                    "context": PASSAGE,
                    "qas": [
                        {
                            "id": "a",
                            "question": "Where?",
                            "answers": [{"text": "the Tiber", "answer_start": 13}],
                        },
                        {
                            "id": "b",
                            "question": "What?",
                            "answers": [{"text": "Rome", "answer_start": 0}] * 2,
                        },
                    ],
                },
                {
                    "context": PASSAGE,
                    "qas": [
                        {"id": "c", "question": "Who?", "answers": [{"text": "Rome", "answer_start": 0}]}
                    ],
                },
            ],
        }
    ],
}


def put(content: Any, path: Path) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_good_file(tmp_path: Path) -> None:
    split = read_file(put(GOOD, tmp_path / "train.json"))
    assert split.passages == [PASSAGE] and split.passage_of == [
        0,
        0,
        0,
    ]  # a passage once, however often it comes
    assert (split.ids, split.questions) == (["a", "b", "c"], ["Where?", "What?", "Who?"])
    assert split.answers == [[(13, "the Tiber")], [(0, "Rome"), (0, "Rome")], [(0, "Rome")]]


def _article(content: Any) -> Any:
    return content["data"][0]


def _paragraph(content: Any) -> Any:
    return _article(content)["paragraphs"][0]


def _question(content: Any) -> Any:
    return _paragraph(content)["qas"][0]


def _answer(content: Any) -> Any:
    return _question(content)["answers"][0]


Change = Callable[[Any], object]
Hub = Callable[..., list[tuple[str, ...]]]
IN_PARAGRAPH = r'train.json: article 1 \("Rome"\), paragraph 1'
WRONG: dict[str, tuple[Change, str]] = {
    "no data": (
        lambda c: c.pop("data"),
        r'train.json: expected a list "data", as SQuAD 1.1 has, found nothing',
    ),
    "an article that is a text": (
        lambda c: c["data"].__setitem__(0, "Rome"),
        r'article 1: expected a list "paragraphs", .* found "Rome"',
    ),
    "no paragraphs": (lambda c: _article(c).pop("paragraphs"), r'\("Rome"\): expected a list "paragraphs"'),
    "no passage": (
        lambda c: _paragraph(c).pop("context"),
        IN_PARAGRAPH + ": expected a passage, .* found nothing",
    ),
    "blank passage": (
        lambda c: _paragraph(c).update(context=" \n\u00a0"),
        IN_PARAGRAPH + ": expected a passage, found an empty one",
    ),
    "no questions": (
        lambda c: _paragraph(c).update(qas={}),
        IN_PARAGRAPH + r': expected a list "qas", .* found \{\}',
    ),
    "no id": (
        lambda c: _question(c).pop("id"),
        IN_PARAGRAPH + ": expected the id of a question, .* found nothing",
    ),
    "the same id twice": (
        lambda c: _question(c).update(id="c"),
        r"paragraph 2, question c: expected an id of its own, found it a second time",
    ),
    "blank question": (
        lambda c: _question(c).update(question="\t"),
        IN_PARAGRAPH + ", question a: expected a question, found an empty one",
    ),
    "half a character": (
        lambda c: _question(c).update(question="\ud83d?"),
        "question a: expected a question in Unicode, found half a surrogate pair",
    ),
    "SQuAD 2.0": (
        lambda c: _question(c).update(is_impossible=True, answers=[]),
        r"question a: expected an answer, as SQuAD 1.1 has to every question, found none \(is this SQuAD 2.0\?\)",
    ),
    "an answer that is a text": (
        lambda c: _question(c).update(answers=["the Tiber"]),
        r'question 1: expected an answer with "text" and "answer_start", .* found "the Tiber"',
    ),
    "an answer without place": (
        lambda c: _answer(c).update(answer_start="13"),
        r'question a: expected a number as answer_start, found "13"',
    ),
    "blank answer": (
        lambda c: _answer(c).update(text=" "),
        "question a: expected the text of an answer, found an empty one",
    ),
    "an answer behind the passage": (
        lambda c: _answer(c).update(answer_start=15),
        r'question a: expected an answer inside the passage of 23 characters, found "the Tiber" at 15',
    ),
    "an answer before the passage": (lambda c: _answer(c).update(answer_start=-9), 'found "the Tiber" at -9'),
    "an answer elsewhere": (
        lambda c: _answer(c).update(answer_start=12),
        r'question a: expected the answer "the Tiber" at character 12 of the passage, found " the Tibe"',
    ),
    "nothing in it": (
        lambda c: c.update(data=[]),
        r"train.json: expected questions in SQuAD's format, found none",
    ),
}


@pytest.mark.parametrize(("change", "expected"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, change: Change, expected: str) -> None:
    content = copy.deepcopy(GOOD)
    change(content)
    with pytest.raises(DataError, match=expected) as caught:
        read_file(put(content, tmp_path / "train.json"))
    assert "\n" not in str(caught.value) and str(tmp_path / "train.json") in str(caught.value)


@pytest.mark.parametrize(
    "content", ['{"data": [', "", "passage,question", "\ufffe", "[" * 100_000], ids=range(5)
)
def test_what_is_not_json(tmp_path: Path, content: str) -> None:
    with pytest.raises(DataError, match=r"train.json: expected JSON, found a cut or damaged file \("):
        read_file(put(content, tmp_path / "train.json"))


def test_json_of_another_kind_and_bytes_that_are_no_text(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r'expected a list "data", as SQuAD 1.1 has, found \[1, 2\]'):
        read_file(put("[1, 2]", tmp_path / "train.json"))
    (tmp_path / "train.json").write_bytes(b'{"data": "caf\xe9"}')
    with pytest.raises(DataError, match=r"expected JSON, found a cut or damaged file"):
        read_file(tmp_path / "train.json")


def test_files_are_found_in_two_places_and_go_together(squad_dir: Callable[..., Path]) -> None:
    folder = squad_dir(place="")
    assert files.squad_files(folder) == (folder / "train-v1.1.json", folder / "dev-v1.1.json")
    squad_dir()
    assert files.squad_files(folder) == (folder / "squad/train-v1.1.json", folder / "squad/dev-v1.1.json")
    for path in (folder / "squad/dev-v1.1.json", folder / "dev-v1.1.json"):
        path.unlink()
    with pytest.raises(
        DataError, match=r"squad/dev-v1.1.json: file not found, although train-v1.1.json is there"
    ):
        files.squad_files(folder)


ROW = {
    "id": "a",
    "title": "Rome",
    "context": PASSAGE,
    "question": "Where?",
    "answers": {"text": ["the Tiber"], "answer_start": [13]},
}


def test_hub(tmp_path: Path, hub: Hub) -> None:
    calls = hub(lambda split: [ROW, {**ROW, "id": "b"}])
    train, dev = read_hub(tmp_path)
    assert calls == [("rajpurkar/squad", "train"), ("rajpurkar/squad", "validation")]
    assert train == dev
    assert (train.passages, train.passage_of, train.ids) == ([PASSAGE], [0, 0], ["a", "b"])
    assert train.answers == [[(13, "the Tiber")]] * 2


def test_hub_with_wrong_rows(tmp_path: Path, hub: Hub) -> None:
    hub(lambda split: [ROW, {**ROW, "id": "b", "answers": {"text": [], "answer_start": []}}])
    with pytest.raises(DataError, match=r"rajpurkar/squad, train: row 2, question b: expected an answer"):
        read_hub(tmp_path)
    hub(lambda split: [])
    with pytest.raises(DataError, match=r"rajpurkar/squad, train: expected questions, found none"):
        read_hub(tmp_path)


def test_hub_without_network(tmp_path: Path) -> None:
    pattern = (
        r"squad/\{train,dev\}-v1.1.json: file not found \(nor \{train,dev\}-v1.1.json\) and reading "
        r"rajpurkar/squad from http://127.0.0.1:9 failed \(no connection to 127.0.0.1: .*put it there"
    )
    with pytest.raises(DataError, match=pattern):
        read_hub(tmp_path)
