"""What `ops.recurrence` refuses, in which words; and the choice of a back end."""

from typing import Any

import pytest
import torch

from sru_repro import ops

L, B, D = 4, 3, 6


def good(cell: str = "sru") -> dict[str, Any]:
    """Arguments that fit."""
    spec = ops.CELLS[cell]
    found: dict[str, Any] = {"cell": cell, "u_LBkD": torch.zeros(L, B, len(spec.gates), D)}
    if spec.peephole:
        found["v"] = torch.zeros(2, D)
    if spec.biased:
        found["b_2D"] = torch.zeros(2, D)
    return found


@pytest.mark.parametrize(
    ("cell", "changes", "message"),
    [
        ("sru", {"cell": "lstm"}, r"unknown cell 'lstm': expected one of sru, "),
        ("sru", {"activation": "relu"}, r"unknown activation 'relu': expected identity or tanh"),
        (
            "sru",
            {"u_LBkD": torch.zeros(L, B, D)},
            r"U: expected \(L, B, k, D\) in f32, f64, bf16, f16, found .* \(4, 3, 6\)",
        ),
        (
            "sru",
            {"u_LBkD": torch.zeros(L, B, 3, D).to(torch.float8_e4m3fn)},
            r"U: .* found torch.float8_e4m3fn",
        ),
        ("sru", {"mask_BD": torch.ones(B, D, requires_grad=True)}, r"mask: expected a constant"),
        (
            "sru",
            {"u_LBkD": torch.zeros(L, B, 3, D).long()},
            r"U: expected .* found torch.int64",
        ),
        ("sru", {"u_LBkD": torch.zeros(0, B, 3, D)}, r"U: expected at least one time step"),
        ("sru", {"u_LBkD": torch.zeros(L, B, 2, D)}, r"U: cell sru reads 3 to 4 matrices here, found 2"),
        ("sru", {"u_LBkD": torch.zeros(L, B, 5, D)}, r"U: cell sru reads 3 to 4 matrices here, found 5"),
        (
            "sru",
            {"u_LBkD": torch.zeros(L, B, 4, D), "x_LBD": torch.zeros(L, B, D)},
            r"reads 3 to 3 matrices here",
        ),
        ("qrnn_fo", {"x_LBD": torch.zeros(L, B, D)}, r"x: cell qrnn_fo has no skip input"),
        ("qrnn_fo", {"mask_BD": torch.ones(B, D)}, r"mask: cell qrnn_fo has no highway"),
        ("sru", {"v": None}, r"v: cell sru needs peephole weights"),
        ("sru_v1", {"v": torch.zeros(2, D)}, r"v: cell sru_v1 takes no peephole weights"),
        ("sru", {"b_2D": None}, r"b: cell sru needs biases"),
        ("qrnn_f", {"b_2D": torch.zeros(2, D)}, r"b: cell qrnn_f takes no biases"),
        (
            "qrnn_f",
            {"u_LBkD": torch.zeros(L, B, 2, 5), "bidirectional": True},
            r"bidirectional: expected an even number",
        ),
        ("sru", {"x_LBD": torch.zeros(B, L, D)}, r"x: expected shape \(4, 3, 6\), found \(3, 4, 6\)"),
        ("sru", {"v": torch.zeros(2 * D)}, r"v: expected shape \(2, 6\) or \(4, 3, 2, 6\), found \(12,\)"),
        ("sru", {"b_2D": torch.zeros(D, 2)}, r"b: expected shape \(2, 6\), found \(6, 2\)"),
        ("sru", {"c0_BD": torch.zeros(1, B, D)}, r"c0: expected shape \(3, 6\), found \(1, 3, 6\)"),
        ("sru", {"mask_BD": torch.zeros(L, B, D)}, r"mask: expected shape \(3, 6\)"),
        (
            "sru",
            {"padding_LB": torch.zeros(B, L).bool()},
            r"padding: expected shape \(4, 3\), found \(3, 4\)",
        ),
        ("sru", {"padding_LB": torch.zeros(L, B)}, r"padding: expected torch.bool, found torch.float32"),
        (
            "sru",
            {"mask_BD": torch.ones(B, D).bool()},
            r"mask: expected a floating point type, found torch.bool",
        ),
        ("sru", {"c0_BD": torch.ones(B, D).long()}, r"c0: expected a floating point type, found torch.int64"),
        ("sru", {"x_LBD": torch.zeros(L, B, D, device="meta")}, r"x: expected device cpu like U, found meta"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(cell: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        ops.recurrence(**(good(cell) | changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("cell", ops.CELLS)
def test_state_and_options_may_be_left_out(cell: str) -> None:
    h, c_n = ops.recurrence(**good(cell))
    assert h.shape == (L, B, D) and c_n.shape == (B, D)
    assert not c_n.any()


def test_a_meta_call_gives_shapes() -> None:
    h, c_n = ops.recurrence(**{k: v.to("meta").bfloat16() if k != "cell" else v for k, v in good().items()})
    assert (h.shape, h.dtype, h.device.type) == ((L, B, D), torch.bfloat16, "meta")
    assert (c_n.shape, c_n.dtype) == ((B, D), torch.float32)


def test_back_ends_are_chosen_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ops.choose().name == "cpp" and ops.choose().label == "fused cpp" and ops.choose().why
    monkeypatch.setenv("SRU_REPRO_BACKEND", "reference")
    assert ops.choose().name == "reference" and "SRU_REPRO_BACKEND" in ops.choose().why
    with ops.use("eager"):
        assert ops.choose().name == "eager" and "ops.use" in ops.choose().why
        with ops.use("reference"):
            assert ops.choose().name == "reference"
        assert ops.choose().name == "eager"
    assert ops.choose().name == "reference"
    assert ops.choose().label == "reference loop"
    monkeypatch.setenv("SRU_REPRO_BACKEND", "tpu")
    for call in (ops.choose, lambda: ops.use("warp").__enter__(), lambda: ops.recurrence(**good())):
        with pytest.raises(
            ValueError, match=r"unknown recurrence back end '(tpu|warp)': expected one of cpp, cuda, eager, "
        ):
            call()


@pytest.mark.parametrize(("name", "device"), [("cuda", "cpu"), ("cpp", "cuda"), ("cpp", "mps")])
def test_a_fused_back_end_takes_tensors_of_its_own_device_only(name: str, device: str) -> None:
    its_own = {"cuda": "cuda", "cpp": "cpu"}[name]
    with (
        ops.use(name),
        pytest.raises(ValueError, match=f"{name} .* expected tensors on {its_own}, found {device}"),
    ):
        ops.choose(device)
    if device == "cpu":
        with ops.use(name), pytest.raises(ValueError, match="expected tensors on cuda, found cpu"):
            ops.recurrence(**good())


def test_where_there_is_no_fused_back_end_the_loop_runs() -> None:
    assert ops.choose("mps").name == "eager" and "no fused back end for mps" in ops.choose("mps").why
