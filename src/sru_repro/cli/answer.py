"""Questions about a passage, for `predict`: how passages are read, questions asked, and answers printed."""

import io
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ..core.errors import DataError, SuiteError

if TYPE_CHECKING:
    from ..tasks import Answer, Span, Task

Said = TypeVar("Said", bound=Mapping[str, object])


class Asked(NamedTuple):
    """A passage and what is asked about it; None: questions come from standard input. `top` answers are told."""

    passage: str
    question: str | None
    top: int


def asked_for(passage: str, question: str | None, top: int) -> Asked:
    """What is asked, the passage read where it is a file.

    Raises:
        DataError: a passage or question that cannot be read.
    """
    if question is not None:
        _check("question", question)
    return Asked(_passage(passage), question, top)


def answer(task: "Task", asked: Asked, as_json: bool) -> int:
    """Prints the answer to the question, or an answer a line; status 1 where a question had none."""

    def say(question: str) -> "Answer":
        _check("question", question)
        return task.answer(asked.passage, question, top=asked.top)

    if asked.question is None:
        show = printed if as_json else _one_line
        return each_line("a question a line, Ctrl-D ends", say, show, as_json, mark="? ")
    said = say(asked.question)
    if as_json:
        print(printed(said))
    else:
        print(_one_line(said), *(f"  {_one_line(other)}" for other in said["others"]), sep="\n")
    return 0


def each_line(
    note: str, say: Callable[[str], Said], show: Callable[[Said], str], as_json: bool, mark: str = ""
) -> int:
    """Prints one line for each of standard input, so that they can be laid side by side; an error is one, too, an
    object with `as_json`. A line without a word stays an empty one; among objects it is an error.

    Returns status 1 where there was an error. On a terminal `note` comes first and `mark` before each line.
    """
    failed = 0
    for line in _lines(note, mark):
        try:
            shown = show(say(line)) if as_json or line.strip() else ""
        except SuiteError as error:
            failed, shown = 1, printed({"error": str(error)}) if as_json else readable(f"error: {error}")
        print(shown, flush=True)
    return failed


def printed(said: Mapping[str, object]) -> str:
    """One line of JSON."""
    return readable(json.dumps(said, ensure_ascii=False, allow_nan=False))


def readable(text: str) -> str:
    """The text with a sign for each byte that was not UTF-8 where it came in."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _lines(note: str, mark: str) -> Iterator[str]:
    terminal = sys.stdin.isatty()
    if terminal:
        print(note, file=sys.stderr)
    if isinstance(sys.stdin, io.TextIOWrapper):  # a line that is not UTF-8 must not end those behind it
        sys.stdin.reconfigure(errors="surrogateescape")
    while True:
        if terminal:
            print(mark, end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            break
        yield line.removesuffix("\n")
    if terminal and mark:
        print(file=sys.stderr)


def _passage(value: str) -> str:
    """The text itself, or that of the file after @; @@ begins a text with one @. Ends of lines are left as they are,
    so that places in it are places in the file."""
    if not value.startswith("@") or value.startswith("@@"):
        text = value[1:] if value.startswith("@@") else value
        _check("passage", text)
        return text
    name = f"passage={' '.join(value.split()):.80}"
    try:
        text = Path(value[1:]).read_bytes().decode("utf-8-sig")
    except OSError as error:
        problem = f"expected a text file, found: {error.strerror}; passage=@@... is a text that begins with @"
        raise DataError(f"{name}: {problem}") from None
    except UnicodeDecodeError as error:
        problem = f"expected UTF-8, found byte {error.object[error.start]:#04x} at place {error.start}"
        raise DataError(f"{name}: {problem}; convert the file") from None
    _check(name, text)
    return text


def _check(name: str, text: str) -> None:
    """Raises DataError for a text without a word, or one that was not UTF-8."""
    if not text.strip():
        raise DataError(f"{name}: expected a text, found an empty one")
    wrong = next((symbol for symbol in text if "\udc80" <= symbol <= "\udcff"), "")
    if wrong:
        byte = wrong.encode("utf-8", "surrogateescape")[0]
        raise DataError(f"{name}: expected UTF-8, found byte {byte:#04x} at place {text.index(wrong)}")


def _one_line(said: "Span") -> str:
    """An answer, its line ends as spaces, and its confidence."""
    return f"{' '.join(said['answer'].split())}  {said['confidence']:.3f}"
