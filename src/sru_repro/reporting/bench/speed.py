"""Table and pictures of speed, `results/speed.md` and `results/speed-<hardware>.png`, from the measurements there."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...record import Record
from .speed_figure import write_speed_figure
from .speed_record import SECTIONS, read_speed, write_speed
from .speed_tables import SpeedTable, speed_tables

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["console_speed", "publish_speed", "report_speed"]

LEGEND = """\
A number is the median over rounds (lower to upper quartile); a round runs each model once, all in one process. \
*Against LSTM*: how many times as fast as `nn.LSTM`, which runs padded, on its fastest path (step by step: as the \
faster of `nn.LSTM` and `nn.LSTMCell`). *Over floor*: how many \
times as long as the model's matrix products alone. *Lengths differ*: from a padded batch to padded outputs, with \
random lengths from L/4 to L; `nn.LSTM` and `nn.GRU` pack their input for it. Peak memory is what forward and \
backward allocate themselves. Convolutions are causal and have nothing between layers. Getting memory is part of every \
time: on the CPU large results come from fresh pages of the system at each call, which costs some models more than \
others (CONTRIBUTING.md, *The recurrences*)."""


def publish_speed(record: Record, results: Path) -> list[Path]:
    """Adds a measurement to `results`, and writes table and pictures again; the files written."""
    return [write_speed(record, results), *report_speed(results)]


def report_speed(results: Path) -> list[Path]:
    """Writes the table and the pictures from all `speed-*.json`; the files written, none where there is none."""
    found = {path: read_speed(path) for path in sorted(results.glob("speed-*.json"))}
    if not found:
        return []
    pictures = []
    for path, record in found.items():
        if any(not entry["stepwise"] for entry in record["shapes"]) or record["growth"]:
            pictures.append(path.with_suffix(".png"))
            write_speed_figure(record, pictures[-1])
    table = results / "speed.md"
    names = {picture.name for picture in pictures}
    table.write_text(render_speed(list(found.values()), names), encoding="utf-8", newline="\n")
    return [table, *pictures]


def render_speed(records: Sequence[Record], pictures: set[str]) -> str:
    """The Markdown text: a section per hardware."""
    blocks = [
        "# speed",
        "<!-- Generated from speed-*.json by `sru-repro report`; edits are lost. -->",
        LEGEND,
    ]
    for record in records:
        blocks.append(f"## {record['hardware']['name']}")
        picture = f"speed-{record['hardware']['slug']}.png"
        if picture in pictures:
            blocks.append(f"![speed on {record['hardware']['name']}]({picture})")
        blocks.append("\n".join(f"- {fact}" for fact in _facts(record)))
        for table in speed_tables(record):
            blocks += [f"### {table.title}", _markdown(table)]
    return "\n\n".join(blocks) + "\n"


def console_speed(record: Record) -> list["Table"]:
    """The same tables for `rich` to print."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    shown = []
    for table in speed_tables(record):
        made = Table(title=escape(table.title), title_justify="left", box=SIMPLE_HEAD)
        for place, head in enumerate(table.heads):
            made.add_column(escape(head), justify="right" if place else "left", overflow="fold")
        for row in table.body:
            made.add_row(*map(escape, row))
        shown.append(made)
    return shown


def _facts(record: Record) -> list[str]:
    """What the numbers follow from."""
    stamps = [entry["measured"] for section in SECTIONS for entry in record[section]]
    revisions = sorted(
        {
            f"{stamp['revision'] or 'unknown'}{' with local changes' if stamp['dirty'] else ''}"
            for stamp in stamps
        }
    )
    days = sorted({stamp["date"][:10] for stamp in stamps})
    rates = record["rates"]
    backends = {stamp["backend"]["name"]: stamp["backend"]["why"] for stamp in stamps}
    facts = [f"Back end of the recurrences: {name} ({why})" for name, why in backends.items()]
    facts.append(f"Threads: {record['hardware']['threads']}")
    facts.append(
        f"Code: {', '.join(revisions)}; torch {', '.join(sorted({stamp['torch'] for stamp in stamps}))}"
    )
    facts.append(
        f"Measured: {' to '.join(dict.fromkeys((days[0], days[-1])))}" if days else "Measured: nothing"
    )
    facts.append(f"Correctness checks before timing: {record['correctness']['cases']}, none failed")
    speeds = [("copy", "copy_bytes_per_s", 1e9, "GB/s")]
    speeds += [
        (f"{name} products", f"{name}_flop_per_s", 1e12, "TFLOP/s") for name in ("float32", "bfloat16")
    ]
    known = [f"{name} {rates[key] / unit:.3g} {of}" for name, key, unit, of in speeds if rates.get(key)]
    return [*facts, f"This machine: {', '.join(known)}"]


def _markdown(table: SpeedTable) -> str:
    lines = [table.heads, ["---", *["--:"] * (len(table.heads) - 1)]]
    lines += [[cell.replace("|", "\\|") for cell in row] for row in table.body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
