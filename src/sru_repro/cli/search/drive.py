"""A search from its first trial to its best: draws them, has the sweep's launcher run them as members, is told what
came of them, and counts them in the end."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hydra.types import HydraContext
from omegaconf import DictConfig

from ...core.cores import cores
from ...core.lock import holder
from ...records.study import TRIAL
from ...records.sweep import Member, Search, place_of
from ...tasks import task_class
from .. import choices
from ..compose import one_line
from ..sweep.launch import MemberLauncher, Named
from ..words import key_of
from .plan import drawn, shared_words
from .settings import SearchConfig, settings_of
from .trials import Drawn, Trials

_WAIT_S = 0.5


def carry_out(
    sweeper: dict[str, Any],
    config: DictConfig,
    context: HydraContext,
    launcher: MemberLauncher,
    words: Sequence[str],
) -> None:
    """Draws trials and runs them until there are `n_trials`.

    Raises:
        ConfigError: what is wrong with the search, before a trial is drawn. Interrupted: a signal came.
    """
    sweep = launcher.sweep
    with one_line(words):
        settings = settings_of(sweeper)
        groups = choices.groups(_config_dir(config))

        def load(some: list[str]) -> DictConfig:
            return context.config_loader.load_sweep_config(config, some)

        fixed, space = drawn(settings, load, words, groups)
        shared, member = shared_words(load, fixed, space, groups)
    higher = task_class(member.task.kind).higher_is_better
    seed = member.top.seed if settings.seed is None else settings.seed
    record = sweep.place.record
    study = sweep.place.folder.absolute() / Search.model_fields["study"].default
    trials = Trials(study, space, shared, settings, higher, seed)
    record.search = Search(sampler=settings.sampler, pruner=settings.pruner, trials=settings.n_trials)
    sweep.place.save()
    sweep.fixed, sweep.total = frozenset(map(key_of, shared)), settings.n_trials
    sweep.members.update(sweep.place.known)
    sweep.through = sum(each.state in ("finished", "pruned") for each in sweep.place.known.values())

    def run(batch: Sequence[Drawn]) -> list[float | None]:
        found = _run(launcher, shared, batch, study)
        # One that was refused, as its run has another budget now, has the figure of that run.
        return [each.value if each.state in ("finished", "failed") else None for each in found]

    search(trials, _at_once(settings, sweep.launcher, config), run)
    sweep.closing.extend(_closing(trials, settings, by_clock=bool(member.trainer.max_seconds)))


def search(trials: Trials, at_once: int, run: Callable[[Sequence[Drawn]], Sequence[float | None]]) -> None:
    """Draws trials, so many at a time, and tells what `run` made of them, until all are there."""
    while batch := trials.draw(at_once):
        for trial, value in zip(batch, run(batch), strict=True):
            trials.tell(trial, value)


def _run(
    launcher: MemberLauncher, shared: Sequence[str], batch: Sequence[Drawn], study: Path
) -> list[Member]:
    """The members of these trials, when all have ended. One that an earlier start of the search left behind, whose own
    process lives on, is waited for."""
    named = [
        Named(f"trial{trial.number:03d}", trial.number, ((TRIAL, f"{trial.trial} {study}"),))
        for trial in batch
    ]
    jobs = [[*shared, *trial.words] for trial in batch]
    place, ended = launcher.sweep.place, []
    for number, member in enumerate(launcher.members(jobs, batch[0].number, named)):
        if member is not None and _left_to_another(place.folder, member):
            while holder(place_of(place.folder, member)) is not None:
                launcher.sweep.caught.raise_if_any()
                time.sleep(_WAIT_S)
            member.state, member.error = "running", None
            if place.reconcile(member).state not in ("finished", "pruned"):
                (member,) = launcher.members([jobs[number]], batch[number].number, [named[number]])
        if member is not None:
            launcher.sweep.members[member.name] = member
            ended.append(member)
    return ended


def _left_to_another(folder: Path, member: Member) -> bool:
    """Whether an earlier start's training works on a member: ours was refused, or not even begun."""
    held = holder(place_of(folder, member)) is not None
    return member.state == "running" or (member.state == "failed" and held)


def _config_dir(config: DictConfig) -> Path | None:
    """The folder that --config-dir names."""
    for source in config.hydra.runtime.config_sources:
        if source.provider == "command-line" and source.schema == "file":
            return Path(source.path)
    return None


def _at_once(settings: SearchConfig, launcher: str, config: DictConfig) -> int:
    """How many trials are drawn at a time: what is drawn together learns nothing of each other."""
    if settings.n_jobs is not None:
        return settings.n_jobs
    if launcher == "joblib":
        asked = int(config.hydra.launcher.get("n_jobs") or -1)
        return asked if asked > 0 else max(1, cores() + 1 + asked)
    return {"submitit_local": cores(), "submitit_slurm": _JOBS}.get(launcher, 1)


_JOBS = 4
"""Of a search, in the queue of a cluster at a time."""


def _closing(trials: Trials, settings: SearchConfig, by_clock: bool) -> list[str]:
    """What is said of the search beside the sweep's report, which has the best trial's command line."""
    counts = ", ".join(f"{count} {state}" for state, count in sorted(trials.counts().items()))
    said = [
        f"search: {trials.begun} trials ({counts}) by {settings.sampler}, pruner {settings.pruner or 'null'}"
    ]
    if by_clock:
        said.append(
            "trainer.max_seconds ends runs by the clock: trained again they come near their figures only"
        )
    return said
