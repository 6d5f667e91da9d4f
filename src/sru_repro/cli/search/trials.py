"""The study of a search: trials are drawn, those that an earlier start left running are taken up again, and what came
of each is told.

A search is a function of its seed: every trial has a sampler of its own, made from the seed and its number, so that one
that was killed and started again draws what it would have drawn.
"""

import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from ...core.errors import ConfigError
from ...records.study import NAME, PRUNED, PRUNER, WARMUP, open_storage, pruner_of, require_optuna
from .settings import SearchConfig
from .space import Parameter

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

SPACE, FIXED = "space", "fixed"
"""What is noted in the study."""
VOID, MEMBER = "void", "member"
"""What is noted in a trial that does not count, and in one that takes the place of it: the number of its member."""
STATES = {
    **{"COMPLETE": "finished", "PRUNED": "pruned", "FAIL": "failed"},
    **dict.fromkeys(("RUNNING", "WAITING"), "running"),
}
"""Optuna's states of a trial, as members have them."""
_LARGEST = 2**32


class Drawn(NamedTuple):
    """A trial that is to be run.

    number  of the member of the sweep
    words   what was drawn, as arguments
    trial   its number in the study: another one where the member failed before and is tried again
    """

    number: int
    words: tuple[str, ...]
    trial: int


