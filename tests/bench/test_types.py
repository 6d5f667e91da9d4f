"""The types of number in which LSTM and GRU are timed."""

import pytest
import torch
from torch.backends import cudnn

from sru_repro.bench.contenders import CONTENDERS
from sru_repro.bench.shapes import Shape
from sru_repro.bench.types import EVERY, in_numbers, types_of
from sru_repro.bench.whole import time_models

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
SHAPE = Shape("", "", 6, 3, 5, 4, 2, ragged=True)


@pytest.mark.parametrize("own", [torch.float32, torch.bfloat16])
def test_peers_have_every_type_on_cuda_the_own_first_and_none_twice(own: torch.dtype) -> None:
    found = list(types_of(own, CUDA, every=True))
    assert found[0].dtype == own and not found[0].tf32
    assert sorted(found) == sorted(EVERY) and len(found) == 4
    assert list(types_of(own, CUDA, every=False)) == list(types_of(own, CPU, every=True)) == found[:1]


def test_tf32_is_allowed_inside_the_call_alone() -> None:
    before = cudnn.allow_tf32
    seen: list[bool] = []

    def call() -> None:
        seen.append(cudnn.allow_tf32)
        if len(seen) == 3:
            raise RuntimeError("out of memory")

    try:
        cudnn.allow_tf32 = False
        for numbers in EVERY[:2]:
            in_numbers(call, numbers)()
        with pytest.raises(RuntimeError):
            in_numbers(call, EVERY[1])()
        assert seen == [False, True, True] and not cudnn.allow_tf32
    finally:
        cudnn.allow_tf32 = before


def test_the_peers_are_those_of_torch() -> None:
    assert [name for name, contender in CONTENDERS.items() if contender.peer] == ["lstm", "lstm-cells", "gru"]


def test_weights_of_an_lstm_in_bfloat16_may_lie_in_one_chunk() -> None:
    """PyTorch joins weights of the types that it believes cuDNN has, and bfloat16 is missing there."""
    CONTENDERS["lstm"].build(SHAPE, CPU, torch.bfloat16)
    assert {torch.float32, torch.float16, torch.bfloat16} <= set(cudnn.CUDNN_TENSOR_DTYPES)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_on_a_cpu_there_is_the_type_of_the_run_alone_and_no_graph(dtype: torch.dtype) -> None:
    rows = time_models(SHAPE, CPU, dtype, 1, 0.0, names=("sru", "lstm", "gru"), memory=False)
    assert [row.plain()["contender"] for row in rows] == ["sru", "lstm", "gru"]
    for row in rows:
        assert not {"dtype", "graph_training", "graph_inference"} & set(row.plain())
        assert row.seconds("training") and row.seconds("ragged_training")
