"""What `tune` found enters the table of launch configurations: which rows, in which file, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from sru_repro.core import machine
from sru_repro.core.errors import ConfigError, DataError
from sru_repro.gpu_check import adopt
from sru_repro.gpu_check.adopt import measurements, merged
from sru_repro.ops import launch_config
from sru_repro.ops.launch_config import LaunchConfig, Measurement
from sru_repro.records.base import read
from sru_repro.records.gpu_page import GPUPage

MEASURED = {"date": "2026-11-25T10:00:00Z", "revision": None, "dirty": None, "torch": "2", "sources": "0"}

SAME = {"cell": "sru", "moved_bytes": 1, "heuristic": [1, 8, 32], "variants": []}


def tuned(gain: float, columns: int, best: tuple[int, int, int] = (4, 2, 64)) -> dict[str, Any]:
    values = {"kernel": "forward", "dtype": "bfloat16", "columns": columns, "step_bytes": 8, "gain": gain}
    return {
        "name": f"forward/bfloat16/{columns}",
        "state": "ok",
        "error": None,
        "seconds": 1.0,
        "measured": MEASURED,
        "values": {**values, **SAME, "best": list(best)},
    }


def page_of(*pieces: dict[str, Any], gpu: str = "A GPU", rehearsal: bool = False) -> dict[str, Any]:
    return {
        "schema": GPUPage.SCHEMA,
        "section": "tune",
        "rehearsal": rehearsal,
        "device": "cpu" if rehearsal else "cuda",
        "hardware": {"name": gpu, "slug": gpu},
        "card": {"name": gpu},
        "packages": {},
        "planned": [piece["name"] for piece in pieces],
        "running": None,
        "pieces": list(pieces),
    }


def put(folder: Path, page: dict[str, Any]) -> Path:
    folder.mkdir()
    (folder / "tune.json").write_text(json.dumps(page))
    return folder


def row(columns: int, *config: int) -> Measurement:
    return Measurement("forward", "bfloat16", columns, 8, LaunchConfig(*config))


def test_the_table_holds_what_beats_the_rule_and_the_later_page_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "table.json"
    monkeypatch.setenv(launch_config.VARIABLE, str(table))
    first = page_of(tuned(1.2, 1024), tuned(1.01, 4096), tuned(1.5, 65536))
    assert adopt.adopt(put(tmp_path / "1", first)) == (table, 2)
    assert adopt.adopt(put(tmp_path / "2", page_of(tuned(1.1, 1024), gpu="Another GPU"))) == (table, 1)
    later = page_of(tuned(1.3, 1024, (2, 8, 32)), tuned(1.0, 65536))
    assert adopt.adopt(put(tmp_path / "3", later)) == (table, 1)
    assert launch_config.read(table) == {"A GPU": [row(1024, 2, 8, 32)], "Another GPU": [row(1024, 4, 2, 64)]}
    assert adopt.adopt(put(tmp_path / "4", page_of(tuned(1.0, 1024)))) == (table, 0)
    assert launch_config.read(table) == {"Another GPU": [row(1024, 4, 2, 64)]}


def test_what_was_not_measured_on_a_gpu_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "table.json"
    monkeypatch.setenv(launch_config.VARIABLE, str(table))
    with pytest.raises(DataError, match=r"tune\.json"):
        adopt.adopt(tmp_path)
    with pytest.raises(DataError, match="expected what a GPU measured, found a rehearsal"):
        adopt.adopt(put(tmp_path / "1", page_of(tuned(1.2, 1024), rehearsal=True)))
    table.write_text("[]")
    with pytest.raises(
        DataError, match=r"table\.json: expected a table of launch configurations, found .*; delete it"
    ):
        adopt.adopt(put(tmp_path / "2", page_of(tuned(1.2, 1024))))
    assert table.read_text() == "[]"


def test_what_is_installed_is_not_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = put(tmp_path / "1", page_of(tuned(1.2, 1024)))
    table = tmp_path / "launch_configs.json"
    table.write_text("{}\n")
    monkeypatch.delenv(launch_config.VARIABLE, raising=False)
    monkeypatch.setattr(launch_config, "TABLE", table)
    monkeypatch.setattr(adopt, "checkout", lambda: None)
    with pytest.raises(
        ConfigError, match=r"expected a checkout, found an installed .*: SRU_REPRO_LAUNCH_CONFIGS=FILE"
    ):
        adopt.adopt(folder)
    assert table.read_text() == "{}\n"
    monkeypatch.setattr(adopt, "checkout", lambda: tmp_path)
    assert adopt.adopt(folder) == (table, 1) and "A GPU" in launch_config.read(table)


def test_the_packaged_table_is_what_the_committed_evidence_gives() -> None:
    assert machine.ROOT is not None
    pages = [read(GPUPage, path) for path in (machine.ROOT / "results").glob("cuda/*/tune.json")]
    table: launch_config.Table = {}
    for page in sorted(pages, key=lambda page: max(piece.measured.date for piece in page.pieces)):
        table = merged(table, page.gpu.name, measurements(page))
    assert launch_config.TABLE.read_text() == launch_config.dump(table)
