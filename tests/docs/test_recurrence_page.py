"""The walk to a recurrence of one's own, as it stands on its page: entry, header, model, configuration, training."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from sru_repro import models, ops
from sru_repro.core import layout
from sru_repro.ops import build, cells
from sru_repro.records.run import read_record

from ..pages import page

Command = Callable[..., Any]

PAGE = page("recurrence")


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The page's files where the suite looks for them, the entry among the cells."""
    shutil.copytree(layout.conf_folder(), tmp_path / "conf")
    shutil.copytree(build.KERNELS, tmp_path / "src/sru_repro/ops/kernels")
    (tmp_path / "src/sru_repro/models").mkdir()
    files = dict(PAGE.files)
    (entry,) = eval(f"{{{files.pop('src/sru_repro/ops/cells.py')}}}", vars(cells)).items()
    monkeypatch.setitem(ops.CELLS, *entry)
    for name, text in files.items():
        assert (tmp_path / name).parent.is_dir(), f"{name}: the suite has no such folder"
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(layout, "conf_folder", lambda: tmp_path / "conf")
    monkeypatch.setattr(build, "KERNELS", tmp_path / "src/sru_repro/ops/kernels")
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(tmp_path / "src/sru_repro/models")])
    yield tmp_path
    sys.modules.pop("sru_repro.models.untied", None)


@pytest.mark.slow
def test_the_page_leads_to_a_trained_model(
    clone: Path, sru_repro: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    known: dict[str, Any] = {}
    for code in PAGE.code:
        exec(code, known)
    assert "16 cases, 0 wrong" in capsys.readouterr().out
    small = ("trainer=cpu", "logger=csv", "model.hidden_size=8", "task.max_bytes=20000", "hydra.run.dir=run")
    first = next(line for line in PAGE.commands if "profile=smoke" in line)
    called = sru_repro(*first.partition("#")[0].split()[1:], *small, cwd=clone)
    assert called.status == 0, called.err
    record = read_record(clone / "run")
    assert record.row == "untied" and record.backend == "fused cpp"
    rows = sru_repro("list", "task=quickstart", cwd=clone).out
    sizes = {
        line.split()[0]: int(line.split("|")[2].replace(",", "")) for line in rows.splitlines() if "|" in line
    }
    assert sizes["untied"] == pytest.approx(sizes["sru"], rel=0.02), "about as many as the other rows"
