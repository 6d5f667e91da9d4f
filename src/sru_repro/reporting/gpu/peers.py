"""LSTM and GRU of a shape in every type of number in which they were timed, whichever entry that was in.

A model in bfloat16 is compared with the fastest LSTM there is, not with the one that happens to have its type.
"""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from ...records.bench import LSTM, Entry, Timed

PEERS = (*LSTM, "gru")
E = TypeVar("E", bound=Entry)


def in_all_types(entries: Sequence[E], probes: Sequence[Entry] = ()) -> list[E]:
    """The entries, each with the peers' rows of the same shape in other types.

    A type that no entry has is taken from `probes`, and its label says so; their graphs are left out, as no model of
    the entry was timed beside them.
    """
    return [
        _with(entry, [*_others(entry, entries), *_others(entry, probes, probed=True)]) for entry in entries
    ]


def _others(entry: Entry, entries: Sequence[Entry], probed: bool = False) -> Iterator[Timed]:
    for other in entries:
        if other.name == entry.name and other is not entry:
            for row in other.rows:
                if row.contender in PEERS and not row.error:
                    dtype = other.type_of(row)
                    label = row.label if row.dtype else f"{row.label}, {dtype}"
                    changes: dict[str, str | None] = {
                        "dtype": dtype,
                        "label": f"{label} (probes)" if probed else label,
                    }
                    if probed:
                        changes |= {"graph_inference": None, "graph_training": None}
                    yield row.model_copy(update=changes)


def _with(entry: E, others: Sequence[Timed]) -> E:
    """Behind the row of the same model, each type once."""
    rows = list(entry.rows)
    for row in others:
        same = [place for place, own in enumerate(rows) if own.contender == row.contender]
        if same and row.dtype not in [entry.type_of(rows[place]) for place in same]:
            rows.insert(same[-1] + 1, row)
    return entry.model_copy(update={"rows": rows})
