"""Section `correct`: everything that must be right before a time is worth taking."""

from functools import partial
from typing import Any

from .. import ops
from . import calls, kernels, outside
from .plan import Options, Piece


def pieces(options: Options) -> list[Piece]:
    """The kernels by themselves, then as they are called, then under outside tools."""

    def piece(name: str, run: Any, *rest: Any, weight: float = 1.0) -> Piece:
        return Piece(name, lambda seconds: run(options, *rest), weight)

    # These start several processes, one after the other.
    timed = partial(Piece, least_s=1.0 if options.rehearse else 60.0)
    return [
        *(piece(f"grid/{cell}", kernels.grid, cell, weight=3.0) for cell in ops.CELLS),
        piece("products", kernels.products),
        piece("cpu-and-cuda", kernels.both_back_ends),
        piece("deterministic", kernels.deterministic),
        piece("streams", calls.streams),
        piece("threads", calls.threads),
        piece("graph", calls.graphs),
        piece("autocast", calls.autocast),
        *(piece(f"models/{name}", calls.model, name) for name in calls.ENCODERS),
        piece("devices", calls.devices),
        piece("compile", calls.compiled, weight=5.0),
        piece("large", kernels.large, weight=5.0),
        piece("beyond-2^31", kernels.beyond, weight=3.0),
        timed("resume", lambda seconds: outside.resume(options, seconds), 15.0),
        timed("sanitizer", lambda seconds: outside.sanitizer(options, seconds), 15.0),
    ]
