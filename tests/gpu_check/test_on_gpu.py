"""The pieces of the GPU check as they run on a GPU, as far as a machine without one can tell."""

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import create_autospec

import pytest
import torch

from sru_repro.bench import graphs
from sru_repro.gpu_check import SectionOptions, adopt, gpu
from sru_repro.gpu_check.page import Page
from sru_repro.gpu_check.plan import pieces
from sru_repro.ops import launch_config
from sru_repro.records.gpu_manifest import SECTIONS
from sru_repro.verify import grid

ELSEWHERE = {"compile", "ranks", "resume", "sanitizer", "table", "small"}
"""Pieces in which nothing can be pretended: they start processes, or compile for a GPU."""


@pytest.mark.slow
@pytest.mark.parametrize("section", ["correct", "speed", "tune", "papers", "train-sst"])
def test_the_pieces_run(
    section: str, pretended_gpu: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adopt, "WORTH", 0.0)  # what is gained here is chance
    monkeypatch.setattr(grid, "COMPACT", grid.COMPACT[:3])  # as many as section `correct` rehearses
    options = SectionOptions(section, str(tmp_path), "cuda", rehearse=True)
    page = Page(options)
    assert page.content.gpu.name == "A pretended GPU" and page.content.gpu.devices == 2
    plan = pieces(options)
    page.plan([piece.name for piece in plan])
    for piece in plan:
        if piece.name in ELSEWHERE:
            continue
        page.begin(piece.name)
        found = piece.run(0.1)  # seconds, of which timings take what is left
        page.end(piece.name, "ok", found)
        assert found, piece.name
    if section == "correct":
        notes = {piece.name: piece.values.note for piece in page.content.pieces}
        assert notes["devices"] == "2 GPUs" and "kernels built" in notes["grid/sru"]
        kinds = {(variant.kernel, variant.cell) for variant in pretended_gpu}
        assert len(kinds) == 14
        assert {variant.columns for variant in pretended_gpu} == {1, 2, 4}
    if section == "speed":
        names = [piece.name for piece in page.content.pieces]
        assert "recurrence/small/bfloat16" in names and "shapes/steps/float32" in names
    if section == "tune":
        (name,) = launch_config.read(tmp_path / "launch_configs.json")
        assert name == "A pretended GPU"


def test_the_whole_plan_is_made_for_a_gpu(pretended_gpu: list[Any], tmp_path: Path) -> None:
    for section in SECTIONS:
        plan = pieces(SectionOptions(section, str(tmp_path), "cuda"))
        names = [piece.name for piece in plan]
        assert len(set(names)) == len(names) and all(piece.weight > 0 for piece in plan)
    speed = [piece.name for piece in pieces(SectionOptions("speed", str(tmp_path), "cuda"))]
    assert {"shapes/sst/bfloat16", "recurrence/wide/float32", "growth/L1024-B32-d256/bfloat16"} <= set(speed)


def test_a_graph_is_recorded_once_and_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, stream = create_autospec(torch.cuda.CUDAGraph, instance=True), create_autospec(torch.cuda.Stream)
    inside: list[str] = []

    class Context:
        def __init__(self, *_: Any, **__: Any) -> None: ...
        def __enter__(self) -> None:
            inside.append("in")

        def __exit__(self, *_: Any) -> None:
            inside.append("out")

    monkeypatch.setattr(torch.cuda, "Stream", lambda: stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device=None: stream)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: (0, 1))
    monkeypatch.setattr(graphs, "_spoilt", False)
    monkeypatch.setattr(torch.cuda, "stream", Context)
    monkeypatch.setattr(torch.cuda, "graph", Context)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: (0, 1))
    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: graph)
    calls: list[int] = []
    replay = graphs.graph(lambda: calls.append(1) or len(calls), first=2)  # type: ignore[func-returns-value]
    assert len(calls) == 3 and inside == ["in", "out"] * 2
    assert replay() == replay() == 3 and len(calls) == 3 and graph.replay.call_count == 2


def test_after_a_capture_that_failed_nothing_is_captured_and_the_process_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(call: Any, device: torch.device) -> Any:
        raise RuntimeError("operation not permitted when stream is capturing")

    stand_in = create_autospec(torch.cuda.Stream)
    for name in ("Stream", "current_stream"):
        monkeypatch.setattr(torch.cuda, name, lambda: stand_in)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    monkeypatch.setattr(graphs, "Recorded", refuse)
    monkeypatch.setattr(graphs, "_spoilt", False)
    for line in ("operation not permitted", "nothing is captured after a capture that failed"):
        with pytest.raises(RuntimeError, match=line):
            graphs.graph(lambda: None)
    assert gpu.broken(torch.device("cpu"))


def test_a_broken_gpu_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(device: torch.device) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    assert not gpu.broken(torch.device("cpu"))
    monkeypatch.setattr(torch.cuda, "synchronize", fail)
    assert gpu.broken(torch.device("cuda"))


@pytest.mark.parametrize(
    ("output", "status", "found"),
    [("580.159.04\n", 0, "580.159.04"), ("no devices", 9, None), ("", 0, None)],
)
def test_the_driver_is_asked_by_its_own_tool(
    output: str, status: int, found: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu.shutil, "which", lambda name: name)
    done = SimpleNamespace(stdout=output, returncode=status)
    monkeypatch.setattr(gpu.subprocess, "run", lambda *words, **options: done)
    assert gpu._driver() == found
