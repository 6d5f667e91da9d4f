"""Speed of generation, `results/decode.md`, `decode-<hardware>.svg` and `.png`, from the measurements there."""

from collections.abc import Iterator
from pathlib import Path

from ...records.base import Stamp, read, write
from ...records.decode import DecodeRecord
from .. import facts
from ..document import Block, Bullets, Heading, Picture, Text, generated, write_document
from ..layout import folded, lead, why
from .decode_figure import write_decode_figure
from .decode_findings import decode_answer, decode_findings, generation_answer
from .decode_tables import answers, decode_tables

LEGEND = """\
Models of bytes (256 symbols in and out) in evaluation, a token a call: each reads the likeliest token of the call \
before and hands its state on; on a GPU also with that call recorded once as a CUDA graph, attention's memory in \
tensors of fixed shape. A number is the median over rounds (lower to upper quartile); a round runs each \
model once, all in one process. *After*: tokens read before the first one that is timed, as many as attention sees \
at every step. *Against LSTM*: tokens/s as a multiple of those of the faster of `nn.LSTM` and `nn.LSTMCell` (2 \
layers) at the same context, the median over contexts; *ahead* means by more than 5 %. *State*: bytes that have to be \
kept for every further stream. Weights are random, in float32; attention keeps the whole context."""


def publish_decode(record: DecodeRecord, results: Path) -> list[Path]:
    """Writes a measurement in the place of an earlier one of the same hardware, and table and pictures again."""
    place = results / f"decode-{record.hardware.slug}.json"
    write(record, place)
    return [place, *report_decode(results)]


def report_decode(results: Path) -> list[Path]:
    """Writes the table and the pictures from all `decode-*.json`; the files written, none where there is none."""
    found = {path: read(DecodeRecord, path) for path in sorted(results.glob("decode-*.json"))}
    if not found:
        return []
    blocks: list[Block] = [
        Heading("Generation", 1),
        generated("decode-*.json"),
        *lead(decode_answer(results)),
        *why(results, "decode"),
    ]
    pictures = [path.with_suffix(".svg") for path in found]
    drawn: list[Path] = []
    for picture, record in zip(pictures, found.values(), strict=True):
        drawn += write_decode_figure(record, picture, generation_answer(record, record.hardware.name))
        blocks += _machine(record, picture)
    return [write_document(results / "decode.md", blocks), *drawn]


def _machine(record: DecodeRecord, picture: Path) -> Iterator[Block]:
    """One hardware: the picture and the table that answer, then the rest."""
    name = record.hardware.name
    yield Heading(name)
    yield Picture(picture.name, f"speed of generation on {name}")
    if table := decode_findings(record):
        yield table
    yield from folded("How it was measured", [Text(LEGEND), Bullets(_facts(record))])
    rest: list[Block] = [Bullets(answers(record)), *decode_tables(record)]
    yield from folded("Every comparison, context and number of streams", rest)


def _facts(record: DecodeRecord) -> list[str]:
    """What the numbers follow from."""
    code, torch = record.code, record.packages["torch"]
    stamp = Stamp(date=record.date, revision=code.revision, dirty=code.dirty, torch=torch)
    return [
        f"Back end of the recurrences: {record.backend.name} ({record.backend.why})",
        f"Threads: {record.hardware.threads}",
        facts.processor([record]),
        facts.code([stamp]),
        f"Measured: {facts.days([stamp])}",
        f"Checked before timing: of {record.correctness.cases} models, steps equal one call on the whole text",
    ]