class Trials:
    """The trials of a study, made at `path` where there is none.

    fixed   the arguments that all trials share
    higher  whether more is better
    seed    of the sampler

    Raises:
        ConfigError: a search of another space, of other arguments or in another direction lies there.
    """

    def __init__(
        self,
        path: Path,
        space: Sequence[Parameter],
        fixed: Sequence[str],
        settings: SearchConfig,
        higher: bool,
        seed: int,
    ) -> None:
        storage = open_storage(path, mend=True)
        import optuna

        self.space, self.settings, self.seed, self.path = list(space), settings, seed, path
        direction: Literal["maximize", "minimize"] = "maximize" if higher else "minimize"
        there = any(study.study_name == NAME for study in optuna.get_all_study_summaries(storage))
        if there:
            self.study = optuna.load_study(study_name=NAME, storage=storage)
            self._same(fixed, direction)
        else:
            self.study = optuna.create_study(study_name=NAME, storage=storage, direction=direction)
            self.study.set_user_attr(FIXED, list(fixed))
            self.study.set_user_attr(SPACE, {each.key: each.said for each in space})
        self.study.set_user_attr(PRUNER, settings.pruner)
        self.study.set_user_attr(WARMUP, settings.warmup)
        self.study.pruner = pruner_of(settings.pruner)
        self._left = self._taken_up()

    def _same(self, fixed: Sequence[str], direction: str) -> None:
        """Refuses another search: Optuna would compare its trials with those that lie there."""
        noted = self.study.user_attrs
        there, now = noted.get(SPACE, {}), {each.key: each.said for each in self.space}
        changed = [
            f"{key}: {there.get(key, 'not drawn')} there, {now.get(key, 'not drawn')} asked for"
            for key in [*there, *(key for key in now if key not in there)]
            if there.get(key) != now.get(key)
        ]
        before = noted.get(FIXED, [])
        if set(before) != set(fixed):
            gone = [word for word in before if word not in fixed]
            new = [word for word in fixed if word not in before]
            changed.append(f"{' '.join(gone) or 'nothing'} there, {' '.join(new) or 'nothing'} asked for")
        if self.study.direction.name.lower() != direction:
            changed.append(f"{self.study.direction.name.lower()} there, {direction} asked for")
        if changed:
            raise ConfigError(
                f"{self.path.parent}: expected the search that lies there, found another ({'; '.join(changed)}), whose "
                "trials do not compare; name another folder by sweep="
            )

    def _taken_up(self) -> list[Drawn]:
        """The trials that were left running. One that was killed while it was drawn is void, as nothing has begun; one
        that failed is tried again, in a trial of its own, as Optuna never changes one that has ended."""
        import optuna

        storage = self.study._storage
        for trial in self._all():
            if trial.state.name == "RUNNING" and len(trial.params) < len(self.space):
                storage.set_trial_user_attr(trial._trial_id, VOID, True)
                self.study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        members = self._members().items()
        for number, trial in members:
            if trial.state.name == "FAIL":
                self.study.enqueue_trial(trial.params, user_attrs={MEMBER: number})
        return [self._drawn(number, trial) for number, trial in members if trial.state.name == "RUNNING"]

    @property
    def begun(self) -> int:
        """Trials that there are by now, in any state."""
        return len(self._members())

    def draw(self, most: int) -> list[Drawn]:
        """The next trials, at most so many: first those that were left running, then those that failed before, then
        new ones as long as fewer than `n_trials` have begun; none when all is done."""
        batch, self._left = self._left[:most], self._left[most:]
        while len(batch) < most and (self._waits() or self.begun < self.settings.n_trials):
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore"
                )  # that a sampler's interface may change with Optuna's next version
                self.study.sampler = self._sampler(self.begun)
            trial = self.study.ask({each.key: each.distribution for each in self.space}).number
            drawn = next(each for each in self._members().items() if each[1].number == trial)
            batch.append(self._drawn(*drawn))
        return batch

    def tell(self, drawn: Drawn, value: float | None) -> str:
        """What came of a trial: its figure, or None where it failed; one that ended early has noted so itself. Returns
        its state as members have it."""
        if PRUNED in self._all()[drawn.trial].user_attrs:
            state, value = "PRUNED", None
        elif value is None or value != value:
            state, value = "FAIL", None
        else:
            state = "COMPLETE"
        import optuna

        self.study.tell(drawn.trial, value, optuna.trial.TrialState[state])
        return STATES[state]

    def best(self) -> "tuple[Drawn, float] | None":
        """The best trial that was carried out whole, the first of equals, and its figure."""
        choose = max if self.study.direction.name == "MAXIMIZE" else min
        figures = {
            number: float(trial.value or 0.0)
            for number, trial in self._members().items()
            if trial.state.name == "COMPLETE"
        }
        if not figures:
            return None
        number = choose(figures, key=figures.__getitem__)
        return self._drawn(number, self._members()[number]), figures[number]

    def counts(self) -> dict[str, int]:
        """How many trials ended in which way."""
        return dict(Counter(STATES[trial.state.name] for trial in self._members().values()))

    def _all(self) -> "list[FrozenTrial]":
        return self.study.get_trials(deepcopy=False)

    def _members(self) -> "dict[int, FrozenTrial]":
        """By the number of its member each trial that counts, of one that was tried again the last one."""
        found: dict[int, FrozenTrial] = {}
        for trial in self._all():
            if VOID not in trial.user_attrs:
                found[trial.user_attrs.get(MEMBER, len(found))] = trial
        return found

    def _waits(self) -> bool:
        return any(trial.state.name == "WAITING" for trial in self._all())

    def _drawn(self, number: int, trial: "FrozenTrial") -> Drawn:
        words = tuple(each.word(trial.params[each.key]) for each in self.space)
        return Drawn(number, words, trial.number)

    def _sampler(self, number: int) -> "BaseSampler":
        require_optuna()
        from optuna import samplers

        seed, startup = (self.seed + number) % _LARGEST, self.settings.startup_trials
        if self.settings.sampler == "random":
            return samplers.RandomSampler(seed)
        if self.settings.sampler == "qmc":  # one sequence, which the number of the trial leads through
            return samplers.QMCSampler(seed=self.seed, scramble=True)
        if self.settings.sampler == "gp":
            return samplers.GPSampler(seed=seed, n_startup_trials=startup)
        return samplers.TPESampler(
            seed=seed,
            n_startup_trials=startup,
            multivariate=True,
            constant_liar=True,
        )
