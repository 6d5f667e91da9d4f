"""A sweep's members through one of Hydra's launchers: those that are missing run, each in a process of its own, and
their outcomes come back by the sweep's folder. Whatever sweeper Hydra runs gets this as its launcher.

A sweeper of ours calls `MemberLauncher.members`, which gives the members back.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from ...core.clock import now
from ...core.errors import ConfigError, RunError, on_one_line
from ...core.home import without_home
from ...core.interrupt import Signals
from ...core.lock import holder
from ...records.sweep import Member, keep, place_of
from ...training.config import RunConfig
from ..compose import one_line, resolve
from ..words import key_of
from .folder import SweepFolder
from .launchers import Jobs, batches, place_jobs, side_by_side
from .member import STOP, Plan, RunMember, record_of
from .naming import called, name_of, varied
from .progress import Progress

_WAIT_S = 0.5


@dataclass
class Sweep:
    """A sweep at work.

    named     whether members lie in its folder, each by its name; else where Hydra puts them
    fixed     keys that are the same in all members
    flags     arguments that each member's training gets beside its overrides
    total     members in all, so far as is known
    members   that have been asked for, by name, with what came of them
    closing   lines that end it
    through   members that were through before there was anything to show
    elsewhere  who trains the members that were left to somebody else, by their names
    """

    place: SweepFolder
    launcher: str
    named: bool
    fixed: frozenset[str]
    flags: tuple[str, ...]
    caught: Signals
    total: int
    members: dict[str, Member] = field(default_factory=dict)
    closing: list[str] = field(default_factory=list)
    progress: Progress | None = None
    through: int = 0
    elsewhere: dict[str, str] = field(default_factory=dict)


class Named(NamedTuple):
    """A member whose name does not follow from its overrides, with its number and variables of its environment."""

    name: str
    number: int
    beside: tuple[tuple[str, str], ...] = ()


class MemberLauncher(Launcher):
    """One of Hydra's launchers, which gets the members of a sweep that are missing."""

    def __init__(self, inner: Launcher, sweep: Sweep) -> None:
        self.inner, self.sweep = inner, sweep
        self._setup: dict[str, Any] = {}

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """As Hydra calls it; the task function is ours, see `RunMember`."""
        self._setup = {"hydra_context": hydra_context, "config": config}

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """As sweepers of Hydra's call it: the value of each member, None of one that has none."""
        found = self.members(job_overrides, initial_job_idx)
        done = JobStatus.COMPLETED
        return [JobReturn(_return_value=None if m is None else m.value, status=done) for m in found]

    def members(
        self, batch: Sequence[Sequence[str]], first: int, named: Sequence[Named] | None = None
    ) -> list[Member | None]:
        """Runs members with these overrides, so far as they are not finished, and returns them in this order; None
        of one that has not begun, as the sweep is being stopped.

        `first` is the number of the first of them in the sweep; `named` are theirs where they do not follow from the
        overrides. A member that fails does not stop the others.

        Raises:
            ConfigError: another run lies where one of them would, see `SweepFolder.state_of`. Interrupted: a signal
                came; members that were running have saved where they are.
        """
        sweep = self.sweep
        looked = [self._planned(batch[i], first + i, named[i] if named else None) for i in range(len(batch))]
        plans = [*{found.name: found for found in looked if isinstance(found, Plan)}.values()]
        self._say_what_is_done([found for found in looked if isinstance(found, Member)])
        if plans:
            self._run(plans, first)
        for found in looked:
            member = found if isinstance(found, Member) else sweep.place.reload(found.name)
            if member is not None:
                sweep.members[found.name] = member.answered
        sweep.caught.raise_if_any()
        return [sweep.members.get(found.name) for found in looked]

    def _planned(self, overrides: Sequence[str], number: int, named: Named | None) -> Plan | Member:
        """What is to run, or the member that needs no more."""
        sweep = self.sweep
        own = varied(overrides, sweep.fixed)
        name, number, beside = named or Named(name_of(own), number)
        member = Member(name=name, number=number, overrides=own, state="failed")
        try:
            config = self._resolved(overrides)
        except ConfigError as error:
            return self._refused(member, str(error))
        there = None
        if named is not None:
            there = sweep.place.known.get(name)
        elif sweep.named:
            there = sweep.place.same(name, config)
        what = sweep.place.state_of(there, config) if there is not None else "again"
        if there is not None:
            if what == "busy":
                return self._left(there)
            if there.number != number:
                there.number = number
                keep(sweep.place.folder, there)
            if what == "":
                sweep.place.mend(there)
                return there
            member = there
        folder = str(place_of(sweep.place.folder, member).absolute()) if sweep.named else None
        words = (*sweep.flags, *overrides, f"sweep={sweep.place.folder}")
        return Plan(member.name, number, tuple(own), words, folder, what == "again", now(), beside)

    def _resolved(self, overrides: Sequence[str]) -> RunConfig:
        """The checked configuration of a member, as Hydra would give it to its job."""
        with one_line(overrides):
            loader = self._setup["hydra_context"].config_loader
            config = loader.load_sweep_config(self._setup["config"], list(overrides))
            with open_dict(config):
                del config["hydra"]
            return resolve(config)

    def _left(self, member: Member) -> Member:
        """A member that somebody else trains: what came of it before does not count any more. Its file is theirs."""
        who = holder(place_of(self.sweep.place.folder, member))
        self.sweep.elsewhere[member.name] = str(who or "another process")
        return member.model_copy(update={"state": "running", "error": None, "status": None, "refused": None})

    def _refused(self, member: Member, why: str) -> Member:
        """A member that cannot be begun; of one whose run is there that stays as it is."""
        place = self.sweep.place
        there = place.known.get(member.name)
        if there is not None and record_of(place_of(place.folder, there)) is not None:
            there.refused, there.started = why, now()
            keep(place.folder, there)
            return there.answered
        member.error, member.status, member.started, member.ended = why, 2, now(), now()
        keep(self.sweep.place.folder, member)
        return member

    def _say_what_is_done(self, found: Sequence[Member]) -> None:
        """A line for those that are finished, and one for each that is not begun."""
        place = self.sweep.place
        finished = [member for member in found if member.state in ("finished", "pruned")]
        if finished:
            several = "member" if len(finished) == 1 else "members"
            self._say(f"{place.record.name}: {len(finished)} {several} finished before, left as they are")
        for member in found:
            if member.state == "running":
                self._say(f"{called(member)}: left to {self.sweep.elsewhere[member.name]}")
            elif member not in finished:
                self._say(on_one_line(f"{called(member)} failed: {member.error}"))
        self._skip(len(found))

    def _say(self, text: str) -> None:
        if self.sweep.progress is not None:
            self.sweep.progress.say(text)
        else:
            print(without_home(text), file=sys.stderr, flush=True)

    def _skip(self, count: int) -> None:
        """So many members are through without a run."""
        if self.sweep.progress is None:
            self.sweep.through += count
        else:
            self.sweep.progress.skip(count)

    def _run(self, plans: Sequence[Plan], first: int) -> None:
        """Runs the plans, batch by batch, each until it has an outcome, or none comes any more."""
        for part in batches(self.sweep.launcher, len(plans)):
            some = plans[part]
            why = self._launch(some, first + part.start)
            left = self._without_outcome(some)
            if why and left and len(left) < len(some) and self.sweep.launcher == "joblib":
                why = self._launch(left, first + part.start)  # a worker that dies takes its pool along
                left = self._without_outcome(left)
            if why and len(left) == len(plans) and not self.sweep.members:
                raise RunError(f"hydra/launcher={self.sweep.launcher}: {why}")
            for plan in left if why else ():
                gone = Member(name=plan.name, number=plan.number, overrides=[*plan.overrides], state="failed")
                self._refused(gone, f"its job never began: {why}")

    def _launch(self, plans: Sequence[Plan], number: int) -> str:
        """Runs these at a time; "", or why the launcher gave up."""
        sweep, inner, jobs = self.sweep, self.inner, Jobs()
        folder = sweep.place.folder.absolute()
        width = side_by_side(sweep.launcher, inner, len(plans))
        inner.setup(**self._setup, task_function=RunMember(str(folder), tuple(plans), number, width))
        place_jobs(sweep.launcher, inner, folder)
        why = ""
        with self._watched(plans, jobs, width):
            try:
                with jobs.noted():
                    inner.launch([self._overrides(plan) for plan in plans], number)
            except (Exception, KeyboardInterrupt) as error:
                lines = str(error).strip().splitlines() or [""]
                why = on_one_line(f"{type(error).__name__}: {lines[0]}")
                jobs.wait()
            for plan in plans:
                self._settle(plan)
        return why

    @contextmanager
    def _watched(self, plans: Sequence[Plan], jobs: Jobs, width: int) -> Iterator[None]:
        """Inside the block lines tell how far the members are, and a signal stops them."""
        sweep = self.sweep

        def heed() -> None:
            stop = sweep.place.folder / STOP
            if sweep.caught.received is not None and not stop.exists():
                stop.write_text(f"{now()}\n")
                jobs.call_off()

        progress = self._progress(width)
        progress.add(plans, heed)
        try:
            yield
        finally:
            progress.look()

    def _progress(self, width: int) -> Progress:
        sweep = self.sweep
        if sweep.progress is None:
            relayed = sweep.launcher == "basic" or (sweep.launcher == "joblib" and width == 1)
            title = f"{sweep.place.record.name} ({sweep.total} members)"
            sweep.progress = Progress(sweep.place.folder, title, sweep.total, width, relayed)
            sweep.progress.__enter__()
            sweep.progress.skip(sweep.through)
        return sweep.progress

    def _settle(self, plan: Plan) -> None:
        """Waits for a member whose job has ended before it, and writes down what came of it."""
        member = self.sweep.place.reload(plan.name)
        if member is None or member.started < plan.planned:
            return
        place = place_of(self.sweep.place.folder, member)
        while member.state == "running" and (who := holder(place)) is not None and who.here:
            time.sleep(_WAIT_S)
            member = self.sweep.place.reload(plan.name) or member
        self.sweep.place.reconcile(member)

    def _without_outcome(self, plans: Sequence[Plan]) -> list[Plan]:
        known = [(plan, self.sweep.place.reload(plan.name)) for plan in plans]
        return [plan for plan, member in known if member is None or member.started < plan.planned]

    def _overrides(self, plan: Plan) -> list[str]:
        """What Hydra makes a job's configuration of."""
        return [word for word in plan.words[len(self.sweep.flags) :] if key_of(word) != "sweep"]


@contextmanager
def launched_as_members(make: Callable[[DictConfig], Sweep]) -> Iterator[None]:
    """Inside the block every sweeper of Hydra's gets a launcher that runs members; `make` opens the sweep, once its
    configuration is there."""
    original = Plugins.instantiate_launcher

    def instantiate(
        self: Plugins, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> Launcher:
        sweep = make(config)
        inner = original(self, hydra_context, task_function, config)
        launcher = MemberLauncher(inner, sweep)
        launcher.setup(hydra_context=hydra_context, task_function=task_function, config=config)
        return launcher

    Plugins.instantiate_launcher = instantiate  # type: ignore[method-assign]
    try:
        yield
    finally:
        Plugins.instantiate_launcher = original  # type: ignore[method-assign]
