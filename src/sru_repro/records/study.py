"""The study of a search on disk, Optuna's journal: one file that processes and machines share, also over NFS.

Who searches draws trials from it and tells what came of them. The trainings are other processes: each reports its
validations to its trial, and asks whether it is hopeless. The variable SRU_REPRO_TRIAL tells it which trial that is.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import ConfigError

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.storages import JournalStorage

TRIAL = "SRU_REPRO_TRIAL"
"""The variable: the number of a trial, a blank, the file of its study."""
NAME = "search"
"""Of the study in its file, which holds no other."""
PRUNER, WARMUP, PRUNED = "pruner", "warmup", "pruned"
"""What the suite notes in a study, and in a trial that was ended early."""
BEFORE = 5
"""Trials that are carried out whole before one is ended early."""
_STALE_S = 10
"""A lock that is so old was left by a process that was killed; appending takes milliseconds."""


def require_optuna() -> None:
    """Says in one line what to install where there is no Optuna.

    Raises:
        ConfigError: it is not there.
    """
    try:
        import optuna
    except ModuleNotFoundError:
        raise ConfigError(
            "hydra/sweeper=optuna: expected the package optuna, found none; pip install 'sru-repro[sweeps]'"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def open_storage(path: Path, mend: bool = False) -> "JournalStorage":
    """The journal at `path`, made where there is none. `mend` cuts off a last line that a killed process left half
    written: whatever were appended to it could not be read again.

    Raises:
        ConfigError: there is no Optuna, or the file is no journal.
    """
    require_optuna()
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

    lock = JournalFileSymlinkLock(str(path), grace_period=_STALE_S)
    if mend and path.is_file():
        lock.acquire()
        try:
            content = path.read_bytes()
            if content and not content.endswith(b"\n"):
                os.truncate(path, content.rfind(b"\n") + 1)
        finally:
            with suppress(RuntimeError):  # it took us longer than a lock holds
                lock.release()
    try:
        return JournalStorage(JournalFileBackend(str(path), lock))
    except (ValueError, KeyError, TypeError, AssertionError) as error:
        raise ConfigError(
            f"{path}: expected the journal of a search, found another file ({type(error).__name__})"
        ) from None


def pruner_of(name: str | None) -> "BasePruner":
    """The pruner of that name; None: one that ends nothing."""
    require_optuna()
    from optuna import pruners

    made: Mapping[str | None, Any] = {
        None: pruners.NopPruner,
        "median": lambda: pruners.MedianPruner(n_startup_trials=BEFORE),
        "percentile": lambda: pruners.PercentilePruner(25.0, n_startup_trials=BEFORE),
        "halving": pruners.SuccessiveHalvingPruner,
        "hyperband": pruners.HyperbandPruner,
    }
    found: BasePruner = made[name]()
    return found


class Reports:
    """A trial as its training sees it."""

    def __init__(self, number: int, path: Path) -> None:
        self._storage = open_storage(path)
        import optuna

        self._study = optuna.load_study(study_name=NAME, storage=self._storage)
        noted = self._study.user_attrs
        self._study.pruner = pruner_of(noted.get(PRUNER))
        self.pruner: str | None = noted.get(PRUNER)
        self.warmup: float = noted.get(WARMUP, 0.0)
        """The part of its budget in which a trial is left alone."""
        study = self._storage.get_study_id_from_name(NAME)
        self._id = self._storage.get_trial_id_from_study_id_trial_number(study, number)

    @classmethod
    def asked_for(cls) -> "Reports | None":
        """The trial that the environment names, or none.

        Raises:
            ConfigError: it names none that there is.
        """
        said = os.environ.get(TRIAL)
        if not said:
            return None
        number, _, path = said.partition(" ")
        if not (number.isdecimal() and Path(path).is_file()):
            raise ConfigError(f"{TRIAL}: expected the number of a trial and its study's file, found {said!r}")
        try:
            return cls(int(number), Path(path))
        except KeyError:
            raise ConfigError(f"{TRIAL}: expected a trial of {path}, found {number}") from None

    def report(self, nth: int, value: float) -> None:
        """The headline of the `nth` validation. One that is known already stays: a run that goes on from a checkpoint
        meets validations again."""
        trial = self._storage.get_trial(self._id)
        if nth not in trial.intermediate_values and not trial.state.is_finished():
            self._storage.set_trial_intermediate_value(self._id, nth, value)

    def hopeless(self) -> bool:
        """Whether the pruner would end it here."""
        return bool(self._study.pruner.prune(self._study, self._storage.get_trial(self._id)))

    def note_pruned(self, why: str) -> None:
        """Notes that it is ended; whoever drew it tells the study."""
        self._storage.set_trial_user_attr(self._id, PRUNED, why)
