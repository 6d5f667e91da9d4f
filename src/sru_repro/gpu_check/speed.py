"""Section `speed`: the bench of `sru_repro.bench` on the card, a piece for each step of its plan, smallest first."""

from dataclasses import replace
from typing import Any

from .. import bench, ops
from ..bench import correct, decode
from ..bench.floor import machine_rates
from ..bench.plan import Unit, plan
from ..bench.run import check, entry, surroundings
from ..bench.shapes import Shape
from ..core.errors import DataError, RunError
from ..reporting.gpu.record import read_page
from .kernels import build_grid
from .page import same_code
from .plan import Options, Piece

DECODE_CONTEXTS = (16, 1024, 4096)

_SMALL = {
    "small": Shape("small", "small, L6 B3 5→4 ×2", 6, 3, 5, 4, 2, ragged=True),
    "steps": Shape("steps", "step by step", 4, 1, 4, 4, 2, stepwise=True),
}


def settings(options: Options) -> bench.Settings:
    """What is measured."""
    if not options.rehearse:
        return bench.Settings(options.device)
    names = ("sru", "lstm")
    growth = {"small": _SMALL["small"]}
    return bench.Settings(options.device, repeats=1, shapes=_SMALL, growth_shapes=growth, contenders=names)


def pieces(options: Options) -> list[Piece]:
    """Checks and the card's own rates first; nothing is timed while a check is red."""
    found = settings(options)
    units = sorted(plan(found, options.torch_device), key=lambda unit: unit.weight)
    total = sum(unit.weight for unit in units)
    return [
        Piece("check", lambda seconds: _checked(options), weight=0.1),
        Piece("rates", lambda seconds: {"rates": rates(options)}, weight=0.03),
        *(_piece(options, found, unit, unit.weight / total) for unit in units),
        Piece(
            "decode",
            lambda seconds: _decoded(options, seconds),
            weight=0.2,
            least_s=5.0 * (not options.rehearse),
        ),
    ]


def rates(options: Options) -> dict[str, float | None]:
    """Copy and products."""
    with surroundings():
        return machine_rates(options.torch_device, copied=1 << 20 if options.rehearse else 0)


def _piece(options: Options, found: bench.Settings, unit: Unit, weight: float) -> Piece:
    name = f"{unit.section}/{unit.shape.name}/{correct.name_of(unit.dtype)}"

    def run(seconds: float) -> dict[str, Any]:
        _require_right(options)
        with surroundings():
            # The rest goes into what is built and warmed up.
            return {"entry": entry(unit, 0.6 * seconds, found)}

    return Piece(name, run, weight)


def _checked(options: Options) -> dict[str, Any]:
    """The bench's own checks of what is going to be timed, unless section `correct` has just been green."""
    before = _green(options)
    if before is not None:
        return {"cases": before, "note": "by section correct"}
    note = build_grid(options)
    with surroundings():
        return {"cases": check(options.torch_device)["cases"], "note": note}


def _green(options: Options) -> int | None:
    """Cases of section `correct` where all its grids were right with the code at hand."""
    path = replace(options, section="correct").page
    try:
        grids = [
            piece for piece in read_page(path)["pieces"] if piece["name"].startswith(("grid/", "products"))
        ]
    except DataError:
        return None
    right = [
        piece["values"]["cases"] for piece in grids if piece["state"] == "ok" and same_code(piece["measured"])
    ]
    return sum(right) if len(right) == len(ops.CELLS) + 1 else None


def _require_right(options: Options) -> None:
    """Raises RunError while piece `check` is not green."""
    states = {piece["name"]: piece["state"] for piece in read_page(options.page)["pieces"]}
    if states.get("check") != "ok":
        raise RunError("the checks are not green, so nothing is timed")


def _decoded(options: Options, seconds: float) -> dict[str, Any]:
    """Generation, token by token."""
    _require_right(options)
    wanted = decode.Settings(options.device, contexts=DECODE_CONTEXTS, budget_s=0.6 * seconds)
    if options.rehearse:
        wanted = decode.Settings(options.device, (4,), parameters=40_000, width=32, repeats=1, budget_s=0.0)
    return {"decode": decode.measure(wanted)}
