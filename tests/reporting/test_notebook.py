"""The notebook runs from top to bottom on published records, and shows the table and the picture."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sru_repro.records.base import write
from sru_repro.records.run import RunRecord
from sru_repro.reporting.runs.publish import publish

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "sst.ipynb"


def test_is_committed_without_outputs() -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in cells)


def test_shows_table_and_picture(tmp_path: Path, record: Callable[..., RunRecord]) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    for row in ("lstm", "sru2"):
        write(record(row), tmp_path / "run.json")
        publish(tmp_path, tmp_path / "results")
    (tmp_path / "notebooks").mkdir()
    shutil.copy(NOTEBOOK, tmp_path / "notebooks")
    notebook = nbformat.read(tmp_path / "notebooks" / NOTEBOOK.name, 4)
    place = {"metadata": {"path": str(tmp_path / "notebooks")}}
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3", resources=place).execute()
    shown = [
        output["data"] for cell in notebook.cells for output in cell.get("outputs", []) if "data" in output
    ]
    assert any("| SRU, 2 layers | 204,034 |" in data.get("text/markdown", "") for data in shown)
    assert any("image/png" in data for data in shown)
