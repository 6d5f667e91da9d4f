"""Weights of the authors' package that do not fit are refused in one line that says which option differs.

That those that fit mean the same is test_parity.py's business.
"""

from typing import Any

import pytest
import torch
from torch import Tensor

from sru_repro.models import SRU

D, H, LAYERS = 6, 8, 2


def release_2(**changes: Tensor | None) -> dict[str, Tensor]:
    """A state dict as release 2.x saves it, (inputs, columns * matrices), changed in layer 0; None: left out."""
    found: dict[str, Tensor] = {}
    for i, (inputs, matrices) in enumerate([(D, 4), (H, 3)]):
        layer: dict[str, Tensor | None] = {
            "weight": torch.randn(inputs, H * matrices),
            "weight_c": torch.randn(2 * H),
            "bias": torch.randn(2 * H),
            "scale_x": torch.ones(1),
        }
        layer |= {key.replace("__", "."): value for key, value in changes.items()} if i == 0 else {}
        found |= {f"rnn_lst.{i}.{key}": value for key, value in layer.items() if value is not None}
    return found


def release_3(*linears: Tensor) -> dict[str, Tensor]:
    """The same as release 3.0 saves it, with these linear maps in layer 0."""
    found = release_2(weight=None)
    found["rnn_lst.1.transform_module.weight"] = found.pop("rnn_lst.1.weight").T
    places = ["weight"] if len(linears) == 1 else [f"{i}.weight" for i in range(len(linears))]
    return found | {f"rnn_lst.0.transform_module.{p}": w for p, w in zip(places, linears, strict=True)}


def sru(**options: Any) -> SRU:
    """The model that both fit, but for these options."""
    return SRU(**({"input_size": D, "hidden_size": H, "num_layers": LAYERS, "rescale": False} | options))


def test_both_formats_give_the_same_model() -> None:
    old, new = release_2(), release_3(torch.zeros(4 * H, D))
    for key in old:
        if key in new:
            new[key] = old[key]
    new["rnn_lst.0.transform_module.weight"] = old["rnn_lst.0.weight"].T
    new["rnn_lst.1.transform_module.weight"] = old["rnn_lst.1.weight"].T
    one, two = sru(), sru()
    one.load_authors_state_dict(old)
    two.load_authors_state_dict(new)
    x = torch.randn(5, 2, D)
    assert torch.equal(one(x)[0], two(x)[0])
    # Theirs is [inputs][direction][feature][gate]: column 4 j + g of their matrix is row g H + j of ours.
    assert torch.equal(one.layers[0].weight[2 * H + 5], old["rnn_lst.0.weight"][:, 4 * 5 + 2])


def test_a_refused_load_leaves_the_model_as_it_was() -> None:
    model = sru()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(ValueError, match="layer 0"):
        model.load_authors_state_dict(release_2(weight=torch.zeros(D, H)))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


REFUSED: dict[str, tuple[dict[str, Tensor], dict[str, Any], str]] = {
    "layers": (release_2(), {"num_layers": 3}, r"^num_layers: the weights have 2, this model has 3$"),
    "hidden-size": (
        release_2(),
        {"hidden_size": 9},
        r"^layer 0: expected 4 matrices of 9 columns, found 32 rows",
    ),
    "bidirectional": (
        release_2(),
        {"bidirectional": True},
        r"^layer 0: expected 4 matrices of 16 columns, found 32",
    ),
    "no-skip": (
        release_2(),
        {"has_skip_term": False},
        r"^layer 0: expected 3 matrices .* has_skip_term differ",
    ),
    "input-size": (
        release_2(),
        {"input_size": 7},
        r"^layers\.0\.weight: this model's options make it \(32, 7\), ",
    ),
    "alpha": (
        release_2(),
        {"rescale": True},
        r"^layer 1: alpha: the weights have 1\.0000, this model 1\.7321 \(set ",
    ),
    "v1": (release_2(), {"v1": True}, r"^layer 0: v1: the weights use c in the gates"),
    "projection": (
        release_2(),
        {"projection_size": 3},
        r"^layer 0: projection_size: the weights are not factorised",
    ),
    "projection-size": (
        release_3(torch.zeros(4, D), torch.zeros(4 * H, 4)),
        {"projection_size": 3},
        r"^layer 1: projection_size",
    ),
    "norm-missing": (release_2(), {"layer_norm": "pre"}, r"^layer 0: layer_norm: the weights have none$"),
    "norm-extra": (
        release_2(layer_norm__weight=torch.ones(D), layer_norm__bias=torch.ones(D)),
        {},
        r"^layer 0: layer_norm: the weights have one$",
    ),
    "norm-place": (
        release_2(layer_norm__weight=torch.ones(D), layer_norm__bias=torch.ones(D))
        | {f"rnn_lst.1.layer_norm.{key}": torch.ones(H) for key in ("weight", "bias")},
        {"layer_norm": "post"},
        r"^layers\.0\.layer_norm\.weight: this model's options make it \(8,\), the weights' \(6,\)$",
    ),
    "weight-norm": (
        release_2(gain=torch.ones(H)),
        {},
        r"^layer 0: gain: this option .* has no counterpart here$",
    ),
    "own-module": (
        release_2(weight=None, custom_m__a=torch.ones(1)),
        {},
        r"^layer 0: custom_m\.a: this option",
    ),
    "own-module-3": (
        release_3(torch.ones(3), torch.ones(3, 3)),
        {},
        r"^layer 0: transform_module: expected one or two",
    ),
    "input-to-hidden": (
        release_2() | {"input_to_hidden.weight": torch.zeros(H, D)},
        {},
        r"^input_to_hidden\.weight: this option of the authors' package has no counterpart here$",
    ),
    "not-theirs": ({"weight": torch.zeros(1)}, {}, r"^num_layers: the weights have 0"),
    "incomplete": (release_2(bias=None), {}, r"^layer 0: bias: missing in the weights$"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_weights_of_other_options_are_refused(name: str) -> None:
    weights, options, message = REFUSED[name]
    with pytest.raises(ValueError, match=message) as caught:
        sru(**options).load_authors_state_dict(weights)
    assert "\n" not in str(caught.value)
