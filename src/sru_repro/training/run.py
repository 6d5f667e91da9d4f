"""One run from a checked configuration to its folder: run.json, metrics.csv, checkpoints, log.txt and a wandb run."""

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path

from ..core import machine
from ..core.alone import alone
from ..core.errors import ConfigError, RunError, SuiteError
from ..core.files import remove_parts
from ..core.home import shown, without_home
from ..core.interrupt import Interrupted, signals
from ..core.lock import in_use
from ..records.origin import Code, Hardware
from ..records.run import Data, RunRecord, read_record
from ..tasks import TaskData, task_class
from . import replaced
from .config import RunConfig, changes, require_both_ways
from .dashboards.wandb_words import require_wandb
from .going_on import checkpoint_to_go_on_from, goes_on_aside
from .prepare import load_data, set_threads
from .ranks.children import Leader, leading
from .ranks.follow import follow
from .ranks.place import place_of, store_of
from .ranks.world import Ranks
from .run_folder import RunFolder, is_done, now
from .weights import FOLDER, LAST, PREVIOUS, mend_best


def train(config: RunConfig, folder: Path, overrides: list[str], resume: bool = False) -> RunRecord:
    """Trains, measures on the test set with the best checkpoint, and returns the record.

    `resume` goes on from the folder's last checkpoint, and returns the record as it is when that run was already
    finished. The budget may be larger than before; any other difference is refused. Without `resume` a run that lies
    there is kept until the new one has a checkpoint.

    Raises:
        SuiteError: what the user can mend, or a failure of the run. Interrupted: a signal came; it can be resumed.
    """
    require_both_ways(config)
    ranks, launched = place_of(config)
    if launched is not None:
        ranks.store = store_of(ranks, launched)
    if not ranks.first:
        return _followed(ranks, folder)
    require_wandb(config)
    set_threads(config)
    if sys.stderr is not None and sys.stderr.isatty():  # PyTorch's and Lightning's libraries take seconds
        print("sru-repro: loading data and libraries ...", file=sys.stderr, flush=True)
    with signals() as caught, _held(config, folder), _with_others(ranks, folder) as ranks:
        data = load_data(config)
        if resume and replaced.lies_aside(folder) and goes_on_aside(folder, config.plain, data.fingerprint):
            replaced.put_back(folder)
        if resume and is_done(folder, config.plain, data.fingerprint):
            problem = mend_best(folder)
            done = f"{problem}; mended from last.ckpt" if problem else "left as it is"
            print(without_home(f"{folder}: finished before, {done}"), file=sys.stderr)
            return read_record(folder)
        with alone():
            from .fit import fit  # imports Lightning: only now that configuration and data are sound
            from .stepping import steps_per_epoch

        content = _content(config, data, config.trainer.accelerator, overrides)
        start = None
        if resume:
            per_epoch = steps_per_epoch(len(data.train), config.trainer.accumulate)
            start = checkpoint_to_go_on_from(folder, content, per_epoch)
        record = RunFolder(folder, content)
        try:
            for place in (folder, folder / FOLDER):
                remove_parts(place)
            if start is None:
                replaced.set_aside(folder)
            record.save()
            if isinstance(ranks, Leader):
                ranks.stuck = lambda error: _close(record, error)
                ranks.call(
                    {
                        "folder": str(folder.absolute()),
                        "config": config.plain,
                        "content": content.plain(),
                        "start": start and str(start.absolute()),
                    },
                    ranks.alive,
                )
            fit(config, record, data, caught, start, ranks)
        except BaseException as caused:
            error = ranks.explained(caused) if isinstance(ranks, Leader) else caused
            _close(record, error)
            if error is not caused:
                raise error from None
            if isinstance(error, SuiteError) or not isinstance(error, Exception):
                raise
            raise RunError(f"{content.error} (traceback in {shown(folder / 'log.txt')})") from error
        return content


def _followed(ranks: Ranks, own: Path) -> RunRecord:
    """The record of the run that a launcher's first process keeps; this one trains a part of it, and takes away the
    empty folder that was made for it. What ended the run the first one tells."""
    try:
        return read_record(follow(ranks))
    except Interrupted as stop:
        raise SystemExit(stop.status) from None
    finally:
        with suppress(OSError):  # it is the run's folder, or there is none
            own.rmdir()


def _with_others(ranks: Ranks, folder: Path) -> AbstractContextManager[Ranks]:
    """The first of several ranks with the others, or the only one."""
    return leading(ranks, folder) if ranks.several else nullcontext(ranks)


@contextmanager
def _held(config: RunConfig, folder: Path) -> Iterator[None]:
    """Holds the folder; a finished run that nobody can write to is only looked at."""
    with ExitStack() as stack:
        try:
            stack.enter_context(in_use(folder, f"{config.task.name}/{config.top.row} seed {config.top.seed}"))
        except OSError as error:
            if not is_done(folder, config.plain):
                raise ConfigError(
                    f"{folder}: expected a folder that can be written, found: {error.strerror}; name another by "
                    "hydra.run.dir="
                ) from None
        yield


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
        sweep=config.top.sweep,
        config=config.plain,
        overrides=overrides,
        changed=changed,
        paper=config.top.paper,
        code=Code.model_validate(machine.code_revision()),
        packages=machine.packages(),
        hardware=Hardware.model_validate(machine.hardware(device, config.trainer.world)),
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


def _close(record: RunFolder, error: BaseException) -> None:
    """Notes how the run ended, as far as the disk takes it."""
    content = record.content
    content.ended = now()
    if isinstance(error, Interrupted | KeyboardInterrupt):
        content.state, content.error = "interrupted", str(error) or "interrupted"
    else:
        content.state, content.error = "failed", without_home(_line(error, record.folder))
    with suppress(OSError):
        record.save()
    if content.state == "failed":
        with suppress(OSError), (record.folder / "log.txt").open("a") as log:
            log.write(without_home("".join(traceback.format_exception(error))))


def _line(error: BaseException, folder: Path) -> str:
    """What the record says of a failure; of a disk and of memory, with what to do."""
    lines = [line.strip() for line in str(error).strip().splitlines()] or [""]
    line = lines[0]
    if line.startswith("Error(s) in loading state_dict"):  # and then torch's list
        return f"the weights are of another version of the model: {lines[-1]}; start without resume=true"
    saved = any((folder / name).exists() for name in (LAST, PREVIOUS))
    again = "go on with resume=true" if saved else "start again"
    if isinstance(error, OSError) and error.strerror:
        return (
            f"{error.filename or 'a file'}: could not be written or read ({error.strerror}); "
            + ("the last checkpoint is whole: " if saved else "")
            + f"mend it, then {again}"
        )
    if isinstance(error, MemoryError) or any(sign in line for sign in _NO_MEMORY):
        return (
            f"out of memory ({line or type(error).__name__:.120}); lower task.batch_size or model.hidden_size, or make "
            f"room and {again}" + (" from the last checkpoint, which is whole" if saved else "")
        )
    return f"{type(error).__name__}: {line}"


_NO_MEMORY = ("can't allocate memory", "out of memory", "Cannot allocate memory", "std::bad_alloc")
