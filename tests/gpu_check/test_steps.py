"""Section `steps`: rows trained as they are and as graphs, in a rehearsal on the CPU, and what is said of them."""

from pathlib import Path
from typing import Any

import pytest
import torch

from sru_repro.gpu_check import SectionOptions, section, steps
from sru_repro.records.base import read
from sru_repro.records.gpu_page import FoundSteps, GPUPage
from sru_repro.training.weights import LAST


@pytest.mark.slow
def test_the_section_runs(
    treebank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    data = tmp_path / "data"
    (data / "enwik8").mkdir(parents=True)
    (data / "sst").symlink_to(treebank / "sst")
    (data / "enwik8/enwik8.first9000").write_bytes(
        (b"<page> Some text of an encyclopedia </page>\n" * 300)[:9000]
    )
    monkeypatch.chdir(tmp_path)
    options = SectionOptions("steps", str(tmp_path), "cpu", str(data), rehearse=True)
    assert section.carry_out(options) == section.DONE, capsys.readouterr().err
    found = {piece.name: piece.values for piece in read(GPUPage, options.page).pieces}
    assert found["captures"].cases == 4
    language, sentences = found["language"], found["sentences"]
    assert isinstance(language, FoundSteps) and isinstance(sentences, FoundSteps)
    assert [step.row for step in (*language.steps, *sentences.steps)] == ["sru", "srupp", "sru2", "lstm"]
    for step in language.steps:
        assert step.replayed >= 1 and step.shapes >= 1 and not step.notes and step.apart == 0
        assert step.gpu_ms and step.busy and step.graph_ms > 0
    assert all(step.gpu_ms is None and step.apart is None for step in sentences.steps)


def test_weights_that_end_apart_are_wrong(tmp_path: Path) -> None:
    for name, value in (("one", 1.0), ("other", 1.1)):
        (tmp_path / name / "checkpoints").mkdir(parents=True)
        state = {"a": torch.ones(4), "b": torch.full((3,), value)}
        torch.save({"state_dict": state}, tmp_path / name / LAST)
    assert steps._apart(tmp_path / "one", tmp_path / "other") == pytest.approx(0.1)
    assert steps._apart(tmp_path / "one", tmp_path / "one") == 0


def test_the_pace_is_that_of_the_end(tmp_path: Path) -> None:
    """By then everything is recorded; points of a validation have no pace."""
    lines = ["step,throughput/step_ms", "1,50.0", "2,9.0", "3,3.0", "3,", "4,2.5"]
    (tmp_path / "metrics.csv").write_text("\n".join(lines) + "\n")
    assert steps._pace(tmp_path) == 2.5
