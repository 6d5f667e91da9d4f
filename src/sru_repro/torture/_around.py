"""What stands around a run: environments, small runs inside them, ten hours of a recorder's clock."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from ..cli.compose import composed
from ..core.alone import alone
from ..records.run import RunRecord
from ..training.config import RunConfig
from ..training.run import train
from ..training.weights import BEST

SMALL = (
    *("task=quickstart", "profile=smoke", "trainer=cpu", "task.max_bytes=20000", "task.batch_size=16"),
    *("model.hidden_size=8", "task.embedding_size=8", "trainer.max_epochs=2", "trainer.log_every=3"),
)
"""A run of a moment on text that every machine has."""

JOB = {"SLURM_JOB_ID": "1", "SLURM_JOB_NAME": "t", "SLURM_NTASKS": "2", "SLURM_NODELIST": "n1"}
TASK = {"SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0"}
WORLDS: dict[str, dict[str, str]] = {
    "the shell of salloc": JOB,
    "the script of sbatch": {**JOB, **TASK},
    "an array of jobs": {**JOB, **TASK, "SLURM_ARRAY_JOB_ID": "1", "SLURM_ARRAY_TASK_ID": "3"},
    "a step of one task": {**JOB, **TASK, "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "1"},
    "torchrun of one process": {
        **{"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "GROUP_RANK": "0", "MASTER_PORT": "29500"},
        **{"MASTER_ADDR": "127.0.0.1", "TORCHELASTIC_RUN_ID": "none"},
    },
    "a rank that is left over": {"RANK": "1", "LOCAL_RANK": "1", "NODE_RANK": "1"},
    "a rank that is no number": {"RANK": "first", "LOCAL_RANK": "x"},
    "mpirun of one process": {"OMPI_COMM_WORLD_SIZE": "1", "OMPI_COMM_WORLD_RANK": "0", "PMIX_RANK": "0"},
    "a job of LSF": {
        "LSB_JOBID": "7",
        "LSB_HOSTS": "a b",
        "LSB_DJOB_NUMPROC": "2",
        "JSM_NAMESPACE_RANK": "0",
    },
    "a pod of Kubeflow": {
        "KUBERNETES_PORT": "tcp://10.0.0.1:443",
        "MASTER_ADDR": "m",
        "MASTER_PORT": "23456",
    },
    "Lightning's defaults": {"PL_TRAINER_LIMIT_TRAIN_BATCHES": "1", "PL_TRAINER_FAST_DEV_RUN": "1"},
}
"""One process, and what a scheduler or a launcher has left in its environment."""


@contextlib.contextmanager
def environment(told: Mapping[str, str]) -> Iterator[None]:
    """Variables that are set inside the block."""
    before = {name: os.environ.get(name) for name in told}
    os.environ.update(told)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def small(*words: str) -> RunConfig:
    """Its configuration."""
    return composed([*SMALL, "logger=csv", *words])


def run(folder: Path, *words: str, resume: bool = False) -> RunRecord:
    """A small run, silent."""
    with contextlib.redirect_stderr(None):
        return train(small(*words), folder, [], resume=resume)


def require_same(folder: Path, other: Path, record: RunRecord, reference: RunRecord) -> None:
    """Figures and weights of two runs, bit by bit."""
    for name, value in reference.metrics.items():
        if not name.startswith("throughput/"):
            assert record.metrics[name] == value, f"{name}: {record.metrics[name]}, undisturbed {value}"
    found, wanted = (torch.load(place / BEST, weights_only=True)["state_dict"] for place in (folder, other))
    for name, tensor in wanted.items():
        if isinstance(tensor, torch.Tensor):
            assert torch.equal(found[name], tensor), f"weights {name} differ"


@contextlib.contextmanager
def at_step(step: int, what: Callable[[], object]) -> Iterator[None]:
    """Calls `what` in so manieth training step inside the block."""
    with alone():
        from ..training.module import TaskModule

    original, calls = TaskModule.training_step, iter(range(1, 1_000_000))

    def stepped(self: TaskModule, batch: Any, batch_idx: int) -> torch.Tensor:
        if next(calls) == step:
            what()
        return original(self, batch, batch_idx)

    TaskModule.training_step = stepped  # type: ignore[method-assign]
    try:
        yield
    finally:
        TaskModule.training_step = original  # type: ignore[method-assign]


def command(
    line: str, folder: Path, told: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """A line of bash in which `$RUN` is `sru-repro train` of a small run."""
    words = " ".join(SMALL)
    variables = {**os.environ, "RUN": f"{sys.executable} -m sru_repro train {words}", **(told or {})}
    return subprocess.run(["bash", "-c", line], cwd=folder, env=variables, capture_output=True, timeout=300)


def hours_of_logging(folder: Path, hours: int) -> Iterator[tuple[float, float]]:
    """A recorder under a clock of its own: 36,000 steps an hour, a point each second, a validation each five minutes.

    After each hour the seconds that its steps and its validations really took.
    """
    with alone():
        from ..training import recorder as module
        from ..training.module import TaskModule, Totals
    from ..training.console import Console
    from ..training.dashboards._base import NoDashboard
    from ..training.run_folder import RunFolder

    real, now = time.perf_counter, [0.0]
    config = small("trainer.max_steps=1000000000", "trainer.max_epochs=0", "trainer.log_every=10")
    content = RunRecord(
        state="running", task="quickstart", row="sru", profile="smoke", seed=1, config=config.plain, epochs=[]
    )
    watched: Any = TaskModule.__new__(TaskModule)
    torch.nn.Module.__init__(watched)
    watched.train_sums, watched.train_tokens = Totals(), 0
    watched.results = {"val": {"loss": 1.0, "bpc": 2.0}}
    watched.__dict__.update(task=SimpleNamespace(metrics=dict), _device=torch.device("cpu"))
    trainer: Any = SimpleNamespace(
        is_global_zero=True,
        precision_plugin=None,
        global_step=0,
        num_training_batches=1000,
        accumulate_grad_batches=1,
        sanity_checking=False,
    )
    trainer.current_epoch, trainer.should_stop, trainer.is_last_batch = 0, False, False
    console = Console("ten hours", "bpc", folder / "log.txt", show="none")
    recorder = module.Recorder(RunFolder(folder, content), config.trainer, console, NoDashboard())
    clock: Any = SimpleNamespace(perf_counter=lambda: now[0])
    original, module.time = module.time, clock
    try:
        for _ in range(hours):
            steps = validations = 0.0
            for number in range(36_000):
                began = real()
                now[0], trainer.global_step, watched.train_tokens = now[0] + 0.1, trainer.global_step + 1, 100
                watched.train_sums.add({"loss": 1.0})
                recorder.on_train_batch_start(trainer, watched, None, 0)
                recorder.on_train_batch_end(trainer, watched, None, None, 0)
                steps += real() - began
                if number % 3000 == 2999:
                    began = real()
                    recorder.on_validation_start(trainer, watched)
                    recorder.on_validation_end(trainer, watched)
                    validations += real() - began
            yield steps, validations
    finally:
        module.time = original
