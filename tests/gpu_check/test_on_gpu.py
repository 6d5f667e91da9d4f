"""The pieces of the GPU check as they run on a GPU, as far as a machine without one can tell."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import create_autospec

import pytest
import torch

from sru_repro.bench import graphs
from sru_repro.gpu_check import SectionOptions, Unfinished, adopt, finished_runs, gpu, table_runs
from sru_repro.gpu_check.page import Page
from sru_repro.gpu_check.plan import pieces
from sru_repro.ops import launch_config
from sru_repro.records.gpu_manifest import SECTIONS
from sru_repro.records.packed_runs import add_packed
from sru_repro.records.run import PublishedRun

ELSEWHERE = {"compile", "resume", "sanitizer", "table", "small"}
"""Pieces in which nothing can be pretended: they start processes, or compile for a GPU."""


@pytest.mark.slow
@pytest.mark.parametrize("section", ["correct", "speed", "tune", "train-sst"])
def test_the_pieces_run(
    section: str, pretended_gpu: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adopt, "WORTH", 0.0)  # what is gained here is chance
    options = SectionOptions(section, str(tmp_path), "cuda", rehearse=True)
    page = Page(options)
    assert page.content.gpu.name == "A pretended GPU" and page.content.gpu.devices == 2
    plan = pieces(options)
    page.plan([piece.name for piece in plan])
    for piece in plan:
        if piece.name in ELSEWHERE:
            continue
        page.begin(piece.name)
        found = piece.run(1.0)
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


def test_runs_of_a_table_are_those_of_this_gpu(
    pretended_gpu: list[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(row: str) -> dict[str, Any]:
        config = {"profile": "paper", "task": {"name": "sst"}, "trainer": {"precision": "bf16-mixed"}}
        return {"row": row, "overrides": [f"experiment=sst/{row}"], "config": config}

    def record(row: str, slug: str) -> PublishedRun:
        content: dict[str, Any] = {
            **{"state": "finished", "task": "sst", "table": "sst", "row": row, "profile": "paper", "seed": 1},
            **{
                "config": run(row)["config"] | {"seed": 1},
                "packages": {},
                "parameters": 1,
                "backend": "fused cuda",
            },
            **{"code": {"revision": None, "dirty": None}, "hardware": {"name": slug, "slug": slug}},
            **{
                "headline": "test/accuracy",
                "epochs": [],
                "metrics": {"test/accuracy": 0.5},
                "throughput": {},
            },
            "data": {"fingerprint": "f", "description": "", "comparable": True, "notes": []},
            **{"started": "2026-11-28T00:00:00Z", "wall_s": 90.0},
        }
        return PublishedRun.model_validate(content)

    slugs = {"sru2": "a-pretended-gpu-8-runs", "lstm": "a-pretended-gpu-4-runs", "cnn": "another-gpu-8-runs"}
    add_packed(tmp_path, [record(row, slug) for row, slug in slugs.items()])
    made: list[str] = []

    def carry_out(runs: Any, beside: int, seconds: float, predictions: Any, say: Any) -> Any:
        made.extend(one.row for one in runs)
        assert beside == 8 and predictions.of("sru2", {}) == (100.0, "this row, measured")
        assert predictions.of("lstm", {}) == (100.0, "the other rows")
        yield from ()

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(table_runs, "carry_out", carry_out)
    for name in ("check", "load_data"):
        monkeypatch.setattr(finished_runs, name, lambda config: SimpleNamespace(fingerprint="f"))
    table = {"rows": [run(row) for row in slugs], "seeds": [1], "folder": "runs/sst", "side_by_side": 8}
    options = SectionOptions("table1", str(tmp_path), "cuda", table=table)
    Page(options).plan(["rates", "runs"])
    with pytest.raises(Unfinished, match="1 of 3 runs finished; next: lstm, seed 1"):
        table_runs.runs(options, 100.0)
    assert made == ["lstm", "cnn"]
    assert "runs take turns: nvidia-cuda-mps-control was not found in PATH" in capsys.readouterr().err


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
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: stream)
    monkeypatch.setattr(torch.cuda, "stream", Context)
    monkeypatch.setattr(torch.cuda, "graph", Context)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: (0, 1))
    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: graph)
    calls: list[int] = []
    replay = graphs.graph(lambda: calls.append(1) or len(calls), first=2)  # type: ignore[func-returns-value]
    assert len(calls) == 3 and inside == ["in", "out"] * 2
    assert replay() == replay() == 3 and len(calls) == 3 and graph.replay.call_count == 2


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
