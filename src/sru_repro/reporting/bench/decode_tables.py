"""What `sru-repro bench task=decode` measured, as tables, and the answers that follow from them."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from ...records.decode import Comparison, Generated, Generation
from ..document import NONE, Table
from ..marks import marked
from ..numbers import listed, ratio, significant, size, times

AHEAD = 1.05


def decode_tables(record: Generation) -> Iterator[Table]:
    """A table for each comparison and batch: a row per model."""
    for group in record.groups:
        for batch in record.batches:
            yield _table(group, batch, record.contexts)


def against_lstm(group: Comparison, contender: str, batch: int, *, graph: bool = False) -> float | None:
    """Tokens/s as a multiple of the faster LSTM's at the same context, the median over contexts; both as graphs, or
    both called plainly."""
    rows = group.by_context(contender, batch)
    ratios = [
        ratio(row.pace(graph=graph), group.lstm_pace(context, batch, graph=graph))
        for context, row in rows.items()
    ]
    known = [found for found in ratios if found is not None]
    return median(known) if known else None


def answers(record: Generation) -> list[str]:
    """What the numbers alone say of every comparison and batch: a sentence on stacking, another where graphs were
    measured, one on contexts."""
    return [
        f"{group.label}, {streams(batch)}: {marked(text, *shares_of(group, batch))}."
        for group in record.groups
        for batch in record.batches
        for text in (
            told_by_depth(group, batch),
            told_by_depth(group, batch, graph=True),
            told_by_length(group, batch),
        )
        if text
    ]


def shares_of(group: Comparison, batch: int) -> list[float | None]:
    """Of the processor, of everything behind a sentence."""
    timings = [timing for row in group.rows if row.batch == batch for timing in (row, row.graph) if timing]
    return [timing.processor for timing in timings]


def streams(batch: int) -> str:
    """How many at once."""
    return "one stream" if batch == 1 else f"{batch} streams at once"


def told_by_depth(group: Comparison, batch: int, *, graph: bool = False) -> str:
    """How many times the LSTM's speed each depth of SRU reaches, and up to which it is ahead."""
    found = by_depth(group, batch, graph=graph)
    if not found:
        return ""
    reached = listed([f"{value:.2f}" for value in found.values()])
    how = ", both as CUDA graphs" if graph else ""
    reached = f"{reached} times as many tokens/s as the faster LSTM{how}"
    return f"SRU of {listed([*found])} layers generates {reached}; {lead_of(found)}"


def by_depth(group: Comparison, batch: int, *, graph: bool = False) -> dict[int, float]:
    """The multiple of the LSTM's tokens/s by SRU's number of layers."""
    found = {}
    for name in group.contenders():
        times_as_fast = against_lstm(group, name, batch, graph=graph)
        if name.startswith("sru-") and times_as_fast is not None:
            found[next(iter(group.by_context(name, batch).values())).layers] = times_as_fast
    return dict(sorted(found.items()))


def lead_of(found: Mapping[int, float]) -> str:
    """Up to which of these depths SRU is ahead."""
    depths = list(found)
    ahead = [depth for depth in depths if found[depth] > AHEAD]
    if len(ahead) == len(depths):
        return "it is ahead at every depth"
    if not ahead:
        return "it is ahead at no depth"
    if ahead == depths[: len(ahead)]:
        return f"it is ahead up to {ahead[-1]} layers, and with {depths[len(ahead)]} no longer"
    return f"it is ahead with {listed(ahead)} layers only"


def told_by_length(group: Comparison, batch: int) -> str:
    """What the longest context costs the models with attention against the shortest, and what they keep of it."""
    told = []
    for name in group.contenders():
        rows = list(group.by_context(name, batch).values())
        pace = ratio(rows[-1].tokens_per_s, rows[0].tokens_per_s) if len(rows) > 1 else None
        if rows and rows[0].attends and pace:
            kept = size(rows[-1].state_bytes)
            told.append(f"{rows[0].label} {pace:.2g} times as fast, keeping {kept} a stream")
    if not told:
        return ""
    contexts = [row.context for row in group.rows]
    other = [row.state_bytes for row in group.rows if not row.attends and row.state_bytes is not None]
    rest = f" (recurrences keep at most {size(max(other))} after any)" if other else ""
    return f"after {max(contexts):,} tokens instead of {min(contexts):,}: {'; '.join(told)}{rest}"


def _table(group: Comparison, batch: int, contexts: Sequence[int]) -> Table:
    first, last = contexts[0], contexts[-1]
    heads = ["model", "layers", "width", "parameters"]
    heads += [f"tokens/s after {context:,}" for context in contexts]
    heads += ["against LSTM", f"ms/token of a stream after {last:,}"]
    if group.graphs:
        heads += [*(f"as a graph, tokens/s after {context:,}" for context in contexts)]
        heads += ["graph against LSTM's"]
    heads += [f"state after {context:,}" for context in dict.fromkeys((first, last))]
    body = []
    for name in group.contenders():
        rows = group.by_context(name, batch)
        one = next(iter(rows.values()), None)
        if one is None:
            continue
        cells = [one.label, str(one.layers), f"{one.width:,}", f"{one.parameters:,}"]
        cells += [
            marked(significant(rows[context].tokens_per_s), rows[context].processor)
            if context in rows
            else NONE
            for context in contexts
        ]
        shares = [row.processor for row in rows.values()]
        cells += [marked(times(against_lstm(group, name, batch)), *shares), _spread(rows.get(last))]
        if group.graphs:
            cells += [_as_graph(rows.get(context)) for context in contexts]
            graphs = [row.graph.processor for row in rows.values() if row.graph]
            cells.append(marked(times(against_lstm(group, name, batch, graph=True)), *graphs))
        cells += [
            size(rows[context].state_bytes) if context in rows else NONE
            for context in dict.fromkeys((first, last))
        ]
        body.append(cells)
    return Table(f"{group.label}, {streams(batch)}", heads, body)


def _as_graph(row: Generated | None) -> str:
    """Tokens/s, or why there is no graph."""
    if row is None or row.graph is None:
        return NONE
    return row.graph.error or marked(significant(row.pace(graph=True)), row.graph.processor)


def _spread(row: Generated | None) -> str:
    """Median and quartiles in milliseconds, or why there are none."""
    if row is None or row.median_s is None:
        return (row and row.error) or NONE
    middle, low, high = (
        significant(None if value is None else 1e3 * value) for value in (row.median_s, row.q1_s, row.q3_s)
    )
    return marked(f"{middle} ({low}–{high})", row.processor)
