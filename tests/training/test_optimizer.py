"""The optimisers against torch's own classes and against the definition of decoupled decay."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sru_repro.core.errors import ConfigError
from sru_repro.training.config import OptimConfig, RunConfig, check
from sru_repro.training.optimizer import make_optimizer
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
    for key in ("accumulate", "compile"):
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
