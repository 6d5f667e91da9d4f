"""`sru-repro train -m`: a sweep from its words to its exit status."""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from ...core.alone import require_one_process
from ...core.clock import now
from ...core.errors import RunError
from ...core.home import without_home
from ...core.interrupt import Interrupted, signals
from ...core.lock import holder
from ...records.sweep import Member, place_of
from .. import choices
from ..flags import Flags
from ..quoting import parsed_word, quote
from ..words import key_of, members
from .after import after_sweep, argument, say_failures, still_running
from .folder import opened
from .launch import Sweep, launched_as_members
from .launchers import require_launcher
from .member import close, record_of

if TYPE_CHECKING:
    from ...training.config import RunConfig

_OF_THE_SWEEP = (
    "hydra.sweep",
    "hydra.launcher",
    "hydra/launcher",
    "hydra/sweeper",
    "hydra.mode",
    "hydra.run",
)
"""Beginnings of Hydra's keys that a member has no use for."""


def sweep(
    flags: Flags,
    words: Sequence[str],
    config: "RunConfig | None",
    total: int,
    call: Callable[[Sequence[str]], None],
) -> int:
    """Runs what is missing of a sweep; `config` is a member's, `total` their number, `call` starts Hydra with words.

    Raises:
        ConfigError: nothing can be run. RunError: members have failed. SystemExit: a signal came.
    """
    require_one_process("a sweep")
    launcher = require_launcher(words)
    own = [word for word in words if not word.startswith(("hydra.", "hydra/"))]
    given = next((parsed_word(word) for word in own if key_of(word) == "sweep"), None)
    named = None if given is None or given.value() is None else Path(str(given.value()))
    groups = choices.groups(flags.config_dir)
    fixed = frozenset(key_of(word) for word in own if not _sweeps(word, groups))
    passed = [word for word in words if word.startswith("hydra.") and not word.startswith(_OF_THE_SWEEP)]
    beside = [flag for flag in flags.hydra if flag not in ("--multirun",)]
    if named is not None:
        words = [*words, f"hydra.sweep.dir={quote(str(named))}", "hydra.sweep.subdir=."]
    made: list[Sweep] = []
    with signals() as caught, ExitStack() as stack:
        caught.deferred = True

        def make(hydra: DictConfig) -> Sweep:
            folder = named or _folder(Path(str(hydra.hydra.sweep.dir)), config)
            note = Path(str(hydra.hydra.sweep.dir), "multirun.yaml")
            place = stack.enter_context(opened(folder, flags, launcher, config, note))
            made.append(
                Sweep(
                    place=place,
                    launcher=launcher,
                    named=named is not None,
                    fixed=fixed,
                    flags=(*beside, *passed),
                    caught=caught,
                    total=total,
                )
            )
            return made[-1]

        status = 0
        try:
            with launched_as_members(make):
                call([word for word in words if key_of(word) != "sweep"])
            caught.raise_if_any()
        except Interrupted as stop:
            status = stop.status
            end = str(stop)
        finally:
            for each in made:
                if each.progress is not None:
                    each.progress.__exit__(None, None, None)
        (done,) = made
        return _end(done, status, end if status else "")


def _end(done: Sweep, status: int, stopped: str) -> int:
    """The last lines of a sweep, and its exit status."""
    folder, asked = done.place.folder, [_by_now(done.place.folder, m) for m in done.members.values()]
    finished = [m for m in asked if m.state in ("finished", "pruned")]
    elsewhere = [m for m in asked if m.state == "running"]
    failed = [m for m in asked if m not in finished and m not in elsewhere]
    if finished:
        after_sweep(folder)
    if done.closing:
        print("\n".join(done.closing), flush=True)
    say_failures(folder, [m for m in failed if m.state == "failed"] if stopped else failed)
    if stopped:
        then = f"go on with {argument(folder)}" if asked else "nothing was begun"
        told = f"{len(finished)} of {done.total} members finished; {then}"
        print(without_home(f"sru-repro: {stopped}; {told}"), file=sys.stderr)
        sys.exit(status)
    still = still_running(elsewhere, done.elsewhere)
    if failed:
        if still:
            print(without_home(f"sru-repro: {still}"), file=sys.stderr)
        names = "; ".join(m.name for m in failed)
        raise RunError(f"{len(failed)} of {len(asked)} runs failed: {names}")
    if still:
        raise RunError(still)
    return 0


def _by_now(folder: Path, member: Member) -> Member:
    """A member as it is in the end: one that was left to somebody else may have finished in the meantime."""
    place = place_of(folder, member)
    run = record_of(place) if member.state == "running" and holder(place) is None else None
    if run is not None and (run.finished or run.pruned):
        close(folder.absolute(), member, None)
    return member


def _folder(above: Path, config: "RunConfig | None") -> Path:
    """A new folder for a sweep without a name, beside the runs of its members."""
    task = "sweep" if config is None else config.task.name
    stem = f"{task}-{now().replace('-', '').replace(':', '').rstrip('Z')}"
    names = (stem, *(f"{stem}-{count}" for count in range(2, 1000)))
    return next(above / "sweeps" / name for name in names if not (above / "sweeps" / name).exists())


def _sweeps(word: str, groups: Mapping[str, Sequence[str]]) -> bool:
    """Whether a word has more than one choice."""
    parsed = parsed_word(word)
    if parsed is None or not parsed.is_sweep_override():
        return False
    return not parsed.is_discrete_sweep() or len(members([word], groups)[0]) != 1
