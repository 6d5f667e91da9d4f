"""What GPUs have shown, `results/cuda.md`, and for each of them a picture and its tables of speed in full."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ...records.gpu_manifest import SECTIONS
from .. import facts
from ..bench.decode_tables import answers, decode_tables
from ..bench.speed_figure import drawable, write_speed_figure
from ..bench.speed_tables import overview, speed_tables
from ..document import Block, Bullets, Heading, Picture, Table, Text, generated, markdown, write_document
from ..numbers import significant
from . import tables
from .figure import write_gpu_figure
from .finding import finding
from .pages import GPUCheck, load_gpu_checks
from .paper_sizes import paper_sizes
from .probes import probe_blocks

GENERATED = generated("cuda/*/*.json")
LEGEND = """\
`make gpu-check` proves and measures the suite on a CUDA GPU, section by section and piece by piece. A time is the \
median over interleaved rounds in one process (lower to upper quartile). *Of a copy*: the bytes that a recurrence \
must move, in its time, against the speed at which the same GPU copies a large tensor. *Kernel*: the time of the GPU, \
which does not wait for the host; *call*: as Python issues it, one after the other. *Columns*: features of all \
sequences of a batch, B·D. *Against nn.LSTM*: how many times as fast as the fastest of cuDNN's LSTM in float32, TF32, \
float16 and bfloat16, a plain call beside plain calls, a graph beside graphs. *Against the authors'*: as the kernel of \
their package. *Forward* is inference, which keeps no states. Runs side by side share the GPU. What failed, was \
skipped or was not run says so. *Probes* are what a script of its own measured that day with the suite's classes."""
HOW = """\
On a machine with a GPU, from the checkout, with the data of the trainings in `data/` (`sru-repro fetch task=sst`, \
`squad`, `enwik8`):

```
make gpu-check                              # all sections, twelve minutes
make gpu-check SECTIONS=correct,speed       # some of them
```

It goes on where it stopped when it is called again. Then `make report` writes this file anew, and the folder that \
`gpu-check` names below `results/cuda` is committed with it. Without a network, and step by step: \
[cuda/README.md](cuda/README.md)."""


def report_cuda(results: Path) -> list[Path]:
    """Writes tables and pictures of all pages below `results/cuda`; the files written, none without that folder."""
    if not (results / "cuda").is_dir():
        return []
    checks = load_gpu_checks(results)
    written, pictures = [], set()
    for check in checks:
        picture = results / f"{check.stem}.png"
        if write_gpu_figure(check, picture):
            pictures.add(picture.name)
            written.append(picture)
        written += _speed(check, results)
    return [write_document(results / "cuda.md", _document(checks, pictures)), *written]


def render_cuda(checks: Sequence[GPUCheck], pictures: Collection[str]) -> str:
    """The Markdown text of cuda.md."""
    return markdown(_document(checks, pictures))


def _document(checks: Sequence[GPUCheck], pictures: Collection[str]) -> Iterator[Block]:
    """What was found, what was asked, and the evidence: GPUs side by side, then each of them, then how it is done."""
    yield from (Heading("CUDA", 1), GENERATED)
    yield from (Text(text) for check in checks if (text := finding(check)))
    if checks:
        if len(checks) == 1:
            yield replace(tables.claims_table(checks[0]), level=2)
        yield replace(tables.open_claims(checks), level=2)
        yield from (Heading("Evidence"), Text(LEGEND))
        if len(checks) > 1:
            yield tables.overview(checks)
        for check in checks:
            yield from _gpu(check, pictures, claims=len(checks) > 1)
        yield replace(tables.purposes(False), level=2)
    else:
        yield from (Text(LEGEND), Heading("Not measured yet"))
        yield Text("No GPU has been measured yet: nothing here comes from one.")
        yield from (
            tables.not_run(),
            tables.claims_table(None),
            tables.open_claims([]),
            tables.purposes(True),
        )
    yield from (Heading("How to run it"), Text(HOW))


def _gpu(check: GPUCheck, pictures: Collection[str], claims: bool) -> Iterator[Block]:
    """One GPU on one date; `claims`: with what is asked of it."""
    yield Heading(check.title)
    if f"{check.stem}.png" in pictures:
        yield Picture(f"{check.stem}.png", check.title)
    yield Bullets(_facts(check))
    if claims:
        yield tables.claims_table(check)
    yield tables.what_was_run(check)
    yield Bullets(tables.troubles(check))
    if check.graphed:
        yield from (overview(check.graphed, mode, _source(check)) for mode in ("graph_training", "training"))
    yield from _if_any(tables.steps(check))
    yield from paper_sizes(check)
    yield from _if_any(tables.tuning(check))
    yield from _if_any(tables.recurrence(check))
    if (
        check.speed
        and any(not entry.stepwise for entry in check.speed.shapes)
        and (check.by_probes or not check.graphed)
    ):
        yield overview(check.speed.shapes)
    if check.probes:
        yield from probe_blocks(check.probes, check.rates)
    if check.generation:
        yield from (Heading("Generation, token by token", 3), Bullets(answers(check.generation)))
    if check.speed or check.generation:
        yield Text(f"All tables of speed: [{check.stem}-speed.md]({check.stem}-speed.md).")
    for section in SECTIONS:
        yield from _if_any(tables.training(section, check))
        yield Bullets(tables.training_notes(section, check))


def _source(check: GPUCheck) -> str:
    return "probes" if check.by_probes else ""


def _if_any(table: Table | None) -> Iterable[Table]:
    return [] if table is None else [table]


def _facts(check: GPUCheck) -> list[str]:
    """What the numbers follow from."""
    gpu, stamps = check.first.gpu, [piece.measured for piece in check.pieces()]
    memory = significant(gpu.memory_bytes / 1e9) if gpu.memory_bytes else "unknown"
    beside = f"; {gpu.devices} GPUs in the machine" if (gpu.devices or 1) > 1 else ""
    known = facts.rates(check.rates)
    return [
        f"GPU: {gpu.name}, compute capability {gpu.capability or 'unknown'}, "
        f"{gpu.multiprocessors or 'unknown'} multiprocessors, {memory} GB, driver {gpu.driver or 'unknown'}{beside}",
        f"Machine: {check.first.hardware.name}",
        facts.processor(check.pages.values()),
        facts.code(stamps, f"; Python {check.first.packages.get('python', 'unknown')}"),
        f"Measured: {facts.days(stamps) or 'nothing'}",
        *[f"This GPU: {', '.join(known)}"] * bool(known),
    ]


def _speed(check: GPUCheck, results: Path) -> list[Path]:
    """The tables that are too long for cuda.md, and the picture of speed that every machine has."""
    speed, generation = check.speed, check.generation
    if not speed and not generation:
        return []
    place = results / f"{check.stem}-speed.md"
    picture = place.with_suffix(".png")
    pictures = [picture] if speed and drawable(speed) else []
    blocks: list[Block] = [Heading(f"speed: {check.title}", 1), GENERATED]
    blocks.append(Text(f"Facts and claims: [cuda.md](cuda.md). {LEGEND}"))
    if speed and pictures:
        write_speed_figure(speed, picture)
        blocks.append(Picture(picture.name, f"speed on {check.title}"))
    blocks += [replace(table, level=2) for table in (speed_tables(speed) if speed else ())]
    for table in decode_tables(generation) if generation else ():
        blocks.append(replace(table, title=f"Generation: {table.title}", level=2))
    return [write_document(place, blocks), *pictures]
