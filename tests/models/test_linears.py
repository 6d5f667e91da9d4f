"""Weights of products are read where the module that holds them is never called: hooks, parametrizations, pruning,
and other modules in its place.

Shapes: L time, B batch, D input features.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from sru_repro.models import CNN, QRNN, SRU, AttentionContext, MinGRU, SRUpp, TransformerXL

assert_close = partial(torch.testing.assert_close, rtol=1e-4, atol=1e-5)

L, B, D = 7, 4, 6
MEMORY = AttentionContext(3, 3)
RECURRENCES: dict[str, Callable[[], nn.Module]] = {
    "sru": lambda: SRU(D, 5, 2),
    "lstm_convention": lambda: SRU(D, 4, 2, bidirectional=True, layer_norm="post").lstm_convention(),
    "srupp": lambda: SRUpp(D, 5, 4, 2, num_heads=2),
    "qrnn": lambda: QRNN(D, 5, 2, window=2),
    "mingru": lambda: MinGRU(D, 5, 2, expansion=2),
    "transformer_xl": lambda: TransformerXL(D, 6, 2, num_heads=2),
}
ALL = RECURRENCES | {
    "cnn": lambda: CNN(D, filters=3),
    "srupp-memory": lambda: SRUpp(D, 5, 4, 2, attention_context=MEMORY),
    "transformer_xl-memory": lambda: TransformerXL(D, 6, 2, attention_context=MEMORY),
}
X = torch.randn(L, B, D, generator=torch.Generator().manual_seed(1))


def built(name: str) -> Any:
    torch.manual_seed(0)
    return ALL[name]().eval()


def output(result: Any) -> Tensor:
    found: Tensor = result[0]
    return found


@pytest.mark.parametrize("name", RECURRENCES)
def test_weights_made_by_a_parametrization(name: str) -> None:
    module = built(name)
    expected = output(module(X))
    for make in (nn.utils.parametrizations.weight_norm, nn.utils.parametrizations.spectral_norm):
        for part in list(module.modules()):
            for place, value in list(part.named_parameters(recurse=False)):
                if value.dim() == 2 and place == "weight":
                    make(part, place)
        found = output(module(X))
        found.sum().backward()
        if make is nn.utils.parametrizations.weight_norm:
            assert_close(found, expected)
        module = built(name)


@pytest.mark.parametrize("name", RECURRENCES)
def test_pruned_weights_are_made_anew_at_every_call(name: str) -> None:
    """Pruning hangs on a module's call, also where the module itself is never called."""
    module = built(name)
    for part in list(module.modules()):
        for place, value in list(part.named_parameters(recurse=False)):
            if value.dim() == 2 and place == "weight":
                prune.l1_unstructured(part, place, 0.5)
    pruned = {place: value for place, value in module.named_parameters() if place.endswith("weight_orig")}
    assert pruned
    for _ in range(2):
        before = output(module(X))
        before.square().sum().backward()  # a second time through weights that were made once would fail
        with torch.no_grad():
            for value in pruned.values():
                value.mul_(1.5)
        assert not torch.allclose(output(module(X)), before)


@pytest.mark.parametrize("name", ALL)
def test_hooks_of_other_people_see_calls_alone(name: str) -> None:
    """Of a Linear whose weights are read there is none; a hook that wants an input must not be called without."""
    module, seen = built(name), []
    expected = output(module(X))
    for part in module.modules():
        part.register_forward_pre_hook(lambda part, given: seen.append(given[0].shape))
        part.register_forward_pre_hook(lambda part, given, named: seen.append(given[0]), with_kwargs=True)
    assert torch.equal(output(module(X)), expected) and seen


@pytest.mark.parametrize("name", ALL)
def test_linears_are_torchs_own(name: str) -> None:
    """Others may be put in their place, and modules that were pickled whole have them."""
    module = built(name)
    expected = output(module(X))
    for part in list(module.modules()):
        for place, linear in list(part.named_children()):
            if isinstance(linear, nn.Linear):
                assert type(linear) is nn.Linear
                own = nn.Linear(linear.in_features, linear.out_features, linear.bias is not None)
                own.load_state_dict(linear.state_dict())
                setattr(part, place, own)
    assert torch.equal(output(module(X)), expected)


def test_another_module_in_the_place_of_a_linear_is_refused() -> None:
    module = built("qrnn")
    module.layers[0].linear = nn.Sequential(module.layers[0].linear)
    with pytest.raises(ValueError, match=r"^expected a torch.nn.Linear, .* found torch\.nn\..*Sequential$"):
        module(X)


def test_a_cnn_pickled_before_it_had_an_input_size() -> None:
    module = built("cnn")
    expected = output(module(X))
    del module.input_size
    assert torch.equal(output(module(X)), expected)


def test_a_mask_in_the_place_of_the_cnns_state_is_refused() -> None:
    mask = torch.zeros(L, B, dtype=torch.bool)
    with pytest.raises(
        ValueError, match=r"^state: a CNN keeps none, .* found Tensor; padding is the third arg"
    ):
        built("cnn")(X, mask)
