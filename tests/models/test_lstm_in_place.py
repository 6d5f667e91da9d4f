"""What callers of `torch.nn.LSTM` do besides calling it, done to an SRU in its place and to the LSTM.

Shapes: L time, B batch, D input, H features.
"""

import copy
import io
import pickle
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence

from sru_repro.models import GRU, LSTM, QRNN, SRU, AttentionContext, MinGRU, SRUpp
from sru_repro.models._lstm_convention import LSTMConvention

assert_close = partial(torch.testing.assert_close, rtol=1e-6, atol=1e-6)

L, B, D, H, LAYERS = 7, 4, 6, 5, 2
S = 2 * LAYERS


def sru(**options: Any) -> LSTMConvention:
    """Two layers, both directions."""
    torch.manual_seed(0)
    return SRU(D, H, LAYERS, bidirectional=True, **options).lstm_convention()


def lstm(**options: Any) -> nn.LSTM:
    return nn.LSTM(D, H, LAYERS, bidirectional=True, **options)


def shapes(result: Any) -> list[torch.Size]:
    y, (h_n, c_n) = result
    return [y.shape, h_n.shape, c_n.shape]


def test_attributes_are_those_of_an_lstm() -> None:
    for options in ({}, {"batch_first": True, "dropout": 0.25}):
        ours, theirs = sru(**options), lstm(**options)
        for name in (
            *("input_size", "hidden_size", "num_layers", "bidirectional", "batch_first", "dropout", "bias"),
            "proj_size",
        ):
            assert getattr(ours, name) == getattr(theirs, name)
            assert type(getattr(ours, name)) is type(getattr(theirs, name))
        assert ours.extra_repr() == theirs.extra_repr()
        ours.flatten_parameters()
        flat = [weight for layer in ours.all_weights for weight in layer]
        assert {id(weight) for weight in flat} == {id(weight) for weight in ours.parameters()}
        assert len(ours.all_weights) == LAYERS


@pytest.mark.parametrize("kind", [SRU, QRNN, MinGRU, LSTM, GRU, partial(SRUpp, projection_size=4)])
def test_encoders_answer_too(kind: Any) -> None:
    encoder = kind(D, H, num_layers=3)
    assert (encoder.input_size, encoder.hidden_size, encoder.num_layers) == (D, H, 3)
    assert not encoder.batch_first and encoder.proj_size == 0 and len(encoder.all_weights) == 3
    assert sum(map(len, encoder.all_weights)) == len(list(encoder.parameters()))
    assert encoder.extra_repr() == f"{D}, {H}, num_layers=3"
    encoder.flatten_parameters()
    for value in encoder.parameters():
        nn.init.constant_(value, 7.0)
    encoder.reset_parameters()
    assert not any((value == 7.0).any() for value in encoder.parameters())


def test_weights_that_an_sru_has_not_are_refused_by_name() -> None:
    with pytest.raises(AttributeError, match=r"^weight_hh_l0: an SRU has no such weights; .*weight_c"):
        _ = sru().weight_hh_l0
    assert not hasattr(sru(), "bias_ih_l0_reverse") and not hasattr(sru(), "nonsense")


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("states", [None, tuple, list])
def test_one_sequence_without_a_batch(batch_first: bool, states: Any) -> None:
    rnn, x = sru(batch_first=batch_first), torch.randn(L, D)
    hx = None if states is None else states((torch.randn(S, H), torch.randn(S, H)))
    found = rnn(x, hx)
    assert shapes(found) == shapes(lstm(batch_first=batch_first)(x, hx))
    batched = None if hx is None else states(value.unsqueeze(1) for value in hx)
    y, (h_n, c_n) = rnn(x.unsqueeze(0 if batch_first else 1), batched)
    assert_close(found, (y.squeeze(0 if batch_first else 1), (h_n.squeeze(1), c_n.squeeze(1))))


