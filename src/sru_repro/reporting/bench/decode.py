"""Speed of generation, `results/decode.md` and `results/decode-<hardware>.png`, from the measurements there.

The file `results/decode-<hardware>.json` holds one measurement whole: its rows were taken in one process, side by side,
and are never mixed with those of another.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.files import write_text
from ...record import Record
from ...records.published import published
from .decode_figure import write_decode_figure
from .decode_tables import answers, decode_tables
from .speed_record import head_problem, read_measured
from .speed_tables import SpeedTable

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["console_decode", "publish_decode", "read_decode", "report_decode"]

SCHEMA = 1
DIGITS = 4
"""Of a number in the file."""
_ALWAYS: dict[str, type] = {
    "date": str,
    "hardware.name": str,
    "hardware.slug": str,
    "hardware.threads": int,
    "backend.name": str,
    "correctness.cases": int,
    "code": dict,
    "packages.torch": str,
    "contexts": list,
    "batches": list,
    "groups": list,
}
_ROW = (
    *("contender", "label", "layers", "width", "attends", "parameters", "context", "batch"),
)  # and what was measured, or `error`

LEGEND = """\
Models of bytes (256 symbols in and out) in evaluation, a token a call: each reads the likeliest token of the call \
before and hands its state on. A number is the median over rounds (lower to upper quartile); a round runs each \
model once, all in one process. *After*: tokens read before the first one that is timed, as many as attention sees \
at every step. *Against LSTM*: tokens/s as a multiple of those of the faster of `nn.LSTM` and `nn.LSTMCell` (2 \
layers) at the same context, the median over contexts; *ahead* means by more than 5 %. *State*: bytes that have to be \
kept for every further stream. Weights are random, in float32; attention keeps the whole context."""


def publish_decode(record: Record, results: Path) -> list[Path]:
    """Writes a measurement in the place of an earlier one of the same hardware, and table and pictures again."""
    place = results / f"decode-{record['hardware']['slug']}.json"
    write_text(place, _dump(record))
    return [place, *report_decode(results)]


def report_decode(results: Path) -> list[Path]:
    """Writes the table and the pictures from all `decode-*.json`; the files written, none where there is none."""
    found = {path: read_decode(path) for path in sorted(results.glob("decode-*.json"))}
    if not found:
        return []
    pictures = [path.with_suffix(".png") for path in found]
    for picture, record in zip(pictures, found.values(), strict=True):
        write_decode_figure(record, picture)
    table = results / "decode.md"
    table.write_text(render_decode(list(found.values())), encoding="utf-8", newline="\n")
    return [table, *pictures]


def render_decode(records: Sequence[Record]) -> str:
    """The Markdown text: a section per hardware, its answer first."""
    blocks = [
        "# decode",
        "<!-- Generated from decode-*.json by `sru-repro report`; edits are lost. -->",
        "Does stacking more layers lose SRU's advantage in decoding?",
    ]
    for record in records:
        name, slug = record["hardware"]["name"], record["hardware"]["slug"]
        blocks += [f"## {name}", "\n".join(f"- {line}" for line in answers(record))]
        blocks.append(f"![speed of generation on {name}](decode-{slug}.png)")
        for table in decode_tables(record):
            blocks += [f"### {table.title}", _markdown(table)]
        blocks.append("\n".join(f"- {fact}" for fact in _facts(record)))
    return "\n\n".join([*blocks, LEGEND]) + "\n"


def console_decode(record: Record) -> list["Table | str"]:
    """The same tables and answers for `rich` to print."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    shown: list[Table | str] = []
    for table in decode_tables(record):
        made = Table(title=escape(table.title), title_justify="left", box=SIMPLE_HEAD)
        for place, head in enumerate(table.heads):
            made.add_column(escape(head), justify="right" if place else "left", overflow="fold")
        for row in table.body:
            made.add_row(*map(escape, row))
        shown.append(made)
    return [*shown, *map(escape, answers(record))]


def read_decode(path: Path) -> Record:
    """One file. Raises DataError when it is broken or of another schema."""
    return read_measured(path, "sru-repro bench task=decode", _problem)


def _problem(record: Any) -> str:
    if problem := head_problem(record, SCHEMA, _ALWAYS):
        return problem
    for group in record["groups"]:
        for key in ("name", "label", "rows"):
            if key not in group:
                return f"a group: key {key!r} is missing"
        for row in group["rows"]:
            missing = [key for key in _ROW if key not in row]
            if missing:
                return f"a row of {group['name']!r}: key {missing[0]!r} is missing"
    return ""


def _dump(record: Record) -> str:
    """Four digits a number, a line a row, no folder of this machine."""
    text = json.dumps(published({**record, "groups": []}, DIGITS), indent=1, ensure_ascii=False)
    groups = []
    for group in published(record["groups"], DIGITS):
        head = json.dumps({**group, "rows": []}, ensure_ascii=False)
        rows = ",\n".join(f"    {json.dumps(row, ensure_ascii=False)}" for row in group["rows"])
        groups.append("  " + head.replace('"rows": []', f'"rows": [\n{rows}\n  ]', 1))
    return text.replace('"groups": []', '"groups": [\n' + ",\n".join(groups) + "\n ]", 1) + "\n"


def _facts(record: Mapping[str, Any]) -> list[str]:
    """What the numbers follow from."""
    code, backend = record["code"], record["backend"]
    changed = " with local changes" if code["dirty"] else ""
    return [
        f"Back end of the recurrences: {backend['name']} ({backend['why']})",
        f"Threads: {record['hardware']['threads']}",
        f"Code: {code['revision'] or 'unknown'}{changed}; torch {record['packages']['torch']}",
        f"Measured: {record['date'][:10]}",
        f"Checked before timing: of {record['correctness']['cases']} models, steps equal one call on the whole text",
    ]


def _markdown(table: SpeedTable) -> str:
    lines = [table.heads, ["---", *["--:"] * (len(table.heads) - 1)]]
    lines += [[cell.replace("|", "\\|") for cell in row] for row in table.body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
