"""The base of every record: read with one error, written whole or not at all.

A record is a JSON file with a schema's number. Keys that are not declared, of older or newer versions, are kept.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ..core.errors import DataError
from ..core.files import write_text
from ..core.home import without_home
from .published import published
from .text import layout

Number = int | float
"""A figure as JSON has it: 5 stays 5."""


class Part(BaseModel):
    """A part of a record. What may be missing or null has a default; the default is not written."""

    model_config = ConfigDict(
        extra="allow",
        strict=True,
        use_attribute_docstrings=True,
        populate_by_name=True,
        protected_namespaces=(),
    )

    def plain(self) -> dict[str, Any]:
        """What was set, as JSON holds it."""
        return self.model_dump(by_alias=True, exclude_unset=True)

    @property
    def extra(self) -> dict[str, Any]:
        """Keys that are not declared."""
        return self.__pydantic_extra__ or {}


class Stamp(Part):
    """When something was measured, and with which code."""

    date: str
    """UTC, ISO 8601."""
    revision: str | None = None
    dirty: bool | None = None
    """Whether sources or configuration differed from the revision."""
    torch: str


class Record(Part):
    """What one file holds."""

    SCHEMA: ClassVar[int] = 1
    COMMAND: ClassVar[str] = ""
    """What writes it, where that is a command of its own."""
    EXPECTED: ClassVar[str] = "a record"
    MISSING: ClassVar[str] = "run the command that writes it"
    """What the error says where there is no file: what should be there, and what to do."""
    FILE: ClassVar[str] = ""
    """Its name in a folder, where a folder may stand for it."""
    BY_LINE: ClassVar[Sequence[str]] = ()
    """Keys of lists that are written with a line an item."""
    DIGITS: ClassVar[int | None] = None
    """Of a number, where the file is for others to read; paths of this machine are then left out, too."""
    SORTED: ClassVar[bool] = False
    """Whether keys are written in the order of the alphabet."""
    ASCII: ClassVar[bool] = False
    """Whether other letters are written as escapes."""

    def text(self) -> str:
        """The file, byte by byte; home folders as `~`."""
        content = without_home({"schema": self.SCHEMA, **self.plain()})
        content = content if self.DIGITS is None else published(content, self.DIGITS)
        text = layout(content, self.BY_LINE, sort_keys=self.SORTED) + "\n"
        return re.sub(r"[^\x00-\x7e]", lambda found: json.dumps(found[0])[1:-1], text) if self.ASCII else text

    @classmethod
    def again(cls, where: str) -> str:
        """What to do about a damaged file of this name."""
        return "delete the file and run " + (f"`{cls.COMMAND}` again" if cls.COMMAND else "again")


R = TypeVar("R", bound=Record)


def read(kind: type[R], place: Path) -> R:
    """The record in a file, or in a folder of runs of its kind.

    Raises:
        DataError: missing, no JSON, of another schema, or a key is missing or of another type.
    """
    path = place / kind.FILE if kind.FILE and place.is_dir() else place
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(
            f"{path}: expected {kind.EXPECTED}, found none ({error.strerror}); {kind.MISSING}"
        ) from None
    except (ValueError, RecursionError) as error:
        of = f" of `{kind.COMMAND}`" if kind.COMMAND else ""
        raise DataError(f"{path}: expected JSON{of}, found {error}; {kind.again(str(path))}") from None
    return parse(kind, content, str(path))


def parse(kind: type[R], content: object, where: str) -> R:
    """The record of a file's content; `where` names the file in the error, which is `read`'s."""
    problem = ""
    if not isinstance(content, dict):
        problem = f"expected a mapping, found {type(content).__name__}"
    elif content.get("schema") != kind.SCHEMA:
        problem = f"key 'schema': expected {kind.SCHEMA}, found {content.get('schema')!r}"
    else:
        try:
            return kind.model_validate({key: value for key, value in content.items() if key != "schema"})
        except ValidationError as error:
            problem = first_problem(error, content)
    raise DataError(f"{where}: {problem}; {kind.again(where)}")


def write(record: Record, place: Path) -> None:
    """The whole file or nothing."""
    write_text(place, record.text())


_KINDS = {"string": "str", "dict": "dict", "model": "dict", "list": "list", "none": "null"}


def first_problem(error: ValidationError, content: object) -> str:
    """The first thing that is wrong: which key, what was expected, what was found."""
    found = [(_path(one["loc"], content, one["type"] == "missing"), one) for one in error.errors()]
    path, first = found[0]
    key = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")
    if first["type"] == "missing":
        return f"key {key!r} is missing"
    if first["type"] == "value_error":
        told = str(first["ctx"]["error"])
        return f"key {key!r}: {told}" if key else told
    value = f"{first['input']!r:.60}"
    if first["type"] == "literal_error":
        allowed = first["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
        return f"key {key!r}: expected {'one of ' * (', ' in allowed)}{allowed}, found {value}"
    kinds = [one["type"].partition("_")[0] for other, one in found if other == path]
    expected = " or ".join(dict.fromkeys(_KINDS.get(kind, kind) for kind in kinds))
    return f"key {key!r}: expected {expected}, found {value}"


def _path(steps: Sequence[str | int], content: Any, missing: bool) -> list[str | int]:
    """The steps that lead into the content, without those that name a member of a union."""
    path: list[str | int] = []
    for place, step in enumerate(steps):
        inside = isinstance(content, dict) and step in content
        inside |= isinstance(content, list) and isinstance(step, int)
        if inside:
            content = content[step]
        if inside or (missing and place == len(steps) - 1):
            path.append(step)
    return path
