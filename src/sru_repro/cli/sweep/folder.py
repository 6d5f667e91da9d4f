"""A sweep's folder while a sweep is at work in it: held, its record written, its members known by their configuration,
so that only those are run that are missing."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...core.clock import now
from ...core.errors import ConfigError, DataError
from ...core.files import remove_empty, write_text
from ...core.lock import holder, in_use
from ...records.base import read, write
from ...records.run import RunRecord
from ...records.sweep import MEMBERS, Member, SweepRecord, place_of
from ...training.config import RunConfig
from ...training.going_on import LIMITS, differences
from ...training.prepare import load_data
from ...training.run_folder import identity, same_run
from ..flags import Flags
from .member import STOP, close, record_of


@dataclass
class SweepFolder:
    """A folder that is held for a sweep.

    folder  from the working directory on, or absolute, as the user gave it
    record  of the sweep; who changes it calls `save`
    known   the members that there are, by name
    """

    folder: Path
    record: SweepRecord
    known: dict[str, Member] = field(default_factory=dict)
    _runs: dict[str, RunRecord] = field(default_factory=dict)
    _data: dict[str, str] = field(default_factory=dict)

    def save(self) -> None:
        """Writes sweep.json."""
        write(self.record, self.folder / SweepRecord.FILE)

    def reload(self, name: str) -> Member | None:
        """A member as its file says it; None where there is none."""
        path = self.folder / MEMBERS / f"{name}.json"
        if path.exists():
            self.known[name] = read(Member, path)
            self._runs.pop(name, None)
        return self.known.get(name)

    def same(self, name: str, config: RunConfig) -> Member | None:
        """The member of this name, or another one whose run has this very configuration."""
        if name in self.known:
            return self.known[name]
        for other, member in self.known.items():
            run = self._run(other, member)
            if run is not None and same_run(run.config, config.plain):
                return member
        return None

    def _run(self, name: str, member: Member) -> RunRecord | None:
        if name not in self._runs and (found := record_of(place_of(self.folder, member))) is not None:
            self._runs[name] = found
        return self._runs.get(name)

    def state_of(self, member: Member, config: RunConfig) -> str:
        """What is to be done about a member that is there: "" nothing, as it is finished; "busy" nothing, as somebody
        runs it; "goes on"; "again", as another run lies there that came to nothing.

        Raises:
            ConfigError: another run lies there, and that is no failure.
        """
        place = place_of(self.folder, member)
        if holder(place) is not None:
            return "busy"
        if member.state == "pruned":
            return ""
        run = self._run(member.name, member)
        if run is None:
            return "again"
        if same_run(run.config, config.plain):
            self._require_data(member, run, config)
            return "" if run.finished or run.pruned else "goes on"
        found = _unlike(run.config, config.plain)
        if not found:
            return "goes on"  # with another budget
        if run.state == "failed":
            return "again"
        raise ConfigError(
            f"sweep={self.folder}: {member.name} is another run there ({'; '.join(found)}); sweep over that key, or "
            "name another folder"
        )

    def _require_data(self, member: Member, run: RunRecord, config: RunConfig) -> None:
        """Refuses a finished member of other data, where they are said to lie elsewhere than its own."""
        there, here = run.config.get("data_dir"), config.top.data_dir
        if not run.finished or there == here:
            return
        key = repr((config.task, config.top.seed))
        if key not in self._data:
            self._data[key] = load_data(config).fingerprint
        if self._data[key] != run.data.fingerprint:
            raise ConfigError(
                f"sweep={self.folder}: {member.name} was trained on other data (data_dir={there}) than those in "
                f"data_dir={here}; name another folder"
            )

    def mend(self, member: Member) -> None:
        """Takes over what a finished run says of itself where its member's file says less: it was gone on with by hand,
        or its sweep was killed before it ended."""
        if member.state not in ("finished", "pruned") or member.refused is not None:
            member.error = None
            close(self.folder.absolute(), member, None)

    def reconcile(self, member: Member) -> Member:
        """What is left to write down of a member whose job has ended without doing so."""
        if member.state == "running" and holder(place_of(self.folder, member)) is None:
            close(self.folder.absolute(), member, None)
        return member


def _unlike(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What makes two runs different ones; their budgets do not."""
    limits = {f"trainer.{name}" for name in LIMITS}
    return [
        f"{key}: {there} there, {asked} asked for"
        for key, there, asked in differences(identity(old), identity(new))
        if key not in limits
    ]


