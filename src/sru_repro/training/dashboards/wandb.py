"""The dashboard: a wandb run, offline unless the user is logged in, never asking anything.

It may fail at any time, and a run may not (`Guarded`).
"""

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ...records.run import RunRecord
from ..config import RunConfig, WandbConfig
from ._base import Media, TableMedia, TextMedia
from .bounded import Bounded
from .extremes import best_and_last
from .guarded import LOST_S, Guarded, reason
from .wandb_files import keep_files, staged_in
from .wandb_media import shown
from .wandb_words import QUIET, wanted_mode, words

ONLINE_S = 6.0
"""After so many a server that is not reached is given up; wandb itself would try for 90."""
FILES_S = 600.0
"""Seconds that keeping files may take at the end, where its user wants that; a large checkpoint has to be sent."""
AXES = ("step", "tokens", "wall_s")
"""What curves are drawn over, as their reader chooses; the first where nothing is chosen."""


class WandbDashboard(Guarded):
    """A wandb run; nothing where wandb is not installed, or its user wants none. `say` shows a line."""

    NAME = "wandb"

    def __init__(
        self, config: RunConfig, folder: Path, content: RunRecord, say: Callable[[str], None]
    ) -> None:
        assert isinstance(config.logger, WandbConfig)
        super().__init__(content, say, config.logger.media, LOST_S)
        self._folder = folder
        self._texts: dict[str, list[tuple[float, str]]] = {}
        try:
            import wandb
        except ImportError:
            content.notes.append("wandb is not installed: no dashboard, curves are in metrics.csv")
            return
        self._artifacts = config.logger.artifacts
        mode = wanted_mode(config.logger, os.environ)
        if mode is None:
            return
        self._ours = getattr(wandb, "run", None) is None  # or the caller has a run of its own under way
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
                self._note(f"wandb could not be reached, the dashboard is offline ({reason(error)}); {later}")
        except Exception as error:
            self._give_up(error)

    def log(self, point: Mapping[str, float]) -> None:
        super().log(point)
        if any(key.startswith("val/") for key in point):
            extremes = best_and_last(self._content)
            self._later(lambda run: run.summary.update(extremes))

    def show(self, media: Mapping[str, Media], axes: Mapping[str, float]) -> None:
        media = {key: self._with_those_before(key, what, axes) for key, what in media.items()}

        def show(run: Any) -> None:
            try:
                found = shown(media)
            except Exception as error:  # the curves go on
                self._content.notes.append(f"media are not shown by wandb ({reason(error)})")
            else:
                with staged_in(self._folder):
                    run.log({**axes, **found})

        self._later(show)

    def _with_those_before(self, key: str, what: Media, axes: Mapping[str, float]) -> Media:
        """Of texts a table that grows: how they change is what there is to see."""
        if not isinstance(what, TextMedia):
            return what
        texts = self._texts.setdefault(key, [])
        texts.append((axes.get("step", 0), what.text))
        return TableMedia(("step", "text"), list(texts))

    def _point(self, run: Any, point: Mapping[str, float]) -> None:
        run.log(dict(point))

    def finish(self, summary: Mapping[str, float], failed: bool) -> None:
        if self._run is not None and self._artifacts and not failed:
            self._calls.left_s += FILES_S
        super().finish(summary, failed)

    def _close(self, run: Any, summary: Mapping[str, float], failed: bool) -> None:
        run.summary.update({**best_and_last(self._content), **summary})
        if self._artifacts and not failed:
            keep_files(run, self._folder, self._content)
        run.finish(exit_code=int(failed))

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
        if self._artifacts and "finish_timeout" in quiet:
            quiet["finish_timeout"] = FILES_S
        if mode != "offline" and "init_timeout" in known:
            quiet["init_timeout"] = ONLINE_S

        def opened() -> Any:
            with _silently():
                run = wandb.init(**options, settings=wandb.Settings(**quiet))
            for axis in AXES:
                run.define_metric(axis)
            run.define_metric("*", step_metric=AXES[0])
            return run

        self._run = self._calls.now(opened, LOST_S if mode == "offline" else ONLINE_S + 2)
        self._content.wandb_id = getattr(self._run, "id", options["id"])
        self._content.wandb_sweep = getattr(self._run, "sweep_id", None)

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
