"""The dashboard: a wandb run, offline unless the user is logged in, never asking anything."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..records.run import RunRecord
from .config import CSVConfig, RunConfig, WandbConfig


class Dashboard:
    """A wandb run, or nothing when `logger=csv`. Points carry their own x axes: step, tokens, wall_s.

    Use as a context manager: a run that fails is closed as failed, and the next one of a sweep gets its own.
    """

    def __init__(self, config: RunConfig, folder: Path, content: RunRecord) -> None:
        self._run: Any = None
        if isinstance(config.logger, CSVConfig):
            return
        try:
            import wandb
        except ImportError:
            content.notes.append("wandb is not installed: no dashboard, curves are in metrics.csv")
            return
        if os.environ.get("WANDB_MODE") == "disabled" and config.logger.mode == "auto":
            return
        offline = _offline(config.logger)
        try:
            self._run = _open(config, folder, content, offline)
        except wandb.errors.Error as error:
            if offline:
                raise
            # Logged in, but without a network: the run matters more than where it is watched.
            content.notes.append(f"wandb could not be reached, the dashboard is offline ({error})")
            self._run = _open(config, folder, content, offline=True)
        for axis in ("step", "tokens", "wall_s"):
            self._run.define_metric(axis, hidden=True)
        self._run.define_metric("*", step_metric="step")

    def __enter__(self) -> "Dashboard":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.finish({}, failed=kind is not None)

    def log(self, point: Mapping[str, float]) -> None:
        """Adds a point to the curves."""
        if self._run is not None:
            self._run.log(point)

    def finish(self, summary: Mapping[str, float], failed: bool) -> None:
        """Writes the final figures and closes the run."""
        if self._run is not None:
            self._run.summary.update(summary)
            self._run.finish(exit_code=int(failed))
            self._run = None


def _open(config: RunConfig, folder: Path, content: RunRecord, offline: bool) -> Any:
    import wandb

    assert isinstance(config.logger, WandbConfig)
    name = f"{config.top.row} {config.top.profile} seed {config.top.seed}"
    fold = content.fold
    if content.wandb_id is None:
        content.wandb_id = os.urandom(4).hex()
    return wandb.init(
        project=config.logger.project,
        name=name if fold is None else f"{name} fold {fold}",
        dir=folder,
        mode="offline" if offline else "online",
        group=config.task.name,
        job_type="train",
        tags=[config.model.name, config.top.profile, *config.logger.tags],
        id=content.wandb_id,
        resume=None if offline else "allow",
        config={**config.plain, "data_fingerprint": content.data.fingerprint},
        settings=wandb.Settings(silent=True, console="off"),
    )


def _offline(config: WandbConfig) -> bool:
    if config.mode != "auto":
        return config.mode == "offline"
    asked = os.environ.get("WANDB_MODE", "")
    if asked:
        return asked != "online"
    if os.environ.get("WANDB_API_KEY"):
        return False
    from netrc import NetrcParseError, netrc

    try:
        return not any("wandb" in host for host in netrc().hosts)
    except (OSError, NetrcParseError):
        return True
