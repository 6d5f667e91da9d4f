"""The QRNN against its paper: convolution, poolings, highway, zoneout.

Shapes: L time, B batch, D input, H output features.
"""

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from sru_repro.models import QRNN

assert_close = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-10)

L, B, D, H = 6, 3, 5, 4


def normal(*shape: int) -> Tensor:
    """Random float64."""
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def gates(layer: Any, x_LBD: Tensor, window: int) -> list[Tensor]:
    """W * x + b as a convolution of torch over the sequence with zeros in front; a list of (L, B, H)."""
    kernel = layer.linear.weight.view(-1, window, D).transpose(1, 2)
    y = F.conv1d(F.pad(x_LBD.permute(1, 2, 0), (window - 1, 0)), kernel, layer.linear.bias)
    return list(y.permute(2, 0, 1).unflatten(-1, (-1, H)).unbind(2))


@pytest.mark.parametrize("window", [1, 2])
@pytest.mark.parametrize("pooling", ["f", "fo", "ifo"])
def test_equations_of_the_paper(pooling: str, window: int) -> None:
    qrnn = QRNN(D, H, 1, window=window, pooling=pooling).double()
    x = normal(L, B, D)
    h, [(c_n, _)] = qrnn(x)
    z, f, *more = gates(qrnn.layers[0], x, window)
    c = torch.zeros(B, H, dtype=torch.float64)
    for t in range(L):
        f_t = torch.sigmoid(f[t])
        i_t = torch.sigmoid(more[1][t]) if pooling == "ifo" else 1 - f_t
        c = f_t * c + i_t * torch.tanh(z[t])
        assert_close(h[t], c if pooling == "f" else torch.sigmoid(more[0][t]) * c)
    assert_close(c_n, c)


@pytest.mark.parametrize("size", [D, H], ids=["skip-is-input", "skip-is-product"])
def test_highway_of_the_sru_paper(size: int) -> None:
    qrnn = QRNN(D, size, 1, highway=True).double()
    x, (layer,) = normal(L, B, D), qrnn.layers
    assert (layer.skip is None) == (size == D)
    z, f, r = layer.linear(x).chunk(3, -1)
    skip = x if layer.skip is None else x @ layer.skip.weight.T
    h, c = qrnn(x)[0], torch.zeros(B, size, dtype=torch.float64)
    for t in range(L):
        c = torch.sigmoid(f[t]) * c + (1 - torch.sigmoid(f[t])) * torch.tanh(z[t])
        r_t = torch.sigmoid(r[t])
        assert_close(h[t], r_t * c + (1 - r_t) * skip[t])


def test_zoneout_in_evaluation_is_its_mean() -> None:
    """f' = 1 - (1 - p)(1 - f)."""
    p, x = 0.3, 3 * normal(L, B, D)
    qrnn = QRNN(D, H, 1, pooling="f", zoneout=p).double().eval()
    h, (z, f) = qrnn(x)[0], gates(qrnn.layers[0], x, 1)
    c = torch.zeros(B, H, dtype=torch.float64)
    for t in range(L):
        f_t = 1 - (1 - p) * (1 - torch.sigmoid(f[t]))
        c = f_t * c + (1 - f_t) * torch.tanh(z[t])
        assert_close(h[t], c)


def test_zoneout_in_training_keeps_the_state_at_random_steps() -> None:
    torch.manual_seed(0)
    qrnn, x = QRNN(D, 64, 1, pooling="f", zoneout=0.3).double(), normal(40, B, D).requires_grad_()
    h, _ = qrnn(x)
    kept = h[1:] == h[:-1]
    assert 0.27 < kept.double().mean() < 0.33
    assert kept.any(0).all() and not kept.all(0).any()  # not one mask for all steps
    h.sum().backward()
    assert x.grad is not None and x.grad.isfinite().all()
    free = QRNN(D, 64, 1, pooling="f").double()
    free.load_state_dict(qrnn.state_dict())
    assert not (free(x)[0][1:] == free(x)[0][:-1]).any()


def test_zoneout_of_zero_is_none() -> None:
    plain, zoned = QRNN(D, H, 2).double(), QRNN(D, H, 2, zoneout=1e-12).double()
    zoned.load_state_dict(plain.state_dict())
    torch.testing.assert_close(
        zoned.eval()(normal(L, B, D))[0], plain(normal(L, B, D))[0], rtol=1e-9, atol=1e-9
    )


def test_dropout_stands_between_layers_only() -> None:
    x = normal(L, B, D)
    one, two = QRNN(D, H, 1, dropout=0.5).double(), QRNN(D, H, 2, dropout=0.5).double()
    assert torch.equal(one(x)[0], one(x)[0])
    assert not torch.equal(two(x)[0], two(x)[0])
    assert torch.equal(two.eval()(x)[0], two(x)[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 3}, r"^window: expected 1 or 2, found 3$"),
        ({"pooling": "o"}, r"^pooling: expected f, fo or ifo, found 'o'$"),
        ({"highway": True, "pooling": "f"}, r"^highway: expected pooling=fo, found 'f'$"),
        ({"bidirectional": True, "window": 2}, r"^bidirectional: expected window=1, found 2$"),
        ({"zoneout": 1.0}, r"^zoneout: expected 0 <= zoneout < 1, found 1\.0$"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        QRNN(D, H, **options)
    with pytest.raises(ValueError, match=r"^input: expected \(L, B, 5\), found \(6, 3, 4\)$"):
        QRNN(D, H)(torch.zeros(L, B, 4))
