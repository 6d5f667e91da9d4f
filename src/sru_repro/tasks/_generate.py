"""How a text is continued: one symbol is drawn, read, and the next one is drawn.

Shapes: L time, B batch (1 for a text), V vocabulary.
"""

import math
import warnings
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from ..core.errors import ConfigError, RunError
from ..models import RecordedSteps, State

StepOver = Callable[[Tensor, State], tuple[Tensor, State]]
"""Symbols (L, B) and the state before them to log-probabilities (B, V) of what follows the last, and the next state."""

Fixed = Callable[[State, int], State]
"""An ordinary state, and how many steps are to come, to a state that one recorded step can carry; see
`Encoder.fixed_state`."""


def sample(log_p_BV: Tensor, temperature: float, top_k: int, generator: torch.Generator) -> Tensor:
    """One symbol a row, (B,), in float64 on the host, so that a seed draws the same on every device.

    Args:
        log_p_BV: log-probabilities; they need not be normalised.
        temperature: they are divided by it; 0 takes the likeliest symbol and draws nothing.
        top_k: only so many of the likeliest symbols may be drawn; 0, or more than there are: all.

    Raises:
        ConfigError: a temperature or a top_k that makes no sense.
        RunError: a row that holds no number to draw by.
    """
    if not (math.isfinite(temperature) and temperature >= 0):
        raise ConfigError(f"temperature: expected a number from 0 on, found {temperature!r}")
    if top_k < 0:
        raise ConfigError(f"top_k: expected 0 (all symbols) or more, found {top_k}")
    scores_BV = log_p_BV.detach().to("cpu", torch.float64)
    best_B1 = scores_BV.amax(-1, keepdim=True)
    if not torch.isfinite(best_B1).all():
        raise RunError("the model's probabilities are not numbers; was the run diverging?")
    if temperature == 0:
        return scores_BV.argmax(-1)
    # The likeliest is at zero before it is divided: a tiny temperature then leaves it alone with a weight of 1.
    weights_BV = ((scores_BV - best_B1) / temperature).exp()
    if 0 < top_k < scores_BV.size(-1):
        kept_BK = scores_BV.topk(top_k).indices  # of the scores: a high temperature makes all weights alike
        weights_BV = torch.zeros_like(weights_BV).scatter(-1, kept_BK, weights_BV.gather(-1, kept_BK))
    return torch.multinomial(weights_BV, 1, generator=generator).squeeze(-1)


def continuation(
    step: StepOver,
    prompt_ids: Sequence[int],
    length: int,
    *,
    start: int = 0,
    temperature: float = 1.0,
    top_k: int = 0,
    seed: int = 1,
    device: torch.device | str = "cpu",
    fixed: Fixed | None = None,
    recorded: bool = True,
) -> Iterator[int]:
    """The `length` symbols that follow the prompt, each as soon as it is drawn; always the same ones for a seed.

    The prompt goes through the model in one call; then every symbol in a call of its own, with the state handed on.
    That call is recorded once, see `RecordedSteps`.

    Args:
        step: the model, see `StepOver`.
        prompt_ids: the symbols to go on from; where there are none, `start` is read in their place.
        device: where the model's symbols go.
        fixed: of the model's encoder; None: the state is handed on as the model gives it.
        recorded: False: steps stay plain calls, as for a few symbols amid a training, which has graphs of its own.
    """
    if length < 1:
        raise ConfigError(f"length: expected 1 or more symbols, found {length}")
    generator = torch.Generator().manual_seed(seed)
    read_L1 = torch.tensor(list(prompt_ids) or [start], device=device).unsqueeze(1)
    with torch.no_grad():
        log_p_1V, state = step(read_L1, None)
    advance: Callable[[Tensor], Tensor] | None = None
    for left in range(length - 1, -1, -1):
        drawn_1 = sample(log_p_1V, temperature, top_k, generator)
        yield int(drawn_1)
        read_11 = drawn_1.to(device).unsqueeze(0)
        if left and not recorded:
            with torch.no_grad():
                log_p_1V, state = step(read_11, state)
        elif left:
            advance = advance or _advancing(step, read_11, state, left, fixed)
            log_p_1V = advance(read_11)


def _advancing(
    step: StepOver, read_11: Tensor, state: State, left: int, fixed: Fixed | None
) -> Callable[[Tensor], Tensor]:
    """Symbols to log-probabilities of what follows them, `left` times, the state carried along."""
    if fixed is not None:
        state = fixed(state, left)
    steps = RecordedSteps(step, read_11, state)
    if steps.why_not:
        warnings.warn(f"generation goes on with plain steps: {steps.why_not}", stacklevel=3)
    return steps
