"""The optimisers against torch's own classes and against the definition of decoupled decay."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sru_repro.core.errors import ConfigError
from sru_repro.training.config import OptimConfig, RunConfig, check
from sru_repro.training.optimizer import CLASSES, FUSED, clip, make_optimizer, options_of, set_rate
from sru_repro.training.run import train
from sru_repro.training.weights import LAST

Configured = Callable[..., RunConfig]
LR, DECAY, BETAS = 0.1, 0.2, (0.8, 0.95)


def optim(name: str, **settings: Any) -> OptimConfig:
    return OptimConfig(**{"name": name, "lr": LR, "weight_decay": DECAY, "clip_norm": 0.0, **settings})


def after(make: Callable[[list[torch.nn.Parameter]], torch.optim.Optimizer], zero: bool = False) -> Any:
    """Weights after five steps on fixed gradients."""
    draw = torch.Generator().manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(7, generator=draw, dtype=torch.float64))
    optimizer = make([weight])
    for _ in range(5):
        weight.grad = torch.randn(7, generator=draw, dtype=torch.float64) * (0 if zero else 1)
        optimizer.step()
    return weight.detach()


@pytest.mark.parametrize(
    ("config", "theirs", "options"),
    [
        (optim("adam", betas=BETAS), torch.optim.Adam, {"betas": BETAS}),
        (optim("adam", betas=BETAS, decoupled=True), torch.optim.AdamW, {"betas": BETAS}),
        (optim("adamw", betas=BETAS), torch.optim.AdamW, {"betas": BETAS}),
        (optim("adamax", betas=BETAS), torch.optim.Adamax, {"betas": BETAS}),
        (optim("radam", betas=BETAS), torch.optim.RAdam, {"betas": BETAS}),
        (
            optim("radam", betas=BETAS, decoupled=True),
            torch.optim.RAdam,
            {"betas": BETAS, "decoupled_weight_decay": True},
        ),
        (optim("sgd", betas=BETAS), torch.optim.SGD, {}),
    ],
    ids=lambda value: f"{value.name} {value.decoupled}" if isinstance(value, OptimConfig) else "",
)
def test_it_is_torchs_own(config: OptimConfig, theirs: Any, options: dict[str, Any]) -> None:
    found = after(lambda weights: make_optimizer(weights, config))
    expected = after(lambda weights: theirs(weights, lr=LR, weight_decay=DECAY, **options))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["adam", "radam"])
def test_decoupled_decay_shrinks_weights_by_rate_times_decay(name: str) -> None:
    start = after(lambda weights: torch.optim.SGD(weights, lr=0.0))
    found = after(lambda weights: make_optimizer(weights, optim(name, decoupled=True)), zero=True)
    torch.testing.assert_close(found, start * (1 - LR * DECAY) ** 5, rtol=1e-12, atol=0)
    coupled = after(lambda weights: make_optimizer(weights, optim(name)), zero=True)
    assert not torch.allclose(coupled, found, rtol=1e-3)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            "name=sgd optim.decoupled=true",
            "optim: decoupled=true needs a name among adam, adamw, radam, found sgd",
        ),
        (
            "name=adamax optim.decoupled=true",
            "optim: decoupled=true needs a name among adam, adamw, radam, found adamax",
        ),
        ("betas=[0.9,1.0]", "optim.betas.1: expected less than 1, found 1.0"),
        ("betas=[-0.1,0.9]", "optim.betas.0: expected greater than or equal to 0, found -0.1"),
        ("betas=[0.9,high]", "optim.betas.1: expected number, found 'high'"),
        ("betas=[0.9]", "optim.betas.1: missing; expected a value"),
        ("betas=0.9", "optim.betas: expected tuple, found 0.9"),
    ],
)
def test_what_cannot_be_is_refused(words: str, line: str, configured: Configured) -> None:
    with pytest.raises(ConfigError) as refused:
        configured("sst", *f"optim.{words}".split())
    assert str(refused.value) == line


def test_a_record_from_before_these_settings_still_loads(configured: Configured) -> None:
    now = configured("lm")
    plain = {name: dict(group) if isinstance(group, dict) else group for name, group in now.plain.items()}
    for key in ("betas", "decoupled", "schedule", "warmup_steps", "decay_steps", "noam_size"):
        del plain["optim"][key]
    for key in ("accumulate", "compile", "graph"):
        del plain["trainer"][key]
    then = check(plain)
    assert then.optim == now.optim and then.trainer == now.trainer


@pytest.mark.parametrize("clip", [0.0, 0.01])
def test_gradients_are_clipped_all_together(clip: float, configured: Configured, tmp_path: Path) -> None:
    """One step of plain gradient descent moves all weights together by the rate times what is left of the norm."""
    words = ("optim.name=sgd", "trainer.max_epochs=0", "trainer.max_steps=1", f"optim.clip_norm={clip}")
    for lr in ("1e-30", "0.5"):
        train(configured("sst", *words, f"optim.lr={lr}"), tmp_path / lr, [])
    start, moved = weights(tmp_path / "1e-30"), weights(tmp_path / "0.5")
    length = float((moved - start).norm())
    assert length == pytest.approx(0.5 * clip, rel=1e-3) if clip else length > 0.05


def weights(folder: Path) -> torch.Tensor:
    """All that a run ended with, in one row of float64."""
    state = torch.load(folder / LAST, weights_only=True)["state_dict"].values()
    return torch.cat([value.flatten().double() for value in state if isinstance(value, torch.Tensor)])


CUDA = torch.device("cuda")


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_on_a_gpu_a_step_waits_for_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates and counts are tensors, whatever is clipped; the numbers are those of a CPU otherwise."""
    made: list[torch.device] = []

    def tensor(value: float, device: torch.device) -> torch.Tensor:
        made.append(device)
        return torch.scalar_tensor(value)

    monkeypatch.setattr(torch, "tensor", tensor)
    for clip_norm in (0.0, 1.0):
        options = options_of(optim(name, betas=BETAS, clip_norm=clip_norm), CUDA)
        assert isinstance(options["lr"], torch.Tensor) and float(options["lr"]) == pytest.approx(LR)
        assert options.get("fused", False) == (name in FUSED)
        assert options.get("capturable", False) == (name != "sgd")
    assert made == [CUDA, CUDA]
    there = options_of(optim(name, betas=BETAS), torch.device("cpu"))
    assert there["lr"] == LR and "capturable" not in there
    assert {k: v for k, v in there.items() if k not in ("lr", "fused")} == {
        k: v for k, v in options.items() if k not in ("lr", "fused", "capturable")
    }


