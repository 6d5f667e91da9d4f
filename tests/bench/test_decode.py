"""Timing of generation: what is timed is right, of the wanted size, and keeps what it says.

Shapes: L time, B batch, V symbols.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils import _pytree

from sru_repro.bench import decode, decoders, stepping
from sru_repro.bench.decoders import MODELS, SYMBOLS, Decoder, Model
from sru_repro.core.errors import RunError
from sru_repro.models import LSTM, SRU, AttentionContext, SRUpp

CPU = torch.device("cpu")
WIDTH = 16
EVERY = pytest.mark.parametrize("name", MODELS)
Only = Callable[..., None]


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Only:
    """`only("sru-2", other=model)`: no more contenders than these."""

    def choose(*names: str, **others: Model) -> None:
        chosen = {name: MODELS[name] for name in names} | others
        for name in list(MODELS):
            monkeypatch.delitem(MODELS, name)
        for name, model in chosen.items():
            monkeypatch.setitem(MODELS, name, model)

    return choose


def built(name: str, window: int, width: int = WIDTH) -> Decoder:
    torch.manual_seed(0)
    return MODELS[name].build(width, window)


def ids(length: int, batch: int) -> Tensor:
    return torch.randint(SYMBOLS, (length, batch), generator=torch.Generator().manual_seed(3))


class Around(nn.Module):
    """An encoder that changes what another one puts out or hands on."""

    def __init__(self, inner: nn.Module, output: Any = None, state: Any = None) -> None:
        super().__init__()
        self.inner, self.output, self.state = inner, output, state

    def forward(self, x_LBD: Tensor, state: Any) -> Any:
        h, state = self.inner(x_LBD, state)
        h = self.output(h) if self.output else h
        return h, self.state(state) if self.state else state


def test_all_contenders_are_right() -> None:
    assert stepping.check(CPU) == len(MODELS) == 11


def _raises(_: Any) -> Any:
    raise RuntimeError("no kernel\nfor this")


def _srupp(window: int) -> nn.Module:
    return SRUpp(WIDTH, WIDTH, 4, 2, attention_context=AttentionContext(window, window))


@pytest.mark.parametrize(
    ("encoder", "line"),
    [
        (lambda window: Around(SRU(WIDTH, WIDTH, 2), state=lambda _: None), ", stepped, is off by "),
        (lambda window: Around(LSTM(WIDTH, WIDTH, 2), output=lambda h: h * torch.nan), "is off by nan"),
        (
            lambda window: Around(SRU(WIDTH, WIDTH, 2), output=_raises),
            "does not run: RuntimeError: no kernel",
        ),
        # Attention weighs nothing while alpha is 0, as at first; that its memory is lost must be seen all the same.
        (lambda window: Around(_srupp(window), state=lambda s: (s[0], {}, {})), ", stepped, is off by "),
        (lambda window: SRU(WIDTH, WIDTH, 2, bidirectional=True), "does not run: RuntimeError: "),
    ],
    ids=["forgets", "no number", "fails", "forgets its memory", "both ways"],
)
def test_a_wrong_contender_stops_everything(
    encoder: Any, line: str, only: Only, monkeypatch: pytest.MonkeyPatch
) -> None:
    only("sru-2", wrong=Model("Wrong", 2, lambda width, window: encoder(window)))
    monkeypatch.setattr(decode, "generation", pytest.fail)
    with pytest.raises(RunError) as error:
        decode.measure(decode.DecodePlan("cpu", contexts=(3,), parameters=9000, width=WIDTH))
    text = str(error.value)
    assert (
        text.startswith("bench: 1 of 2 correctness checks fail, so nothing is timed: Wrong") and line in text
    )
    assert "\n" not in text


def test_the_cells_are_compared_with_an_lstm(only: Only) -> None:
    def encoder(width: int, window: int) -> nn.Module:
        cells = decoders.LSTMCells(decoders.Shape("", "", 1, 1, width, width, 2))
        return Around(cells, output=lambda h: 1.001 * h)

    only(**{"lstm-cells": Model("nn.LSTMCell", 2, encoder, twin=MODELS["lstm-cells"].twin)})
    with pytest.raises(RunError, match=r"nn\.LSTMCell, stepped, is off by"):
        stepping.check(CPU)


@EVERY
def test_parameters_are_told_without_building(name: str) -> None:
    made = sum(weight.numel() for weight in built(name, 5).parameters())
    assert decoders.parameters(MODELS[name], WIDTH) == made


@EVERY
def test_the_width_is_the_one_of_the_wanted_size(name: str) -> None:
    model = MODELS[name]
    sizes = {width: decoders.parameters(model, width) for width in range(8, 129, 8)}
    for wanted in (1000, 20_000, 61_000):
        nearest = min(sizes.values(), key=lambda size: abs(size - wanted))
        assert sizes[decoders.width_for(model, wanted)] == nearest
    standard = decode.DecodePlan("cpu")
    full = decoders.parameters(model, decoders.width_for(model, standard.parameters))
    assert full == pytest.approx(standard.parameters, rel=0.03)


def test_the_two_comparisons() -> None:
    equal, wide = decode.groups(decode.DecodePlan("cpu", parameters=100_000, width=40))
    assert (equal.label, wide.label) == ("About 0.1 million parameters each", "Width 40 each")
    assert list(equal.widths) == list(wide.widths) == list(MODELS) and set(wide.widths.values()) == {40}
    depths = [equal.widths[f"sru-{layers}"] for layers in (2, 4, 8, 16)]
    assert depths == sorted(depths, reverse=True) and len(set(depths)) == 4


@EVERY
def test_a_state_is_copied_for_every_stream(name: str) -> None:
    decoder, text = built(name, 6).double(), ids(9, 1)
    axes = decoders.batch_axes(decoder)
    with torch.no_grad():
        _, one = decoder(text)
        many = decoders.streams(one, axes, 3)
        scores_1BV, after = decoder(torch.tensor([[7, 8, 7]]), many)
        for stream, symbol in enumerate((7, 8, 7)):
            alone_11V, _ = decoder(torch.tensor([[symbol]]), one)
            torch.testing.assert_close(scores_1BV[:, stream], alone_11V[:, 0], rtol=1e-9, atol=1e-9)
        _, expected = decoder(text.expand(-1, 3))
    shapes = [[leaf.shape for leaf in _pytree.tree_leaves(state)] for state in (many, expected)]
    assert shapes[0] == shapes[1], "as if all of them had read the text"
    assert decoders.state_bytes(many, axes) == 3 * decoders.state_bytes(one, axes)
    assert decoders.state_bytes(after, axes) == decoders.state_bytes(many, axes)


def test_what_streams_share_is_not_counted() -> None:
    class Counting(nn.Module):
        def forward(self, x_LBD: Tensor, state: Any) -> Any:
            steps = (0 if state is None else state["steps"]) + len(x_LBD)
            return x_LBD, {"own": x_LBD[-1], "shared": torch.ones(4), "steps": steps}

    decoder = Decoder(Counting(), WIDTH)
    axes = decoders.batch_axes(decoder)
    assert axes == [0, None, None]
    _, state = decoder(ids(5, 1))
    assert decoders.state_bytes(state, axes) == 4 * WIDTH
    many = decoders.streams(state, axes, 3)
    assert (many["own"].shape, many["shared"].shape, many["steps"]) == ((3, WIDTH), (4,), 5)


def kept(name: str, context: int) -> int:
    decoder = built(name, context)
    with torch.no_grad():
        return decoders.state_bytes(decode.read(decoder, context), decoders.batch_axes(decoder))


@EVERY
def test_bytes_that_a_stream_keeps(name: str) -> None:
    few, many = kept(name, 10), kept(name, 30)
    layers = MODELS[name].layers
    if MODELS[name].attends:
        attending = 1 if name.endswith("last") else layers
        assert (many - few) % (4 * attending * 20) == 0 and many > few
    else:
        states = 2 if "lstm" in name else 1
        assert few == many == 4 * states * layers * WIDTH
    if name.startswith("srupp"):
        assert few == 4 * layers * WIDTH + 4 * attending * 10 * 2 * WIDTH // 4


@EVERY
def test_a_context_is_read_in_chunks(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = built(name, 7).double()
    with torch.no_grad():
        whole = decode.read(decoder, 23)
        monkeypatch.setattr(decode, "_CHUNK", 5)
        chunks = decode.read(decoder, 23)
        following = [decoder(torch.tensor([[4]]), state)[0] for state in (whole, chunks)]
    torch.testing.assert_close(*following, rtol=1e-9, atol=1e-9)


def test_the_likeliest_symbol_is_read_next_and_the_state_handed_on() -> None:
    read: list[list[int]] = []

    class Loud(Decoder):
        def forward(self, ids_LB: Tensor, state: Any = None) -> Any:
            read.append(ids_LB[0].tolist())
            assert not torch.is_grad_enabled()
            return super().forward(ids_LB, state)

    torch.manual_seed(0)
    decoder = Loud(SRU(WIDTH, WIDTH, 2), WIDTH).eval()
    call = decode.generation(decoder, None, 2)
    for _ in range(6):
        call()
    asked = torch.tensor(read)
    with torch.no_grad():
        expected = Decoder.forward(decoder, asked)[0].argmax(-1)
    assert asked[0].tolist() == [0, 0] and torch.equal(asked[1:], expected[:-1])


@EVERY
@pytest.mark.parametrize("batch", [1, 3])
def test_a_recorded_step_generates_what_plain_ones_do(name: str, batch: int) -> None:
    """Longer than what attention sees."""
    decoder = built(name, 6).double()
    axes, symbols = decoders.batch_axes(decoder), []
    for make in (decode.generation, decode.recorded):
        with torch.no_grad():
            state = decoders.streams(decode.read(decoder, 6), axes, batch)
        read: list[Tensor] = []
        hook = decoder.embedding.register_forward_pre_hook(
            lambda _, given, read=read: read.append(given[0].clone())
        )
        call = make(decoder, state, batch)
        for _ in range(20):
            call()
        hook.remove()
        symbols.append(torch.cat(read))
    assert torch.equal(*symbols) and symbols[0].shape == (20, batch)


def test_steps_are_timed_as_graphs_where_there_are_graphs(
    only: Only, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(decoder: Decoder, state: Any, batch: int) -> Any:
        if batch > 1:
            raise RuntimeError("no graph of this")
        return decode.recorded(decoder, state, batch)

    only("sru-2", "lstm", "srupp-last")
    assert list(decode._ways(CPU)) == ["plain"]
    assert list(decode._ways(torch.device("cuda"))) == ["plain", "graph"]
    monkeypatch.setattr(decode, "_ways", lambda device: {"plain": decode.generation, "graph": refused})
    record = decode.measure(decode.DecodePlan("cpu", (3,), 20_000, WIDTH, repeats=1, budget_s=0.1))
    for group in record.groups:
        assert group.graphs and len(group.rows) == 6
        for row in group.rows:
            assert row.graph is not None and row.tokens_per_s
            if row.batch > 1:
                assert row.graph.error == "RuntimeError: no graph of this" and row.pace(graph=True) is None
            else:
                assert row.graph.median_s and row.pace(graph=True) == pytest.approx(1 / row.graph.median_s)


@pytest.mark.slow
def test_everything_is_measured(only: Only) -> None:
    def encoder(width: int, window: int) -> nn.Module:
        if window == 5:
            raise RuntimeError("too long")
        return SRU(width, width, 1)

    only("sru-2", "lstm-cells", "srupp-last", odd=Model("Odd", 1, encoder))
    told: list[tuple[float, str]] = []
    settings = decode.DecodePlan("cpu", (5, 3), 20_000, WIDTH, repeats=3, budget_s=0.1)
    record = decode.measure(settings, lambda share, what: told.append((share, what))).plain()
    assert (record["contexts"], record["batches"]) == ([3, 5], [1, 32])
    assert record["correctness"] == {"cases": 4} and record["backend"]["name"]
    assert [group["name"] for group in record["groups"]] == ["parameters", "width"]
    for group in record["groups"]:
        rows = group["rows"]
        identities = {(row["contender"], row["context"], row["batch"]) for row in rows}
        assert len(rows) == len(identities) == 4 * 2 * 2
        for row in rows:
            if row["contender"] == "odd" and row["context"] == 5:
                assert row["error"] == "RuntimeError: too long" and "median_s" not in row
                continue
            assert 0 < row["q1_s"] <= row["median_s"] <= row["q3_s"] and row["repeats"] == 3
            model = MODELS[row["contender"]]
            assert "graph" not in row
            assert row["parameters"] == decoders.parameters(model, row["width"]) and row["state_bytes"] > 0
    shares = [share for share, _ in told]
    assert shares == sorted(shares) and (shares[0], shares[-1]) == (0.0, 1.0)
    assert told[1][1] == "About 0.02 million parameters each, after 3 symbols"


def test_where_there_is_no_room_for_all_streams_the_rest_is_measured(
    only: Only, monkeypatch: pytest.MonkeyPatch
) -> None:
    only("sru-2", "srupp-last")
    right = decoders.streams

    def streams(state: Any, axes: list[int | None], batch: int) -> Any:
        if batch > 1 and isinstance(state, tuple):
            raise RuntimeError("out of memory")
        return right(state, axes, batch)

    monkeypatch.setattr(decode, "streams", streams)
    record = decode.measure(decode.DecodePlan("cpu", (3,), 20_000, WIDTH, repeats=1, budget_s=0.1)).plain()
    for group in record["groups"]:
        failed = {(row["contender"], row["batch"]) for row in group["rows"] if "error" in row}
        assert failed == {("srupp-last", 32)} and all("state_bytes" in row for row in group["rows"])
