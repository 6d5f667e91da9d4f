"""What `sru-repro bench task=decode` measured, as tables of text, and the answers that follow from them."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from .speed_tables import NONE, SpeedTable, significant

LSTM = ("lstm", "lstm-cells")
"""The faster of the two is what others are compared with."""
AHEAD = 1.05

Row = Mapping[str, Any]


def decode_tables(record: Row) -> Iterator[SpeedTable]:
    """A table for each comparison and batch: a row per model."""
    for group in record["groups"]:
        for batch in record["batches"]:
            yield _table(group, batch, record["contexts"])


def tokens_per_s(row: Row | None) -> float | None:
    """Of all streams together; None where nothing was measured."""
    value = (row or {}).get("median_s")
    return None if value is None else float((row or {})["batch"] / value)


def by_context(group: Row, contender: str, batch: int) -> dict[int, Row]:
    """The rows of one model, in the order of contexts."""
    rows = [row for row in group["rows"] if (row["contender"], row["batch"]) == (contender, batch)]
    return {row["context"]: row for row in sorted(rows, key=lambda row: row["context"])}


def names(group: Row) -> list[str]:
    """The models, in the order of the tables."""
    return list(dict.fromkeys(row["contender"] for row in group["rows"]))


def against_lstm(group: Row, contender: str, batch: int) -> float | None:
    """Tokens/s as a multiple of the faster LSTM's at the same context, the median over contexts."""
    bases = [by_context(group, name, batch) for name in LSTM]
    ratios = []
    for context, row in by_context(group, contender, batch).items():
        paces = [pace for base in bases if (pace := tokens_per_s(base.get(context))) is not None]
        own = tokens_per_s(row)
        if own is not None and paces:
            ratios.append(own / max(paces))
    return median(ratios) if ratios else None


def answers(record: Row) -> list[str]:
    """A sentence on stacking and one on contexts for every comparison and batch, from the numbers alone."""
    sentences = []
    for group in record["groups"]:
        for batch in record["batches"]:
            where = f"{group['label']}, {_streams(batch)}"
            sentences += [
                f"{where}: {text}." for text in (_depth(group, batch), _length(group, batch)) if text
            ]
    return sentences


def _depth(group: Row, batch: int) -> str:
    """How many times the LSTM's speed each depth of SRU reaches, and up to which it is ahead."""
    found = {}
    for name in names(group):
        ratio = against_lstm(group, name, batch)
        if name.startswith("sru-") and ratio is not None:
            found[next(iter(by_context(group, name, batch).values()))["layers"]] = ratio
    if not found:
        return ""
    depths = sorted(found)
    ahead = [depth for depth in depths if found[depth] > AHEAD]
    if len(ahead) == len(depths):
        verdict = "it is ahead at every depth"
    elif not ahead:
        verdict = "it is ahead at no depth"
    elif ahead == depths[: len(ahead)]:
        verdict = f"it is ahead up to {ahead[-1]} layers, and with {depths[len(ahead)]} no longer"
    else:
        verdict = f"it is ahead with {_listed(ahead)} layers only"
    times = _listed([f"{found[depth]:.2f}" for depth in depths])
    return f"SRU of {_listed(depths)} layers generates {times} times as many tokens/s as the faster LSTM; {verdict}"


def _length(group: Row, batch: int) -> str:
    """What the longest context costs the models with attention against the shortest, and what they keep of it."""
    told = []
    for name in names(group):
        rows = list(by_context(group, name, batch).values())
        short, long = (tokens_per_s(row) for row in (rows[0], rows[-1]))
        if len(rows) > 1 and rows[0]["attends"] and short and long:
            kept = size(rows[-1]["state_bytes"])
            told.append(f"{rows[0]['label']} {long / short:.2g} times as fast, keeping {kept} a stream")
    if not told:
        return ""
    contexts = [row["context"] for row in group["rows"]]
    other = [row["state_bytes"] for row in group["rows"] if not row["attends"] and "state_bytes" in row]
    rest = f" (recurrences keep at most {size(max(other))} after any)" if other else ""
    return f"after {max(contexts):,} tokens instead of {min(contexts):,}: {'; '.join(told)}{rest}"


def size(count: int) -> str:
    """Bytes for people."""
    for unit, name in ((1e6, "MB"), (1e3, "KB")):
        if count >= unit:
            return f"{significant(count / unit)} {name}"
    return f"{count} B"


def _table(group: Row, batch: int, contexts: Sequence[int]) -> SpeedTable:
    first, last = contexts[0], contexts[-1]
    heads = ["model", "layers", "width", "parameters"]
    heads += [f"tokens/s after {context:,}" for context in contexts]
    heads += ["against LSTM", f"ms/token of a stream after {last:,}"]
    heads += [f"state after {context:,}" for context in dict.fromkeys((first, last))]
    body = []
    for name in names(group):
        rows = by_context(group, name, batch)
        one = next(iter(rows.values()), None)
        if one is None:
            continue
        cells = [one["label"], str(one["layers"]), f"{one['width']:,}", f"{one['parameters']:,}"]
        cells += [_rounded(tokens_per_s(rows.get(context))) for context in contexts]
        times = against_lstm(group, name, batch)
        cells += [NONE if times is None else f"{times:.2f}×", _spread(rows.get(last))]
        cells += [_state(rows.get(context)) for context in dict.fromkeys((first, last))]
        body.append(cells)
    return SpeedTable(f"{group['label']}, {_streams(batch)}", heads, body)


def _spread(row: Row | None) -> str:
    """Median and quartiles in milliseconds, or why there are none."""
    if row is None or "error" in row:
        return str((row or {}).get("error", NONE))
    middle, low, high = (significant(1e3 * row[key]) for key in ("median_s", "q1_s", "q3_s"))
    return f"{middle} ({low}–{high})"


def _state(row: Row | None) -> str:
    return size(row["state_bytes"]) if row is not None and "state_bytes" in row else NONE


def _rounded(value: float | None) -> str:
    return NONE if value is None else significant(value)


def _streams(batch: int) -> str:
    return "one stream" if batch == 1 else f"{batch} streams at once"


def _listed(items: Sequence[object]) -> str:
    *most, last = map(str, items)
    return f"{', '.join(most)} and {last}" if most else last
