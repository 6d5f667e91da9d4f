"""The trainings of the GPU check: sound configurations, their last word, the time they need."""

import sys
from pathlib import Path

import pytest

from sru_repro.cli.compose import composed
from sru_repro.core.process import Training
from sru_repro.gpu_check import SectionOptions, Unfinished, training
from sru_repro.gpu_check.page import Page
from sru_repro.gpu_check.plan import pieces as plan_of


def test_a_row_alone_needs_what_this_machine_has_shown(tmp_path: Path) -> None:
    wanted = SectionOptions("train-enwik8", str(tmp_path), "cpu")
    group = training.GROUPS["train-enwik8"][1]
    (first, *_) = [piece for piece in plan_of(wanted) if piece.name.startswith("paper/")]
    assert first.needs_s == group.around_s + training.ALONE_S
    page = Page(wanted)
    page.plan(["small", "paper/sru6", "paper/lstm6"])
    runs = {"side_by_side": 7, "seconds_each": 16.5, "runs": []}
    for name, state, values in (
        ("small", "ok", runs),
        ("paper/sru6", "unfinished", runs | {"seconds_each": 8.0}),
        ("paper/lstm6", "failed", runs | {"seconds_each": 8.0}),
    ):
        page.begin(name)
        page.end(name, state, values, None)
    for piece, seconds in zip(page.content.pieces, (38.3, 31.0, 500.0), strict=True):
        piece.seconds = seconds
    page.save()
    assert training.around_s(wanted, group) == pytest.approx(23.0)
    assert first.needs_s == pytest.approx(31.0)


def test_a_run_for_which_there_was_no_time_is_not_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho training\nexec sleep 600\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(training, "PATIENCE_S", 0.1)
    monkeypatch.setattr(training, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(training, "bfloat16_rate", lambda options: None)
    wanted = SectionOptions("train-enwik8", str(tmp_path), "cpu")
    group = training.GROUPS["train-enwik8"][1]
    with pytest.raises(Unfinished, match="1 of 1 runs were not through in time: sru6: training") as caught:
        training._train(wanted, 0.5, group)
    assert caught.value.values["seconds_each"] == training.ALONE_S


@pytest.mark.parametrize("name", list(training.GROUPS))
def test_every_training_of_the_plan_is_a_sound_configuration(name: str, tmp_path: Path) -> None:
    for rehearse in (False, True):
        wanted = SectionOptions(name, str(tmp_path), "cpu", rehearse=rehearse)
        for group in training.GROUPS[name]:
            for row in group.rows:
                config = composed(training.overrides(wanted, group, row, 30.0))
                assert config.trainer.max_seconds == (0 if rehearse else 30)
                assert rehearse or config.trainer.precision == "bf16-mixed"


def test_a_run_that_failed_leaves_its_last_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho something\necho sru-repro: the end\nexit 2\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    run = Training(["experiment=small/sru"], tmp_path / "run")
    assert run.wait(10) == 2
    told = training._told("small/sru", run)
    assert (told.state, told.error) == ("failed", "sru-repro: the end")
