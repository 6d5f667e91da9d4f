"""Transformer-XL's settings: what reaches the encoder, and what is refused."""

from typing import Any

import pytest
import torch
from pydantic import ValidationError

from sru_repro.models import AttentionContext, TransformerXL

from .test_transformer_xl import B, D, H, L, built, normal

GOOD: dict[str, Any] = {
    "name": "transformer_xl", "hidden_size": 8, "num_layers": 2, "num_heads": 2, "inner_size": 12, "dropout": 0.1,
    "attn_dropout": 0.0, "clamp_length": 0,
}  # fmt: skip


def test_settings_and_stream_reach_the_encoder() -> None:
    attention_context, config = AttentionContext(3, 4), TransformerXL.Config(**GOOD)
    model = TransformerXL.from_config(D, config, attention_context)
    assert (
        isinstance(model, TransformerXL)
        and model.attention_context == attention_context
        and model.causal
        and model.streams
    )
    assert not TransformerXL.from_config(D, config).causal and TransformerXL.can_stream(config)


@pytest.mark.parametrize(
    ("key", "value"),
    [("hidden_size", 0), ("num_layers", 1.5), ("num_heads", 0), ("inner_size", 0), ("dropout", 1.0),
     ("attn_dropout", -0.1), ("clamp_length", -1), ("clamp_length", True)],
)  # fmt: skip
def test_settings_out_of_range_and_of_other_types_are_refused(key: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        TransformerXL.Config(**(GOOD | {key: value}))
    assert {error["loc"][0] for error in caught.value.errors()} == {key}


def test_heads_that_do_not_divide_the_size_are_refused() -> None:
    with pytest.raises(ValidationError, match="num_heads=3 needs a hidden_size that it divides, found 8"):
        TransformerXL.Config(**(GOOD | {"num_heads": 3}))
    with pytest.raises(ValueError, match=r"^num_heads: expected a divisor of hidden_size=8, found 3$"):
        TransformerXL(D, H, num_heads=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_layers": 0}, r"^num_layers: expected >= 1, found 0$"),
        ({"inner_size": 0}, r"^inner_size: expected >= 1, found 0$"),
        ({"attn_dropout": 1.0}, r"^attn_dropout: expected 0 <= attn_dropout < 1, found 1\.0$"),
        ({"clamp_length": -1}, r"^clamp_length: expected >= 0, found -1$"),
        (
            {"attention_context": AttentionContext(-1, 3)},
            r"^attention_context: expected memory and window >= 0, found AttentionContext\(memory=-1, .*$",
        ),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TransformerXL(D, H, **options)


def test_states_that_do_not_fit_are_refused() -> None:
    x = normal(L, B, D)
    model = built(D, 2, AttentionContext(4, 3))
    _, trained = model.train()(x)
    _, evaluated = model.eval()(x)
    with pytest.raises(
        ValueError, match=r"^state: expected one made in evaluation, found one of another kind; .*"
    ):
        model(x, trained)
    for other in (evaluated, [trained]):
        with pytest.raises(
            ValueError, match=r"^state: expected one made in training, found one of another kind; .*"
        ):
            model.train()(x, other)
    model.eval()
    with pytest.raises(ValueError, match=r"^state: .* \(M, 2, 8\) with M <= 3, found \[\(3, 3, 8\), .*$"):
        model(x[:, :2], evaluated)
    with pytest.raises(ValueError, match=r"^state: expected 1 times \(M, 3, 8\) with M <= 3, "):
        built(D, 1, AttentionContext(4, 3)).eval()(x, evaluated)
    with pytest.raises(ValueError, match=r"^state: .* M <= 2, found \[\(3, 3, 8\), .*$"):
        built(D, 2, AttentionContext(4, 2)).eval()(x, evaluated)
    with pytest.raises(
        ValueError, match=r"^state: a Transformer-XL without an attention_context keeps none, expected None$"
    ):
        built(D, 2, None)(x, trained)


def test_inputs_that_do_not_fit_are_refused() -> None:
    model, padding_LB = built(D, 1, None), torch.zeros(L, B, dtype=torch.bool)
    for shape in ((L, B, 4), (0, B, D), (L, D)):
        with pytest.raises(ValueError, match=r"^input: expected \(L, B, 5\) with L >= 1, found \("):
            model(torch.zeros(shape).double())
    with pytest.raises(ValueError, match=r"^padding: expected shape \(6, 3\), found \(3, 6\)$"):
        model(normal(L, B, D), None, padding_LB.T)
    with pytest.raises(
        ValueError, match=r"^padding: a Transformer-XL with a memory takes none, as padded steps "
    ):
        built(D, 1, AttentionContext(4, 4))(normal(L, B, D), None, padding_LB)
