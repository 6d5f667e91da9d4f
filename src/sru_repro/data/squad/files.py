"""Reads SQuAD 1.1 from its two files, or from the Hugging Face Hub, and checks every question of it.

Whatever is wrong with a file is said here, before anything is prepared or trained: one line with the file, the article,
the paragraph and the question.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from ...core.errors import DataError
from ..store.encoding import refuse_wide
from ..store.fetch import find
from ..store.hub import hub_splits
from ..store.packing import PROBE, whole_file

HUB = "rajpurkar/squad"


@dataclass(frozen=True)
class Published:
    """A split as it was published: names of its file, SHA-256 of that, number of questions, name on the Hub."""

    file: str
    sha256: str
    questions: int
    hub: str

    @property
    def candidates(self) -> list[str]:
        """Where its file may lie below the data folder."""
        return [f"squad/{self.file}", self.file]


PUBLISHED = (
    Published(
        "train-v1.1.json",
        "3527663986b8295af4f7fcdff1ba1ff3f72d07d61a20f487cb238a6ef92fd955",
        87_599,
        "train",
    ),
    Published(
        "dev-v1.1.json",
        "95aa6a52d5d6a735563366753ca50492a658031da74f301ac5238b03966972c9",
        10_570,
        "validation",
    ),
)


@dataclass
class RawSplit:
    """A split in words: passages, each once, and questions on them, all checked; answers are (start, text)."""

    passages: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    passage_of: list[int] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    answers: list[list[tuple[int, str]]] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)

    def add(self, place: str, key: Any, question: Any, passage: str, answers: list[tuple[Any, Any]]) -> None:
        """Check a question and take it in.

        Raises:
            DataError: it is not as SQuAD 1.1 has it; the line begins with `place` and the question's id.
        """
        here = f"{place}, question {_text(place, 'the id of a question', key)}"
        if key in self._seen:
            raise DataError(f"{here}: expected an id of its own, found it a second time")
        _text(here, "a question", question)
        if not answers:
            raise DataError(
                f"{here}: expected an answer, as SQuAD 1.1 has to every question, found none (is this SQuAD 2.0?)"
            )
        for start, text in answers:
            _text(here, "the text of an answer", text)
            if type(start) is not int:
                raise DataError(f"{here}: expected a number as answer_start, found {_shown(start)}")
            if start < 0 or start + len(text) > len(passage):
                raise DataError(
                    f"{here}: expected an answer inside the passage of {len(passage):,} characters, "
                    f"found {_shown(text)} at {start:,}"
                )
            there = passage[start : start + len(text)]
            if there != text:
                raise DataError(
                    f"{here}: expected the answer {_shown(text)} at character {start:,} of the passage, "
                    f"found {_shown(there)}"
                )
        self._seen.add(key)
        self.ids.append(key)
        self.questions.append(question)
        self.answers.append(answers)
        number = self._numbers.setdefault(passage, len(self.passages))
        if number == len(self.passages):
            self.passages.append(passage)
        self.passage_of.append(number)


def squad_files(data_dir: Path) -> tuple[Path, Path] | None:
    """The two files, or None when neither is there.

    Raises:
        DataError: only one is.
    """
    train, dev = (find(data_dir, split.candidates) for split in PUBLISHED)
    if train and dev:
        return train, dev
    there, absent = (train, PUBLISHED[1]) if train else (dev, PUBLISHED[0])
    if there:
        target = data_dir / absent.candidates[0]
        raise DataError(f"{target}: file not found, although {there.name} is there; put it there")
    return None


def read_file(path: Path) -> RawSplit:
    """The questions of a file in SQuAD's format.

    Raises:
        DataError: the file is missing, cut, or of another format; the line says where.
    """
    raw = whole_file(path)
    refuse_wide(str(path), raw[:PROBE])
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError) as error:  # also bytes that are not UTF-8
        raise DataError(f"{path}: expected JSON, found a cut or damaged file ({error})") from error
    split = RawSplit()
    for a, article in enumerate(_list(content, "data", str(path)), 1):
        title = article.get("title") if isinstance(article, dict) else None
        in_article = f"{path}: article {a}" + (f" ({_shown(title)})" if isinstance(title, str) else "")
        for p, paragraph in enumerate(_list(article, "paragraphs", in_article), 1):
            place = f"{in_article}, paragraph {p}"
            qas = _list(paragraph, "qas", place)
            passage = _text(place, "a passage", paragraph.get("context"))
            for q, entry in enumerate(qas, 1):
                answers = [
                    _answer(answer, f"{place}, question {q}")
                    for answer in _list(entry, "answers", f"{place}, question {q}")
                ]
                split.add(place, entry.get("id"), entry.get("question"), passage, answers)
    if not split.ids:
        raise DataError(f"{path}: expected questions in SQuAD's format, found none")
    return split


def read_hub(data_dir: Path) -> tuple[RawSplit, RawSplit]:
    """Both splits by way of `datasets`.

    Raises:
        DataError: they are not to be had, or not as SQuAD 1.1 has them.
    """
    candidates = ["squad/{train,dev}-v1.1.json", "{train,dev}-v1.1.json"]
    found = hub_splits(data_dir, candidates, HUB, [split.hub for split in PUBLISHED])
    train, dev = (
        _from_rows(rows, f"{HUB}, {split.hub}") for rows, split in zip(found, PUBLISHED, strict=True)
    )
    return train, dev


def _from_rows(rows: Any, name: str) -> RawSplit:
    split = RawSplit()
    for number, row in enumerate(rows, 1):
        place = f"{name}: row {number:,}"
        passage = _text(place, "a passage", row["context"])
        found = row["answers"]
        split.add(
            place,
            row["id"],
            row["question"],
            passage,
            list(zip(found["answer_start"], found["text"], strict=True)),
        )
    if not split.ids:
        raise DataError(f"{name}: expected questions, found none")
    return split


def _list(holder: Any, key: str, place: str) -> list[Any]:
    """The list that SQuAD's format has under a key."""
    found = holder.get(key) if isinstance(holder, dict) else holder
    if not isinstance(holder, dict) or not isinstance(found, list):
        _refuse(place, f'a list "{key}"', found)
    return found


def _answer(answer: Any, place: str) -> tuple[Any, Any]:
    if not isinstance(answer, dict):
        _refuse(place, 'an answer with "text" and "answer_start"', answer)
    return answer.get("answer_start"), answer.get("text")


def _text(place: str, what: str, value: Any) -> str:
    """A string that says something and can be written down.

    Raises:
        DataError: it is none, empty, or not in Unicode.
    """
    if not isinstance(value, str):
        _refuse(place, what, value)
    if not value.strip():
        raise DataError(f"{place}: expected {what}, found an empty one")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise DataError(f"{place}: expected {what} in Unicode, found half a surrogate pair in it") from None
    return value


def _refuse(place: str, expected: str, found: Any) -> NoReturn:
    shown = "nothing" if found is None else _shown(found)
    raise DataError(f"{place}: expected {expected}, as SQuAD 1.1 has, found {shown}")


def _shown(value: Any) -> str:
    """The beginning of a value, in one line."""
    text = " ".join(json.dumps(value, ensure_ascii=False).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
