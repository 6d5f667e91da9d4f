"""The sizes at which speed is measured.

Shapes: L time, B batch, D input features, H = directions * hidden size columns, k matrices per cell.
"""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Shape:
    """One size of input and model.

    ragged    whether sequences of different lengths are measured, too (a language model's stream has no padding)
    alone     the recurrence only: wide enough for a large GPU to be busy, too wide for whole models here
    stepwise  a step a call, the state handed on, without gradients; `length` steps make a batch
    paper_ms  (contender, forward, forward and backward) in the SRU paper's speed figure
    """

    name: str
    label: str
    length: int
    batch: int
    input_size: int
    hidden_size: int
    layers: int = 1
    bidirectional: bool = False
    ragged: bool = False
    stepwise: bool = False
    alone: bool = False
    paper_ms: tuple[tuple[str, float, float], ...] = ()

    @property
    def columns(self) -> int:
        """H."""
        return self.hidden_size * (2 if self.bidirectional else 1)

    @property
    def tokens(self) -> int:
        """Steps of all sequences of a batch."""
        return self.length * self.batch

    @property
    def sizes(self) -> list[int]:
        """Input features of every layer."""
        return [self.input_size] + [self.columns] * (self.layers - 1)

    def products(self, gates: int, skip: bool) -> list[tuple[int, int]]:
        """(input, output) features of each layer's product; `skip`: one matrix more where the width changes."""
        return [(size, (gates + (skip and size != self.columns)) * self.columns) for size in self.sizes]

    @property
    def cost(self) -> float:
        """Roughly how long a batch takes a model, in multiplications of one of its gates; for progress only."""
        return self.tokens * sum(size * self.columns for size in self.sizes) + 2e7

    def facts(self) -> dict[str, Any]:
        """What a record says of it."""
        return asdict(self)


# Forward, and forward and backward, on a GTX 1070: read off the bars of the authors' figure by eye (± 0.1 or 0.5 ms).
_PAPER = {
    256: (("lstm", 2.7, 6.5), ("conv3", 0.25, 0.54), ("conv2", 0.14, 0.37), ("sru", 0.19, 0.40)),
    512: (("lstm", 15.1, 38.9), ("conv3", 2.2, 4.5), ("conv2", 1.5, 3.1), ("sru", 1.7, 3.4)),
}


def _table(*shapes: Shape) -> dict[str, Shape]:
    return {shape.name: shape for shape in shapes}


SHAPES = _table(
    # The SRU paper's speed figure: a batch of 32. It names no depth; its times fit one layer.
    Shape("figure-256", "paper's figure, L32 B32 d256", 32, 32, 256, 256, paper_ms=_PAPER[256]),
    Shape("figure-512", "paper's figure, L128 B32 d512", 128, 32, 512, 512, paper_ms=_PAPER[512]),
    Shape("sst", "SST, L20 B32 300→128 ×2", 20, 32, 300, 128, 2, ragged=True),
    Shape("reader", "reader, L300 B32 128→128 ×4", 300, 32, 128, 128, 4, ragged=True),
    Shape(
        "reader-both", "reader, both directions, L300 B32 128→128 ×4", 300, 32, 128, 128, 4, True, ragged=True
    ),
    Shape("lm-512", "language model, L128 B32 d512 ×4", 128, 32, 512, 512, 4),
    Shape("lm-1024", "language model, L256 B16 d1024 ×2", 256, 16, 1024, 1024, 2),
    Shape("lm-long", "language model, L512 B8 d1024", 512, 8, 1024, 1024),
    Shape("wide", "one wide recurrence, L64 B128 d512", 64, 128, 512, 512, alone=True),
    Shape("decode", "decoding step by step, B1 d512 ×2", 64, 1, 512, 512, 2, stepwise=True),
)

TINY = Shape("tiny", "L1 B1 d8 ×4", 1, 1, 8, 8, 4)
"""So small that what is measured is the cost of the calls."""

_BASE = {"L": 128, "B": 32, "d": 256}
_SWEEPS = {"L": (16, 64, 256, 1024), "B": (1, 4, 16, 64), "d": (64, 128, 512, 1024)}


def _growth() -> dict[str, Shape]:
    points = [_BASE] + [_BASE | {axis: value} for axis, values in _SWEEPS.items() for value in values]
    names = ["-".join(f"{axis}{value}" for axis, value in point.items()) for point in points]
    return _table(
        *(
            Shape(name, name.replace("-", " "), point["L"], point["B"], point["d"], point["d"])
            for name, point in zip(names, points, strict=True)
        )
    )


GROWTH = _growth()
"""How cost grows: length, batch and width, each alone, around one shape."""
