"""What every encoder promises: sizes, streaming, causality, padding; and the papers' parameter counts.

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
    CNN,
    GRU,
    LSTM,
    QRNN,
    SRU,
    AttentionContext,
    Encoder,
    MinGRU,
    TransformerXL,
    detach,
)

assert_close = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-10)

L, B, D = 7, 4, 6
RECURRENT: dict[str, Callable[[], Encoder]] = {
    "sru": lambda: SRU(D, 8, 3),
    "sru-bidirectional": lambda: SRU(D, 4, 2, bidirectional=True, highway_bias=-1.0),
    "sru-v1-projection": lambda: SRU(D, 8, 2, v1=True, projection_size=3, activation="tanh"),
    "sru-pre": lambda: SRU(D, 8, 2, layer_norm="pre", rescale=False),
    "sru-post": lambda: SRU(D, 6, 2, layer_norm="post", has_skip_term=False),
    "qrnn": lambda: QRNN(D, 8, 2),
    "qrnn-window": lambda: QRNN(D, 8, 3, window=2, pooling="ifo", zoneout=0.2),
    "qrnn-f": lambda: QRNN(D, 8, 1, window=2, pooling="f"),
    "qrnn-highway": lambda: QRNN(D, 8, 2, highway=True),
    "qrnn-bidirectional": lambda: QRNN(D, 4, 2, highway=True, bidirectional=True),
    "lstm": lambda: LSTM(D, 8, 2),
    "lstm-bidirectional": lambda: LSTM(D, 4, 1, bidirectional=True),
    "gru": lambda: GRU(D, 8, 2),
    "mingru": lambda: MinGRU(D, 8, 3),
    "mingru-expansion": lambda: MinGRU(D, 6, 2, expansion=2),
    "mingru-bidirectional": lambda: MinGRU(D, 4, 3, expansion=2, bidirectional=True),
    # Attention with a window below and above the length, and over the whole sequence.
    "transformer_xl": lambda: TransformerXL(D, 8, 2, num_heads=2, attention_context=AttentionContext(5, 4)),
    "transformer_xl-wide": lambda: TransformerXL(
        D, 6, 2, num_heads=3, clamp_length=3, attention_context=AttentionContext(0, 40)
    ),
    "transformer_xl-whole": lambda: TransformerXL(D, 8, 2, num_heads=2),
}
TORCHS_OWN = ("lstm", "lstm-bidirectional", "gru")
WITH_MEMORY = ("transformer_xl", "transformer_xl-wide")
"""They take no padding: it would stand in the memory."""


def looks_ahead(name: str) -> bool:
    """Whether an output depends on later inputs."""
    return "bidirectional" in name or name in ("cnn", "transformer_xl-whole")


def built(name: str) -> Any:
    """The encoder in float64 and evaluation, its vectors (biases, norms) away from their constants."""
    torch.manual_seed(0)
    encoder = (RECURRENT | {"cnn": lambda: CNN(D, filters=5, widths=[2, 4])})[name]().double().eval()
    for parameter in encoder.parameters():
        if parameter.dim() == 1:
            nn.init.normal_(parameter)
    return encoder


def inputs() -> Tensor:
    """(L, B, D)."""
    return torch.randn(L, B, D, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def some_state(encoder: Encoder) -> Any:
    """A state that a call could have handed on."""
    return detach(encoder(inputs().flip(0))[1])


def row_of(state: Any, row: int) -> Any:
    """One row's share of a state: every tensor in it ends in (B, features). None where there is no state."""
    return None if state is None else _pytree.tree_map(lambda leaf: leaf[..., row : row + 1, :], state)


@pytest.mark.parametrize("name", [*RECURRENT, "cnn"])
def test_sizes_are_as_declared(name: str) -> None:
    encoder = built(name)
    h, _ = encoder(inputs())
    assert h.shape == (1 if name == "cnn" else L, B, encoder.output_size)
    assert encoder.streams == encoder.causal == (not looks_ahead(name))


@pytest.mark.parametrize("with_state", [False, True])
@pytest.mark.parametrize("name", [name for name in RECURRENT if not looks_ahead(name)])
def test_pieces_with_the_state_handed_on_equal_the_whole(name: str, with_state: bool) -> None:
    encoder = built(name)
    state = first = some_state(encoder) if with_state else None
    whole, end = encoder(inputs(), first)
    pieces = []
    for piece in (*inputs()[:3].split(1), inputs()[3:]):
        h, state = encoder(piece, state)
        state = detach(state)
        assert not any(leaf.requires_grad for leaf in _pytree.tree_leaves(state))
        pieces.append(h)
    assert_close(torch.cat(pieces), whole)
    assert_close(state, detach(end))


