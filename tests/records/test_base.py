"""Reading and writing of any record: errors in one line, unknown keys, what is written, how it looks."""

import json
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from pydantic import Field

from sru_repro.core.errors import DataError
from sru_repro.records.base import Number, Part, Record, read, write
from sru_repro.records.text import layout


class Row(Part):
    name: str
    time: Number | None = None


class Measured(Record):
    SCHEMA: ClassVar[int] = 3
    COMMAND: ClassVar[str] = "sru-repro weigh"
    FILE: ClassVar[str] = "weight.json"
    BY_LINE: ClassVar[tuple[str, ...]] = ("rows",)

    state: Literal["ok", "failed"]
    rows: list[Row]
    extra_rows: dict[str, Row] = Field(default={}, alias="extra/rows")


GOOD: dict[str, Any] = {"schema": 3, "state": "ok", "rows": [{"name": "a", "time": 5}]}


def saved(folder: Path, content: object) -> Path:
    place = folder / "weight.json"
    place.write_text(content if isinstance(content, str) else json.dumps(content))
    return place


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "expected JSON of `sru-repro weigh`, found "),
        ([1], "expected a mapping, found list"),
        (GOOD | {"schema": 2}, "key 'schema': expected 3, found 2"),
        (GOOD | {"state": "lost"}, "key 'state': expected one of ok, failed, found 'lost'"),
        ({"schema": 3, "state": "ok"}, "key 'rows' is missing"),
        (GOOD | {"rows": [{}]}, "key 'rows[0].name' is missing"),
        (GOOD | {"rows": {}}, "key 'rows': expected list, found {}"),
        (GOOD | {"rows": ["x"]}, "key 'rows[0]': expected dict, found 'x'"),
        (GOOD | {"rows": [{"name": 1}]}, "key 'rows[0].name': expected str, found 1"),
        (
            GOOD | {"rows": [{"name": "a", "time": True}]},
            "key 'rows[0].time': expected int or float, found True",
        ),
        (GOOD | {"extra/rows": {"x": {}}}, "key 'extra/rows.x.name' is missing"),
    ],
)
def test_refuses_in_one_line_that_says_what_to_do(tmp_path: Path, content: object, told: str) -> None:
    place = saved(tmp_path, content)
    with pytest.raises(DataError) as caught:
        read(Measured, tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{place}: {told}") and "\n" not in message
    assert message.endswith("; delete the file and run `sru-repro weigh` again")


def test_says_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere: expected a record, found none \(No such file"):
        read(Measured, tmp_path / "nowhere")


def test_keeps_unknown_keys_and_writes_nothing_that_was_not_set(tmp_path: Path) -> None:
    content = {**GOOD, "old": {"key": [1.0, None]}, "extra/rows": {"b": {"name": "b", "more": 1}}}
    record = read(Measured, saved(tmp_path, content))
    assert record.extra == {"old": {"key": [1.0, None]}} and record.extra_rows["b"].time is None
    write(record, tmp_path / "again.json")
    assert json.loads((tmp_path / "again.json").read_text()) == content
    assert '{"name": "a", "time": 5}' in (tmp_path / "again.json").read_text()  # and not 5.0


def test_layout() -> None:
    value = {
        "b": [],
        "a": {"x": [1, "ü"], "y": {}},
        "rows": [{"k": 1, "rows": [{"m": 1}, {"m": 2}], "z": [3]}, 4],
    }
    assert layout(value, ("rows",)) == (
        '{\n "b": [],\n "a": {\n  "x": [\n   1,\n   "ü"\n  ],\n  "y": {}\n },\n "rows": [\n'
        '  {"k": 1, "rows": [\n    {"m": 1},\n    {"m": 2}\n  ], "z": [3]},\n  4\n ]\n}'
    )
    assert layout(value) == json.dumps(value, indent=1, ensure_ascii=False)
    assert layout(value, sort_keys=True) == json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True)
    assert list(json.loads(layout(value, ("rows",), sort_keys=True))) == ["a", "b", "rows"]
