"""trackio, Hugging Face's dashboard, in a folder on this machine: one for many runs, `runs/trackio`.

Each curve can be put against step, tokens and wall_s there. Nothing is sent anywhere, whoever is logged in.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from ...core.dashboard_places import trackio_in
from ...core.home import shown
from ...records.run import RunRecord
from ..config import RunConfig, TrackioConfig
from ._base import ConfusionMedia, Media, PictureMedia, TableMedia
from .described import group, settings, title
from .guarded import Guarded
from .markdown import as_markdown, as_table

_MEDIA = 'CAST(metrics AS TEXT) LIKE \'%"_type":"trackio.%\''


class TrackioDashboard(Guarded):
    """A run of trackio's, told by its id: names need not be unique there."""

    NAME = "trackio"

    def __init__(
        self, config: RunConfig, folder: Path, content: RunRecord, say: Callable[[str], None]
    ) -> None:
        assert isinstance(config.logger, TrackioConfig)
        super().__init__(content, say, config.logger.media)
        self._project = config.logger.project
        self._curves: set[str] = set()
        self._last: Mapping[str, float] = {"step": 0, "tokens": 0, "wall_s": 0.0}
        try:
            with trackio_in(Path(config.logger.folder)) as place:
                import trackio
        except ImportError:
            self._missing()
            return
        if place != trackio.utils.TRACKIO_DIR:  # the caller had imported it
            content.notes.append(f"trackio keeps this run in {shown(trackio.utils.TRACKIO_DIR)}")
        told: dict[str, Any] = {"state": "running", **settings(config, content)}
        options = {"name": title(config, content), "group": group(config, content), "config": told}
        self._begin(lambda: self._opened(options))

    def go_on(self, points: Sequence[Mapping[str, float]]) -> None:
        self._last = points[-1] if points else self._last
        kept = [*points]
        self._later(lambda run: self._forget(run, kept))

    def _opened(self, options: Mapping[str, Any]) -> Any:
        from trackio.sqlite_storage import SQLiteStorage

        SQLiteStorage.validate_project_name(self._project)
        place = SQLiteStorage.init_db(self._project).parent
        (place / ".try").write_bytes(bytes(4096))  # trackio itself only warns where there is no room
        (place / ".try").unlink()
        self._content.wandb_id = self._content.wandb_id or os.urandom(4).hex()
        return _run_type()(
            url=None,
            client=None,
            project=self._project,
            run_id=self._content.wandb_id,
            existing_runs=[],
            **options,
        )

    def _forget(self, run: Any, points: Sequence[Mapping[str, float]]) -> None:
        """Removes what came after the last of these points, which is logged again."""
        import sqlite3

        from trackio.sqlite_storage import SQLiteStorage

        step = int(points[-1]["step"]) if points else 0
        self._curves |= {name for point in points for name in point}
        with (
            SQLiteStorage._get_process_lock(self._project),
            closing(sqlite3.connect(SQLiteStorage.get_project_db_path(self._project), timeout=10)) as kept,
            kept,
        ):
            kept.execute(
                f"DELETE FROM metrics WHERE run_id = ? AND (step > ? OR (step = ? AND NOT {_MEDIA}))",
                (run.id, step, step),
            )
        for point in points:
            if point["step"] == step:
                self._point(run, point)

    def _point(self, run: Any, point: Mapping[str, float]) -> None:
        self._last = point
        self._curves |= point.keys()
        run.log({name: value for name, value in point.items() if name != "step"}, step=int(point["step"]))
        run.ask()

    def _media(self, run: Any, name: str, media: Media, axes: Mapping[str, float]) -> None:
        import trackio

        shown: Any
        if isinstance(media, PictureMedia):
            shown = trackio.Image(str(media.file), caption=media.caption)
        elif isinstance(media, ConfusionMedia | TableMedia):
            table = as_table(media) if isinstance(media, ConfusionMedia) else media
            shown = trackio.Table(columns=[*table.heads], data=[[*row] for row in table.rows])
        else:
            shown = trackio.Markdown(as_markdown(media))
        run.log({name: shown}, step=int(axes["step"]))
        run.ask()

    def _close(self, run: Any, summary: Mapping[str, float], failed: bool) -> None:
        run.finish()  # what is logged from here on is written at once, and not in one piece with what went before
        run.config["state"] = "failed" if failed else "finished"
        run._config_logged = False  # the configuration goes with the next point
        figures = self._summary(summary, self._curves)
        axes = {name: self._last[name] for name in ("tokens", "wall_s")}
        run.log({**axes, **figures}, step=int(self._last["step"]))
        run.ask()


def _run_type() -> type[Any]:
    """trackio's run, which asks nobody who its user is, says nothing, and keeps what it would only warn of."""
    import trackio

    class QuietRun(trackio.Run):
        failure = ""

        def _get_username(self) -> None:
            return None

        def _warn_once(self, key: str, message: str) -> None:
            self.failure = self.failure or message

        def ask(self) -> None:
            if self.failure:
                raise OSError(self.failure)

        def finish(self) -> None:
            self._stop_flag.set()
            if self._local_sender_thread is not None:
                self._local_sender_thread.join()

    return QuietRun
