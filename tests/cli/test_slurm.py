"""A sweep as Slurm jobs, on a Slurm of this machine's own: outcomes come back, and a job that is preempted goes on."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sru_repro.records.run import read_record
from sru_repro.records.sweep import read_sweep
from sru_repro.torture._ended import assert_same, ended

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.geteuid() != 0 or not all(map(shutil.which, ("slurmctld", "slurmd", "munged", "srun"))),
        reason="needs Debian's slurm-wlm and munge, and to be root",
    ),
]
SCRIPT = Path(__file__).parents[2] / "scripts/slurm_here.sh"
SMALL = (
    *("task=quickstart", "model=sru", "profile=smoke", "logger=csv", "trainer=cpu", "trainer.threads=1"),
    *("model.hidden_size=8", "model.num_layers=1", "trainer.max_epochs=0"),
)
Sweep = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment in which this Slurm is found."""
    place = tmp_path_factory.mktemp("slurm")
    told = subprocess.run([SCRIPT, "start", place], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    environment = {
        **os.environ,
        "SLURM_CONF": f"{place}/slurm.conf",
        "PATH": f"{place}/bin:{os.environ['PATH']}",
    }
    try:
        yield environment
    finally:
        subprocess.run([SCRIPT, "stop", place], check=True)


@pytest.fixture
def sweep(slurm: dict[str, str], tmp_path: Path) -> Iterator[Sweep]:
    """Starts a sweep through Slurm in a folder of its own."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: str) -> "subprocess.Popen[str]":
        launcher = ("hydra/launcher=submitit_slurm", "hydra.launcher.cpus_per_task=1")
        args = [sys.executable, "-m", "sru_repro", "train", "-m", *launcher, *SMALL, "sweep=jobs", *words]
        process = subprocess.Popen(
            args, cwd=tmp_path, env=slurm, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
    subprocess.run(["scancel", "--user=root"], env=slurm, check=True)


def test_a_failed_job_is_named_and_the_others_finish(sweep: Sweep, tmp_path: Path) -> None:
    process = sweep("optim.lr=0.01,1e25,0.001", "trainer.max_steps=3")
    said, _ = process.communicate(timeout=240)
    assert process.returncode == 1, said
    found = read_sweep(tmp_path / "jobs")
    assert [member.state for member in found.members] == ["finished", "failed", "finished"], said
    assert "sru-repro: 1 of 3 runs failed: optim.lr=1e+25" in said
    assert "sru-repro: optim.lr=1e+25: step 2: the loss is nan, expected a finite number" in said


def test_a_preempted_job_is_requeued_and_goes_on(sweep: Sweep, slurm: dict[str, str], tmp_path: Path) -> None:
    process = sweep("seed=1,2", "trainer.max_steps=300", "trainer.validate_every=50")
    runs = [tmp_path / "jobs" / name for name in ("seed=1", "seed=2")]
    _wait(lambda: all((run / "checkpoints/last.ckpt").exists() for run in runs), process)
    pids = [read_record(run).pid for run in runs]
    # Both cores for somebody else, who goes first.
    wanted = ["srun", "--partition=high", "--nodes=1", f"--ntasks={os.cpu_count()}", "true"]
    subprocess.run(wanted, env=slurm, check=True, timeout=120)
    # Slurm lets requeued jobs wait for two minutes, which nobody here needs.
    query = ["squeue", "--noheader", "--partition=low", "--format=%A"]
    waiting = subprocess.run(query, env=slurm, capture_output=True, text=True, check=True).stdout.split()
    for job in waiting:
        subprocess.run(["scontrol", "update", f"JobId={job}", "StartTime=now"], env=slurm, check=True)
    said, _ = process.communicate(timeout=400)
    assert process.returncode == 0, said
    jobs = subprocess.run(
        ["scontrol", "--oneliner", "show", "job"], env=slurm, capture_output=True, text=True, check=True
    ).stdout
    assert jobs.count("Restarts=1") == 2, jobs
    for run, pid in zip(runs, pids, strict=True):
        record = read_record(run)
        assert record.finished and record.pid != pid
    straight = tmp_path / "straight"
    args = [sys.executable, "-m", "sru_repro", "train", *SMALL, "seed=1", f"hydra.run.dir={straight}"]
    args += ["trainer.max_steps=300", "trainer.validate_every=50"]
    subprocess.run(args, cwd=tmp_path, check=True, capture_output=True)
    assert_same(ended(runs[0]), ended(straight))


def _wait(come: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    """Until it has come; fails when the sweep ends before."""
    end = time.monotonic() + 240
    while not come():
        assert process.poll() is None and time.monotonic() < end, process.stdout and process.stdout.read()
        time.sleep(0.1)
