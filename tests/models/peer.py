"""Runs the authors' `sru` package on the cases of test_parity.py: `python peer.py PACKAGE BUILD CASES.pt ANSWERS.pt`.

A process of its own for each version: both register the same operators with PyTorch, which ends a process that
loads the second. Shapes: L time, B batch, D input features, H output features.
"""

import copy
import fcntl
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.utils import cpp_extension


def load(package: Path, build: Path) -> ModuleType:
    """The package from that folder, its operators compiled in (or taken from) `build`; CUDA is left out."""
    build.mkdir(parents=True, exist_ok=True)
    cpp_extension.CUDA_HOME = None
    sys.path.insert(0, str(package))
    with (build / "in_use").open("w") as in_use, warnings.catch_warnings():
        # This lock ends with its process. PyTorch's own are files, for which a build waits for ever when another
        # one was interrupted: whoever holds ours may remove them.
        fcntl.flock(in_use, fcntl.LOCK_EX)
        for stale in build.glob("*/lock"):
            stale.unlink()
        warnings.filterwarnings(
            "ignore", "Just-in-time loading and compiling the CUDA kernels of SRU", UserWarning
        )
        warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated", DeprecationWarning)
        import sru
    return sru


class Given(nn.Module):
    """In the place of a layer's product: U and V as they are."""

    def __init__(self, u: Tensor, v: Tensor) -> None:
        super().__init__()
        self.u, self.v = nn.Parameter(u.clone()), nn.Parameter(v.clone())

    def forward(self, x: Tensor) -> list[Tensor]:
        """(L, B, H * k) and (L, B, H * 2)."""
        return [self.u, self.v]

    def reset_parameters(self) -> None:
        """Nothing is drawn."""


def built(sru: ModuleType, case: dict[str, Any]) -> Any:
    """Their module with random weights, from our names of the options."""
    options = dict(case["options"])
    kind = options.pop("kind", "SRU")
    norm, activation = options.pop("layer_norm", None), options.pop("activation", "identity")
    options |= {"layer_norm": norm is not None, "normalize_after": norm == "post"}
    if kind == "SRU":
        options["use_tanh"] = activation == "tanh"
    if "u" in case:
        name = "custom_m" if sru.__version__.startswith("2.") else "transform_module"
        options[name] = [Given(case["u"], case["v"])]
    module = getattr(sru, kind)(**options).double()
    torch.manual_seed(0)
    for name, parameter in module.named_parameters():
        if parameter.requires_grad and name.rsplit(".", 1)[1] not in ("u", "v"):
            nn.init.normal_(parameter, std=0.5)
    return module


def run(module: Any, case: dict[str, Any], x: Tensor, c0: Tensor | None) -> tuple[Tensor, Tensor]:
    """h (L, B, H) and c_n, through a `PackedSequence` where the case says so."""
    if "lengths" in case:
        packed, c_n = module(pack_padded_sequence(x, case["lengths"], enforce_sorted=False), c0)
        return pad_packed_sequence(packed)[0], c_n
    if case["options"].get("kind") != "SRUpp":
        return module(x, c0, case.get("padding"))
    memory = case.get("memory")
    h, c_n, saved = module(x, c0, case.get("padding"), case.get("attn_mask"), memory)
    case["saved"] = [value.detach() for value in saved["saved_inputs"]]
    return h, c_n


def answer(sru: ModuleType, case: dict[str, Any]) -> dict[str, Any]:
    """Weights, outputs, gradients, and what the compiled kernel for inference makes of it in float32."""
    module = built(sru, case)
    x, c0 = case["x"].requires_grad_(), case.get("c0")
    leaves = {"x": x} | ({} if c0 is None else {"c0": c0.requires_grad_()})
    leaves |= {name: p for name, p in module.named_parameters() if p.requires_grad}
    torch.manual_seed(1)  # of the dropout masks
    h, c_n = run(module.train(), case, x, c0)
    grads = torch.autograd.grad(
        [h, c_n], list(leaves.values()), [case["grad_h"], case["grad_c_n"]], allow_unused=True
    )
    found = {
        "weights": module.state_dict(),
        "h": h.detach(),
        "c_n": c_n.detach(),
        "grads": {name: g for name, g in zip(leaves, grads, strict=True) if g is not None},
        "saved": case.get("saved"),
    }
    if "saved" in case:  # SRU++ has no compiled kernel of its own
        return found
    with torch.no_grad():
        single = copy.deepcopy(module).float().eval()
        fast_h, fast_c_n = run(single, case, x.float(), None if c0 is None else c0.float())
    return found | {"fast": (fast_h, fast_c_n)}


def main(package: str, build: str, cases: str, answers: str) -> None:
    """See the head of the file."""
    torch.set_num_threads(1)  # the other version runs beside it
    warnings.simplefilter("error")
    sru = load(Path(package), Path(build))
    warnings.filterwarnings("ignore", "Running SRU on CPU with grad_enabled=True", UserWarning)
    warnings.filterwarnings("ignore", "use_tanh = True is deprecated", UserWarning)
    torch.save({name: answer(sru, case) for name, case in torch.load(cases).items()}, answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
