"""The world around a run: schedulers and launchers, signals, dashboards, streams, what must stay private, long runs."""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from ..core.alone import LAUNCHERS
from ..core.errors import ConfigError
from ..core.interrupt import NOTICES, Interrupted
from ..records.run import RunRecord, read_record
from ..training.weights import LAST
from ._around import WORLDS, at_step, command, environment, hours_of_logging, require_same, run, small
from ._promise import Cut, Promise, Skip, Tally

MARK = "PRIVATE7d41"
SECRETS = {
    "WANDB_API_KEY": (MARK + "0" * 40)[:40],
    **{name: MARK for name in ("HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "COMET_API_KEY")},
}
LOST_MOST_S = 15.0
SLOWER_MOST = 2.0


def _schedulers(tally: Tally, cut: Cut) -> None:
    (cut.folder / "here").mkdir()
    with contextlib.chdir(cut.folder / "here"):
        reference = run(cut.folder / "bare", "seed=1")
        run(cut.folder / "other", "seed=2")
        # What Lightning writes in an allocation of Slurm's, and loads in every later run there.
        Path("hpc_ckpt_1.ckpt").write_bytes((cut.folder / "other" / LAST).read_bytes())
        for number, (name, told) in enumerate(list(WORLDS.items())[: cut.tries(len(WORLDS))]):
            with tally.trying(name), environment(told):
                record = run(cut.folder / str(number), "seed=1")
                require_same(cut.folder / str(number), cut.folder / "bare", record, reference)
                assert os.listdir() == ["hpc_ckpt_1.ckpt"], f"written: {os.listdir()}"


def _several(tally: Tally, cut: Cut) -> None:
    for size, rank, _ in LAUNCHERS:
        for this in ("0", "1"):
            folder = cut.folder / f"{size}{this}"
            with tally.trying(f"{size}=2 {rank}={this}"), environment({size: "2", rank: this}):
                try:
                    run(folder)
                except ConfigError as error:
                    assert str(error).startswith(f"{size}=2: "), str(error)
                    assert not folder.exists(), "a folder was made"
                else:
                    raise AssertionError("it trained")


def _notices(tally: Tally, cut: Cut) -> None:
    reference, draw = run(cut.folder / "bare"), cut.draw("notices")
    steps = reference.epochs[-1].step
    for number in range(cut.tries(2 * len(NOTICES))):
        notice, step = NOTICES[number % len(NOTICES)], draw.randrange(1, steps)
        folder = cut.folder / str(number)
        with tally.trying(f"{notice.name} in step {step} of {steps}"):

            def ask(notice: signal.Signals = notice, times: int = number % 2 + 1) -> None:
                for _ in range(times):
                    os.kill(os.getpid(), notice)

            with at_step(step, ask):
                try:
                    run(folder)
                except Interrupted as stop:
                    assert stop.status == 128 + notice
                else:
                    raise AssertionError("it went on")
            assert read_record(folder).error == f"interrupted by {notice.name}"
            require_same(folder, cut.folder / "bare", run(folder, resume=True), reference)


def _dashboard(tally: Tally, cut: Cut) -> None:
    try:
        import wandb
    except ImportError:
        raise Skip("wandb is not installed") from None
    from ..training.dashboards.wandb import WandbDashboard, _services

    def watched(told: dict[str, str], harm: Callable[[int], object], folder: Path) -> float:
        content = RunRecord(state="running", task="quickstart", row="sru", profile="smoke", seed=1)
        wandb.teardown()  # what it knows of the environment is from before
        with environment(told):
            began = time.monotonic()
            with WandbDashboard(small("logger=wandb"), folder, content, lambda _: None) as dashboard:
                for step in range(100):
                    dashboard.log({"step": step, "val/loss": 1.0})
                    if step == 50:
                        time.sleep(0.2)
                        harm(next(iter(_services()), 0))
            seconds = time.monotonic() - began
        wandb.teardown()
        assert len(content.notes) == 1, f"notes: {content.notes}"
        assert seconds < LOST_MOST_S, f"{seconds:.1f} s"
        return seconds

    away = {"WANDB_API_KEY": "0" * 40, "WANDB_BASE_URL": "http://127.0.0.1:9", "WANDB_MODE": "online"}
    offline = {"WANDB_MODE": "offline"}
    cases: list[tuple[str, dict[str, str], Callable[[int], object]]] = [
        ("its service is killed", offline, lambda pid: os.kill(pid, signal.SIGKILL)),
        ("no server", away, lambda _: None),
        ("its service stops", offline, lambda pid: os.kill(pid, signal.SIGSTOP)),
    ]
    slowest = 0.0
    for number, (name, told, harm) in enumerate(cases[: cut.tries(len(cases))]):
        with tally.trying(name):
            slowest = max(slowest, watched(told, harm, cut.folder / str(number)))
    tally.figure = f"{slowest:.1f} s at most, start and end of wandb included"


LINES = (
    "$RUN 2>&-",
    "$RUN >&- 2>&- <&-",
    "set -o pipefail; $RUN 2>&1 | head -n 1",
    "$RUN >/dev/full 2>/dev/full",
    "LC_ALL=C PYTHONCOERCECLOCALE=0 PYTHONUTF8=0 PYTHONIOENCODING=ascii $RUN",
    "TERM=dumb COLUMNS=0 NO_COLOR=1 $RUN",
)


def _streams(tally: Tally, cut: Cut) -> None:
    for number, line in enumerate(LINES[: cut.tries(len(LINES))]):
        with tally.trying(line):
            call = line.replace("$RUN", f"$RUN logger=csv hydra.run.dir=run{number}")
            done = command(call, cut.folder)
            assert done.returncode == 0, f"status {done.returncode}: {done.stderr[-200:]!r}"
            assert read_record(cut.folder / f"run{number}").finished


def _private(tally: Tally, cut: Cut) -> None:
    home = cut.folder / f"home{MARK}"
    data = home / "work/data"
    data.mkdir(parents=True)
    told = {**SECRETS, "HOME": str(home), "WANDB_MODE": "offline"}
    for name, words in {"wandb": "logger=wandb", "a run that fails": "logger=wandb optim.lr=1e30"}.items():
        with tally.trying(name):
            here = home / "work"
            folder = f"run-{name.replace(' ', '-')}"
            done = command(f"$RUN {words} data_dir={data} hydra.run.dir={folder}", here, told)
            record = read_record(here / folder)
            assert record.state in ("finished", "failed") and list(
                (here / folder / "wandb").glob("*run-*")
            ), done
            for path in sorted((here / folder).rglob("*")):
                if path.is_file() and MARK.encode() in path.read_bytes():
                    raise AssertionError(f"{path.relative_to(here)} holds it")


def _hours(tally: Tally, cut: Cut) -> None:
    hours = cut.tries(10, least=2)
    with tally.trying(f"{hours} hours"):
        taken = list(hours_of_logging(cut.folder, hours))
        first, last = taken[0], min(taken[-2:])
        tally.figure = (
            f"{hours * 36_000:,} steps: {1e6 * first[0] / 36_000:.0f} µs of recording a step in the first hour, "
            f"{1e6 * last[0] / 36_000:.0f} in the last; a validation is written in {1e3 * last[1] / 12:.0f} ms"
        )
        assert last[0] < SLOWER_MOST * first[0], "steps slow down"
        assert last[1] < 0.01 * 3600, "validations take 1 % of the time"


PROMISES = [
    Promise(
        "schedulers",
        "What a scheduler or a launcher leaves in the environment changes no digit; nothing is loaded or written that "
        "the run did not name.",
        "tests/torture/test_world.py::test_schedulers_change_no_digit",
        _schedulers,
        headline=True,
    ),
    Promise(
        "one process a run",
        "Of several processes that would train the same run each is refused before anything is touched.",
        "tests/torture/test_world.py::test_several_processes_are_refused",
        _several,
    ),
    Promise(
        "notices",
        "HUP, USR1, USR2 and XCPU, also twice, are saved; the resumed run ends bit-equal to the undisturbed one.",
        "tests/torture/test_world.py::test_notices_are_saved_and_resumed_bit_by_bit",
        _notices,
        headline=True,
    ),
    Promise(
        "dashboard",
        "wandb without a server, killed or stopped costs a run a note and at most 15 s.",
        "tests/training/test_dashboard_fails.py::test_a_service_that_dies_or_stops_costs_a_note_and_seconds",
        _dashboard,
        headline=True,
    ),
    Promise(
        "streams",
        "Training goes on where standard streams are closed, full, unread or without letters.",
        "tests/core/test_streams.py::test_work_goes_on_whoever_listens",
        _streams,
    ),
    Promise(
        "private",
        "Keys and home folders are in no record, log, checkpoint or file of wandb's.",
        "tests/torture/test_world.py::test_keys_and_home_folders_stay_where_they_are",
        _private,
        headline=True,
    ),
    Promise(
        "ten hours",
        "Ten hours of logging do not slow a step.",
        "tests/torture/test_world.py::test_hours_of_logging_do_not_slow_a_step",
        _hours,
    ),
]
