"""What the sections of `gpu-check` that run rows of a table are told: which rows and seeds, with which budget, how many
side by side. Rows, seeds and budgets are those of `reproduce profile=paper`, so that both make the same runs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..core import machine
from ..core.errors import ConfigError
from ..records.gpu_manifest import SECTIONS
from .compose import composed
from .options import some_of
from .tables import Table, load_table

CORES_EACH = 2
"""A run keeps one core busy with launches and another with batches."""
REHEARSED = 2
"""Runs of a rehearsal at most."""


@dataclass(frozen=True)
class Plan:
    """How a section runs its table.

    rows        in the order that tells most first
    rehearsed   rows of the table's smoke profile, where that has others
    gpu_bytes   memory of the GPU that a run needs, with its context; 0: a run has the GPU to itself
    table_s     seconds in which all runs of the table are meant to be through on an H100; 0: nothing is aimed at
    seconds     of training of a run; 0: the paper's budget
    changes     what is changed under a budget in seconds
    """

    rows: tuple[str, ...]
    rehearsed: tuple[str, ...] = ()
    gpu_bytes: int = 0
    table_s: float = 0.0
    seconds: int = 0
    changes: tuple[str, ...] = ()


PLANS: Mapping[str, Plan] = {
    "table1": Plan(
        ("sru2", "lstm", "qrnn-highway", "cnn", "sru4", "sru8", "qrnn"), gpu_bytes=3 << 30, table_s=900.0
    ),
    "table2": Plan(("sru4", "lstm3", "qrnn4-highway", "sru3", "sru6", "qrnn6-highway")),
    # The rate ends with the budget; one stream of the whole validation set would take longer than the training.
    "ablation": Plan(
        ("srupp-k5", "srupp-k1", "srupp-k10", "srupp-k2", "srupp-none"),
        rehearsed=("srupp",),
        seconds=420,
        changes=(
            *("optim.decay_steps=0", "trainer.max_steps=0", "trainer.validate_every=1000"),
            *("task.eval_batch_size=32", "task.val_limit=250000"),
        ),
    ),
}


def table_runs(
    section: str,
    device: str,
    data_dir: str,
    rehearse: bool,
    rows: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    jobs: int | None = None,
    seconds: int | None = None,
    mps: bool | None = None,
) -> dict[str, Any]:
    """The runs of a section as `gpu_check.finished_runs.TableRuns` has them.

    Raises:
        ConfigError: no such row.
    """
    plan, table = PLANS[section], load_table(str(SECTIONS[section].table))
    profile = "smoke" if rehearse else "paper"
    names = [*plan.rows]
    if rehearse:
        names = list(plan.rehearsed or plan.rows)[: REHEARSED if rows is None else None]
    wanted = some_of("rows", rows, names)
    chosen = list(seeds or table.seeds[profile])
    every = len(plan.rows) * len(table.seeds["paper"])
    beside = jobs or (REHEARSED if rehearse else _side_by_side(plan, device))
    budget = plan.seconds if seconds is None else seconds
    folder = f"runs/{table.tasks[0]}"
    if rehearse or budget:
        folder = f"runs/gpu-check/{section}"
    return {
        "rows": [_row(table, plan, row, profile, device, data_dir, budget) for row in wanted],
        "seeds": chosen,
        "folder": folder,
        "side_by_side": beside,
        "mps": mps is not False,
        "aim_s": plan.table_s * beside / every or None,
    }


def _row(
    table: Table, plan: Plan, row: str, profile: str, device: str, data_dir: str, seconds: int
) -> dict[str, Any]:
    args = [f"experiment={table.folder(profile)}/{row}", f"task={table.tasks[0]}", f"profile={profile}"]
    args += ["logger=csv", f"data_dir={data_dir}", *["trainer=cpu"] * (device == "cpu")]
    if seconds:
        args += [f"trainer.max_seconds={seconds}", *plan.changes]
    return {"row": row, "overrides": args, "config": composed(args).plain}


def _side_by_side(plan: Plan, device: str) -> int:
    """As many as cores and the GPU's memory carry."""
    if not plan.gpu_bytes:
        return 1
    import torch

    memory = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory
    return max(1, min(machine.cores() // CORES_EACH, memory // plan.gpu_bytes))


def require_table(names: Sequence[str], given: Sequence[str]) -> None:
    """Refuses keys of a table's runs where the sections that are named do not run exactly one table."""
    tables = [name for name in names if SECTIONS[name].table]
    if given and len(tables) != 1:
        expected = f"one of the sections {', '.join(PLANS)} beside it in sections="
        raise ConfigError(f"{given[0]}: expected {expected}, found {', '.join(tables) or 'none'}")
