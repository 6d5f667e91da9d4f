"""Table and pictures of speed, `results/speed.md`, `speed-<hardware>.svg` and `.png`, from the measurements there."""

from collections.abc import Iterator
from pathlib import Path

from ...records.base import read, write
from ...records.bench import SpeedRecord
from .. import facts
from ..document import Block, Bullets, Heading, Picture, Text, generated, write_document
from ..layout import folded, lead, why
from .speed_figure import drawable, write_speed_figure
from .speed_findings import answer_of, findings, speed_answer
from .speed_tables import speed_tables

LEGEND = """\
A number is the median over rounds (lower to upper quartile); a round runs each model once, all in one process. \
*Against LSTM*: how many times as fast as `nn.LSTM`, which runs padded, on its fastest path (step by step: as the \
faster of `nn.LSTM` and `nn.LSTMCell`; on CUDA as the fastest of its types of number, a graph beside graphs). \
*Over floor*: how many times as long as the model's matrix products alone. *Lengths differ*: from a padded batch to \
padded outputs, with random lengths from L/4 to L; `nn.LSTM` and `nn.GRU` pack their input for it. Peak memory is what \
forward and backward allocate themselves. Convolutions are causal and have nothing between layers. Getting memory is \
part of every time: on the CPU large results come from fresh pages of the system at each call, which costs some models \
more than others. An interval is of 95 %: of a shape from the medians and quartiles of its rounds, of a mean over \
shapes, both on logarithms."""


def publish_speed(record: SpeedRecord, results: Path) -> list[Path]:
    """Adds a measurement to what the file of the same hardware holds, and writes table and pictures again.

    An entry that was measured again is replaced, the others stay; each says when and on which code it was measured.
    Returns the files written.
    """
    place = results / f"speed-{record.hardware.slug}.json"
    write(merged(read(SpeedRecord, place), record) if place.exists() else record, place)
    return [place, *report_speed(results)]


def merged(before: SpeedRecord, record: SpeedRecord) -> SpeedRecord:
    """The later record with the entries of the earlier one that it lacks."""
    both = record.model_copy(deep=True)
    for old, new in zip(before.entries(), both.entries(), strict=True):
        known = {(entry.name, entry.dtype) for entry in new}
        new += [entry for entry in old if (entry.name, entry.dtype) not in known]
    both.order()
    return both


def report_speed(results: Path) -> list[Path]:
    """Writes the table and the pictures from all `speed-*.json`; the files written, none where there is none."""
    found = {path: read(SpeedRecord, path) for path in sorted(results.glob("speed-*.json"))}
    if not found:
        return []
    pictures = {path: path.with_suffix(".svg") for path, record in found.items() if drawable(record)}
    drawn: list[Path] = []
    for path, picture in pictures.items():
        drawn += write_speed_figure(found[path], picture, answer_of(found[path]))
    blocks: list[Block] = [Heading("Speed", 1), generated("speed-*.json")]
    blocks += [*lead(speed_answer(results)), *why(results, "speed")]
    for path, record in found.items():
        blocks += _machine(record, pictures.get(path))
    return [write_document(results / "speed.md", blocks), *drawn]


def _machine(record: SpeedRecord, picture: Path | None) -> Iterator[Block]:
    yield Heading(record.hardware.name)
    if picture is not None:
        yield Picture(picture.name, f"speed on {record.hardware.name}")
    if table := findings(record):
        yield table
    yield from folded("How it was measured", [Text(LEGEND), Bullets(_facts(record))])
    yield from folded("Every model at every shape, and where the time goes", speed_tables(record))


def _facts(record: SpeedRecord) -> list[str]:
    """What the numbers follow from."""
    stamps = [entry.measured for entries in record.entries() for entry in entries]
    backends = {stamp.backend.name: stamp.backend.why for stamp in stamps}
    return [
        *(f"Back end of the recurrences: {name} ({why})" for name, why in backends.items()),
        f"Threads: {record.hardware.threads}",
        facts.processor([record]),
        facts.code(stamps),
        f"Measured: {facts.days(stamps) or 'nothing'}",
        f"Correctness checks before timing: {record.correctness.cases}, none failed",
        f"This machine: {', '.join(facts.rates(record.rates))}",
    ]
