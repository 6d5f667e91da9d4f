"""LSTM and GRU in every type of number, plain and as graphs, on a GPU that is pretended."""

from typing import Any

import pytest
import torch

from sru_repro.bench import alone, timing, whole
from sru_repro.bench.shapes import Shape
from sru_repro.records.bench import Entry, Timed

CUDA = torch.device("cuda")
SHAPE = Shape("small", "small", 6, 3, 5, 4, 2, ragged=True)
TYPES = ["bfloat16", "float32", "TF32", "float16"]
pytestmark = pytest.mark.usefixtures("pretended_gpu")


def timed(**options: Any) -> Entry:
    names = ("sru", "lstm", "gru", "conv2")
    rows = whole.time_models(SHAPE, CUDA, torch.bfloat16, 1, 0.0, names=names, memory=False, **options)
    return Entry(**SHAPE.facts(), order=0, dtype="bfloat16", rows=rows)


def of(entry: Entry, contender: str) -> dict[str, Timed]:
    return {entry.type_of(row): row for row in entry.rows if row.contender == contender}


def test_every_type_is_timed_plain_and_as_a_graph() -> None:
    entry = timed()
    assert [len(of(entry, name)) for name in ("sru", "lstm", "gru", "conv2")] == [1, 4, 4, 1]
    for name in ("lstm", "gru"):
        rows = of(entry, name)
        assert list(rows) == TYPES
        assert [row.label.partition(", ")[2] for row in rows.values()] == ["", *TYPES[1:]]
        for row in rows.values():
            assert all(
                row.seconds(mode) for mode in ("training", "graph_training", "inference", "graph_inference")
            )
            assert (row.seconds("ragged_training") is None) == (row.dtype is not None)
    assert of(entry, "sru")["bfloat16"].seconds("graph_training")
    assert not of(entry, "conv2")["bfloat16"].graph_training
    assert not any(row.graph_training for row in timed(graphs=False).rows)


def test_step_by_step_every_type_is_timed_and_nothing_is_a_graph() -> None:
    steps = Shape("steps", "steps", 4, 1, 4, 4, 2, stepwise=True)
    rows = whole.time_models(steps, CUDA, torch.float32, 1, 0.0, names=("sru", "lstm", "lstm-cells"))
    assert [row.dtype for row in rows if row.contender == "lstm"] == [None, "TF32", "float16", "bfloat16"]
    assert len(rows) == 9 and not any(row.graph_inference for row in rows)


def test_a_capture_that_fails_leaves_the_plain_call_and_another_type_is_fastest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    captured = 0

    def graph(call: Any) -> Any:
        nonlocal captured
        captured += 1
        if 3 <= captured <= 4:  # after SRU's two, those of LSTM in its own type
            raise RuntimeError("operation not permitted when stream is capturing\nmore")
        return call

    monkeypatch.setattr(whole, "graph", graph)
    entry = timed()
    broken = of(entry, "lstm")["bfloat16"]
    assert (
        broken.why_not("graph_training") == "RuntimeError: operation not permitted when stream is capturing"
    )
    assert broken.seconds("training") and not broken.error
    fastest = entry.baseline("graph_training")
    assert fastest is not None and fastest.dtype in TYPES[1:]


def test_kernels_are_timed_when_the_host_has_issued_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(torch.cuda, "_sleep", slept.append)
    found = timing.interleaved({"": lambda: None}, CUDA, 3, 60.0, inner=5)
    assert found[""].repeats == 3 and not slept
    found = timing.interleaved({"": lambda: None}, CUDA, 3, 60.0, inner=5, queued=True)
    assert found[""].repeats == len(slept) == 3 and min(slept) > 0
    rows = {row.backend: row for row in alone.time_recurrence(SHAPE, CUDA, torch.float32, 1, 0.0)}
    assert len(slept) > 3 and rows["cuda"].seconds("kernel_training") and rows["cuda"].seconds("training")
    assert rows["authors"].error and not rows["authors"].kernel_training
