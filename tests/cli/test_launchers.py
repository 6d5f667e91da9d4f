"""Members of sweeps in processes of their own, under every launcher: they die, are stopped, outlive their sweep."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from joblib.externals.loky import get_reusable_executor  # type: ignore[import-untyped]

from sru_repro.cli.sweep.member import STOP
from sru_repro.core import cores
from sru_repro.core.lock import in_use
from sru_repro.records.sweep import read_sweep

Command = Callable[..., Any]

QUICK = (
    *("task=quickstart", "profile=smoke", "logger=csv", "trainer=cpu"),
    *("task.max_bytes=20000", "task.unroll=300", "task.embedding_size=8", "model.hidden_size=8"),
)
FAKE = """
import json, os, pathlib, signal, sys, time
words = sys.orig_argv
if words[1:4] == ["-m", "sru_repro", "train"] and "-m" not in words[4:]:
    told = dict(word.split("=", 1) for word in words[4:])
    folder, seed = pathlib.Path(told["hydra.run.dir"]), told["seed"]
    print("begun", os.environ["SRU_REPRO_MEMBER"], os.environ.get("OMP_NUM_THREADS"), flush=True)
    open(os.environ["BEGUN"], "a").write(seed + "\\n")
    record = json.load(open(os.environ["RECORD"]))
    record["config"]["seed"] = record["seed"] = int(seed)
    for figures in (record["metrics"], record["best"], *record["epochs"]):
        figures["val/bpc"] = 9 - int(seed) / 10
    def write(**changes):
        (folder / "run.json").write_text(json.dumps(record | changes))
    if seed == os.environ.get("KILLED"):
        write(state="running", pid=os.getpid())
        os.kill(os.getpid(), signal.SIGKILL)
    if seed == os.environ.get("RAISES"):
        write(state="failed", error="step 2: the loss is nan")
        print("sru-repro: step 2: the loss is nan", flush=True)
        os._exit(1)
    if "WAITS" in os.environ:
        def save(*_):
            write(state="interrupted")
            os._exit(143)
        signal.signal(signal.SIGTERM, save)
        write(state="running", pid=os.getpid())
        time.sleep(60)
    write()
    os._exit(0)
"""


@pytest.fixture(scope="module")
def finished_run(sru_repro: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The record of a run."""
    folder = tmp_path_factory.mktemp("finished")
    assert sru_repro("train", *QUICK, "hydra.run.dir=run", cwd=folder).status == 0
    return folder / "run/run.json"


