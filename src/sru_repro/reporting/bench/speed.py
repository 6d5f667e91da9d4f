"""Table and pictures of speed, `results/speed.md` and `results/speed-<hardware>.png`, from the measurements there."""

from collections.abc import Iterator
from pathlib import Path

from ...records.base import read, write
from ...records.bench import SpeedRecord
from .. import facts
from ..document import Block, Bullets, Heading, Picture, Text, generated, write_document
from .speed_figure import drawable, write_speed_figure
from .speed_tables import speed_tables

LEGEND = """\
A number is the median over rounds (lower to upper quartile); a round runs each model once, all in one process. \
*Against LSTM*: how many times as fast as `nn.LSTM`, which runs padded, on its fastest path (step by step: as the \
faster of `nn.LSTM` and `nn.LSTMCell`; on CUDA as the fastest of its types of number, a graph beside graphs). \
*Over floor*: how many times as long as the model's matrix products alone. *Lengths differ*: from a padded batch to \
padded outputs, with random lengths from L/4 to L; `nn.LSTM` and `nn.GRU` pack their input for it. Peak memory is what \
forward and backward allocate themselves. Convolutions are causal and have nothing between layers. Getting memory is \
part of every time: on the CPU large results come from fresh pages of the system at each call, which costs some models \
more than others ([speed-log.md](speed-log.md))."""


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
    pictures = {path: path.with_suffix(".png") for path, record in found.items() if drawable(record)}
    for path, picture in pictures.items():
        write_speed_figure(found[path], picture)
    blocks: list[Block] = [Heading("speed", 1), generated("speed-*.json"), Text(LEGEND)]
    for path, record in found.items():
        blocks += _machine(record, pictures.get(path))
    return [write_document(results / "speed.md", blocks), *pictures.values()]


def _machine(record: SpeedRecord, picture: Path | None) -> Iterator[Block]:
    yield Heading(record.hardware.name)
    if picture is not None:
        yield Picture(picture.name, f"speed on {record.hardware.name}")
    yield Bullets(_facts(record))
    yield from speed_tables(record)


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