@pytest.mark.parametrize("name", RECURRENT)
def test_outputs_of_causal_encoders_depend_on_the_past_only(name: str) -> None:
    encoder, changed = built(name), inputs()
    changed[4] += 1.0
    same = (encoder(inputs())[0] == encoder(changed)[0]).all(-1).all(-1)
    assert same[:4].all() == encoder.causal
    assert not same[4:].any()


@pytest.mark.parametrize("with_state", [False, True])
@pytest.mark.parametrize("name", [name for name in RECURRENT if name not in WITH_MEMORY])
def test_rows_padded_on_the_right_equal_rows_alone(name: str, with_state: bool) -> None:
    encoder, x, lengths = built(name), inputs(), (7, 5, 1, 3)
    state = some_state(encoder) if with_state else None
    padding_LB = torch.arange(L).unsqueeze(1) >= torch.tensor(lengths)
    h, end = encoder(x, state, padding_LB)
    assert not h[padding_LB].any()
    for row, length in enumerate(lengths):
        alone, alone_end = encoder(x[:length, row : row + 1], None if state is None else row_of(state, row))
        assert_close(h[:length, row], alone[:, 0])
        assert_close(row_of(end, row), alone_end)


@pytest.mark.parametrize("name", [name for name in RECURRENT if name not in (*TORCHS_OWN, *WITH_MEMORY)])
def test_padding_may_stand_anywhere(name: str) -> None:
    encoder, x = built(name), inputs()
    padding_LB = torch.rand(L, B, generator=torch.Generator().manual_seed(2)) > 0.5
    padding_LB[:3, 0], padding_LB[3:, 0] = True, False  # on the left
    padding_LB[:, 1] = True  # nothing but padding
    state = some_state(encoder)
    h, end = encoder(x, state, padding_LB)
    assert not h[padding_LB].any()
    assert_close(row_of(end, 1), row_of(state, 1))
    for row in (0, 2, 3):
        kept = ~padding_LB[:, row]
        alone, alone_end = encoder(x[kept][:, row : row + 1], row_of(state, row))
        assert_close(h[kept, row], alone[:, 0])
        assert_close(row_of(end, row), alone_end)


@pytest.mark.parametrize("name", TORCHS_OWN)
def test_torchs_own_take_padding_only_behind_a_sequence(name: str) -> None:
    left = torch.zeros(L, B, dtype=torch.bool)
    left[0, 1] = True
    for padding_LB in (left, torch.ones(L, B, dtype=torch.bool)):
        with pytest.raises(ValueError, match=r"^padding: "):
            built(name)(inputs(), None, padding_LB)


@pytest.mark.parametrize("name", WITH_MEMORY)
def test_a_memory_takes_no_padding(name: str) -> None:
    with pytest.raises(ValueError, match=r"^padding: "):
        built(name)(inputs(), None, torch.zeros(L, B, dtype=torch.bool))


@pytest.mark.parametrize("lengths", [(7, 6, 5, 4), (7, 3, 2, 1)], ids=str)
def test_the_cnns_result_does_not_depend_on_padding(lengths: tuple[int, ...]) -> None:
    encoder, x = built("cnn"), inputs()
    behind = torch.arange(L).unsqueeze(1) >= torch.tensor(lengths)
    for padding_LB in (behind, behind.flip(0)):
        h, _ = encoder(x, None, padding_LB)
        for row in range(B):
            alone, _ = encoder(x[~padding_LB[:, row]][:, row : row + 1])
            assert_close(h[:, row], alone[:, 0])


@pytest.mark.parametrize(
    ("encoder", "count"),
    [
        (lambda: SRU(300, 128, 2), 204_034),
        (lambda: SRU(300, 128, 4), 303_362),
        (lambda: SRU(300, 128, 8), 502_018),
        (lambda: LSTM(300, 128, 2), 352_514),
        (lambda: CNN(300), 360_902),
        (lambda: QRNN(300, 128, 2), 165_378),
        (lambda: QRNN(300, 128, 2, highway=True), 203_778),
    ],
    ids=["sru2", "sru4", "sru8", "lstm2", "cnn", "qrnn2", "qrnn2-highway"],
)
def test_parameters_of_table_1_of_the_sru_paper(encoder: Callable[[], Encoder], count: int) -> None:
    with torch.device("meta"):
        model = encoder()
        classifier = nn.Linear(model.output_size, 2)
    assert sum(p.numel() for module in (model, classifier) for p in module.parameters()) == count
