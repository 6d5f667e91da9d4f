"""How a text is continued: what is drawn, how often, and that stepping is the model's own whole pass.

Shapes: L time, B batch, H encoding, V vocabulary.
"""

from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sru_repro.core.errors import ConfigError, RunError
from sru_repro.models import (
    GRU,
    LSTM,
    QRNN,
    SRU,
    AttentionContext,
    Encoder,
    MinGRU,
    RecordedSteps,
    SRUpp,
    TransformerXL,
)
from sru_repro.tasks._generate import continuation, sample

P = torch.tensor([0.1, 0.4, 0.05, 0.25, 0.2], dtype=torch.float64)
ROWS = 40_000


def drawn(temperature: float, top_k: int, shift: float = 0.0) -> Tensor:
    """How often each symbol came, of `ROWS` draws."""
    log_p_BV = (P.log() + shift).float().expand(ROWS, -1)
    symbols_B = sample(log_p_BV, temperature, top_k, torch.Generator().manual_seed(0))
    assert symbols_B.shape == (ROWS,)
    return torch.bincount(symbols_B, minlength=len(P)) / ROWS


@pytest.mark.parametrize("shift", [0.0, 50.0])
@pytest.mark.parametrize("top_k", [0, 1, 2, 3, 5, 99])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_symbols_come_as_often_as_they_should(temperature: float, top_k: int, shift: float) -> None:
    expected = P ** (1 / temperature)
    if top_k:
        expected[P.argsort(descending=True)[top_k:]] = 0
    expected /= expected.sum()
    found = drawn(temperature, top_k, shift)
    assert not found[expected == 0].any()
    five_deviations = 5 * (expected * (1 - expected) / ROWS).sqrt()
    assert ((found - expected).abs() <= five_deviations).all()


@pytest.mark.parametrize("temperature", [0.0, 5e-324, 1e-9])
def test_a_temperature_towards_zero_takes_the_likeliest(temperature: float) -> None:
    assert drawn(temperature, 0)[1] == 1


def test_a_temperature_without_end_draws_all_alike() -> None:
    assert drawn(1e300, 0) == pytest.approx([0.2] * 5, abs=0.01)
    assert drawn(1e300, 2)[[1, 3]] == pytest.approx([0.5] * 2, abs=0.015)


def test_what_is_impossible_is_never_drawn() -> None:
    log_p_BV = torch.tensor([0.0, -torch.inf, 0.0, -torch.inf]).expand(1000, -1)
    for temperature in (0.0, 1e-6, 1.0, 1e300):
        found = sample(log_p_BV, temperature, 3, torch.Generator().manual_seed(0))
        assert set(found.tolist()) <= {0, 2}


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_what_is_no_number_is_told(value: float, temperature: float) -> None:
    with pytest.raises(RunError, match="not numbers"):
        sample(torch.tensor([[0.0, value]]), temperature, 0, torch.Generator())


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"temperature": -0.1}, "temperature: expected a number from 0 on, found -0.1"),
        ({"temperature": float("nan")}, "temperature: expected a number from 0 on, found nan"),
        ({"top_k": -1}, r"top_k: expected 0 \(all symbols\) or more, found -1"),
        ({"length": 0}, "length: expected 1 or more symbols, found 0"),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, Any], line: str) -> None:
    options: dict[str, Any] = {"length": 3, **changes}
    with pytest.raises(ConfigError, match=line):
        list(continuation(counting, [1], **options))


def counting(ids_LB: Tensor, state: int | None) -> tuple[Tensor, int]:
    """The likeliest symbol is the number of symbols read so far, modulo five; the others are equally likely."""
    read = (state or 0) + len(ids_LB)
    return torch.nn.functional.one_hot(torch.tensor([read % 5]), 5).float(), read


def test_the_prompt_goes_in_one_call_and_then_symbol_by_symbol() -> None:
    calls: list[list[int]] = []

    def step(ids_LB: Tensor, state: Any) -> tuple[Tensor, Any]:
        assert ids_LB.shape == (len(ids_LB), 1) and not torch.is_grad_enabled()
        calls.append(ids_LB.flatten().tolist())
        return counting(ids_LB, state)

    assert list(continuation(step, [4, 0, 2], 4, temperature=0)) == [3, 4, 0, 1]
    assert calls == [[4, 0, 2], [3], [4], [0]]


def test_an_empty_prompt_starts_from_the_given_symbol() -> None:
    first: list[int] = []

    def step(ids_LB: Tensor, state: Any) -> tuple[Tensor, Any]:
        first.extend(ids_LB.flatten().tolist())
        return counting(ids_LB, state)

    assert list(continuation(step, [], 2, start=3, temperature=0)) == [1, 2]
    assert first == [3, 1], "the start is read and not told"


