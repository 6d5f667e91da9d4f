"""scripts/wandb_workspace.py: what it would write, made without a login or a network."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

if importlib.util.find_spec("wandb_workspaces") is None:
    pytest.skip("wandb-workspaces is not installed", allow_module_level=True)
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the package's own, on import
ROOT = Path(__file__).parents[1]


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("WANDB_API_KEY", "WANDB_ENTITY", "WANDB_PROJECT", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_SILENT", "true")
    spec = importlib.util.spec_from_file_location("wandb_workspace", ROOT / "scripts/wandb_workspace.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_dry_run_prints_workspace_and_report(script: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert script.main(["--dry-run", "--entity", "us", "--results", str(ROOT / "results")]) == 0
    out, err = capsys.readouterr()
    view, report = json.loads(out)
    assert err == "" and (view["entity"], view["project"]) == ("us", "sru-repro")
    section = view["spec"]["section"]
    assert section["settings"]["xAxis"] == "step"
    drawn = {
        one["name"]: [panel["config"] for panel in one["panels"]]
        for one in section["panelBankConfig"]["sections"]
    }
    assert list(drawn) == ["Quality", "Speed", "Optimisation", "Memory", "Media"]
    assert {panel["xAxis"] for panel in drawn["Quality"]} == {"step", "tokens", "wall_s"}
    keys = {key for panels in drawn.values() for panel in panels for key in panel.get("metrics", ())}
    assert {
        "val/accuracy",
        "val/bpc",
        "optim/grad_norm",
        "throughput/data_fraction",
        "gpu/peak_bytes",
    } <= keys
    assert {key for panel in drawn["Media"] for key in panel["mediaKeys"]} >= {
        "media/predictions",
        "media/gates",
    }
    blocks = report["spec"]["blocks"]
    tables = [block["content"] for block in blocks if block["type"] == "markdown-block"]
    written = (ROOT / "results/sst.md").read_text(encoding="utf-8")
    assert report["displayName"] == "Ours beside the paper"
    assert any(table in written and "| paper |" in table and "SRU, 2 layers" in table for table in tables)
    assert sum(block["type"] == "panel-grid" for block in blocks) >= 3


@pytest.mark.parametrize(
    ("args", "line"),
    [
        ([], "--entity: expected the user or team that the project belongs to, found none"),
        (
            ["--entity", "us"],
            "wandb: expected a login, found none; `wandb login`, or --dry-run prints what would",
        ),
        (
            ["--dry-run", "--results", "nowhere"],
            "nowhere: expected tables of results such as sst.md, found none",
        ),
    ],
)
def test_what_is_missing_is_said_in_one_line(
    args: list[str], line: str, script: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    if "--results" not in args:
        args = [*args, "--results", str(ROOT / "results")]
    assert script.main(args) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"wandb_workspace: {line}") and err.count("\n") == 1


def test_a_server_of_no_use_is_told_in_one_line(
    script: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import wandb

    def refuse(**_: object) -> bool:
        raise ConnectionError("no route\nto it")

    monkeypatch.setattr(wandb, "login", refuse)
    assert script.main(["--entity", "us", "--results", str(ROOT / "results")]) == 1
    err = capsys.readouterr().err
    assert (
        err.startswith("wandb_workspace: wandb: nothing was written (ConnectionError: no route")
        and err.count("\n") == 1
    )
