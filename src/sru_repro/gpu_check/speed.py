"""Section `speed`: the bench of `sru_repro.bench` on the GPU, a piece for each step of its plan, smallest first."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

from .. import bench, ops
from ..bench import decode
from ..bench.floor import machine_rates
from ..bench.plan import Unit, plan
from ..bench.run import check, entry, environment
from ..bench.shapes import Shape
from ..core.errors import DataError, RunError
from ..records.base import read
from ..records.gpu_page import GPUPage
from ..verify.compare import type_name
from . import generation
from .kernels import build_grid
from .page import same_code
from .plan import Each, Functions, SectionOptions, Several

DECODE_CONTEXTS = (16, 1024, 4096)

_SMALL = {
    "small": Shape("small", "small, L6 B3 5→4 ×2", 6, 3, 5, 4, 2, ragged=True),
    "steps": Shape("steps", "step by step", 4, 1, 4, 4, 2, stepwise=True),
}


def settings(options: SectionOptions) -> bench.BenchPlan:
    """What is measured."""
    if not options.rehearse:
        return bench.BenchPlan(options.device)
    names = ("sru", "lstm")
    growth = {"small": _SMALL["small"]}
    return bench.BenchPlan(options.device, repeats=1, shapes=_SMALL, growth_shapes=growth, contenders=names)


def measured_rates(options: SectionOptions, seconds: float = 0.0) -> Mapping[str, object]:
    """Piece `rates` of several sections: copies and products."""
    small = {"copied": 1 << 20, "size": 128} if options.rehearse else {}
    with environment():
        return {"rates": machine_rates(options.torch_device, **small)}


def _units(options: SectionOptions) -> list[Unit]:
    return list(plan(settings(options), options.torch_device))


def _of(kind: str, options: SectionOptions) -> Iterator[Each]:
    """The units of the bench of that kind, weighed against all of them."""
    units = _units(options)
    total = sum(unit.weight for unit in units)
    for unit in units:
        if unit.section == kind:
            text = f"{unit.shape.name}/{type_name(unit.dtype)}"
            yield Each(text, (unit,), unit.weight / total)


def _timed(options: SectionOptions, seconds: float, unit: Unit) -> Mapping[str, object]:
    _require_right(options)
    with environment():
        # The rest goes into what is built and warmed up.
        return {"entry": entry(unit, 0.6 * seconds, settings(options))}


def _checked(options: SectionOptions, seconds: float) -> Mapping[str, object]:
    """The bench's own checks of what is going to be timed, unless section `correct` has just been green."""
    before = _green(options)
    if before is not None:
        return {"cases": before, "note": "by section correct"}
    note = build_grid(options)
    with environment():
        return {"cases": check(options.torch_device).cases, "note": note}


def _green(options: SectionOptions) -> int | None:
    """Cases of section `correct` where all its grids were right with the code at hand."""
    path = replace(options, section="correct").page
    try:
        grids = [
            piece for piece in read(GPUPage, path).pieces if piece.name.startswith(("grid/", "products"))
        ]
    except DataError:
        return None
    right = [piece.values.cases or 0 for piece in grids if piece.state == "ok" and same_code(piece.measured)]
    return sum(right) if len(right) == len(ops.CELLS) + 1 else None


def _require_right(options: SectionOptions) -> None:
    """Raises RunError while piece `check` is not green."""
    checked = read(GPUPage, options.page).piece("check")
    if checked is None or checked.state != "ok":
        raise RunError("the checks are not green, so nothing is timed")


def _decoded(options: SectionOptions, seconds: float) -> Mapping[str, object]:
    """Generation, token by token."""
    _require_right(options)
    wanted = decode.DecodePlan(options.device, contexts=DECODE_CONTEXTS, budget_s=0.6 * seconds)
    if options.rehearse:
        wanted = decode.DecodePlan(options.device, (4,), parameters=40_000, width=32, repeats=1, budget_s=0.0)
    return {"decode": decode.compare(wanted)}


FUNCTIONS: Functions = {
    "check": _checked,
    "rates": measured_rates,
    **{
        f"{kind}/SHAPE/TYPE": Several(_timed, partial(_of, kind))
        for kind in ("shapes", "recurrence", "overhead", "growth")
    },
    "decode": _decoded,
    "deep": generation.deep,
}
