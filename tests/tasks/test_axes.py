"""Word vectors along the axes on which the loss depends."""

import torch

from sru_repro.tasks._axes import LEVELS, on_axes


def test_vectors_that_lie_in_a_plane_need_two_axes() -> None:
    torch.manual_seed(1)
    weight_VD = torch.randn(50, 2) @ torch.randn(2, 6) + torch.randn(6)
    plain_DD, counts_V = torch.eye(6, dtype=torch.float64), torch.arange(50)
    for axes, most in ((1, None), (2, 1.0)):
        table = on_axes(weight_VD, counts_V, plain_DD, axes, torch.float32)
        assert table.codes_VK.shape == (50, axes) and table.codes_VK.dtype == torch.int8
        worst = float((table.vectors() - weight_VD).abs().max())
        step = float(table.axes_KD.abs().sum(0).max())  # of the codes: half of it is rounding
        assert worst <= most * step if most else worst > 5 * step
    assert int(table.codes_VK.abs().amax()) == LEVELS


def test_what_the_loss_depends_on_is_kept_first() -> None:
    torch.manual_seed(2)
    weight_VD = torch.randn(200, 4) * torch.tensor([1.0, 1.0, 3.0, 3.0])
    counts_V = torch.ones(200, dtype=torch.long)
    read_DD = torch.diag(torch.tensor([1.0, 1.0, 0.0, 0.0], dtype=torch.float64))
    kept = on_axes(weight_VD, counts_V, 1e6 * read_DD, 2, torch.float32).vectors() - weight_VD
    assert float(kept[:, :2].abs().max()) < 0.5 and float(kept[:, 2:].abs().max()) > 3
    alike = on_axes(weight_VD, counts_V, torch.zeros(4, 4, dtype=torch.float64), 2, torch.float32)
    assert float((alike.vectors() - weight_VD)[:, 2:].abs().max()) < 0.2, (
        "without gradients the widest directions"
    )


def test_frequent_words_count_more() -> None:
    weight_VD = torch.tensor([[1.0, 0.0]] * 5 + [[0.0, 1.2]] * 5)
    weight_VD[::2] *= -1
    plain_DD = torch.eye(2, dtype=torch.float64)
    for frequent in (slice(0, 5), slice(5, 10)):
        counts_V = torch.zeros(10, dtype=torch.long)
        counts_V[frequent] = 10_000
        wrong_VD = on_axes(weight_VD, counts_V, plain_DD, 1, torch.float32).vectors() - weight_VD
        assert float(wrong_VD[frequent].abs().mean()) < 0.2 < float(wrong_VD.abs().mean())