@pytest.mark.parametrize("with_state", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
def test_an_empty_batch(batch_first: bool, with_state: bool) -> None:
    hx = (torch.zeros(S, 0, H), torch.zeros(S, 0, H)) if with_state else None
    for rnn in (sru(batch_first=batch_first), lstm(batch_first=batch_first)):
        x = torch.randn((0, L, D) if batch_first else (L, 0, D), requires_grad=True)
        y, (h_n, c_n) = rnn(x, hx)
        assert y.shape == (*x.shape[:2], 2 * H) and h_n.shape == c_n.shape == (S, 0, H)
        (y.sum() + h_n.sum() + c_n.sum()).backward()
        assert x.grad is not None and x.grad.shape == x.shape
        assert all(weight.grad is not None and not weight.grad.any() for weight in rnn.parameters())


def zeros(*shape: int, **options: Any) -> Tensor:
    return torch.zeros(*shape, **options)


GOOD = zeros(S, B, H)
X = torch.randn(L, B, D)
MISFITS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "layers": (lambda m: m(X, (zeros(3, B, H), GOOD)), r"^h_0: expected \(4, 4, 5\), found \(3, 4, 5\)$"),
    "batch": (lambda m: m(X, (GOOD, zeros(S, 3, H))), r"^c_0: expected \(4, 4, 5\), found \(4, 3, 5\)$"),
    "width": (lambda m: m(X, (GOOD, zeros(S, B, 2 * H))), r"^c_0: expected \(4, 4, 5\), found \(4, 4, 10\)$"),
    "no batch": (lambda m: m(X, (zeros(S, H), zeros(S, H))), r"^h_0: expected \(4, 4, 5\), found \(4, 5\)$"),
    "batch beside none": (lambda m: m(X[:, 0], (GOOD, GOOD)), r"^h_0: expected \(4, 5\), found \(4, 4, 5\)$"),
    "single": (
        lambda m: m(X, GOOD),
        r"^hx: expected a pair \(h_0, c_0\) .*\(4, 4, 5\), found a single Tensor$",
    ),
    "single of two": (lambda m: m(X, zeros(2, S, B, H)), r"^hx: .* found a single Tensor$"),
    "three": (lambda m: m(X, (GOOD, GOOD, GOOD)), r"^hx: expected a pair .* found 3 of them$"),
    "none in it": (lambda m: m(X, (GOOD, None)), r"^c_0: expected a tensor, found NoneType$"),
    "dictionary": (lambda m: m(X, {"h": GOOD, "c": GOOD}), r"^hx: expected a pair .* found a single dict$"),
    "whole numbers": (
        lambda m: m(X, (GOOD, GOOD.long())),
        r"^c_0: expected torch.float32, found torch.int64; convert it by \.to\(torch.float32\)$",
    ),
    "wider": (lambda m: m(X, (GOOD.double(), GOOD)), r"^h_0: expected torch.float32, found torch.float64;"),
    "device": (
        lambda m: m(X, (GOOD, GOOD.to("meta"))),
        r"^c_0: expected device cpu like the input, found meta$",
    ),
    "input's width": (lambda m: m(torch.randn(L, B, 9)), r"^input: expected \(L, B, 6\), found \(7, 4, 9\)$"),
    "input's rank": (lambda m: m(torch.randn(L, B, D, 1)), r"^input: expected .*, found \(7, 4, 6, 1\)$"),
    "a vector": (lambda m: m(torch.randn(D)), r"^input: expected \(L, B, 6\), found \(6,\)$"),
    "no step": (lambda m: m(torch.randn(0, B, D)), r"^input: expected .* L >= 1, found \(0, 4, 6\)$"),
    "whole numbers in": (
        lambda m: m(X.long()),
        r"^input: expected torch.float32 like the weights, found torch.int64; .* \.to\(torch.float32\)$",
    ),
    "wider input": (
        lambda m: m(X.double()),
        r"^input: expected torch.float32 like the weights, found torch.fl",
    ),
    "input's device": (
        lambda m: m(X.to("meta")),
        r"^input: expected device cpu like the weights, found meta;",
    ),
    "a list": (lambda m: m([1.0, 2.0]), r"^input: expected a tensor or a PackedSequence, found list$"),
    "an array": (lambda m: m(X.numpy()), r"^input: .* found numpy.ndarray; torch.from_numpy makes one$"),
    "packed width": (lambda m: m(pack_sequence([torch.randn(3, 9)])), r"^input: expected \(L, B, 6\)"),
    "packed numbers": (
        lambda m: m(pack_sequence([torch.ones(3, D).long()])),
        r"^input: expected torch.float32 like the weights, found torch.int64;",
    ),
}


