"""SRU and its recurrence against the authors' package: outputs, last states and all gradients, in float64.

Shapes: L time, B batch, D input features, H output features, k matrices.
"""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from sru_repro import ops
from sru_repro.models import SRU
from sru_repro.models._authors import convert

from ..pairwise import pairwise
from .gradients import assert_close, assert_same_gradients, normal

pytestmark = pytest.mark.slow  # compiles their package once

L, B = 6, 4
LENGTHS = torch.tensor([6, 2, 5, 1])
BEHIND = torch.arange(L).unsqueeze(1) >= LENGTHS
ANYWHERE = torch.rand(L, B, generator=torch.Generator().manual_seed(4)) > 0.6
ALIKE: dict[str, Any] = {"input_size": 8, "hidden_size": 8}
UNLIKE: dict[str, Any] = {"input_size": 6, "hidden_size": 8}
BOTH_WAYS: dict[str, Any] = {"input_size": 6, "hidden_size": 4, "bidirectional": True}
GIVEN: dict[str, dict[str, Any]] = {
    "": {},
    "behind": {"padding": BEHIND},
    "anywhere": {"padding": ANYWHERE},
    "packed": {"lengths": LENGTHS},
}


def possible(case: dict[str, Any]) -> bool:
    """What their package has, too: its dropout of v1 is that of 2018."""
    return not (case["v1"] and case["dropout"])


def named(case: dict[str, Any]) -> str:
    return (
        " ".join(f"{key}={value}" for key, value in case.items() if value not in (False, 0, "", None))
        or "plain"
    )


# Every two options meet: their names here are ours, `three` that input and output are of one size, `given` what the
# sequences are like.
GRID = pairwise(
    {
        "bidirectional": [False, True],
        "three": [False, True],
        "layer_norm": [None, "pre", "post"],
        "given": list(GIVEN),
        "c0": [False, True],
        "projection_size": [0, 3],
        "skip": [True, False],
        "rescale": [False, True],
        "highway_bias": [0.0, -1.5],
        "activation": ["identity", "tanh"],
        "v1": [False, True],
        "dropout": [0.0, 0.4],
    },
    possible,
)


