"""One process for a run: what launchers and schedulers leave in the environment."""

import os

import pytest

from sru_repro.core.alone import alone, require_alone
from sru_repro.core.errors import ConfigError

ALLOCATION = {"SLURM_JOB_ID": "1", "SLURM_JOB_NAME": "t", "SLURM_NTASKS": "4", "SLURM_NPROCS": "4"}
SCRIPT = {**ALLOCATION, "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0"}
STEP = {**SCRIPT, "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "4"}


@pytest.mark.parametrize("rank", ["0", "1"])
@pytest.mark.parametrize(
    ("size", "name"),
    [
        ("WORLD_SIZE", "RANK"),
        ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"),
        ("PMI_SIZE", "PMI_RANK"),
        ("MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK"),
        ("JSM_NAMESPACE_SIZE", "JSM_NAMESPACE_RANK"),
        ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID"),
    ],
)
def test_one_of_several_processes_is_refused_whichever_it_is(size: str, name: str, rank: str) -> None:
    with pytest.raises(ConfigError) as refused:
        require_alone({size: "2", name: rank})
    line = str(refused.value)
    assert line.startswith(
        f"{size}=2: expected one process for a run, found 2, of which this is {name}={rank}"
    )
    assert f"unset {size}" in line and "\n" not in line


def test_slurms_exceptions_are_none_of_mpirun() -> None:
    with pytest.raises(ConfigError, match=r"^PMI_SIZE=4"):
        require_alone({"PMI_SIZE": "4", "PMI_RANK": "3", "WANDB_SWEEP_ID": "s"})


@pytest.mark.parametrize(
    "environment",
    [
        {},
        ALLOCATION,  # the shell of salloc
        SCRIPT,  # the script of sbatch
        {**STEP, "SLURM_STEP_NUM_TASKS": "1"},  # srun --ntasks=1 in an allocation of four
        {**STEP, "SLURM_PTY_PORT": "4711"},  # srun --pty bash
        {**STEP, "SLURM_PROCID": "3", "WANDB_SWEEP_ID": "s"},  # srun wandb agent
        {**STEP, "SLURM_PTY_PORT": "4711", "PMI_SIZE": "4", "PMI_RANK": "0"},  # with --mpi=pmi2
        {**STEP, "SLURM_PROCID": "3", "WANDB_SWEEP_ID": "s", "PMI_SIZE": "4", "PMI_RANK": "3"},
        {"WORLD_SIZE": "1", "RANK": "0", "LOCAL_RANK": "0", "TORCHELASTIC_RUN_ID": "none"},
        {"WORLD_SIZE": "huge", "RANK": "and file"},  # somebody else's
        {"LSB_JOBID": "7", "LSB_DJOB_NUMPROC": "8", "LSB_HOSTS": "a a b b"},
        {"OMP_NUM_THREADS": "4", "PMIX_RANK": "0"},
    ],
)
def test_an_allocation_with_one_process_trains(environment: dict[str, str]) -> None:
    require_alone(environment)


def test_nobody_reads_them_inside_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**STEP, "RANK": "x", "PL_TRAINER_MAX_STEPS": "3", "SRU_REPRO_X": "1"}.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    with pytest.raises(ZeroDivisionError), alone():
        assert not [name for name in os.environ if name.startswith(("SLURM_", "PL_")) or name == "RANK"]
        assert os.environ["SRU_REPRO_X"] == "1"
        raise ZeroDivisionError
    assert dict(os.environ) == before
