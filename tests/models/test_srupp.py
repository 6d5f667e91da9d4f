"""SRU++ against the authors' `SRUpp` (3.0.0.dev6) in float64, its memory, its windows and the papers' sizes.

Shapes: L time, B batch, D input, P projection, H output features, T steps that are seen.
"""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from sru_repro.models import AttentionContext, SRUpp, detach
from sru_repro.models._authors import convert_srupp

from .gradients import assert_close, assert_same_gradients, normal

VERSION = "3.0.0.dev6"
L, B, M = 6, 3, 4
ALIKE: dict[str, Any] = {"input_size": 8, "hidden_size": 8, "projection_size": 4, "num_layers": 3}
UNLIKE: dict[str, Any] = {**ALIKE, "input_size": 6}
BOTH_WAYS: dict[str, Any] = {**UNLIKE, "hidden_size": 4, "bidirectional": True}
PADDING = torch.arange(L).unsqueeze(1) >= torch.tensor([6, 2, 4])

# Our options; then whether attention is causal, whether memory and state are given, padding.
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "causal": (ALIKE, {"causal": True}),
    "causal-four-matrices": (UNLIKE, {"causal": True, "memory": True}),
    "memory": (ALIKE, {"causal": True, "memory": True}),
    "heads": (ALIKE | {"num_heads": 2}, {"causal": True, "memory": True}),
    "every-second": (ALIKE | {"attention_every": 2}, {"causal": True, "memory": True}),
    "last-only": (ALIKE | {"attention_last": 1}, {"causal": True, "memory": True}),
    "rescale": (ALIKE | {"rescale": True, "highway_bias": -1.0}, {"causal": True}),
    "norm-after": (ALIKE | {"layer_norm": "post"}, {"causal": True, "memory": True}),
    "norm-before": (UNLIKE | {"layer_norm": "pre"}, {"causal": True}),
    "norm-before-memory": (ALIKE | {"layer_norm": "pre"}, {"causal": True, "memory": True}),
    "dropout": (ALIKE | {"dropout": 0.4}, {"causal": True, "memory": True}),
    "whole": (UNLIKE, {}),
    "padding": (UNLIKE, {"padding": PADDING}),
    "bidirectional": (BOTH_WAYS, {"padding": PADDING}),
}

# Theirs ran in training mode, with dropout where there is some, and without the norm on what they remember.
EVALUATED = [
    name
    for name, (options, more) in CASES.items()
    if "causal" in more and name != "dropout" and options.get("layer_norm") != "pre"
]


