"""One run from a checked configuration to its folder: run.json, metrics.csv, checkpoints, log.txt and a wandb run."""

import os
import sys
import traceback
from pathlib import Path

from ..core import machine
from ..core.errors import DataError, RunError, SuiteError
from ..core.interrupt import Interrupted, signals
from ..records.origin import Code, Hardware
from ..records.run import Data, RunRecord, read_record
from ..tasks import TaskData, task_class
from .config import RunConfig, changes, require_both_ways
from .prepare import load_data, set_threads
from .run_folder import RunFolder, identity, is_done, now
from .weights import BEST, LAST


def train(config: RunConfig, folder: Path, overrides: list[str], resume: bool = False) -> RunRecord:
    """Trains, measures on the test set with the best checkpoint, and returns the record.

    `resume` goes on from the folder's last checkpoint where there is one of the same configuration, and returns the
    record as it is when that run was already finished.

    Raises:
        SuiteError: what the user can mend, or a failure of the run. Interrupted: a signal came; it can be resumed.
    """
    require_both_ways(config)
    set_threads(config)
    device = config.trainer.accelerator
    with signals() as caught:
        data = load_data(config)
        if resume and is_done(folder, config.plain, data.fingerprint):
            print(f"{folder}: finished before, left as it is", file=sys.stderr)
            return read_record(folder)
        from .fit import fit  # imports Lightning: only now that configuration and data are sound

        content = _content(config, data, device, overrides)
        resumable = resume and _resumable(folder, content)
        record = RunFolder(folder, content)
        try:
            if not resumable:  # or a later resume might go on from another configuration's weights
                for name in (BEST, LAST):
                    (folder / name).unlink(missing_ok=True)
            record.save()
            fit(config, record, data, caught, resumable)
        except BaseException as error:
            _close(record, error)
            if isinstance(error, SuiteError) or not isinstance(error, Exception):
                raise
            raise RunError(f"{record.content.error} (traceback in {folder / 'log.txt'})") from error
        return record.content


def _content(config: RunConfig, data: TaskData, device: str, overrides: list[str]) -> RunRecord:
    """The record of a run that is about to start."""
    changed = changes(overrides) if config.top.paper else []
    why_not = "; ".join(
        filter(None, [data.why_not, f"changed by hand: {', '.join(changed)}" if changed else ""])
    )
    task_type = task_class(config.task.kind)
    return RunRecord(
        state="running",
        error=None,
        pid=os.getpid(),
        task=config.task.name,
        table=config.task.table,
        row=config.top.row,
        profile=config.top.profile,
        seed=config.top.seed,
        fold=getattr(config.task, "fold", None),
        config=config.plain,
        overrides=overrides,
        changed=changed,
        paper=config.top.paper,
        code=Code.model_validate(machine.code_revision()),
        packages=machine.packages(),
        hardware=Hardware.model_validate(machine.hardware(device)),
        data=Data(
            fingerprint=data.fingerprint,
            description=data.description,
            source=data.source,
            comparable=not why_not,
            why_not=why_not,
            vectors=data.vectors,
            share=data.share,
            notes=list(data.notes),
            counts=dict(data.counts),
        ),
        headline=f"test/{task_type.headline_of(config.task)}",
        higher_is_better=task_type.higher_is_better,
        notes=[],
        epochs=[],
        metrics={},
        wall_s=0.0,
        started=now(),
    )


def _resumable(folder: Path, content: RunRecord) -> bool:
    """Whether the folder's last checkpoint belongs to this configuration and data; takes over what goes on."""
    try:
        before = read_record(folder)
    except DataError:
        return False
    same = (
        identity(before.config) == identity(content.config)
        and before.data.fingerprint == content.data.fingerprint
    )
    if not same or not (folder / LAST).is_file():
        return False
    content.started, content.wall_s = before.started, before.wall_s
    if before.wandb_id is not None:
        content.wandb_id = before.wandb_id
    return True


def _close(record: RunFolder, error: BaseException) -> None:
    """Notes how the run ended."""
    content = record.content
    content.ended = now()
    if isinstance(error, Interrupted | KeyboardInterrupt):
        content.state, content.error = "interrupted", str(error) or "interrupted"
    else:
        line = next(iter(str(error).strip().splitlines()), "")
        content.state, content.error = "failed", f"{type(error).__name__}: {line}"
        with (record.folder / "log.txt").open("a") as log:
            log.write(traceback.format_exc())
    record.save()