@contextmanager
def opened(
    folder: Path, flags: Flags, launcher: str, config: RunConfig | None, note: Path
) -> Iterator[SweepFolder]:
    """Holds a sweep's folder inside the block, with what was asked for written down; `note` is what Hydra writes down.

    Raises:
        ConfigError: it is no folder, cannot be written, holds a run, or another sweep is at work in it.
    """
    if (folder / RunRecord.FILE).exists():
        raise ConfigError(f"sweep={folder}: expected a folder of sweeps, found one of a run")
    new, file = not folder.exists(), folder / SweepRecord.FILE
    try:
        with ExitStack() as stack:
            before = file.read_text(encoding="utf-8") if file.is_file() else None
            sweep = _held(stack, folder, flags, launcher, config)
            try:
                yield sweep
            except ConfigError:  # what is refused is no part of the sweep
                if before is not None:
                    write_text(file, before)
                raise
            finally:
                (folder / STOP).unlink(missing_ok=True)
                if new:
                    _remove_unbegun(folder, note)
    finally:
        if new:
            with suppress(OSError):
                remove_empty(folder)


def _held(
    stack: ExitStack, folder: Path, flags: Flags, launcher: str, config: RunConfig | None
) -> SweepFolder:
    """The folder, held until the stack ends, with what was asked for written down."""
    try:
        stack.enter_context(in_use(folder, f"sweep {folder.name}", by="sweep"))
        sweep = SweepFolder(folder, _record(folder, flags, launcher, config))
        (folder / MEMBERS).mkdir(exist_ok=True)
        (folder / STOP).unlink(missing_ok=True)
        sweep.save()
        for path in sorted((folder / MEMBERS).glob("*.json")):
            sweep.known[path.stem] = sweep.reconcile(read(Member, path))
        return sweep
    except (NotADirectoryError, FileExistsError):
        raise ConfigError(f"sweep={folder}: expected a folder, found a file") from None
    except OSError as error:
        raise ConfigError(
            f"sweep={folder}: expected a folder that can be written, found: {error.strerror}"
        ) from None


def _record(folder: Path, flags: Flags, launcher: str, config: RunConfig | None) -> SweepRecord:
    """The sweep's record, of one that is gone on with its own."""
    from ...tasks import task_class

    try:
        record = read(SweepRecord, folder) if (folder / SweepRecord.FILE).exists() else None
    except DataError as error:
        raise ConfigError(f"{error}; or name another folder by sweep=") from None
    if record is None:
        record = SweepRecord(name=folder.absolute().name, words=[], launcher=launcher, started=now())
    record.words, record.launcher = list(flags.words), launcher
    record.flags = [flag for flag in flags.hydra if flag != "--multirun"]
    if config is not None:
        kind = task_class(config.task.kind)
        record.headline = f"val/{kind.headline_of(config.task)}"
        record.higher_is_better = kind.higher_is_better
    return record


def _remove_unbegun(folder: Path, note: Path) -> None:
    """Removes what was written of a sweep of which no member ever began."""
    members = [read(Member, path) for path in (folder / MEMBERS).glob("*.json")]
    if any(place_of(folder, member).exists() for member in members):
        return
    for path in (*(folder / MEMBERS).glob("*.json"), folder / SweepRecord.FILE, note):
        path.unlink(missing_ok=True)
    shutil.rmtree(folder / ".submitit", ignore_errors=True)
    with suppress(OSError):
        (folder / MEMBERS).rmdir()
