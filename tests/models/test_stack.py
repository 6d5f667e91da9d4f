"""Encoders as single layers, and a stack of them: sizes, weights, masks, outputs side by side.

Shapes: L time, B batch, D input, H output features.
"""

from typing import Any

import pytest
import torch
from torch import Tensor

from sru_repro.cli.compose import composed
from sru_repro.models import Encoder, encoder_class
from sru_repro.models import sru as models_sru
from sru_repro.models._base import State
from sru_repro.models._stack import Stack

L, B, D = 7, 3, 10
WHOLE = {
    "sru": ("model.bidirectional=true", "model.projection_size=4", "model.highway_bias=-1"),
    "srupp": ("model.projection_size=4", "model.bidirectional=true", "model.attention_every=2"),
    "qrnn": ("model.highway=true",),
    "mingru": ("model.expansion=2",),
    "gru": (),
    "lstm": ("model.bidirectional=true",),
    "transformer_xl": ("model.num_heads=2",),
}


def settings(name: str, *words: str) -> Any:
    """Three small layers."""
    return composed(["task=sst", f"model={name}", "model.hidden_size=8", "model.num_layers=3", *words]).model


def inputs() -> Tensor:
    """(L, B, D)."""
    return torch.randn(L, B, D, generator=torch.Generator().manual_seed(1))


class Recorder(Encoder):
    """Keeps what it reads, and says it twice."""

    causal = streams = True

    def __init__(self, size: int, bidirectional: bool = False) -> None:
        super().__init__()
        self.output_size, self.bidirectional = 2 * size, bidirectional

    def forward(
        self, x_LBD: Tensor, state: State = None, padding_LB: Tensor | None = None
    ) -> tuple[Tensor, State]:
        self.read, self.padding = x_LBD, padding_LB
        return torch.cat([x_LBD, -x_LBD], -1), (0 if state is None else state) + 1


@pytest.mark.parametrize("name", ["sru", "srupp", "qrnn", "mingru"])
def test_a_stack_with_the_weights_of_the_whole_does_the_same(name: str) -> None:
    config = settings(name, *WHOLE[name])
    whole: Any = encoder_class(name).from_config(D, config).eval()
    stack = Stack(encoder_class(name).layers_of(D, config), dropout=0.3).eval()
    for own, layer in zip(stack.layers, whole.layers, strict=True):
        own.layers[0].load_state_dict(layer.state_dict())
    padding_LB = torch.arange(L).unsqueeze(1) >= torch.tensor([7, 4, 2])
    for padding in (None, padding_LB):
        found, expected = stack(inputs(), None, padding)[0], whole(inputs(), None, padding)[0]
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    assert (stack.output_size, stack.bidirectional) == (whole.output_size, whole.bidirectional)
    assert (stack.causal, stack.streams, stack.uses_ops) == (whole.causal, whole.streams, True)


@pytest.mark.parametrize("name", [name for name in WHOLE if name != "transformer_xl"])
def test_single_layers_have_the_weights_of_the_whole(name: str) -> None:
    config = settings(name, *WHOLE[name])
    whole = encoder_class(name).from_config(D, config)
    layers = encoder_class(name).layers_of(D, config)
    assert len(layers) == 3 and layers[-1].output_size == whole.output_size
    assert sorted(p.shape for layer in layers for p in layer.parameters()) == sorted(
        p.shape for p in whole.parameters()
    )


@pytest.mark.parametrize(
    ("every", "last", "attends"),
    [(2, 0, [False, True, False]), (0, 0, [False] * 3), (1, 2, [False, True, True])],
)
def test_sru_plus_plus_attends_in_the_layers_that_its_settings_name(
    every: int, last: int, attends: list[bool]
) -> None:
    words = (f"model.attention_every={every}", f"model.attention_last={last}", "model.projection_size=4")
    config = settings("srupp", *words)
    layers: Any = encoder_class("srupp").layers_of(D, config)
    assert [layer.layers[0].attends for layer in layers] == attends
    whole: Any = encoder_class("srupp").from_config(D, config)
    assert [layer.attends for layer in whole.layers] == attends


@pytest.mark.parametrize("name", ["sru", "srupp"])
def test_every_single_layer_keeps_its_mask_on_the_highway(name: str) -> None:
    config = settings(name, "model.dropout=0.25", *(("model.projection_size=4",) if name == "srupp" else ()))
    layers: Any = encoder_class(name).layers_of(D, config)
    assert [layer.layers[0].dropout for layer in layers] == [0.25] * 3
    whole: Any = encoder_class(name).from_config(D, config)
    assert [layer.dropout for layer in whole.layers] == [0.25, 0.25, 0.0]


