"""How PyTorch's tools look into an encoder: each way works, or is refused in one sentence that says what to do.

"any" means the result holds for other lengths and batches than the example's, "example" that others are refused.

    way                     recurrences (SRU, SRU++, QRNN, minGRU,    Transformer-XL    CNN       LSTM, GRU
                            and lstm_convention())
    torch.jit.trace         any; SRU++ with a memory: refused         refused           any       any
    torch.jit.script        refused: use trace or export              refused           refused   refused
    torch.fx                one node in a model around it             the same          the same  the same
    torch.export            any; with a memory: example               any               any       example
    ONNX, dynamo=True       example's length, any batch               any               any       as nn.LSTM
    ONNX, dynamo=False      refused: dynamo=True                      refused           any       as nn.LSTM
    torch.compile           any, fullgraph                            any, fullgraph    any       any, not fullgraph
    func.grad, jvp, hessian, forward mode, second derivatives:
                            refused: ops.use("reference"), works      works; second: the same     works   as nn.LSTM
    func.vmap               works                                     works             works     as nn.LSTM
    checkpoint, autocast, inference_mode, hooks that make weights, subclasses of Tensor, FakeTensor: all work

Shapes: L time, B batch, D input, H output features.
"""

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd import forward_ad
from torch.utils.checkpoint import checkpoint

from sru_repro import ops
from sru_repro.models import CNN, GRU, LSTM, QRNN, SRU, AttentionContext, MinGRU, SRUpp, TransformerXL

assert_close = partial(torch.testing.assert_close, rtol=1e-4, atol=1e-5)

L, B, D = 7, 4, 6
MEMORY = AttentionContext(3, 3)
RECURRENCES: dict[str, Callable[[], nn.Module]] = {
    "sru": lambda: SRU(D, 5, 2),
    "lstm_convention": lambda: SRU(D, 4, 2, bidirectional=True, layer_norm="post").lstm_convention(),
    "srupp": lambda: SRUpp(D, 5, 4, 2, num_heads=2),
    "qrnn": lambda: QRNN(D, 5, 2, window=2),
    "mingru": lambda: MinGRU(D, 5, 2, expansion=2),
}
OTHERS: dict[str, Callable[[], nn.Module]] = {
    "transformer_xl": lambda: TransformerXL(D, 6, 2, num_heads=2),
    "cnn": lambda: CNN(D, filters=3),
}
TORCHS: dict[str, Callable[[], nn.Module]] = {"lstm": lambda: LSTM(D, 5, 2), "gru": lambda: GRU(D, 5, 2)}
MEMORIES: dict[str, Callable[[], nn.Module]] = {
    "srupp-memory": lambda: SRUpp(D, 5, 4, 2, attention_context=MEMORY),
    "transformer_xl-memory": lambda: TransformerXL(D, 6, 2, attention_context=MEMORY),
}
ALL = RECURRENCES | OTHERS | TORCHS | MEMORIES


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What PyTorch says of its own tools."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class Around(nn.Module):
    """A model with an encoder in it."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, x_LBD: Tensor) -> Tensor:
        h, _ = self.encoder(x_LBD)
        return h.relu() * 2


def built(name: str) -> Any:
    torch.manual_seed(0)
    return ALL[name]().eval()


def batch(length: int = L, size: int = B, **options: Any) -> Tensor:
    return torch.randn(length, size, D, generator=torch.Generator().manual_seed(length * size), **options)


def output(result: Any) -> Tensor:
    found: Tensor = result[0] if isinstance(result, tuple | list) else result
    return found


def leaf(x: Tensor) -> Tensor:
    return x.detach().clone().requires_grad_()


def same_elsewhere(found: Callable[[Tensor], Any], encoder: Callable[[Tensor], Any]) -> None:
    """Values and gradients for other lengths and batches than L and B, shorter ones than the CNN's filters too."""
    for length, size in ((L, B), (9, B), (L, 3), (2, 2), (70, 3)):
        x, y = leaf(batch(length, size)), leaf(batch(length, size))
        one, other = output(found(x)), output(encoder(y))
        assert_close(one, other)
        assert_close(*(torch.autograd.grad(h.square().sum(), i)[0] for h, i in ((one, x), (other, y))))


