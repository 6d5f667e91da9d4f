"""Section `correct`: everything that must be right before a time is worth taking."""

from collections.abc import Callable, Iterable, Iterator

from .. import ops
from . import calls, generation, kernels, large, lean, outside, ranks, whole_models
from .plan import Each, Functions, SectionOptions, Several


def _each(names: Iterable[str]) -> Callable[[SectionOptions], Iterator[Each]]:
    return lambda options: (Each(name, (name,)) for name in names)


FUNCTIONS: Functions = {
    "grid/CELL": Several(kernels.grid, _each(ops.CELLS)),
    "products": kernels.products,
    "cpu-and-cuda": kernels.both_back_ends,
    "deterministic": kernels.deterministic,
    "streams": calls.streams,
    "threads": calls.threads,
    "graph": calls.graphs,
    "autocast": whole_models.autocast,
    "launches": lean.launches,
    "one-piece": lean.one_piece,
    "casts": lean.casts,
    "models/MODEL": Several(
        whole_models.model, lambda options: (Each(name, (name,)) for name in whole_models.ENCODERS)
    ),
    "devices": calls.devices,
    "generation": generation.recorded,
    "one-launch": generation.one_launch,
    "compile": whole_models.compiled,
    "large": large.large,
    "beyond-2^31": large.beyond,
    "ranks": ranks.together,
    "resume": outside.resume,
    "sanitizer": outside.sanitizer,
}
