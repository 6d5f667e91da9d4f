"""Encoders under torch.jit.trace, torch.jit.script and torch.fx: what works, and one sentence where it does not."""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Proxy
from torch.utils import _pytree


def traced(module: Any, call: Callable[[], tuple[Any, Any]]) -> tuple[Any, Any]:
    """A call that torch.jit.trace records. That it checks sizes on its way is no news to anybody.

    Of a module that is traced by itself the state comes as a tuple of its tensors: a trace hands out no others.

    Raises:
        RuntimeError: the record would hold for the length of the example alone.
    """
    if not module.traces:
        raise RuntimeError(
            f"torch.jit.trace would take the example's length for that of every input of {type(module).__name__}: use "
            "torch.export.export, which refuses other lengths, or torch.compile"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        h, state = call()
    if _whole_trace(module) and not isinstance(state, Tensor):
        state = tuple(leaf for leaf in _pytree.tree_leaves(state) if isinstance(leaf, Tensor))
    return h, state


def _whole_trace(module: nn.Module) -> bool:
    """Whether it is what torch.jit.trace was called on."""
    names = getattr(torch.jit._trace, "_trace_module_map", None) or {}
    return names.get("__module") is module


def refuse_script(module: nn.Module) -> None:
    """Refuses torch.jit.script, which compiles no module that chooses its kernels at run time.

    Raises:
        RuntimeError: always; the line says what to use.
    """
    raise RuntimeError(
        f"torch.jit.script does not compile {type(module).__name__}: use torch.jit.trace or torch.export.export on an "
        "example, or torch.compile"
    )


def left_whole(module: nn.Module, x: Proxy, *rest: Any) -> Proxy:
    """The call as one node of a torch.fx graph, as those of torch.nn's own modules are.

    Raises:
        RuntimeError: the module is the whole of what is traced.
    """
    place = x.tracer.path_of_module(module)  # type: ignore[attr-defined]
    if not place:
        raise RuntimeError(
            f"torch.fx.symbolic_trace leaves {type(module).__name__} whole in the graph of a model around it: for the "
            "graph of it alone use torch.export.export"
        )
    return x.tracer.create_proxy("call_module", place, (x, *rest), {})