@pytest.mark.parametrize("name", MISFITS)
def test_what_does_not_fit_is_refused_in_words(name: str) -> None:
    call, line = MISFITS[name]
    with pytest.raises(ValueError, match=line) as failure:
        call(sru())
    assert "\n" not in str(failure.value)


def test_batch_first_is_refused_by_its_own_names() -> None:
    for rnn in (sru(batch_first=True), SRU(D, H, batch_first=True)):
        with pytest.raises(ValueError, match=r"^input: expected \(B, L, 6\), found \(4, 7, 9\)$"):
            rnn(torch.randn(B, L, 9))
        with pytest.raises(ValueError, match=r"^input: expected \(B, L, 6\) with L >= 1, found \(4, 0, 6\)$"):
            rnn(torch.randn(B, 0, D))


@pytest.mark.parametrize("pair", [(zeros(2, B, H), zeros(2, B, H)), [zeros(2, B, H), zeros(2, B, H)]])
def test_h_0_and_c_0_given_to_the_sru_itself(pair: Any) -> None:
    line = r"^state: expected one tensor \(2, 4, 5\), .* found (tuple|list) of 2; \(h_0, c_0\) is torch.nn.LSTM's: use "
    with pytest.raises(ValueError, match=line + r"\.lstm_convention\(\), or give c_0 alone$"):
        SRU(D, H)(X, pair)
    with pytest.raises(
        ValueError, match=r"^state: expected one tensor \(2, 4, 5\), .* give the state alone$"
    ):
        MinGRU(D, H)(X, pair)
    with pytest.raises(ValueError, match=r"^state: expected torch.float32, found torch.float64;"):
        SRU(D, H)(X, pair[0].double())


MEMORY = AttentionContext(3, 3)
PAIR = (zeros(2, B, H), zeros(2, B, H))
STRANGE: dict[str, tuple[Any, Any, str]] = {
    "qrnn pair": (
        QRNN(D, H),
        PAIR,
        r"2 pairs .* found tuple of 2; \(h_0, c_0\) is .*: give what the call before",
    ),
    "qrnn tensor": (
        QRNN(D, H),
        torch.stack(PAIR),
        r"2 pairs .* found a tensor \(2, 2, 4, 5\); give what the ",
    ),
    "qrnn layers": (QRNN(D, H), [(None, None)] * 3, "2 pairs .* found list of 3"),
    "qrnn none": (QRNN(D, H), [None, None], "2 pairs .* found list of 2"),
    "qrnn rows": (QRNN(D, H), [(zeros(1, H), None)] * 2, r"\(4, 5\), found \(1, 5\)"),
    "qrnn type": (
        QRNN(D, H),
        [(zeros(B, H).double(), None)] * 2,
        "torch.float32, found torch.float64; convert",
    ),
    "qrnn window": (QRNN(D, H, window=2), [(None, None)] * 2, "a tensor, found NoneType"),
    "qrnn input": (QRNN(D, H, window=2), [(None, zeros(B, H))] * 2, r"\(4, 6\), found \(4, 5\)"),
    "srupp pair": (
        SRUpp(D, H, 4),
        PAIR,
        r"\(c_n, inputs, keys\), .* found tuple of 2; \(h_0, c_0\) is .*: give what",
    ),
    "srupp tensor": (
        SRUpp(D, H, 4),
        PAIR[0],
        r"\(c_n, inputs, keys\), .* found a tensor \(2, 4, 5\); give what",
    ),
    "srupp lists": (SRUpp(D, H, 4), (PAIR[0], [], []), r"\(c_n, inputs, keys\), .* found tuple of 3"),
    "srupp names": (
        SRUpp(D, H, 4, attention_context=MEMORY),
        (PAIR[0], {"0": zeros(1, B, D)}, {}),
        r"memories of the layers \[0, 1\], which attend, found \['0'\]",
    ),
    "gru pair": (
        GRU(D, H),
        PAIR,
        r"one tensor, h_n, found tuple of 2; \(h_0, c_0\) is .*: give the state alone",
    ),
    "lstm tensor": (
        LSTM(D, H),
        PAIR[0],
        r"a pair of tensors \(h_n, c_n\), found a tensor \(2, 4, 5\); give what",
    ),
    "lstm half": (
        LSTM(D, H),
        (PAIR[0], None),
        "a pair of tensors .* found tuple of 2, not all of them tensors",
    ),
}