def case(options: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """What peer.py needs: their names of the options, inputs, gradients, state, memory, mask."""
    ours = dict(options)
    layers, size = ours["num_layers"], ours["hidden_size"] * (2 if ours.get("bidirectional") else 1)
    every, last = ours.pop("attention_every", 1), ours.pop("attention_last", -1)
    theirs = {"kind": "SRUpp", "proj_size": ours.pop("projection_size"), **ours}
    theirs |= {"attention_every_n_layers": every, "attention_last_n_layers": last}
    found: dict[str, Any] = {"options": theirs, "x": normal(0, L, B, ours["input_size"])}
    found |= {"grad_h": normal(1, L, B, size), "grad_c_n": normal(2, layers, B, size)}
    past = M if "memory" in more else 0
    if past:
        sizes = [ours["input_size"]] + [size] * (layers - 1)
        found |= {
            "memory": [normal(10 + i, M, B, n) for i, n in enumerate(sizes)],
            "c0": normal(3, layers, B, size),
        }
    if "causal" in more:
        found["attn_mask"] = torch.full((L, past + L), -torch.inf, dtype=torch.float64).triu_(past + 1)
    if "padding" in more:
        found["padding"] = more["padding"]
        found["grad_h"] = found["grad_h"].masked_fill(more["padding"].unsqueeze(-1), 0.0)
    return found


@pytest.fixture(scope="module")
def answers(ask_peers: Any) -> Any:
    """What their package makes of each case."""
    return ask_peers({name: case(*value) for name, value in CASES.items()}, [VERSION])[VERSION]


def ours(name: str, weights: dict[str, Tensor], memory: int = L) -> SRUpp:
    """Our module with their weights."""
    options, more = CASES[name]
    attention_context = AttentionContext(memory, memory) if "causal" in more else None
    model = SRUpp(**options, attention_context=attention_context).double()
    if attention_context and options.get("layer_norm") == "pre":
        with pytest.warns(
            UserWarning, match=r'^layer_norm="pre": .* keeps inputs that their norm has not seen'
        ):
            model.load_authors_state_dict(weights)
    else:
        model.load_authors_state_dict(weights)
    for i, layer in enumerate(model.layers):  # they round it to float32
        layer.alpha = weights[f"rnn_lst.{i}.scale_x"].item() if layer.matrices == 3 else 1.0
    return model


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_outputs_state_memory_and_gradients(answers: Any, name: str) -> None:
    given, theirs = case(*CASES[name]), answers[name]
    model = ours(name, theirs["weights"])
    x, c0 = given["x"].requires_grad_(), None
    state: Any = None
    if "memory" in given:
        c0 = given["c0"].requires_grad_()
        state = (c0, {i: m for i, m in enumerate(given["memory"]) if model.layers[i].attends}, {})
    torch.manual_seed(1)  # of the dropout, drawn in the same order and size
    h, (c_n, inputs, keys) = model.train()(x, state, given.get("padding"))
    assert_close(h, theirs["h"])
    assert_close(c_n, theirs["c_n"])
    assert not keys and inputs.keys() == (
        {i for i, layer in enumerate(model.layers) if layer.attends} if model.causal else set()
    )
    for i, kept in inputs.items():
        saved = theirs["saved"][i]
        if model.layers[i].norm_place == "pre":  # they remember what the norm has not seen; queries have
            saved = model.layers[i].layer_norm(saved)
        assert_close(kept, saved)
    assert_same_gradients({"x": x, "c0": c0}, [h, c_n], model, given, theirs, convert_srupp)


@pytest.mark.slow
@pytest.mark.parametrize("name", EVALUATED)
def test_evaluation_from_a_training_memory_equals_theirs(answers: Any, name: str) -> None:
    """A window of all there is: the memory's inputs are projected once, then keys and values are kept."""
    given, theirs = case(*CASES[name]), answers[name]
    model = ours(name, theirs["weights"], memory=M + L).eval()
    state: Any = None
    if "memory" in given:
        state = (given["c0"], {i: m for i, m in enumerate(given["memory"]) if model.layers[i].attends}, {})
    outputs = []
    for x in given["x"].split(1):
        h, state = model(x, state)
        state = detach(state)
        outputs.append(h)
    assert_close(torch.cat(outputs), theirs["h"])
    assert (
        state is not None
        and not state[1]
        and all(len(k) == L + (M if "memory" in given else 0) for k in state[2].values())
    )


@pytest.mark.slow
def test_a_norm_before_the_layer_remembers_something_else_than_theirs(answers: Any) -> None:
    """Given their memory a segment comes out as theirs; what ours would have kept of the same inputs is normalised."""
    given, theirs = case(*CASES["norm-before-memory"]), answers["norm-before-memory"]
    model = ours("norm-before-memory", theirs["weights"]).train()
    inputs = dict(enumerate(given["memory"]))
    kept = {i: model.layers[i].layer_norm(memory).detach() for i, memory in inputs.items()}
    found, of_ours = (model(given["x"], (given["c0"], memory, {}))[0] for memory in (inputs, kept))
    assert_close(found, theirs["h"])
    assert (of_ours - theirs["h"]).abs().max() > 1e-3


@pytest.mark.slow
def test_weights_of_other_options_are_refused(answers: Any) -> None:
    weights = answers["every-second"]["weights"]
    with pytest.raises(ValueError, match=r"layer 0: .*attend not here.*attention_every"):
        SRUpp(**ALIKE).load_authors_state_dict(weights)
    with pytest.raises(ValueError, match="expected a layer of SRUpp, found nothing"):
        SRUpp(**ALIKE | {"num_layers": 4}, attention_every=2).load_authors_state_dict(weights)
    with pytest.raises(ValueError, match="no counterpart"):
        SRUpp(**ALIKE | {"num_layers": 2}, attention_every=2).load_authors_state_dict(weights)
    with pytest.raises(ValueError, match=r"alpha: the weights have 1\.0000"):
        SRUpp(**ALIKE, attention_every=2, rescale=True).load_authors_state_dict(weights)
    with pytest.raises(ValueError, match="layer_norm"):
        SRUpp(**ALIKE, attention_every=2, layer_norm="post").load_authors_state_dict(weights)


def built(attention_context: AttentionContext | None = None, **options: Any) -> SRUpp:
    """A model away from its initial alpha of zero."""
    torch.manual_seed(0)
    model = SRUpp(6, 8, 4, 3, attention_context=attention_context, **options).double()
    for layer in model.layers:
        if layer.attention_scale is not None:
            torch.nn.init.constant_(layer.attention_scale, 0.7)
    return model


def windowed(model: SRUpp, x_LBD: Tensor, window: int) -> Tensor:
    """The paper's equations step by step, each query with its own slice of keys; one head."""
    for layer in model.layers:
        q = x_LBD @ layer.projection.t()
        if layer.attends:
            k, v = (q @ layer.keys_values.t()).chunk(2, -1)
            rows = []
            for t in range(len(q)):
                seen = slice(max(0, t - window), t + 1)
                scores = torch.einsum("bp,tbp->bt", q[t], k[seen]) / math.sqrt(q.size(-1))
                rows.append(torch.einsum("bt,tbp->bp", scores.softmax(-1), v[seen]))
            q = q + layer.attention_scale * torch.stack(rows)
        z = F.layer_norm(q, q.shape[-1:], layer.attention_norm.weight, layer.attention_norm.bias)
        x_LBD, _ = layer.recur(z, layer.weight, x_LBD, None, None, None)
    return x_LBD


@pytest.mark.parametrize("window", [0, 1, 3, 50])
@pytest.mark.parametrize("cut", [1, 2, 5, 12])
def test_in_evaluation_every_step_sees_its_window_however_the_text_is_cut(window: int, cut: int) -> None:
    model = built(AttentionContext(3, window), attention_every=1).eval()
    x, state, outputs = normal(5, 12, 2, 6), None, []
    for piece in x.split(cut):
        h, state = model(piece, state)
        outputs.append(h)
    assert_close(torch.cat(outputs), windowed(model, x, window))


@pytest.mark.parametrize("memory", [0, 2, 4, 9])
def test_in_training_a_segment_sees_itself_and_the_memory(memory: int) -> None:
    """The first layer alone, whose inputs are known: segments of four steps, and up to `memory` before each."""
    model = built(AttentionContext(memory, 99)).train()
    x, state = normal(6, 12, 2, 6), None
    layer = model.layers[0]
    for start in (0, 4, 8):
        _, state = model(x[start : start + 4], state)
        kept = state[1][0]
        end = start + 4
        assert_close(kept, x[max(0, end - memory) : end])
        first = max(0, start - memory)
        q = x[first:end] @ layer.projection.t()
        k, v = (q @ layer.keys_values.t()).chunk(2, -1)
        allowed = torch.ones(4, end - first, dtype=torch.bool).tril(start - first)
        scores = torch.einsum("lbp,tbp->blt", q[start - first :], k) / 2
        expected = torch.einsum("blt,tbp->lbp", scores.masked_fill(~allowed, -torch.inf).softmax(-1), v)
        given = None if start == 0 else x[first:start]
        found, _, _ = layer._attend(x[start:end] @ layer.projection.t(), x[start:end], given, None, None)
        assert_close(found, expected)


def test_no_gradient_goes_into_the_memory_but_one_into_the_weights_through_it() -> None:
    model = built(AttentionContext(4, 4)).train()
    x = normal(7, 8, 2, 6).requires_grad_()
    _, state = model(x[:4])
    assert not any(inputs.requires_grad for inputs in state[1].values())
    carried = (state[0].detach(), *state[1:])
    h, _ = model(x[4:], carried)
    (grad,) = torch.autograd.grad(h.square().sum(), x, retain_graph=True)
    assert grad[:4].abs().max() == 0 and grad[4:].abs().max() > 0
    alone, _ = model(x[4:], (carried[0], {}, {}))
    weight = model.layers[0].keys_values
    with_memory, without = (torch.autograd.grad(y.square().sum(), weight)[0] for y in (h, alone))
    assert (with_memory - without).abs().max() > 1e-3


def test_a_state_of_evaluation_is_refused_in_training() -> None:
    model = built(AttentionContext(4, 4))
    _, state = model.eval()(normal(8, 3, 2, 6))
    with pytest.raises(ValueError, match="expected one of training, found one of evaluation"):
        model.train()(normal(8, 3, 2, 6), state)


def test_padding_with_a_memory_is_refused() -> None:
    with pytest.raises(ValueError, match="padding: expected none"):
        built(AttentionContext(4, 4))(normal(8, L, B, 6), None, PADDING)


def test_a_row_does_not_depend_on_its_neighbours_padding() -> None:
    model, x = built().eval(), normal(9, L, B, 6)
    h, _ = model(x, None, PADDING)
    for row, length in enumerate((6, 2, 4)):
        alone, _ = model(x[:length, row : row + 1])
        assert_close(h[:length, row : row + 1], alone)
        assert h[length:, row].abs().sum() == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_heads": 3}, "multiple of num_heads=3"),
        ({"attention_last": 1, "attention_every": 2}, "attention_last"),
        ({"bidirectional": True, "attention_context": AttentionContext(1, 1)}, "bidirectional"),
        ({"dropout": 1.0}, "dropout"),
        ({"layer_norm": "both"}, "layer_norm"),
    ],
)
def test_what_does_not_go_together_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SRUpp(6, 8, 4, **change)


@pytest.mark.parametrize(
    ("width", "projection", "options", "count"),
    [
        (1920, 480, {}, 42_345_815),
        (3072, 768, {}, 107_566_295),
        (3072, 768, {"attention_every": 5}, 98_129_103),
        (4096, 1024, {}, 190_607_575),
        (6016, 752, {}, 194_993_815),
    ],
)
def test_sizes_of_the_papers_models(width: int, projection: int, options: dict[str, int], count: int) -> None:
    """Ten layers, and 205 symbols in embedding and output with its bias (SRU++ paper, Tables 1 to 3)."""
    with torch.device("meta"):
        model = SRUpp(width, width, projection, 10, **options)
    assert sum(p.numel() for p in model.parameters()) + 2 * 205 * width + 205 == count


def test_a_memory_that_the_segment_fills_is_no_copy_of_it() -> None:
    model, x = built(AttentionContext(L, L)).train(), normal(0, L, B, 6)
    _, (_, inputs, _) = model(x)
    assert inputs[0].data_ptr() == x.data_ptr() and not inputs[0].requires_grad
    _, (_, inputs, _) = built(AttentionContext(2 * L, L)).train()(x, model(x)[1])
    assert torch.equal(inputs[0], torch.cat([x, x]))
