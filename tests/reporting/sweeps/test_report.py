"""The report of a sweep: what it says first, every state of a member, its files, and what it refuses."""

import io
import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas
import pytest
from rich.console import Console

from sru_repro.core.errors import DataError
from sru_repro.records.base import write
from sru_repro.records.run import RunRecord
from sru_repro.reporting.sweeps import after_sweep, report_folder
from sru_repro.reporting.sweeps.entries import read_folder
from sru_repro.reporting.sweeps.figure import draw_picture
from sru_repro.reporting.sweeps.importance import Importance
from sru_repro.reporting.sweeps.ranking import ranked
from sru_repro.reporting.sweeps.words import again

Factory = Callable[..., RunRecord]
Sweeper = Callable[..., Path]
Members = list[tuple[list[str], float | None, dict[str, Any]]]

SIX = ("optim.lr", "model.num_layers", "model.dropout", "task.batch_size", "optim.weight_decay", "model")


def told(lines: list[Any]) -> str:
    """What a terminal of 80 columns shows."""
    out = io.StringIO()
    Console(file=out, width=80).print(*lines, sep="\n")
    text = out.getvalue()
    assert all(len(line) <= 80 for line in text.splitlines())
    return text


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture(scope="module")
def thirty() -> Members:
    """A search of thirty over six settings, of which some were pruned, failed, or are running."""
    made: Members = []
    for place in range(30):
        drawn = (10 ** (-5 + place % 13 / 3), 1 + place % 8, place * 7 % 10 / 10, 16 * 2 ** (place % 4))
        words = [f"{key}={value}" for key, value in zip(SIX, drawn, strict=False)]
        words += [f"optim.weight_decay={(0, 1e-5, 1e-2)[place % 3]}", f"model={('sru', 'qrnn')[place % 2]}"]
        more: dict[str, Any] = {"throughput": {"tokens_per_s": 1e4, "processor": 0.5 if place == 19 else 1.0}}
        if place % 9 == 5:
            more = {"state": "pruned", "run": False}
        elif place == 11:
            more = {"state": "failed", "error": "RunError: CUDA out of memory", "run": False}
        elif place == 29:
            more = {"state": "running", "run": False}
        made.append((words, 0.8 + place * 11 % 30 / 1000, more))
    return made


def test_thirty_members_of_six_settings(sweep: Sweeper, thirty: Members) -> None:
    folder = sweep(thirty, search=True)
    text = told(report_folder(folder))
    lines = text.splitlines()
    assert lines[0] == "Sweep lr-search: 25 finished, 1 running, 3 pruned, 1 failed"
    assert flat(text).count("single run does not tell whether that is chance") == 1
    assert lines[1].startswith("Run 19 leads: 82.9 % (one run)")
    assert "the test figure beside it was not used to choose" in flat(text)
    assert "failed, run 11 (" in text and "CUDA out of memory" in flat(text)
    assert "pruned, run 5 (" in text and "running, run 29 (" in text and "and 15 more, in report.md" in text
    assert "better half of 25 members" in text and "†50 %" in text
    assert "sru-repro train optim.lr=" in text and 'data_dir="$HOME"/data' in text

    page = (folder / "report.md").read_text()
    assert page.index("Run 19 leads") < page.index("| # | run |") and "![" in page
    assert page.count("\n| 2") > 5 and "†50 %" in page
    assert (folder / "report.png").stat().st_size > 20_000

    table = pandas.read_csv(folder / "report.csv")
    assert len(table) == 30 and set(table["state"]) == {"finished", "pruned", "failed", "running"}
    assert {"config.optim.lr", "config.model.name", "validation", "test/accuracy"} <= set(table.columns)
    finished = table[table["state"] == "finished"]
    assert finished["validation"].idxmax() == 19 and finished["config.optim.lr"].notna().all()


def test_the_best_is_trained_again_with_the_configurations_beside_ours(sweep: Sweeper) -> None:
    members: Members = [([f"optim.lr={lr}", "~model.bias"], lr, {}) for lr in (0.1, 0.2)]
    words = ["-m", "hydra.searchpath=[file://more]", "hydra.sweeper.n_trials=2"]
    folder = sweep(members, words=words, flags=["--config-dir=my conf"])
    found = read_folder(folder)
    command = shlex.split(again(found, ranked(found.parts[0])).replace("\\\n", ""))
    assert command[:4] == ["sru-repro", "train", "--config-dir=my conf", "hydra.searchpath=[file://more]"]
    assert command[4:] == ["optim.lr=0.2", "~model.bias", "data_dir=$HOME/data"]


def test_seeds_and_a_grid(sweep: Sweeper) -> None:
    members: Members = [
        ([f"optim.lr={lr}", f"seed={seed}"], value + slope * (seed - 2), {})
        for lr, value, slope in ((0.001, 0.804, -0.002), (0.01, 0.814, 0.002), (0.1, 0.812, -0.002))
        for seed in (1, 2, 3)
    ]
    text = flat(told(report_folder(sweep(members))))
    assert "optim.lr=0.01 leads: 81.4 ± 0.5 % over 3 seeds" in text
    assert (
        "the next, optim.lr=0.1, is 0.2 points behind, which the seeds do not tell apart (p = 0.48)" in text
    )
    assert "The seeds tell 1 of the other 2 configurations from the first." in text
    assert "pair by pair" in text and "Importance" not in text


