"""What the contenders compute, and what their floors count."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from sru_repro.bench.contenders import CONTENDERS, CausalConvolutions, LSTMCells
from sru_repro.bench.floor import machine_rates, products_alone, recurrence_bytes
from sru_repro.bench.shapes import GROWTH, SHAPES, Shape
from sru_repro.bench.whole import passes, random_lengths

CPU = torch.device("cpu")
SHAPE = Shape("", "", 6, 3, 5, 4, 2, ragged=True)
BOTH = Shape("", "", 6, 3, 5, 4, 2, bidirectional=True, ragged=True)
OURS = [name for name in CONTENDERS if name != "authors"]


def built(name: str, shape: Shape) -> Any:
    torch.manual_seed(0)
    return CONTENDERS[name].build(shape, CPU, torch.float32)


@pytest.mark.parametrize("shape", [SHAPE, BOTH], ids=["one way", "both ways"])
@pytest.mark.parametrize("name", OURS)
def test_a_contender_gives_every_mode(name: str, shape: Shape) -> None:
    subject = built(name, shape)
    calls = passes(subject, shape, CPU, torch.float32)
    assert len(calls) == (2 if subject.ragged is None else 4)
    for mode, call in calls.items():
        result: Any = call()
        if mode.endswith("inference"):
            layout = (3, shape.columns, 6) if subject.channels_first else (6, 3, shape.columns)
            assert result.shape == layout and not result.requires_grad
        else:
            x, *weights = result
            assert x.numel() == 6 * 3 * 5 and len(weights) == len(list(subject.module.parameters()))
            assert all(grad is not None and torch.isfinite(grad).all() for grad in result)


@pytest.mark.parametrize("name", [name for name in OURS if CONTENDERS[name].steps])
def test_steps_equal_the_whole_and_padding_is_left_out(name: str) -> None:
    subject, x = built(name, SHAPE), torch.randn(6, 3, 5)
    with torch.no_grad():
        whole, state, steps = subject.whole(x), None, []
        for x_1BD in x.split(1):
            h_1BH, state = subject.step(x_1BD, state)
            steps.append(h_1BH)
        torch.testing.assert_close(torch.cat(steps), whole)
        if subject.ragged is not None:
            lengths, padding = random_lengths(SHAPE)
            ragged = subject.ragged(x, lengths, padding)
            assert padding.any() and not ragged[padding].any()
            torch.testing.assert_close(ragged[~padding], whole[~padding])


def test_the_cells_are_an_lstm() -> None:
    cells, lstm = LSTMCells(SHAPE), nn.LSTM(5, 4, 2)
    own = zip(cells.parameters(), lstm.parameters(), strict=True)
    with torch.no_grad():
        for weight, theirs in own:
            weight.copy_(theirs)
    x = torch.randn(6, 3, 5)
    torch.testing.assert_close(cells(x)[0], lstm(x)[0])


@pytest.mark.parametrize("window", [2, 3])
def test_convolutions_look_back_only(window: int) -> None:
    model, x = CausalConvolutions(SHAPE, window), torch.randn(3, 5, 6)
    later = x.clone()
    later[:, :, 4:] += 1.0
    assert torch.equal(model(x)[:, :, :4], model(later)[:, :, :4])
    assert not torch.equal(model(x)[:, :, 4], model(later)[:, :, 4])


@pytest.mark.parametrize("name", ["sru", "sru-v1", "qrnn"])
def test_the_floor_has_the_products_of_the_model(name: str) -> None:
    def multiplications(call: Any) -> int:
        with FlopCounterMode(display=False) as counter:
            call()
        counted = counter.get_flop_counts()["Global"].items()
        return sum(count for op, count in counted if "sru_repro" not in str(op))

    subject = built(name, SHAPE)
    assert subject.products == (((5, 16), (4, 12)) if name != "qrnn" else ((5, 12), (4, 12)))
    forward, training = products_alone(subject.products, 6, 3, CPU, torch.float32)
    calls = passes(subject, SHAPE, CPU, torch.float32)
    assert multiplications(forward) == multiplications(calls["inference"]) > 0
    assert multiplications(training) == 3 * multiplications(forward), (
        "forward, and the gradients of both factors"
    )


def test_bytes_of_a_recurrence() -> None:
    u, x, h, states = 2 * 3 * 3 * 8, 2 * 3 * 8, 2 * 3 * 8, 2 * 3 * 8
    forward, training = recurrence_bytes(2, 3, 3, 8, torch.bfloat16, skip_input=True)
    assert forward == 2 * (u + x + h)
    # forward and the states; then U, x, dh and the states again, and dU and dx
    assert training == forward + 4 * states + (2 * (u + x + h) + 4 * states) + 2 * (u + x)


def test_rates_of_this_machine() -> None:
    rates = machine_rates(CPU, copied=2**20).plain()
    assert set(rates) == {"copy_bytes_per_s", "float32_flop_per_s", "bfloat16_flop_per_s"}
    assert all(rate is not None and rate > 1e8 for rate in rates.values())


def test_the_shapes_are_those_of_the_papers_and_the_tasks() -> None:
    def size(shape: Shape) -> tuple[int, ...]:
        return shape.length, shape.batch, shape.input_size, shape.hidden_size, shape.layers

    assert {name: size(shape) for name, shape in SHAPES.items()} == {
        "figure-256": (32, 32, 256, 256, 1),
        "figure-512": (128, 32, 512, 512, 1),
        "sst": (20, 32, 300, 128, 2),
        "reader": (300, 32, 128, 128, 4),
        "reader-both": (300, 32, 128, 128, 4),
        "lm-512": (128, 32, 512, 512, 4),
        "lm-1024": (256, 16, 1024, 1024, 2),
        "lm-long": (512, 8, 1024, 1024, 1),
        "wide": (64, 128, 512, 512, 1),
        "decode": (64, 1, 512, 512, 2),
    }
    assert [name for name, shape in SHAPES.items() if shape.bidirectional] == ["reader-both"]
    for sizes in ("length", "batch", "hidden_size"):
        assert len({getattr(shape, sizes) for shape in GROWTH.values()}) == 5