@pytest.mark.parametrize("with_gradients", [False, True])
@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("name", [*RECURRENCES, "cnn", *TORCHS])
def test_a_trace_holds_for_every_length(name: str, inside: bool, with_gradients: bool) -> None:
    """Also one that was recorded without gradients, of which it keeps no states."""
    module = Around(built(name)) if inside else built(name)
    with warnings.catch_warnings(), torch.set_grad_enabled(with_gradients):
        if not inside and name in RECURRENCES:
            warnings.simplefilter("error", torch.jit.TracerWarning)
        traced = torch.jit.trace(module, (batch(),))
    same_elsewhere(traced, module)


@pytest.mark.parametrize("name", ["transformer_xl", *MEMORIES])
def test_a_trace_that_would_hold_for_one_length_is_refused(name: str) -> None:
    for module in (built(name), Around(built(name))):
        with pytest.raises(
            RuntimeError, match=r"^torch.jit.trace would take the example's length .*torch.export"
        ):
            torch.jit.trace(module, (batch(),))


def test_a_trace_of_the_reference_is_refused() -> None:
    line = r"^torch.jit.trace would record the reference's loop for 7 steps alone: trace outside .*use\('reference'\)"
    with ops.use("reference"), pytest.raises(RuntimeError, match=line):
        torch.jit.trace(built("sru"), (batch(),))


@pytest.mark.parametrize("name", ["lstm_convention", *ALL])
def test_scripts_are_refused(name: str) -> None:
    for module in (built(name), Around(built(name))):
        with pytest.raises(RuntimeError, match=r"^torch.jit.script does not compile \w+: use ") as failure:
            torch.jit.script(module)
        assert "\n" not in str(failure.value)


@pytest.mark.parametrize("name", ALL)
def test_fx_leaves_an_encoder_whole(name: str) -> None:
    module = Around(built(name))
    graph = torch.fx.symbolic_trace(module)
    assert [node.target for node in graph.graph.nodes if node.op == "call_module"] == ["encoder"]
    same_elsewhere(graph, module)
    with pytest.raises(RuntimeError, match=r"^torch.fx.symbolic_trace leaves .*torch.export.export$"):
        torch.fx.symbolic_trace(module.encoder)


def exported(module: nn.Module) -> Any:
    length, size = torch.export.Dim("L", min=2, max=99), torch.export.Dim("B", min=2, max=99)
    return torch.export.export(module, (batch(),), dynamic_shapes=({0: length, 1: size},)).module()


@pytest.mark.parametrize(
    ("name", "with_gradients"),
    [
        ("lstm_convention", False),
        *((name, True) for name in ("lstm_convention", "srupp", "qrnn", "transformer_xl", "cnn")),
    ],
)
def test_an_export_holds_for_every_length(name: str, with_gradients: bool) -> None:
    module = built(name)
    with torch.set_grad_enabled(with_gradients):
        found = exported(module)
    same_elsewhere(found, module)


@pytest.mark.parametrize("name", ["sru", *MEMORIES])
def test_an_export_of_one_length_refuses_others(name: str) -> None:
    module = built(name)
    found = torch.export.export(module, (batch(),)).module()
    assert_close(output(found(batch())), output(module(batch())))
    for other in (batch(L + 2), batch(L, 3)):
        with pytest.raises(AssertionError, match="Guard failed"):
            found(other)


def test_onnx_by_way_of_a_trace_is_refused(tmp_path: Path) -> None:
    for module in (built("sru"), Around(built("lstm_convention"))):
        with pytest.raises(RuntimeError, match=r"for ONNX call torch.onnx.export\(\.\.\., dynamo=True\)"):
            torch.onnx.export(module, (batch(),), tmp_path / "model.onnx", dynamo=False, verbose=False)