def test_a_rate_is_a_number_or_the_tensor_that_a_graph_reads() -> None:
    weight = torch.nn.Parameter(torch.zeros(1))
    plain, recorded = torch.optim.SGD([weight], lr=1.0), torch.optim.SGD([weight], lr=torch.tensor(1.0))
    kept = recorded.param_groups[0]["lr"]
    for optimizer in (plain, recorded):
        set_rate(optimizer, 0.25)
    assert plain.param_groups[0]["lr"] == 0.25
    assert recorded.param_groups[0]["lr"] is kept and float(kept) == 0.25


@pytest.mark.parametrize("scale", [None, 1024.0])
@pytest.mark.parametrize("most", [0.1, 100.0])
def test_clipping_is_torchs_also_of_scaled_gradients(most: float, scale: float | None) -> None:
    torch.manual_seed(0)
    factor = scale or 1.0
    ours, theirs = ([torch.nn.Parameter(torch.zeros(n)) for n in (3, 4, 2)] for _ in range(2))
    for mine, other in zip(ours[:2], theirs[:2], strict=True):  # one has none
        other.grad = torch.randn_like(other)
        mine.grad = other.grad * factor
    clip(torch.optim.SGD(ours), most, None if scale is None else torch.tensor(scale))
    torch.nn.utils.clip_grad_norm_(theirs, most)
    for mine, other in zip(ours[:2], theirs[:2], strict=True):
        assert mine.grad is not None and other.grad is not None
        torch.testing.assert_close(mine.grad / factor, other.grad)
    assert ours[2].grad is None
