"""What a section that runs rows of a table is told, and which of its runs have finished already: in the folder of the
pages, below `results/`, or where they would be made."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import Field

from ..core import machine
from ..core.errors import DataError
from ..core.settings import Settings
from ..records.packed_runs import packed_runs
from ..records.run import RunRecord, read_record
from ..reporting.runs.records import load_records
from ..training.config import check
from ..training.prepare import load_data
from ..training.run_folder import is_done, same_run
from .plan import SectionOptions
from .side_by_side import Run


class TableRow(Settings):
    """A row: the overrides that make it, but for the seed, and the configuration they make, resolved."""

    row: str
    overrides: list[str]
    config: dict[str, Any]


class TableRuns(Settings):
    """The runs of a section.

    rows          those that tell most first; every row with the first seed, then every row with the next
    folder        where runs are made: folder/row/profile/seedN
    side_by_side  how many at once, also when fewer are left: it is a part of the machine's name in the records
    mps           whether several share the GPU through the multi-process service, where that can be had
    aim_s         seconds a run is meant to take, for the prediction before anything was measured; null: none is known
    """

    rows: list[TableRow] = Field(min_length=1)
    seeds: list[int] = Field(min_length=1)
    folder: str
    side_by_side: int = Field(ge=1)
    aim_s: float | None = None
    mps: bool = True

    def runs(self) -> Iterator[tuple[Run, dict[str, Any]]]:
        """All runs in order, each with its configuration."""
        for seed in self.seeds:
            for one in self.rows:
                place = Path(self.folder, one.row, one.config["profile"], f"seed{seed}")
                config = one.config | {"seed": seed}
                yield Run(one.row, seed, (*one.overrides, f"seed={seed}"), place, config), config


def finished_before(
    options: SectionOptions, plan: TableRuns, planned: Sequence[tuple[Run, dict[str, Any]]]
) -> dict[str, RunRecord]:
    """Runs of the plan that have finished already, by name; the data are read only where there may be one."""
    kept: list[RunRecord] = [*packed_runs(Path(options.out))]
    task = str(planned[0][1]["task"]["name"])
    if not options.rehearse:
        for folder in sorted(Path("results/cuda").glob("*/")):
            kept += packed_runs(folder)
        kept += load_records(Path("results/runs") / task)
    ours = {
        name: record
        for run, config in planned
        if (name := run.name) and (record := _found(run, config, kept))
    }
    ours = {name: record for name, record in ours.items() if _same_machine(options, plan, record)}
    if not ours:
        return {}
    fingerprint = load_data(check(planned[0][1])).fingerprint
    return {name: record for name, record in ours.items() if record.data.fingerprint == fingerprint}


def _found(run: Run, config: Mapping[str, Any], kept: Sequence[RunRecord]) -> RunRecord | None:
    """The newest finished record of a run."""
    with suppress(DataError):
        if is_done(run.folder, config):
            return read_record(run.folder)
    found = [
        record
        for record in kept
        if (record.row, record.seed) == (run.row, run.seed) and same_run(record.config, config)
    ]
    return max(found, key=lambda record: record.started, default=None)


def _same_machine(options: SectionOptions, plan: TableRuns, record: RunRecord) -> bool:
    """Whether a record is of this GPU with as many runs side by side: else it stands apart from them in the table."""
    beside = f"-{plan.side_by_side}-runs" if plan.side_by_side > 1 else ""
    slug = machine.hardware(options.device)["slug"]
    if os.environ.get(machine.SIDE_BY_SIDE):
        slug = slug.removesuffix(f"-{os.environ[machine.SIDE_BY_SIDE]}-runs")
    return record.hardware.slug == slug + beside or (
        not options.on_gpu and record.hardware.slug.endswith(beside)
    )
