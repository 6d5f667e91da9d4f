"""The inside of an encoder on one sequence as grids to look at: gates of SRU and SRU++, attention of SRU++."""

from collections.abc import Sequence
from typing import TypedDict

import torch
from torch import Tensor

from ..models._inside import Attention, Gates, Inside
from ._media import Grid, GridsMedia, Shown

MOST_LAYERS = 4
"""Whose attention is shown: the last, and others evenly before it."""
KEPT, PASSED = "1: the state is kept", "0: the input passes on the highway"
NARROWEST = 0.1
"""Range of gates that is drawn from pale to full."""
LONGEST = 48
"""Steps that still can be read in a picture."""


def inside_media(inside: Inside, steps: Sequence[str]) -> Shown:
    """What was noted of a call, with the words or characters that were read as names of the steps."""
    found: dict[str, GridsMedia] = {}
    if gates := inside.gates():
        names = [_name(gate, many=any(gate.backwards for gate in gates)) for gate in gates]
        grids = [
            _gates(f"forget gate f ({KEPT})", names, steps, [gate.forget_LH for gate in gates]),
            _gates(f"reset gate r ({PASSED})", names, steps, [gate.reset_LH for gate in gates]),
        ]
        found["gates"] = GridsMedia(grids, "Gates at each step, the mean over the units of a layer")
    if attention := inside.attention():
        grids = [
            Grid(f"layer {one.layer + 1}", steps, steps, one.weights_LL.tolist(), 0.0, _most(one.weights_LL))
            for one in _some(attention)
        ]
        found["attention"] = GridsMedia(grids, "What each step (row) reads of each (column), mean over heads")
    return found


class WordInside(TypedDict):
    """How the gates stood at a word: of each layer (and direction), from the first on, the mean over its units.
    `brought` is the share of the last layer's last state that the word has brought."""

    word: str
    brought: float
    forget: list[float]
    reset: list[float]


def words_inside(inside: Inside, words: Sequence[str], first: int) -> list[WordInside]:
    """What was noted of a call at each word, the first of which was read at step `first`; nothing of a model without
    gates."""
    gates = inside.gates()
    if not gates:
        return []
    last = [gate.brought_LH().mean(-1) for gate in gates if gate.layer == gates[-1].layer]
    brought_L = torch.stack(last).mean(0).tolist()
    forget_LN, reset_LN = (
        torch.stack([values.mean(-1) for values in both], -1).tolist()
        for both in ([gate.forget_LH for gate in gates], [gate.reset_LH for gate in gates])
    )
    return [
        {"word": word, "brought": brought_L[step], "forget": forget_LN[step], "reset": reset_LN[step]}
        for step, word in enumerate(words, first)
    ]


def _gates(title: str, names: Sequence[str], steps: Sequence[str], values: Sequence[Tensor]) -> Grid:
    """The mean over the units. Its range is that of the values, and so wide that no noise is drawn large."""
    mean_NL = torch.stack([value.mean(-1) for value in values])
    least, most = float(mean_NL.min()), float(mean_NL.max())
    more = max(0.0, (NARROWEST - (most - least)) / 2)
    return Grid(title, names, steps, mean_NL.tolist(), max(0.0, least - more), min(1.0, most + more))


def _most(weights_LL: Tensor) -> float:
    """The largest weight of steps that have some to choose from: the first ones cannot but read all of a few."""
    return float(weights_LL[len(weights_LL) // 4 :].max())


def _name(gate: Gates, many: bool) -> str:
    way = (" backwards" if gate.backwards else " forwards") if many else ""
    return f"layer {gate.layer + 1}{way}"


def _some(layers: Sequence[Attention]) -> list[Attention]:
    count = min(MOST_LAYERS, len(layers))
    return [layers[(place + 1) * len(layers) // count - 1] for place in range(count)]
