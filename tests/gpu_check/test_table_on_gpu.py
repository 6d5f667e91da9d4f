"""Rows of a table on a GPU that is pretended: which runs are done, what is predicted, how they share it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sru_repro.gpu_check import SectionOptions, Unfinished, finished_runs, table_runs
from sru_repro.gpu_check.page import Page
from sru_repro.records.packed_runs import add_packed
from sru_repro.records.run import PublishedRun


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
    with pytest.raises(Unfinished, match="1 of 3 runs finished; next: lstm, seed 1") as caught:
        table_runs.runs(options, 100.0)
    assert "runs take turns: nvidia" in str(caught.value.values["note"])
    assert made == ["lstm", "cnn"]
    assert "runs take turns: nvidia-cuda-mps-control was not found in PATH" in capsys.readouterr().err
