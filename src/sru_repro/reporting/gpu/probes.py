"""What a script beside the check measured, as tables: whole steps and generation, plain and as CUDA graphs."""

from collections.abc import Iterator, Sequence

from ...records.bench import Entry, Rates
from ...records.gpu_probes import GenerationProbe, GPUProbes, RunProbe, TrainingProbe
from .. import facts
from ..document import Block, Bullets, Table
from ..numbers import ratio, shown, significant, times


def probe_blocks(probes: GPUProbes, rates: Rates) -> Iterator[Block]:
    """All of it; `rates` are the GPU's."""
    yield Bullets([facts.code([probes.measured]), f"Measured: {facts.days([probes.measured])}", *probes.how])
    if probes.layers:
        labels = list(dict.fromkeys(row.label for entry in probes.layers for row in entry.rows))
        own = {row.label for entry in probes.layers for row in entry.rows if not row.dtype}
        typed = (f"{label}, {probes.layers[0].dtype}" if label in own else label for label in labels)
        heads = ["forward+backward, ms: plain; as a graph", *typed]
        yield Table("", heads, [_layer(entry, labels) for entry in probes.layers])
    if probes.training:
        heads = ["a training step", "size", "plain, ms", "as a graph, ms", "gain", "tokens/s as a graph"]
        yield Table("", heads, [*map(_step, probes.training)], words=("size",))
    if probes.generation:
        heads = ["generation", "streams", "plain, symbols/s", "as a graph, symbols/s", "gain"]
        yield Table("", heads, [*map(_generated, probes.generation)])
    if probes.host:
        body = [[row.what, row.dtype, shown(1e6 * row.seconds)] for row in probes.host]
        yield Table("", ["the host's time", "type", "µs"], body, words=("type",))
    if probes.runs:
        heads = ["the papers' size, alone on the GPU", "parameters", "ms/step", "tokens/s", "TFLOP/s"]
        body = [_run(row, rates) for row in probes.runs]
        yield Table("", [*heads, "of the GPU's bfloat16 rate", "peak, GB"], body)


def _layer(entry: Entry, labels: Sequence[str]) -> list[str]:
    """Both times of every row."""
    rows = {row.label: row for row in entry.rows}
    told = []
    for label in labels:
        row = rows.get(label)
        both = (row.seconds(mode) if row else None for mode in ("training", "graph_training"))
        told.append("; ".join(significant(None if seconds is None else 1e3 * seconds) for seconds in both))
    return [entry.label, *told]


def _step(row: TrainingProbe) -> list[str]:
    milliseconds = (significant(1e3 * seconds) for seconds in (row.plain_s, row.graph_s))
    gain = times(row.plain_s / row.graph_s)
    return [row.label, row.title, *milliseconds, gain, shown(row.graph_tokens_per_s)]


def _generated(row: GenerationProbe) -> list[str]:
    paces = map(shown, (row.plain_per_s, row.graph_per_s))
    return [f"{row.label}, d{row.width}", str(row.streams), *paces, times(row.graph_per_s / row.plain_per_s)]


def _run(row: RunProbe, rates: Rates) -> list[str]:
    pace = [significant(1e3 * row.step_s), shown(row.tokens_per_s), significant(row.flop_per_s / 1e12)]
    share = shown(ratio(row.flop_per_s, rates.bfloat16_flop_per_s), "{:.0%}")
    return [row.label, shown(row.parameters), *pace, share, significant(row.peak_bytes / 1e9)]