def test_a_picture_has_no_place_for_values_of_which_no_run_has_finished(sweep: Sweeper) -> None:
    lost = {"state": "failed", "run": False}
    members: Members = [([f"optim.lr={lr}", f"model.num_layers={n}"], 0.8, more) for lr, n, more in (
        (1, 1, {}), (2, 1, {}), (3, 1, {}), (1e6, 2, lost),
    )]  # fmt: skip
    found = read_folder(sweep(members))
    picture = draw_picture(found, ranked(found.parts[0]), Importance())
    (axes,) = picture.axes
    assert axes.get_title(loc="left") == "optim.lr"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["1", "2", "3"]


def test_nothing_but_the_seed_differs(tmp_path: Path, record: Factory) -> None:
    for seed in (10, 2, 1):
        run = record("sru2", seed, 0.8 + 0.001 * seed, profile="smoke")
        write(run, tmp_path / f"seed{seed}" / RunRecord.FILE)
    text = told(report_folder(tmp_path))
    assert (
        "Only the seed differs: 80.8 ± 1.2 % over 3 seeds (smoke: not a result), from 80.5 to 81.4"
        in flat(text)
    )
    table = text[text.index("seed   validation") :].splitlines()[2:5]
    assert [line.split() for line in table] == [
        ["1", "80.5", "80.1"],
        ["2", "80.6", "80.2"],
        ["10", "81.4", "81.0"],
    ]
    assert (tmp_path / "report.png").is_file()
    assert sorted(path.name for path in tmp_path.glob("report*")) == [
        *("report.csv", "report.md", "report.png", "report.svg"),
    ]


def test_other_machines_and_other_data_are_named(tmp_path: Path, record: Factory) -> None:
    for place, slug in enumerate(("h200", "cpu")):
        changes: dict[str, Any] = {
            "hardware": {"name": slug.upper(), "slug": slug},
            "data": {"fingerprint": f"{place}1234567"},
            "config": {"optim": {"lr": 0.1 + place}},
        }
        write(record("sru2", 1, 0.8 + place / 100, **changes), tmp_path / slug / RunRecord.FILE)
    text = flat(told(report_folder(tmp_path)))
    assert "CPU (1 runs) and H200 (1 runs): speeds and times of different machines are not compared" in text
    assert "Not all runs had the same data" in text and "machine" in text


def test_a_text_of_a_record_steers_nothing(sweep: Sweeper) -> None:
    odd = "\x1b[31m$x_{ 赤 $ | [bold]x[/bold] <script>"
    members: Members = [
        ([f"task.path={text}"], value, {}) for text, value in ((odd, 0.8), ("plain", 0.7), ("pl", 0.6))
    ]
    folder = sweep([*members, (["task.path=a"], None, {"state": "failed", "error": odd})])
    text = told(report_folder(folder))
    assert "\x1b" not in text and "[bold]" in text
    page = (folder / "report.md").read_text()
    outside_code = "\n".join(line for line in page.splitlines() if not line.startswith("    "))
    assert "\x1b" not in page and "<script>" in page and "<script>" not in outside_code


def test_it_refuses_in_one_line(tmp_path: Path, sweep: Sweeper, sru_repro: Callable[..., Any]) -> None:
    folder = sweep([(["optim.lr=1"], None, {"state": "failed", "error": "RunError: no memory"})])
    called = sru_repro("report", f"sweep={folder}", cwd=tmp_path)
    assert called.status == 2 and called.err.count("\n") == 1
    assert (
        "expected a finished run to rank, found 1 failed (failed, run 0 (00): RunError: no memory)"
        in called.err
    )
    assert "No member has finished: 1 failed" in told(after_sweep(folder))
    (folder / "members/00.json").write_text('{"schema": 1')
    called = sru_repro("report", f"sweep={folder}", cwd=tmp_path)
    assert called.status == 2 and "00.json: expected JSON" in called.err and called.err.count("\n") == 1
    assert "no report of the sweep: " in told(after_sweep(folder))
    called = sru_repro("report", "sweep=lr-serch", cwd=tmp_path)
    assert called.status == 2 and "did you mean lr-search?" in called.err
    (tmp_path / "empty").mkdir()
    assert "expected a run" in sru_repro("report", "sweep=empty", cwd=tmp_path).err
    assert "sweep: expected" in sru_repro("report", "sweep=", cwd=tmp_path).err
    with pytest.raises(DataError, match="found a file"):
        report_folder(folder / "sweep.json")


def test_one_run_has_no_picture(tmp_path: Path, record: Factory, sru_repro: Callable[..., Any]) -> None:
    write(record("sru2"), tmp_path / "only" / RunRecord.FILE)
    called = sru_repro("report", "sweep=only", cwd=tmp_path)
    assert called.status == 0 and "(one run)" in called.out and not (tmp_path / "only/report.png").exists()
    assert json.loads((tmp_path / "only/run.json").read_text())["state"] == "finished"


def test_a_report_needs_no_torch(sweep: Sweeper) -> None:
    folder = sweep([([f"optim.lr={lr}"], 0.8, {}) for lr in (1, 2, 3)])
    say = "import sys; from sru_repro.cli import main\ntry: main(['report', sys.argv[1]])\nexcept SystemExit: pass\n"
    say += "print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", say, f"sweep={folder}"], capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("False\n"), done.stderr
