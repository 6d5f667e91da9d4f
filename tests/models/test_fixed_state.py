"""Generation from a state whose tensors never change shape gives what the growing state gives.

Shapes: L time, B batch, D input, H output features.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils import _pytree

from sru_repro.models import (
    GRU,
    LSTM,
    QRNN,
    SRU,
    AttentionContext,
    Encoder,
    MinGRU,
    SRUpp,
    Stack,
    TransformerXL,
)

assert_close = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-10)
D, B, STEPS = 6, 3, 17


def attention(window: int) -> AttentionContext:
    return AttentionContext(2, window)


RECURRENT: dict[str, Callable[[], Encoder]] = {
    "sru": lambda: SRU(D, 8, 3),
    "sru-v1": lambda: SRU(D, 8, 2, v1=True, projection_size=3),
    "qrnn": lambda: QRNN(D, 8, 2),
    "qrnn-window": lambda: QRNN(D, 8, 2, window=2, pooling="ifo"),
    "lstm": lambda: LSTM(D, 8, 2),
    "gru": lambda: GRU(D, 8, 2),
    "mingru": lambda: MinGRU(D, 8, 2, expansion=2),
}
ATTENDING: dict[str, Callable[[int], Encoder]] = {
    "srupp": lambda window: SRUpp(D, 8, 4, 2, attention_context=attention(window)),
    "srupp-heads": lambda window: SRUpp(
        D, 8, 4, 3, num_heads=2, attention_every=2, attention_context=attention(window)
    ),
    "srupp-none": lambda window: SRUpp(D, 8, 4, 2, attention_every=0, attention_context=attention(window)),
    "transformer_xl": lambda window: TransformerXL(D, 8, 2, attention_context=attention(window)),
    "transformer_xl-heads": lambda window: TransformerXL(
        8, 8, 2, num_heads=4, clamp_length=3, attention_context=attention(window)
    ),
    "stack": lambda window: Stack(
        [LSTM(D, 8, 1), SRUpp(8, 8, 4, 1, attention_context=attention(window)), SRU(8, 8, 1)], concat=True
    ),
}


def built(make: Callable[[], Encoder]) -> Any:
    """In float64 and evaluation, nothing as it was made: what a weight of zero scales would not be seen."""
    torch.manual_seed(0)
    encoder = make().double().eval()
    for parameter in encoder.parameters():
        nn.init.normal_(parameter, std=0.6)
    return encoder


def inputs(encoder: Any, length: int) -> Tensor:
    size = encoder.layers[0].input_size if isinstance(encoder, Stack) else encoder.input_size
    return torch.randn(length, B, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def shapes(state: Any) -> Any:
    return [(leaf.shape, leaf.dtype) for leaf in _pytree.tree_leaves(state)]


def compare(encoder: Any, prompt: int) -> None:
    """A prompt in one call, then step by step from either state."""
    x = inputs(encoder, prompt + STEPS)
    with torch.no_grad():
        _, growing = encoder(x[:prompt])
        fixed = encoder.fixed_state(growing, STEPS)
        before, made = shapes(fixed), [leaf.clone() for leaf in _pytree.tree_leaves(growing)]
        for x_1BD in x[prompt:].split(1):
            wanted, growing = encoder(x_1BD, growing)
            once, _ = encoder(x_1BD, fixed)
            again, fixed = encoder(x_1BD, fixed)
            assert torch.equal(once, again), "a step may be made twice from the same state"
            assert_close(again, wanted)
            assert shapes(fixed) == before
        whole, _ = encoder(x)
    assert_close(again[-1], whole[-1])
    with torch.no_grad():
        first = encoder(x[:prompt])[1]
    for leaf, same in zip(_pytree.tree_leaves(first), made, strict=True):
        assert_close(leaf, same)


@pytest.mark.parametrize("prompt", [1, 4])
@pytest.mark.parametrize("name", RECURRENT)
def test_recurrences(name: str, prompt: int) -> None:
    compare(built(RECURRENT[name]), prompt)


@pytest.mark.parametrize("window", [0, 1, 3, 8, 50])
@pytest.mark.parametrize("prompt", [1, 5, 12])
@pytest.mark.parametrize("name", ATTENDING)
def test_attention(name: str, prompt: int, window: int) -> None:
    """Windows that the steps go round many times, once, and never fill; prompts below and above them."""
    compare(built(lambda: ATTENDING[name](window)), prompt)


@pytest.mark.parametrize("name", ATTENDING)
def test_slots_are_no_more_than_are_needed(name: str) -> None:
    for window, steps, slots in ((50, 4, 9), (6, 4, 7), (5, 100, 6)):
        encoder = built(partial(ATTENDING[name], window))
        with torch.no_grad():
            fixed = encoder.fixed_state(encoder(inputs(encoder, 5))[1], steps)
        sizes = {len(leaf) for leaf in _pytree.tree_leaves(fixed) if leaf.dim() == 3}
        assert slots in sizes or name == "srupp-none"
        assert max(sizes) <= max(slots, 3)


@pytest.mark.parametrize("name", [*RECURRENT, *ATTENDING])
def test_the_state_it_was_made_from_stays_as_it_is(name: str) -> None:
    encoder = built(RECURRENT.get(name) or (lambda: ATTENDING[name](4)))
    x = inputs(encoder, 6)
    with torch.no_grad():
        _, state = encoder(x[:5])
        kept = [leaf.clone() for leaf in _pytree.tree_leaves(state)]
        fixed = encoder.fixed_state(state, 3)
        for leaf in _pytree.tree_leaves(fixed):
            if leaf.is_floating_point():
                leaf.fill_(torch.nan)
        assert all(map(torch.equal, _pytree.tree_leaves(state), kept))


@pytest.mark.parametrize("name", [name for name in ATTENDING if name != "stack"])
def test_a_fixed_state_is_for_steps_of_generation(name: str) -> None:
    encoder = built(lambda: ATTENDING[name](4))
    x = inputs(encoder, 5)
    with torch.no_grad():
        fixed = encoder.fixed_state(encoder(x)[1], 3)
        with pytest.raises(ValueError, match=r"^state: a fixed one is for one step at a time"):
            encoder(x, fixed)
        with pytest.raises(ValueError, match=r"^steps: expected >= 1, found 0$"):
            encoder.fixed_state(encoder(x)[1], 0)
        with pytest.raises(ValueError, match=r"^state: a fixed one"):
            encoder.train()(x[:1], fixed)
    with pytest.raises(ValueError, match="without gradients"):
        encoder.eval()(x[:1], fixed)


def test_a_state_of_no_stream_cannot_be_fixed() -> None:
    for encoder in (SRUpp(D, 8, 4, 2), TransformerXL(D, 8, 2)):
        with torch.no_grad(), pytest.raises(ValueError, match=r"^state: expected an attention_context"):
            encoder.eval().fixed_state(encoder(torch.zeros(2, 1, D))[1], 1)
