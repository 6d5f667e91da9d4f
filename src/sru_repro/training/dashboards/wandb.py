"""The dashboard: a wandb run, offline unless the user is logged in, never asking anything.

It may fail at any time, and a run may not: wandb is called in a thread of its own, which nobody waits for longer than
`LOST_S` in all. What fails is said once, and stands in the record's notes.
"""

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ...records.run import RunRecord
from ..config import RunConfig, WandbConfig
from ._base import Dashboard
from .bounded import Bounded
from .wandb_words import QUIET, wanted_mode, words

LOST_S = 14.0
"""Seconds that wandb may cost a run in all, opening and closing together."""
ONLINE_S = 6.0
"""After so many a server that is not reached is given up; wandb itself would try for 90."""


class WandbDashboard(Dashboard):
    """A wandb run; nothing where wandb is not installed, or its user wants none. `say` shows a line."""

    def __init__(
        self, config: RunConfig, folder: Path, content: RunRecord, say: Callable[[str], None]
    ) -> None:
        self._run: Any = None
        self._content, self._say = content, say
        try:
            import wandb
        except ImportError:
            content.notes.append("wandb is not installed: no dashboard, curves are in metrics.csv")
            return
        assert isinstance(config.logger, WandbConfig)
        mode = wanted_mode(config.logger, os.environ)
        if mode is None:
            return
        self._ours = getattr(wandb, "run", None) is None  # or the caller has a run of its own under way
        self._calls = Bounded(LOST_S)
        try:
            try:
                self._open(config, folder, mode)
            except Exception as error:
                if mode == "offline":
                    raise
                # Logged in, but without a network: the run matters more than where it is watched.
                self._reset()
                self._open(config, folder, "offline")
                later = f"`wandb sync {os.path.relpath(folder)}/wandb/offline-run-*` sends it later"
                self._note(
                    f"wandb could not be reached, the dashboard is offline ({_reason(error)}); {later}"
                )
        except Exception as error:
            self._give_up(error)

    def log(self, point: Mapping[str, float]) -> None:
        run = self._run
        if run is not None:
            self._calls.later(lambda: run.log(point))
            if self._calls.failure is not None:
                self._give_up(self._calls.failure)

    def finish(self, summary: Mapping[str, float], failed: bool) -> None:
        run, self._run = self._run, None
        if run is None:
            return

        def close() -> None:
            run.summary.update(summary)
            run.finish(exit_code=int(failed))

        try:
            self._calls.now(close, LOST_S)
        except Exception as error:
            self._give_up(error)
        self._calls.close()

    def _open(self, config: RunConfig, folder: Path, mode: str) -> None:
        import wandb

        options = words(config, folder, self._content, mode)
        if "dir" in options:  # else wandb takes a temporary folder without a word
            (folder / "wandb").mkdir(parents=True, exist_ok=True)
            (folder / "wandb/.try").write_bytes(bytes(4096))
            (folder / "wandb/.try").unlink()
        known = getattr(wandb.Settings, "model_fields", QUIET)
        quiet: dict[str, Any] = {key: value for key, value in QUIET.items() if key in known}
        if "create_new" not in str(known.get("reinit")):  # before wandb 0.19.10
            quiet.pop("reinit", None)
        if mode != "offline" and "init_timeout" in known:
            quiet["init_timeout"] = ONLINE_S

        def opened() -> Any:
            with _silently():
                run = wandb.init(**options, settings=wandb.Settings(**quiet))
            for axis in ("step", "tokens", "wall_s"):
                run.define_metric(axis, hidden=True)
            run.define_metric("*", step_metric="step")
            return run

        self._run = self._calls.now(opened, LOST_S if mode == "offline" else ONLINE_S + 2)
        self._content.wandb_id = getattr(self._run, "id", options["id"])

    def _give_up(self, error: BaseException) -> None:
        self._run = None
        self._reset()
        self._note(f"wandb stopped ({_reason(error)}): no dashboard from here on, curves are in metrics.csv")

    def _note(self, line: str) -> None:
        self._content.notes.append(line)
        self._say(line)

    def _reset(self) -> None:
        """Ends wandb's service and forgets it, as it knows a run that failed for ever, and waits for it at exit."""
        left_s = self._calls.left_s
        self._calls.close()
        self._calls = Bounded(left_s)
        if not self._ours:
            return
        for pid in _services():
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        import wandb

        with suppress(BaseException):  # it finds its service gone
            self._calls.now(wandb.teardown, 1.0)


@contextmanager
def _silently() -> Iterator[None]:
    """wandb says what it found of logins, and its service what it could not report, whatever the settings are."""
    told = {"WANDB_SILENT": "true", "WANDB_ERROR_REPORTING": "false"}
    added = {name: value for name, value in told.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def _services() -> list[int]:
    """Processes of wandb's that this one has started, where the system tells (Linux)."""
    found = []
    for place in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            name, _, rest = place.read_text().partition("(")[2].rpartition(")")
            state, parent = rest.split()[:2]
            if name.startswith("wandb") and int(parent) == os.getpid() and state != "Z":
                found.append(int(place.parent.name))
    return found


def _reason(error: BaseException) -> str:
    line = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}: {line}" if line else type(error).__name__
