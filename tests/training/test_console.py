"""What a person sees of a run: lines of 80 columns in a file, a bar on a terminal, loss, trend and time left."""

import io
import itertools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sru_repro.records.run import read_record
from sru_repro.training import console as module
from sru_repro.training.config import RunConfig
from sru_repro.training.console import Console
from sru_repro.training.progress import Trend
from sru_repro.training.run import train
from sru_repro.training.screen import bar, duration, in_ascii, line, shortened, wrapped


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(module.time, "perf_counter", lambda: self.now)


@pytest.mark.parametrize("hours", [0.01, 0.2, 10])
def test_lines_are_dense_at_first_and_few_in_the_end(
    hours: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock, said, log = Clock(monkeypatch), list[float](), tmp_path / "log.txt"
    with Console("text/sru seed 1", "bpc", log) as console:
        start, count, size = clock.now, 0, 0
        while clock.now - start < 3600 * hours:
            used = (clock.now - start) / (3600 * hours)
            console.training(used, 3600 * hours * (1 - used), "loss 2.412 ↓", count, first=count == 0)
            count += 1
            if size < (size := log.stat().st_size):
                said.append(clock.now - start)
            clock.now += 1.0
        lines = log.read_text().splitlines()
    assert said[:2] == [0.0, 3.0] and (hours < 0.1 or said[2] == 13.0)
    assert all(3 <= later - before <= 61 for before, later in itertools.pairwise(said))
    assert len(said) < 700
    assert capsys.readouterr().err.splitlines() == lines
    assert all(len(told) <= 80 and "loss 2.412 ↓" in told for told in lines) and "left" in lines[1]


def test_trend() -> None:
    trend, shown = Trend(), list[str]()
    for loss in (5.5, 5.0, 4.0, 3.5, *([3.0] * 16), 6.0, 9.0):
        trend.add(loss)
        shown.append(str(trend))
    assert shown[0] == "loss 5.5000" and shown[1].endswith("↓") and shown[3].endswith("↓")
    assert shown[-3].endswith("→") and shown[-1].endswith("↑")


@pytest.mark.parametrize("width", [120, 80, 60, 40, 25, 10])
@pytest.mark.parametrize("left_s", [None, 5.0, 7384.0, 400_000.0])
@pytest.mark.parametrize("title", ["sst/sru2 seed 1", "wikitext103/srupp-large-r8 seed 4294967295", ""])
def test_a_bar_fits_into_any_width(width: int, left_s: float | None, title: str) -> None:
    for fraction in (0.0, 0.31, 1.0):
        name, done, left, behind = bar(title, fraction, "loss 12.412 ↓  lr 3.00e-03", 7384.0, left_s, width)
        used = len(name) + bool(name) + done + left + bool(done + left) + len(behind)
        assert used <= width and (width < 25 or f"{fraction:.0%}" in behind)
        assert width < 60 or left_s is None or "left" in behind
        assert width < 80 or title == "" or done + left >= 7


def test_words_of_a_screen() -> None:
    assert [duration(s) for s in (7.4, 750, 3723, 187_500)] == ["0:07", "12:30", "1:02:03", "2d 04:05"]
    assert shortened("wikitext103/srupp-large seed 1", 20) == "wikitext1…rge seed 1"
    assert line("sst/sru2 seed 1", ("a", "", "b")) == "sst/sru2 seed 1: a  b"
    assert len(line("t" * 70, ("x" * 60,))) == 80
    assert wrapped(["a" * 50, "b" * 25, "", "c" * 90, "d"], 80) == [
        f"{'a' * 50} · {'b' * 25}",
        f"  {'c' * 90}",
        "  d",
    ]
    assert in_ascii("loss 2.4 ↓ · a…b ━─").isascii()


class Screen(io.TextIOWrapper):
    """A terminal that keeps what is written."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("kind", "encoding", "columns"), [("xterm", "utf-8", 80), ("dumb", "utf-8", 80), ("xterm", "ascii", 40)]
)
def test_a_run_on_a_terminal(
    kind: str,
    encoding: str,
    columns: int,
    configured: Callable[..., RunConfig],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = io.BytesIO()
    screen = Screen(kept, encoding=encoding, write_through=True)
    monkeypatch.setattr(sys, "stderr", screen)
    for name, value in (("TERM", kind), ("COLUMNS", f"{columns}"), ("NO_COLOR", "1")):
        monkeypatch.setenv(name, value)
    train(
        configured("sst", "callbacks=rich_progress", "callbacks.rich_progress.refresh_s=0.05"), tmp_path, []
    )
    said = kept.getvalue().decode(encoding)
    moving = "\x1b[2K" in said
    assert moving == (kind != "dumb")
    log = (tmp_path / "log.txt").read_text()
    assert "step 1 " in log and "loss 0." in log and "\x1b" not in log
    plain = log if encoding == "utf-8" else in_ascii(log)
    for told in plain.splitlines():
        assert told in said.replace("\r", "") or (moving and "step " in told), told
    if moving:
        assert "testing" in said and "\x1b[3" not in said


def test_the_first_loss_is_that_of_the_first_step(
    configured: Callable[..., RunConfig], tmp_path: Path
) -> None:
    record = train(configured("lm", "trainer.max_epochs=1", "callbacks=lr_monitor"), tmp_path, [])
    lines = (tmp_path / "log.txt").read_text().splitlines()
    (first,) = [told for told in lines if "step 1 " in told]
    straight = train(
        configured("lm", "trainer.max_epochs=0", "trainer.max_steps=1", "trainer.log_every=1"),
        tmp_path / "one",
        [],
    )
    loss = straight.epochs[0].figures["train/loss"]
    assert f"loss {loss:.4f}" in first and "lr 3.00e-03" in first, first
    assert record.finished


@pytest.mark.parametrize("show", ["none", "lines"])
def test_what_is_shown_can_be_chosen(
    show: str, configured: Callable[..., RunConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a folder far away takes a line as long as its name
    words = ("sst", "trainer.max_epochs=1", "callbacks=[rich_progress,model_summary]")
    train(configured(*words, f"callbacks.rich_progress.show={show}"), tmp_path, [])
    log = (tmp_path / "log.txt").read_text()
    record = read_record(tmp_path)
    assert ("step 1 " in log) == (show == "lines") and "epoch 1" in log
    assert f"{record.parameters:,} as the papers count them (without embedding)" in log
    assert max(map(len, log.splitlines()[:-1])) <= 80


def test_a_console_without_a_training_shows_what_it_is_told(tmp_path: Path, capsys: Any) -> None:
    with Console("bench", "", tmp_path / "log.txt") as console:
        console.progress(0.5, 60.0)
        console.say("50%: sst [now]")
    assert capsys.readouterr().err == "50%: sst [now]\n"