@pytest.mark.parametrize("name", STRANGE)
def test_a_state_of_another_kind_is_refused(name: str) -> None:
    encoder, state, told = STRANGE[name]
    with pytest.raises(
        ValueError, match=f"^state: (c |last input )?(of layer 0: )?expected (a list of )?{told}"
    ):
        encoder(X, state)


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16, torch.float16])
def test_other_types(kind: torch.dtype) -> None:
    rnn = sru().to(kind)
    x = X.to(kind)
    y, (h_n, c_n) = rnn(x)
    assert y.dtype == h_n.dtype == kind and c_n.dtype == torch.promote_types(kind, torch.float32)
    again, _ = rnn(x, (h_n, c_n))  # what was handed out is taken back
    own, _ = rnn(x, (h_n, c_n.to(kind)))
    assert again.dtype == own.dtype == kind
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low, state = sru()(X)
        assert low.dtype == torch.bfloat16 and sru()(X, state)[0].dtype == torch.bfloat16


def saved(module: nn.Module) -> Any:
    buffer = io.BytesIO()
    torch.save(module, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=False)


def from_state_dict(module: nn.Module) -> nn.Module:
    other = sru()
    other.reset_parameters()
    other.load_state_dict(module.state_dict(), strict=True)
    return other


COPIES: dict[str, Callable[[Any], Any]] = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda module: pickle.loads(pickle.dumps(module)),
    "torch.save": saved,
    "state_dict": from_state_dict,
    "to and back": lambda module: copy.deepcopy(module).double().float(),
    "meta and back": lambda module: (
        copy.deepcopy(module).to("meta").to_empty(device="cpu").requires_grad_(False)
        and from_state_dict(module)
    ),
    "apply": lambda module: copy.deepcopy(module).apply(lambda part: part.requires_grad_(False)),
}


@pytest.mark.parametrize("how", COPIES)
def test_copies_give_the_same(how: str) -> None:
    rnn = sru().eval()
    assert_close(COPIES[how](rnn)(X), rnn(X))


def test_on_meta_shapes_are_told() -> None:
    with torch.device("meta"):
        rnn = sru()
    y, (h_n, c_n) = rnn(X.to("meta"))
    assert y.shape == (L, B, 2 * H) and h_n.shape == c_n.shape == (S, B, H) and y.is_meta


def test_train_and_eval_change_dropout_alone() -> None:
    rnn = sru(dropout=0.5)
    assert not torch.equal(rnn(X)[0], rnn(X)[0])
    assert torch.equal(rnn.eval()(X)[0], rnn(X)[0])


def replicated(module: nn.Module) -> nn.Module:
    """As DataParallel makes a replica: weights are tensors that hang on the module's own, no parameters."""
    replica = module._replicate_for_data_parallel()
    for name, child in module.named_children():
        setattr(replica, name, replicated(child))
    for name, weight in module.named_parameters(recurse=False):
        setattr(replica, name, weight * 1.0)
    return replica


def test_a_replica_of_data_parallel_gives_the_same_gradients() -> None:
    rnn, found = sru(), []
    for module in (rnn, replicated(rnn)):
        rnn.zero_grad()
        y, (h_n, c_n) = module(X)
        (y.square().sum() + h_n.sum() + c_n.sum()).backward()
        found.append([y, *(weight.grad for weight in rnn.parameters())])
    assert_close(found[0], found[1])


def test_in_another_process() -> None:
    context, rnn = torch.multiprocessing.get_context("fork"), sru()
    queue = context.SimpleQueue()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads
        process = context.Process(target=_sum_of, args=(rnn, X, queue))
        process.start()
    process.join(60)
    assert process.exitcode == 0 and queue.get() == pytest.approx(float(rnn(X)[0].sum().detach()), rel=1e-5)


def _sum_of(rnn: nn.Module, x: Tensor, queue: Any) -> None:
    torch.set_num_threads(1)
    queue.put(float(rnn(x)[0].sum().detach()))