def test_an_export_to_onnx_gets_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the example, as operators that ONNX knows; the packages that write the file need not be here."""
    monkeypatch.setattr(torch.onnx, "is_in_onnx_export", lambda: True)
    module, x = built("lstm_convention"), batch(2)
    program = torch.export.export(module, (x,))
    assert not any("sru_repro" in str(node.target) for node in program.graph.nodes)
    assert_close(output(program.module()(x)), output(module(x)))


@pytest.mark.slow
def test_compiled_for_every_length() -> None:
    module = built("lstm_convention")
    torch._dynamo.reset()
    same_elsewhere(torch.compile(module, fullgraph=True, dynamic=True, backend="aot_eager"), module)


def summed(module: nn.Module, x: Tensor) -> Callable[[Any], Tensor]:
    """The loss as a function of the parameters."""
    return lambda weights: output(torch.func.functional_call(module, weights, (x,))).square().sum()


REFERENCE = r"with sru_repro\.ops\.use\('reference'\):`"


@pytest.mark.parametrize("name", RECURRENCES)
def test_derivatives_of_torch_func_point_at_the_reference(name: str) -> None:
    module, x = built(name).double(), batch(3).double()
    weights = {place: value.detach() for place, value in module.named_parameters()}
    loss = summed(module, x)
    ways: list[Callable[[], Any]] = [
        lambda: torch.func.grad(loss)(weights),
        lambda: torch.func.vjp(loss, weights)[1](torch.tensor(1.0).double()),
        lambda: torch.func.jacrev(loss)(weights),
        lambda: torch.func.jvp(lambda i: output(module(i)), (x,), (x,)),
        lambda: dual(module, x),
        lambda: torch.func.vmap(torch.func.grad(lambda i: output(module(i.unsqueeze(1))).sum()))(
            x.transpose(0, 1)
        ),
        lambda: torch.func.hessian(lambda i: output(module(i)).square().sum())(x[:1, :1]),
    ]
    for way in ways:
        with pytest.raises(RuntimeError, match=REFERENCE) as failure:
            way()
        assert "\n" not in str(failure.value)
        with ops.use("reference"):
            way()
    with ops.use("reference"):
        found = torch.func.grad(loss)(weights)
    output(module(x)).square().sum().backward()
    for place, value in module.named_parameters():
        if value.grad is not None:
            torch.testing.assert_close(found[place], value.grad, rtol=1e-9, atol=1e-10)


def dual(module: nn.Module, x: Tensor) -> Tensor:
    with forward_ad.dual_level():
        tangent = forward_ad.unpack_dual(output(module(forward_ad.make_dual(x, x)))).tangent
    assert tangent is not None and tangent.isfinite().all()
    return tangent


@pytest.mark.parametrize("name", [*RECURRENCES, "transformer_xl", "transformer_xl-memory"])
def test_second_derivatives(name: str) -> None:
    module, x = built(name).double(), leaf(batch(3, 1).double())

    def call(i: Tensor) -> Tensor:
        return output(module(i))

    def derivative(i: Tensor) -> Tensor:
        return torch.autograd.grad(call(i).square().sum(), i, create_graph=True)[0]

    if name in RECURRENCES:  # the first is given, with its graph
        (expected,) = torch.autograd.grad(call(x).square().sum(), x)
        torch.testing.assert_close(derivative(x), expected)
    if name != "srupp":  # where PyTorch's own attention speaks first
        with pytest.raises(RuntimeError, match=REFERENCE):
            torch.autograd.grad(derivative(x).square().sum(), x)
    with ops.use("reference"):
        assert torch.autograd.gradgradcheck(call, (x,))


@pytest.mark.parametrize("name", OTHERS)
def test_torch_func_on_what_has_no_recurrence(name: str) -> None:
    module, x = built(name), batch()
    weights = {place: value.detach() for place, value in module.named_parameters()}
    found = torch.func.grad(summed(module, x))(weights)
    output(module(x)).square().sum().backward()
    assert_close(found, {place: value.grad for place, value in module.named_parameters()})
    dual(module, x)


@pytest.mark.parametrize("name", [*RECURRENCES, *OTHERS])
def test_the_rest_works(name: str) -> None:
    module, x = built(name), leaf(batch())
    expected = output(module(x))
    (gradient,) = torch.autograd.grad(expected.square().sum(), x)

    several = torch.stack([batch(), batch() + 1])
    many = torch.func.vmap(lambda i: output(module(i)))(several)
    assert_close(many, torch.stack([output(module(one)) for one in several]))

    for reentrant in (False, True):
        again = leaf(x)
        output(checkpoint(module, again, use_reentrant=reentrant)).square().sum().backward()
        assert_close(again.grad, gradient)
    with torch.inference_mode():
        assert_close(output(module(batch())), expected.detach())
    with torch.no_grad():
        assert not output(module(x)).requires_grad
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert output(module(x)).isfinite().all()
    with FakeTensorMode(allow_non_fake_inputs=True):
        assert output(module(torch.randn(L, B, D))).shape == expected.shape

    class Named(Tensor):
        pass

    assert isinstance(output(module(batch().as_subclass(Named))), Named)
    turned = batch().transpose(0, 1).contiguous().transpose(0, 1)
    assert_close(output(module(turned)), expected)