def test_each_layer_reads_under_a_mask_of_its_own_that_holds_for_the_sequence() -> None:
    layers = [Recorder(D), Recorder(2 * D)]
    stack = Stack(layers, dropout=0.4)
    padding_LB = torch.zeros(L, B, dtype=torch.bool)
    _, state = stack(torch.ones(L, B, D), None, padding_LB)
    assert state == [1, 1] and stack(torch.ones(L, B, D), state)[1] == [2, 2]
    stack(torch.ones(L, B, D), None, padding_LB)
    first, second = (layer.read for layer in layers)
    assert layers[1].padding is padding_LB
    scale = 1 / 0.6
    assert torch.equal(first, first[:1].expand_as(first))
    assert {round(x, 4) for x in first.unique().tolist()} == {0.0, round(scale, 4)}
    before = torch.cat([first, -first], -1)
    mask_LBD = second[before != 0] / before[before != 0]
    assert {round(x, 4) for x in mask_LBD.unique().tolist()} == {0.0, round(scale, 4)}
    assert torch.equal(second, second[:1].expand_as(second))
    stack.eval()
    assert torch.equal(stack(torch.ones(L, B, D))[0], layers[1](layers[0](torch.ones(L, B, D))[0])[0])


@pytest.mark.parametrize("both", [False, True])
def test_all_outputs_side_by_side(both: bool) -> None:
    stack = Stack([Recorder(D, both), Recorder(2 * D, both)], concat=True)
    x = inputs()
    one, two = torch.cat([x, -x], -1), torch.cat([x, -x, -x, x], -1)
    h, _ = stack(x)
    assert stack.output_size == h.size(-1) == 6 * D
    if both:  # the backward columns are the second half, as in every bidirectional encoder
        assert torch.equal(h, torch.cat([x, x, -x, -x, -x, x], -1))
    else:
        assert torch.equal(h, torch.cat([one, two], -1))


def test_a_transformer_sees_the_whole_sequence() -> None:
    config, cls = settings("transformer_xl", *WHOLE["transformer_xl"]), encoder_class("transformer_xl")
    stack = Stack(cls.layers_of(D, config))
    assert not stack.causal and not stack.uses_ops


def test_a_model_without_layers_is_refused() -> None:
    config: Any = composed(["task=sst", "model=cnn"]).model
    with pytest.raises(ValueError, match=r"^model=cnn: expected a model with num_layers"):
        encoder_class("cnn").layers_of(D, config)
    broken: dict[str, Any]
    for broken in ({"layers": []}, {"layers": [Recorder(D)], "dropout": 1.0}):
        with pytest.raises(ValueError, match=r"^(layers|dropout): expected"):
            Stack(**broken)


SMALL = ("model.hidden_size=2", "model.bidirectional=true", "model.dropout=0", "model.rescale=true")


def test_the_mask_of_sru_spares_its_highway() -> None:
    """Without weights nothing but the highway is left: h = (1 - r) alpha x with r = 1/2, whatever is masked."""
    layers = encoder_class("sru").layers_of(
        4, settings("sru", *SMALL, "model.num_layers=2"), input_dropout=0.5
    )
    stack = Stack(layers, dropout=0.5).train()
    with torch.no_grad():
        for name, parameter in stack.named_parameters():
            if not name.endswith("bias"):
                parameter.zero_()
    x_LBD = torch.randn(3, 2, 4)
    h_LBH, _ = stack(x_LBD)
    alpha = layers[0].layers[0].alpha  # type: ignore[index,union-attr]
    torch.testing.assert_close(h_LBH, (alpha / 2) ** 2 * x_LBD)


def test_the_mask_of_sru_stands_before_the_product() -> None:
    """Whole columns of a sequence's input are missing from U, the others doubled."""
    torch.manual_seed(0)
    (layer,) = encoder_class("sru").layers_of(
        4, settings("sru", *SMALL, "model.num_layers=1"), input_dropout=0.5
    )
    assert layer.masks_input
    seen: list[torch.Tensor] = []
    original = models_sru.ops.layer

    def recorded(cell: str, x: torch.Tensor, *rest: Any, **options: Any) -> Any:
        seen.append(x)
        return original(cell, x, *rest, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models_sru.ops, "layer", recorded)
        Stack([layer], dropout=0.5).train()(torch.ones(5, 6, 4))
    (masked_LBD,) = seen
    assert torch.equal(masked_LBD, masked_LBD[:1].expand_as(masked_LBD))
    assert set(masked_LBD.unique().tolist()) == {0.0, 2.0}
