"""Where a run goes on under `resume=true`: from which checkpoint, with which budget, or why not. Nothing is changed."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError, DataError
from ..core.home import without_home
from ..records.run import RunRecord, read_record
from .run_folder import identity, same_run
from .weights import ASIDE, LAST, OF, PREVIOUS, read_checkpoint

LIMITS = ("max_epochs", "max_steps", "max_seconds")
INSTEAD = "start without resume=true, which replaces it, or in another folder by hydra.run.dir="


def checkpoint_to_go_on_from(folder: Path, content: RunRecord, steps_per_epoch: int) -> Path | None:
    """The checkpoint of the run in the folder from which a run of this record's configuration and data goes on; None
    where none was written yet. What goes on in the record is taken over.

    Raises:
        ConfigError: the run there is another one, or the budget does not allow it. DataError: no checkpoint is whole.
    """
    before = read_record(folder) if (folder / RunRecord.FILE).exists() else None
    if before is not None:
        _same_run(folder, before.config, before.data.fingerprint, content)
    places = [folder / name for name in (LAST, PREVIOUS) if (folder / name).exists()]
    if not places:
        if before is not None and before.finished:
            raise DataError(
                f"{folder / LAST}: expected a checkpoint to go on from, found no such file; {INSTEAD}"
            )
        return None
    if before is not None:
        content.started, content.wall_s, content.notes = before.started, before.wall_s, [*before.notes]
        content.wandb_id = before.wandb_id or content.wandb_id
        content.epochs, content.metrics = before.epochs, before.metrics  # until there are new ones
        _other_code(before, content)
    problems = []
    for place in places:
        try:
            checkpoint = read_checkpoint(place, "a checkpoint to go on from")
            _of_this_run(place, checkpoint, before, content)
        except DataError as error:
            problems.append(str(error))
            continue
        _budget(folder, before, checkpoint, content, steps_per_epoch)
        for problem in problems:
            note = f"{problem}; the run goes on from {place.name}, which is whole"
            content.notes.append(note.replace(f"{place.parent}/", ""))
            print(without_home(note), file=sys.stderr)
        return place
    raise DataError(f"{'; '.join(problems)}; no other checkpoint is whole: {INSTEAD}")


def goes_on(folder: Path, config: Mapping[str, object], fingerprint: str | None = None) -> bool:
    """Whether `resume=true` finds in the folder a run of this configuration (and data), begun or finished."""
    try:
        record = read_record(folder)
    except DataError:
        return False
    same_data = fingerprint in (None, record.data.fingerprint)
    return same_data and same_run(record.config, config)


def goes_on_aside(folder: Path, config: Mapping[str, Any], fingerprint: str) -> bool:
    """Whether `resume=true` means the run that lies in `replaced/`, and not the one that has no checkpoint yet.

    Raises:
        ConfigError: it means neither.
    """
    aside = folder / ASIDE
    if goes_on(aside, config, fingerprint):
        return True
    if goes_on(folder, config, fingerprint):  # whoever began it wanted it to take the place of the other
        return False
    before = read_record(aside)
    if found := _unlike(before.config, before.data.fingerprint, config, fingerprint):
        raise ConfigError(
            f"resume=true: {aside} holds another run, and the one that was to replace it has no checkpoint "
            f"({'; '.join(found)}); call with its configuration, which goes on with it; {INSTEAD}"
        )
    return True


def of_run(content: RunRecord) -> dict[str, Any]:
    """What a checkpoint says of its run."""
    return {
        "started": content.started,
        "config": identity(content.config),
        "fingerprint": content.data.fingerprint,
    }


def limits(config: Mapping[str, Any]) -> dict[str, float]:
    """The limits of a budget; 0: none."""
    trainer = config.get("trainer") or {}
    return {name: trainer.get(name) or 0 for name in LIMITS}


def _same_run(folder: Path, config: Mapping[str, Any], fingerprint: str, content: RunRecord) -> None:
    if found := _unlike(config, fingerprint, content.config, content.data.fingerprint):
        raise ConfigError(f"resume=true: {folder} holds another run ({'; '.join(found)}); {INSTEAD}")


def _unlike(config: Mapping[str, Any], data: str, new: Mapping[str, Any], new_data: str) -> list[str]:
    """What makes two runs different ones; their budgets do not."""
    found = [
        f"{key}: {there} there, {asked} asked for"
        for key, there, asked in differences(identity(config), identity(new))
        if key not in {f"trainer.{name}" for name in LIMITS}
    ]
    if data != new_data:
        found.append(f"fingerprint of the data: {data} there, {new_data} now")
    return found


def differences(
    old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = ""
) -> list[tuple[str, str, str]]:
    """(dotted key, value there, value asked for) of all leaves that differ; lists are leaves."""
    found = []
    for key in sorted({*old, *new}):
        one, other = old.get(key), new.get(key)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            found += differences(one, other, f"{prefix}{key}.")
        elif _plain(one) != _plain(other):
            found.append((f"{prefix}{key}", _shown(one), _shown(other)))
    return found


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _shown(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value}"


def _of_this_run(
    place: Path, checkpoint: Mapping[str, Any], before: RunRecord | None, content: RunRecord
) -> None:
    """Refuses a checkpoint of another run, or of another program."""
    missing = sorted({"loops", "callbacks", "optimizer_states", "global_step", "epoch"} - checkpoint.keys())
    if not missing:
        callbacks = checkpoint["callbacks"]
        recorder = callbacks.get("Recorder") if isinstance(callbacks, dict) else None
        known = isinstance(recorder, dict) and {"train_s", "epochs", "finished"} <= recorder.keys()
        missing = [] if known else ["callbacks.Recorder"]
    of = checkpoint.get(OF)
    if of is not None and not (isinstance(of, dict) and {"started", "config", "fingerprint"} <= of.keys()):
        missing.append(OF)
    if missing:
        raise DataError(
            f"{place}: expected a checkpoint to go on from, found one without {', '.join(missing)}, as best.ckpt or "
            "those of other programs"
        )
    if of is None:  # written before checkpoints said whose they are
        if before is None:
            raise DataError(
                f"{place}: expected run.json beside it, which tells its configuration, found none"
            )
        return
    if before is None:
        _same_run(place.parents[1], of["config"], of["fingerprint"], content)
        content.started = of["started"]
    elif of["started"] != before.started:
        raise DataError(
            f"{place}: expected a checkpoint of the run in run.json, started {before.started}, found one of another "
            f"run, started {of['started']}"
        )


def _budget(
    folder: Path,
    before: RunRecord | None,
    checkpoint: Mapping[str, Any],
    content: RunRecord,
    steps_per_epoch: int,
) -> None:
    """Refuses a budget with which the run would not go on as a single run with it would have gone."""
    of = checkpoint.get(OF)
    was = limits(of["config"] if of is not None else before.config if before is not None else {})
    now = limits(content.config)
    if was == now:
        return
    changed = ", ".join(
        f"trainer.{name}: {was[name]:g} there, {now[name]:g} asked for"
        for name in LIMITS
        if was[name] != now[name]
    )
    optim = content.config["optim"]
    if optim["schedule"] == "cosine" and not optim["decay_steps"]:
        raise ConfigError(
            f"resume=true: {folder} cannot go on with another budget ({changed}): optim.schedule=cosine with "
            f"optim.decay_steps=0 spreads the learning rate over the whole of it, so that every step until now would "
            f"have had another rate; {INSTEAD}"
        )
    step, seconds = checkpoint["global_step"], checkpoint["callbacks"]["Recorder"]["train_s"]
    used = {"max_epochs": step / steps_per_epoch, "max_steps": step, "max_seconds": seconds}
    for name in LIMITS:
        if now[name] and used[name] >= now[name]:
            raise ConfigError(
                f"trainer.{name}={now[name]:g}: expected more than the run in {folder} has used, found it after "
                f"{used[name]:.4g} {name.removeprefix('max_')} ({changed}); ask for more, or {INSTEAD}"
            )
    if of is None and checkpoint["callbacks"]["Recorder"]["finished"]:
        raise ConfigError(
            f"resume=true: {folder} cannot go on with another budget ({changed}): its checkpoint was written by an "
            f"earlier version of the suite, which did not keep what for; {INSTEAD}"
        )


def _other_code(before: RunRecord, content: RunRecord) -> None:
    """Notes what the two parts of the run do not share."""
    pairs = [("revision", before.code.revision, content.code.revision)]
    pairs += [("hardware", before.hardware.name, content.hardware.name)]
    names = sorted(before.packages.keys() & content.packages.keys())
    pairs += [(name, before.packages[name], content.packages[name]) for name in names]
    changed = [f"{name} {old}, then {new}" for name, old, new in pairs if old != new]
    if changed:
        content.notes.append(f"a run in parts: {'; '.join(changed)}")