@pytest.fixture
def fakes(finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Trainings in processes of their own that only write a record, or end as variables say; the file in which each
    notes its seed."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(FAKE)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'site'}:{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("RECORD", str(finished_run))
    monkeypatch.setenv("BEGUN", str(tmp_path / "begun"))
    monkeypatch.setattr(cores, "cores", lambda: 2)
    yield tmp_path / "begun"
    get_reusable_executor().shutdown()


LAUNCHERS = {
    "basic": (),
    "joblib": ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2"),
    "submitit_local": ("hydra/launcher=submitit_local",),
}


@pytest.mark.slow
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_others_finish_where_one_dies(
    launcher: str, sru_repro: Command, fakes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KILLED", "2")
    monkeypatch.setenv("RAISES", "3")
    words = ("train", "-m", *QUICK, "seed=1,2,3,4", "sweep=a b", *LAUNCHERS[launcher])
    called = sru_repro(*words, cwd=tmp_path)
    assert called.status == 1, called.err
    assert [line for line in called.err.splitlines() if line.startswith("sru-repro: ")] == [
        "sru-repro: seed=2: ended by SIGKILL, which the system sends where memory runs out; the last line of its log: "
        + (tmp_path / "a b/seed=2/log.txt").read_text().strip()
        + " (see a b/seed=2/log.txt)",
        "sru-repro: seed=3: step 2: the loss is nan (see a b/seed=3/log.txt)",
        "sru-repro: 2 of 4 runs failed: seed=2; seed=3",
    ]
    told = called.out.splitlines()
    assert told[0] == "Sweep a b: 2 finished, 2 failed"
    assert told[-1] == "again by: sru-repro report 'sweep=a b'"
    ranked = [line.split() for line in told if line.startswith(("  1 ", "  4 "))]
    assert [words[:2] for words in ranked][:2] == [["1", "8.900"], ["4", "8.600"]]
    sweep = read_sweep(tmp_path / "a b")
    assert [(m.name, m.state, m.status) for m in sweep.members] == [
        ("seed=1", "finished", None),
        ("seed=2", "failed", -signal.SIGKILL),
        ("seed=3", "failed", 1),
        ("seed=4", "finished", None),
    ]
    assert sweep.launcher == launcher and not (tmp_path / "a b" / STOP).exists()
    share = "1" if launcher != "basic" else os.environ.get("OMP_NUM_THREADS")
    assert f"begun seed=4 {share}" in (tmp_path / "a b/seed=4/log.txt").read_text()

    fakes.unlink()
    monkeypatch.delenv("KILLED")
    monkeypatch.delenv("RAISES")
    get_reusable_executor().shutdown()  # its workers have these variables
    again = sru_repro(*words, cwd=tmp_path)
    assert again.status == 0 and "2 members finished before" in again.err, again.err
    assert sorted(fakes.read_text().split()) == ["2", "3"]


@pytest.mark.slow
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_signal_stops_all_members(
    launcher: str, sru_repro: Command, fakes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAITS", "1")

    def interrupt() -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end and not list(tmp_path.glob("a/*/run.json")):
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=interrupt)
    thread.start()
    called = sru_repro("train", "-m", *QUICK, "seed=1,2,3,4", "sweep=a", *LAUNCHERS[launcher], cwd=tmp_path)
    thread.join()
    assert called.status == 143, called.err
    assert called.err.endswith(
        "sru-repro: interrupted by SIGTERM; 0 of 4 members finished; go on with sweep=a\n"
    )
    found = read_sweep(tmp_path / "a").members
    assert found and {m.state for m in found} == {"interrupted"} and len(found) <= 2
    monkeypatch.delenv("WAITS")
    assert sru_repro("train", "-m", *QUICK, "seed=1,2,3,4", "sweep=a", cwd=tmp_path).status == 0


def test_a_member_that_outlived_its_sweep(
    sru_repro: Command, fakes: Path, finished_run: Path, tmp_path: Path
) -> None:
    """Its sweep was killed: one member has finished since, another one is still at work."""
    words = ("train", "-m", *QUICK, "seed=1,2", "sweep=a")
    assert sru_repro(*words, cwd=tmp_path).status == 0
    fakes.unlink()
    for seed in (1, 2):
        path = tmp_path / f"a/members/seed={seed}.json"
        content = json.loads(path.read_text()) | {"state": "running", "value": None, "ended": None}
        path.write_text(json.dumps(content))
    with in_use(tmp_path / "a/seed=2", "a run"):
        called = sru_repro(*words, cwd=tmp_path)
    assert called.status == 1 and "seed=2: left to a run, process " in called.err
    first, second = read_sweep(tmp_path / "a").members
    assert (first.state, first.value, second.state) == ("finished", 8.9, "running")
    assert sru_repro(*words, cwd=tmp_path).status == 0 and not fakes.exists()


def test_a_launcher_that_is_not_there(
    sru_repro: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    called = sru_repro("train", "-m", "seed=1,2", "hydra/launcher=submitit_slurm", cwd=tmp_path)
    assert (
        called.status == 2 and "expected Slurm, with its programs sbatch and srun, found none" in called.err
    )
    monkeypatch.setattr("sru_repro.cli.sweep.launchers.find_spec", lambda name: None)
    called = sru_repro("train", "-m", "seed=1,2", "hydra/launcher=joblib", cwd=tmp_path)
    assert called.status == 2 and called.err.count("\n") == 1
    assert (
        "expected the package hydra-joblib-launcher, found none; pip install 'sru-repro[sweeps]'"
        in called.err
    )
