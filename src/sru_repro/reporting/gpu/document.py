"""What GPUs have shown, `results/cuda.md`, and for each of them a picture and its tables of speed in full."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ...records.gpu_manifest import SECTIONS
from .. import facts
from ..bench.decode_tables import answers, decode_tables
from ..bench.speed_figure import drawable, write_speed_figure
from ..bench.speed_findings import answer_of as speed_answer_of
from ..bench.speed_findings import findings as speed_findings
from ..bench.speed_tables import overview, speed_tables
from ..document import Block, Bullets, Heading, Picture, Table, Text, generated, markdown, write_document
from ..layout import folded, lead, why
from ..numbers import significant
from . import tables
from .figure import write_gpu_figure
from .finding import answer_of, answer_of_all, findings
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
their package. *Forward* is inference, which keeps no states. An interval is of 95 %: of a shape over its rounds, of a \
mean over shapes, both on logarithms. Runs side by side share the GPU. What failed, was skipped or was not run says \
so. *Probes* are what a script of its own measured that day with the suite's classes; they have no intervals."""
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
        picture = results / f"{check.stem}.svg"
        if drawn := write_gpu_figure(check, picture, answer_of(check)):
            pictures.add(picture.name)
            written += drawn
        written += _speed(check, results)
    return [write_document(results / "cuda.md", _document(checks, pictures, results)), *written]


def render_cuda(checks: Sequence[GPUCheck], pictures: Collection[str], results: Path | None = None) -> str:
    """The Markdown text of cuda.md; `results` is where notes on it lie."""
    return markdown(_document(checks, pictures, results))


def _document(checks: Sequence[GPUCheck], pictures: Collection[str], results: Path | None) -> Iterator[Block]:
    """What was found; each GPU with its picture and its table; and what else is known, folded away."""
    yield from (Heading("CUDA", 1), GENERATED)
    yield from lead(answer_of_all(checks))
    if results is not None:
        yield from why(results, "cuda")
    if not checks:
        yield from (Text(LEGEND), Heading("Not measured yet"))
        yield Text("No GPU has been measured yet: nothing here comes from one.")
        yield from (
            tables.not_run(),
            tables.claims_table(None),
            tables.open_claims([]),
            tables.purposes(True),
        )
        yield from (Heading("How to run it"), Text(HOW))
        return
    for check in checks:
        yield from _gpu(check, pictures)
    if len(checks) > 1:
        yield from folded("GPUs and dates side by side", [replace(tables.overview(checks), title="")])
    yield from folded("What a GPU has still to show", [replace(tables.open_claims(checks), title="")])
    yield from folded("What is measured, piece by piece", [replace(tables.purposes(False), title="")])
    yield from folded("How to run it", [Text(HOW)])


def _gpu(check: GPUCheck, pictures: Collection[str]) -> Iterator[Block]:
    """One GPU on one date: the picture and the table that answer, then the rest."""
    yield Heading(check.title)
    if f"{check.stem}.svg" in pictures:
        yield Picture(f"{check.stem}.svg", check.title)
    yield from _if_any(findings(check))
    if check.speed or check.generation:
        yield Text(f"All tables of speed: [{check.stem}-speed.md]({check.stem}-speed.md).")
    yield from folded("What is asked, and what was found", [replace(tables.claims_table(check), title="")])
    run: list[Block] = [Text(LEGEND), Bullets(_facts(check)), tables.what_was_run(check)]
    yield from folded("How it was measured, and what was run", [*run, Bullets(tables.troubles(check))])
    yield from folded("Shapes, steps, launch configurations, recurrences", _measured(check))
    if check.probes:
        yield from folded("Probes: what graphs take away", probe_blocks(check.probes, check.rates))
    if check.generation:
        yield from folded("Generation, token by token", [Bullets(answers(check.generation))])
    yield from folded("Trainings", _trainings(check))


def _measured(check: GPUCheck) -> Iterator[Block]:
    """Tables of whole models and of kernels."""
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


def _trainings(check: GPUCheck) -> Iterator[Block]:
    for section in SECTIONS:
        yield from _if_any(tables.training(section, check))
        if notes := tables.training_notes(section, check):
            yield Bullets(notes)


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
    picture = place.with_suffix(".svg")
    answer = speed_answer_of(speed, check.title) if speed else None
    drawn = write_speed_figure(speed, picture, answer) if speed and drawable(speed) else []
    blocks: list[Block] = [Heading(f"Speed: {check.title}", 1), GENERATED]
    blocks += lead(answer)
    blocks.append(Text("As CUDA graphs, and what was asked of this GPU: [cuda.md](cuda.md)."))
    if drawn:
        blocks.append(Picture(picture.name, f"speed on {check.title}"))
    blocks += _if_any(speed_findings(speed) if speed else None)
    blocks += folded("How it was measured", [Text(LEGEND), Bullets(_facts(check))])
    shapes = [replace(table, level=2) for table in (speed_tables(speed) if speed else ())]
    blocks += folded("Every model at every shape, and where the time goes", shapes)
    known = decode_tables(generation) if generation else ()
    told = [replace(table, title=f"Generation: {table.title}", level=2) for table in known]
    blocks += folded("Generation, token by token", told)
    return [write_document(place, blocks), *drawn]
