"""Are whole models right? Beside the CPU's, step by step, under autocast and through torch.compile."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ..bench.run import true_float32
from ..models import SRU, AttentionContext, encoder_class
from .kernels import distance, verdict
from .plan import Checked, SectionOptions

ENCODERS: dict[str, dict[str, Any]] = {
    "sru": {"num_layers": 3, "layer_norm": "pre", "highway_bias": -2.0},
    "qrnn": {"num_layers": 2},
    "mingru": {"num_layers": 2},
    "srupp": {
        "num_layers": 3,
        "projection_size": 16,
        "attention_every": 2,
        "attention_context": AttentionContext(32, 32),
    },
}
"""Those that run on the recurrences, each with some of its options."""


def model(options: SectionOptions, seconds: float, name: str) -> Checked:
    """A model with the same weights here and on the CPU, in float32; then step by step with its state."""
    device, lines = options.torch_device, []
    torch.manual_seed(0)
    build = encoder_class(name)
    there: Any = build(20, 32, **ENCODERS[name])
    x = torch.randn(17, 3, 20, requires_grad=True)
    padding = torch.arange(17).unsqueeze(1) >= torch.tensor([17, 9, 12])
    # A memory holds steps, and no sequences of different lengths.
    lengths = None if "attention_context" in ENCODERS[name] else padding
    expected = _with_gradients(there, x, lengths)
    here = there.to(device)
    moved = x.detach().to(device).requires_grad_()
    with true_float32():
        found = _with_gradients(here, moved, None if lengths is None else lengths.to(device))
        for key, value in found.items():
            off = distance(value.cpu(), expected[key])
            if not off < 1e-4:
                lines.append(f"{key} is {off:.2g} away from the CPU's")
        cases = len(found)
        if here.streams:
            cases += 1
            here.eval()
            with torch.no_grad():
                whole, state, steps = here(moved)[0], None, []
                for x_1BD in moved.split(1):
                    h_1BH, state = here(x_1BD, state)
                    steps.append(h_1BH)
            if here.causal and not distance(torch.cat(steps), whole) < 1e-5:
                lines.append(f"step by step it is {distance(torch.cat(steps), whole):.2g} away from one call")
    return verdict(cases, lines)


def compiled(options: SectionOptions, seconds: float) -> Checked:
    """A model through torch.compile gives what it gives without, gradients too."""
    device, lines = options.torch_device, []
    torch.manual_seed(0)
    model = SRU(24, 32, 2).to(device)
    x = torch.randn(20, 5, 24, device=device, requires_grad=True)
    made = torch.compile(model, backend="aot_eager" if options.rehearse else "inductor")
    with true_float32():
        plain, found = _with_gradients(model, x), _with_gradients(made, x)
    for name, value in found.items():
        if not distance(value, plain[name]) < 1e-4:
            lines.append(f"{name} is {distance(value, plain[name]):.2g} away")
    return verdict(len(found), lines)


def autocast(options: SectionOptions, seconds: float) -> Checked:
    """Under bfloat16 autocast, as training runs: types, and how far from float32."""
    device, lines = options.torch_device, []
    torch.manual_seed(0)
    model = SRU(64, 96, 3, bidirectional=True).to(device)
    x = torch.randn(30, 6, 64, device=device, requires_grad=True)
    with true_float32():
        expected = _with_gradients(model, x)
    with torch.autocast(device.type, torch.bfloat16):
        found = _with_gradients(model, x)
    worst = 0.0
    for name, value in found.items():
        off = distance(value, expected[name])
        worst = max(worst, off)
        if name.startswith("gradient") and value.dtype != torch.float32:
            lines.append(f"{name}: expected float32, found {value.dtype}")
        if not off < 0.05:
            lines.append(f"{name} is {off:.2g} away from float32's")
    return verdict(len(found), lines, f"{worst:.1g} from float32 at most")


def _with_gradients(
    module: nn.Module | Callable[..., Any], x: Tensor, padding: Tensor | None = None
) -> dict[str, Tensor]:
    """Outputs, and gradients of input and weights."""
    owner: Any = module
    named = ((name.removeprefix("_orig_mod."), value) for name, value in owner.named_parameters())
    weights = {name: value for name, value in named if value.requires_grad}
    h, _ = owner(x, None, padding)
    scale = torch.linspace(-1, 1, h.numel()).view(h.shape).to(h)
    grads = torch.autograd.grad((h * scale).sum(), [x, *weights.values()], allow_unused=True)
    found = {"h": h.detach()}
    names = ["x", *weights]
    return found | {
        f"gradient of {name}": grad for name, grad in zip(names, grads, strict=True) if grad is not None
    }