def settings(case: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options in our names; then what else a case gives."""
    rest = dict(case)
    more = dict(GIVEN[rest.pop("given")]) | ({"c0": True} if rest.pop("c0") else {})
    sizes = {"input_size": 8 if rest.pop("three") else 6, "hidden_size": 4 if rest["bidirectional"] else 8}
    sizes |= {"has_skip_term": rest.pop("skip"), "num_layers": 3 if rest["dropout"] else 2}
    return sizes | rest, more


OPTIONS = {named(case): settings(case) for case in GRID}
GIVEN_PRODUCTS = {"weights-per-step": ALIKE | {"rescale": True}, "weights-per-step-bidirectional": BOTH_WAYS}
WIDE = "projection-wider"  # 3.0 factorises it all the same


def case(options: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Arguments of both sides: options, x (L, B, D), the gradients of h and c_n, padding, lengths, c0."""
    options = {"num_layers": 2, "rescale": False} | options
    layers, size = options["num_layers"], options["hidden_size"] * (2 if options.get("bidirectional") else 1)
    found: dict[str, Any] = {"options": options, "x": normal(0, L, B, options["input_size"])} | more
    found |= {"grad_h": normal(1, L, B, size), "grad_c_n": normal(2, layers, B, size)}
    if "padding" in found:  # a norm of theirs after the layer puts out its bias at padded steps
        found["grad_h"] = found["grad_h"].masked_fill(found["padding"].unsqueeze(-1), 0.0)
    return found | ({"c0": normal(3, layers, B, size)} if "c0" in more else {})


def cases() -> dict[str, dict[str, Any]]:
    """All of them by name."""
    found = {name: case(*value) for name, value in OPTIONS.items()}
    found[WIDE] = case(UNLIKE | {"projection_size": 7}, {})
    for name, options in GIVEN_PRODUCTS.items():
        found[name] = case(options | {"num_layers": 1}, {"c0": True})
        columns, k = 8, 3 if options["input_size"] == 8 else 4
        found[name] |= {"u": normal(4, L, B, columns * k), "v": normal(5, L, B, columns * 2)}
    return found


@pytest.fixture(scope="module")
def answers(ask_peers: Any) -> Any:
    """What each version of the package makes of each case."""
    return ask_peers(cases())


def ours(options: dict[str, Any], weights: dict[str, Tensor]) -> SRU:
    """Our module with their weights."""
    model = SRU(**options).double()
    model.load_authors_state_dict(weights)
    for i, layer in enumerate(model.layers):
        theirs = weights[f"rnn_lst.{i}.scale_x"].item()
        assert layer.alpha == pytest.approx(theirs, rel=1e-7) or layer.matrices == 4
        layer.alpha = theirs  # they round it to float32
    return model


def run(model: SRU, given: dict[str, Any], x: Tensor, c0: Tensor | None) -> tuple[Any, Tensor]:
    """h (L, B, H) and c_n of ours."""
    if "lengths" in given:
        packed, c_n = model(pack_padded_sequence(x, given["lengths"], enforce_sorted=False), c0)
        return pad_packed_sequence(packed)[0], c_n
    return model(x, c0, given.get("padding"))


def kept(given: dict[str, Any], h: Tensor) -> Tensor:
    """h with zeros at padded steps."""
    return h.masked_fill(given["padding"].unsqueeze(-1), 0.0) if "padding" in given else h


@pytest.mark.parametrize("version", ["2.6.0", "3.0.0.dev6"])
@pytest.mark.parametrize("name", OPTIONS)
def test_outputs_and_gradients(answers: Any, name: str, version: str) -> None:
    given, theirs = case(*OPTIONS[name]), answers[version][name]
    model = ours(given["options"], theirs["weights"])
    x, c0 = given["x"].requires_grad_(), given.get("c0")
    c0 = None if c0 is None else c0.requires_grad_()
    torch.manual_seed(1)  # of the dropout masks, drawn in the same order and size
    h, c_n = run(model.train(), given, x, c0)
    assert_close(h, kept(given, theirs["h"]))
    assert_close(c_n, theirs["c_n"])
    assert_same_gradients({"x": x, "c0": c0}, [h, c_n], model, given, theirs, convert)


@pytest.mark.parametrize("version", ["2.6.0", "3.0.0.dev6"])
@pytest.mark.parametrize("name", OPTIONS)
def test_inference_against_their_compiled_kernel(answers: Any, name: str, version: str) -> None:
    given, theirs = case(*OPTIONS[name]), answers[version][name]
    model, c0 = ours(given["options"], theirs["weights"]).float().eval(), given.get("c0")
    with torch.inference_mode():
        h, c_n = run(model, given, given["x"].float(), None if c0 is None else c0.float())
    fast_h, fast_c_n = theirs["fast"]
    torch.testing.assert_close(h, kept(given, fast_h), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(c_n, fast_c_n, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("version", ["2.6.0", "3.0.0.dev6"])
def test_a_factorised_product_loads_into_a_model_without(answers: Any, version: str) -> None:
    """2.6 ignores a projection that is not below both sizes, as we do; 3.0 does not."""
    given, theirs = case(UNLIKE | {"projection_size": 7}, {}), answers[version][WIDE]
    model, x = ours(given["options"], theirs["weights"]), given["x"].requires_grad_()
    assert [layer.projection is None for layer in model.layers] == [True, False]
    h, c_n = model(x)
    assert_close(h, theirs["h"])
    grads = torch.autograd.grad([h, c_n], [x, model.layers[0].bias], [given["grad_h"], given["grad_c_n"]])
    assert_close(grads[0], theirs["grads"]["x"])
    assert_close(grads[1].flatten(), theirs["grads"]["rnn_lst.0.bias"])


@pytest.mark.parametrize("version", ["2.6.0", "3.0.0.dev6"])
@pytest.mark.parametrize("name", GIVEN_PRODUCTS)
def test_peephole_weights_per_step(answers: Any, name: str, version: str) -> None:
    """Their custom_m (3.0: transform_module) may return V (L, B, 2 H), laid out [feature][gate], added to weight_c."""
    given, theirs = cases()[name], answers[version][name]
    prefix = "rnn_lst.0." + ("custom_m." if version == "2.6.0" else "transform_module.")
    names = {"x": "x", "c0": "c0", "u": prefix + "u", "v": prefix + "v"}
    names |= {key: f"rnn_lst.0.{key}" for key in ("weight_c", "bias")}
    start = given | {key: theirs["weights"][f"rnn_lst.0.{key}"] for key in ("weight_c", "bias")}
    leaves = {key: start[key].clone().requires_grad_() for key in names}
    columns = given["grad_h"].size(-1)
    k = leaves["u"].size(-1) // columns
    scale = theirs["weights"]["rnn_lst.0.scale_x"].item()
    h, c_n = ops.recurrence(
        "sru",
        leaves["u"].view(L, B, columns, k).transpose(2, 3),
        leaves["x"] if k == 3 else None,
        (leaves["v"] + leaves["weight_c"]).view(L, B, columns, 2).transpose(2, 3),
        leaves["bias"].view(2, columns),
        leaves["c0"][0],
        skip_scale=scale if k == 3 else 1.0,
        bidirectional=given["options"].get("bidirectional", False),
    )
    assert_close(h, theirs["h"])
    assert_close(c_n, theirs["c_n"][0])
    grads = torch.autograd.grad(
        [h, c_n], list(leaves.values()), [given["grad_h"], given["grad_c_n"][0]], allow_unused=True
    )
    for key, grad in zip(leaves, grads, strict=True):
        if key == "x" and k == 4:
            assert grad is None
        else:
            assert_close(grad, theirs["grads"][names[key]])
