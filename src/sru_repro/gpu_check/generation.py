"""Generation: one step recorded and repeated, and a step through a whole stack of SRU layers in one launch."""

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor

from ..bench import decode, decoders, stepping
from ..bench.run import environment
from ..bench.timing import Call, interleaved
from ..core.errors import RunError
from ..models import SRU, _one_launch
from ..ops import stack
from ..records.gpu_page import FoundPaces
from . import gpu
from .kernels import distance, verdict
from .plan import Checked, SectionOptions

AIM = 0.6
"""Of the symbols/s of a 2-layer LSTM of the same width, that an SRU of 16 layers is to generate; both as graphs."""
_NAMES = ("sru-2", "sru-4", "sru-8", "sru-16", "lstm", "gru")
OFF = {torch.float32: 1e-5, torch.bfloat16: 0.05, torch.float16: 0.01}
"""How far one launch may be from the layers in float64: outputs between layers are rounded to the type."""


def recorded(options: SectionOptions, seconds: float) -> Checked:
    """Steps of every model that streams, plain and as a graph, against one call on the whole text, in float64; and
    that the graph was really captured."""
    with environment():
        cases, lines = stepping.check(options.torch_device), []
        for name, model in decoders.MODELS.items():
            torch.manual_seed(0)
            decoder = model.build(64, 8).to(options.torch_device)
            try:
                with torch.no_grad():
                    decode.recorded(decoder, decode.read(decoder, 8), 1)()
            except RuntimeError as error:
                lines.append(f"{name}: {error}")
    return verdict(cases + len(decoders.MODELS), lines)


def one_launch(options: SectionOptions, seconds: float) -> Checked:
    """All types, depths and widths, also such that no wide access is possible; then again as a graph: the same bits."""
    device, lines, cases, worst = options.torch_device, [], 0, 0.0
    small = options.rehearse
    depths, widths, batches = [1, 2] if small else [1, 2, 16], [12] if small else [512, 300, 37], [1, 2, 32]
    sizes = [
        (kind, depth, width, batch)
        for kind in OFF
        for depth in depths
        for width in widths
        for batch in batches
    ]
    for kind, depth, width, batch in sizes:
        cases += 1
        torch.manual_seed(cases)
        model = SRU(width + 8 * (cases % 2), width, depth).to(device, kind).eval()
        x = torch.randn(1, batch, model.input_size, device=device).to(kind)
        c0 = torch.randn(depth, batch, width, device=device)
        with torch.no_grad():
            found = _found(options, model, x, c0)
            call = partial(_found, options, model, x, c0)
            again = gpu.captured(device, call)()
            exact = model.double().run_layers(x.double(), c0.double(), None)
        wanted = (exact[0][-1], exact[1])
        off = max(distance(value, truth) for value, truth in zip(found, wanted, strict=True))
        worst = max(worst, off / OFF[kind])
        what = f"{depth} layers of {width}, batch {batch}, {str(kind).removeprefix('torch.')}"
        if not off <= OFF[kind]:
            lines.append(f"{what}: {off:.2g} away from float64")
        if not all(map(torch.equal, found, again)):
            lines.append(f"{what}: as a graph it differs")
    return verdict(cases, lines, f"at most {worst:.0%} of what is allowed")


def _found(options: SectionOptions, model: SRU, x_1BD: Tensor, c0_lBH: Tensor) -> tuple[Tensor, Tensor]:
    """h and c_n by the one launch; in a rehearsal, which has none, by the layers."""
    found = _one_launch.step(model.layers, False, x_1BD, c0_lBH, None)
    if found is None and options.on_gpu and x_1BD.device.type in stack.GPUS:
        raise RunError(f"{len(model.layers)} layers of {model.hidden_size} do not run in one launch")
    if found is None:
        outputs, c_n = model.run_layers(x_1BD, c0_lBH, None)
        found = outputs[-1], c_n.float()
    return found


def deep(options: SectionOptions, seconds: float) -> Mapping[str, object]:
    """Symbols/s as graphs at one width: SRU of 2 to 16 layers in one launch and layer by layer, LSTM and GRU of 2."""
    device, small = options.torch_device, options.rehearse
    width, names = (16, ["sru-2", "sru-16", "lstm"]) if small else (512, [*_NAMES])
    kinds, batches = [torch.float32] if small else [torch.float32, torch.bfloat16], [1] if small else [1, 32]
    found: dict[str, float] = {}
    with environment(), torch.no_grad():
        for kind in kinds:
            for batch in batches:
                calls: dict[str, Call] = {}
                for name in names:
                    torch.manual_seed(0)
                    decoder = decoders.MODELS[name].build(width, 16).to(device, kind)
                    _, state = decoder(torch.zeros(16, batch, dtype=torch.long, device=device))
                    calls[name] = decode.recorded(decoder, state, batch)
                    if name.startswith("sru"):
                        with stack.layer_by_layer():
                            calls[f"{name}, layer by layer"] = decode.recorded(decoder, state, batch)
                share_s = 0.6 * seconds / (len(kinds) * len(batches))
                timings = interleaved(calls, device, 1 if options.rehearse else 15, share_s)
                of = f"{str(kind).removeprefix('torch.')}, {batch} at once"
                for name, timing in timings.items():
                    if timing.median_s is None:
                        raise RunError(f"{name}, {of}: {timing.error}")
                    found[f"{name}, {of}"] = batch / timing.median_s
    of = "float32, 1 at once"
    deep, lstm, apart = (found[f"{name}, {of}"] for name in ("sru-16", "lstm", "sru-16, layer by layer"))
    note = f"16 layers: {deep:,.0f} symbols/s, layer by layer {apart:,.0f}; LSTM {lstm:,.0f}: {deep / lstm:.2f} times"
    return FoundPaces(cases=len(found), note=f"{note}, aim {AIM}", symbols_per_s=found).plain()