def test_a_symbol_is_there_before_the_next_is_computed() -> None:
    calls = 0

    def step(ids_LB: Tensor, state: Any) -> tuple[Tensor, Any]:
        nonlocal calls
        calls += 1
        return counting(ids_LB, state)

    symbols = continuation(step, [1], 10**9, temperature=0)
    assert (list(islice(symbols, 3)), calls) == ([1, 2, 3], 3)


def test_a_seed_draws_alike_whatever_else_is_drawn() -> None:
    def text(seed: int) -> list[int]:
        torch.rand(3)
        before, found = torch.get_rng_state(), list(continuation(counting, [1], 50, seed=seed))
        assert torch.equal(torch.get_rng_state(), before), "and leaves the common generator alone"
        return found

    assert text(1) == text(1) != text(2)
    assert text(0) == list(continuation(counting, [1], 50, seed=0))


class Small(nn.Module):
    """A language model of 7 symbols around an encoder."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.embedding, self.encoder = nn.Embedding(7, 6), encoder
        self.output = nn.Linear(encoder.output_size, 7)
        self.asked: list[Tensor] = []

    def forward(self, ids_LB: Tensor, state: Any) -> tuple[Tensor, Any]:
        """All log-probabilities (L, B, V)."""
        h_LBH, state = self.encoder(self.embedding(ids_LB), state)
        return self.output(h_LBH).log_softmax(-1), state

    def step(self, ids_LB: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Those of the last position, which are kept."""
        log_p_LBV, state = self(ids_LB, state)
        self.asked.append(log_p_LBV[-1])
        return log_p_LBV[-1], state


@pytest.mark.parametrize("prompt", [[], [3, 1, 4, 1, 5]], ids=["from nothing", "from a prompt"])
@pytest.mark.parametrize(
    "build",
    [
        lambda: SRU(6, 6, 3),
        lambda: SRU(6, 8, 2, v1=True),
        lambda: LSTM(6, 5, 2),
        lambda: GRU(6, 5, 2),
        lambda: QRNN(6, 5, 2, window=2),
    ],
    ids=["sru", "sru v1", "lstm", "gru", "qrnn"],
)
def test_stepping_is_the_whole_pass(build: Callable[[], Encoder], prompt: list[int]) -> None:
    torch.manual_seed(0)
    model = Small(build()).double().eval()
    symbols = list(continuation(model.step, prompt, 12, start=2, seed=5))
    read = [*(prompt or [2]), *symbols[:-1]]
    with torch.no_grad():
        whole_LBV, _ = model(torch.tensor(read).unsqueeze(1), None)
    torch.testing.assert_close(torch.stack(model.asked), whole_LBV[-12:], rtol=1e-10, atol=1e-12)
    assert len(set(symbols)) > 1


ENCODERS: dict[str, Callable[[], Encoder]] = {
    "sru": lambda: SRU(6, 6, 3),
    "lstm": lambda: LSTM(6, 5, 2),
    "gru": lambda: GRU(6, 5, 2),
    "qrnn": lambda: QRNN(6, 5, 2, window=2),
    "mingru": lambda: MinGRU(6, 6, 2),
    "srupp": lambda: SRUpp(6, 6, 4, 2, num_heads=2, attention_context=AttentionContext(4, 4)),
    "transformer-xl": lambda: TransformerXL(
        6, 6, 2, num_heads=3, clamp_length=3, attention_context=AttentionContext(4, 4)
    ),
}


@pytest.mark.parametrize("prompt", [[], [3, 1, 4, 1, 5, 6]], ids=["from nothing", "from a prompt"])
@pytest.mark.parametrize("name", ENCODERS)
def test_a_recorded_step_draws_the_text_of_plain_ones(name: str, prompt: list[int]) -> None:
    """The window of those with attention is passed by many times; the same in float32, as a run's model is."""
    torch.manual_seed(0)
    model = Small(ENCODERS[name]()).eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5)
    drawing: dict[str, Any] = {"length": 60, "start": 2, "seed": 5}
    plain = list(continuation(model.step, prompt, **drawing))
    told, model.asked = model.asked, []
    assert list(continuation(model.step, prompt, **drawing, fixed=model.encoder.fixed_state)) == plain
    torch.testing.assert_close(torch.stack(model.asked), torch.stack(told), rtol=1e-4, atol=1e-5)
    assert len(set(plain)) > 3


def test_a_step_that_cannot_be_recorded_is_made_plainly_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = Small(LSTM(6, 5, 2)).eval()
    plain = list(continuation(model.step, [1], 5))

    class Refused(RecordedSteps[Tensor]):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self.why_not = "no graph here"

    monkeypatch.setattr("sru_repro.tasks._generate.RecordedSteps", Refused)
    with pytest.warns(UserWarning, match="^generation goes on with plain steps: no graph here$"):
        assert list(continuation(model.step, [1], 5, fixed=model.encoder.fixed_state)) == plain
