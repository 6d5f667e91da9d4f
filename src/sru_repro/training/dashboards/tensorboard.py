"""TensorBoard: an event file in the run's folder, and the run in the tab HPARAMS.

Its axes are the step and the clock. The clock is the training's own, from the run's start on, so that RELATIVE counts
seconds of training; curves against tokens are curves of their own, `val_by_tokens/loss`, whose step is the tokens.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ...core.dashboard_places import EVENTS
from ...records.run import RunRecord
from ..config import RunConfig, TensorboardConfig
from ._base import Media, PictureMedia
from .described import settings, started, title
from .guarded import Guarded
from .markdown import as_markdown

SESSION = ".hparams"
"""What the name of the file ends in that the tab HPARAMS is made of. A run that goes on writes another: of the first
TensorBoard would keep how it ended."""
AXES = ("tokens", "wall_s")


class TensorboardDashboard(Guarded):
    """Writes through `SummaryWriter`, which is made with the first point: by then it is known where a run goes on."""

    NAME = "tensorboard"

    def __init__(
        self, config: RunConfig, folder: Path, content: RunRecord, say: Callable[[str], None]
    ) -> None:
        assert isinstance(config.logger, TensorboardConfig)
        super().__init__(content, say, config.logger.media)
        self._by_tokens = config.logger.by_tokens
        self._folder = folder
        self._began = started(content)
        self._curves: set[str] = set()
        self._last: Mapping[str, float] = {"step": 0, "tokens": 0, "wall_s": 0.0}
        self._writer: Any = None
        self._axes_at: int | None = None
        self._from: int | None = None
        self._kept: Sequence[Mapping[str, float]] = ()
        try:
            import torch.utils.tensorboard  # noqa: F401
        except ImportError:
            self._missing()
            return
        name = f"{config.task.name} {title(config, content)}"
        self._begin(lambda: self._session(name, settings(config, content)))

    def go_on(self, points: Sequence[Mapping[str, float]]) -> None:
        """What TensorBoard has from the last of these points on is void, and they are logged again as far as that goes:
        it forgets by the step, of curves against tokens too."""
        self._kept = [*points]
        self._last = points[-1] if points else self._last
        self._from = int(self._last["step"])

    def _session(self, name: str, told: Mapping[str, Any]) -> Any:
        """A writer that holds what the run was told."""
        from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionStartInfo

        for before in self._folder.glob(EVENTS + SESSION):
            before.unlink()
        info = SessionStartInfo(group_name=name, start_time_secs=self._began)
        for key, value in told.items():
            kind = "bool" if isinstance(value, bool) else "string" if isinstance(value, str) else "number"
            setattr(info.hparams[key], f"{kind}_value", value)
        session = self._opened(filename_suffix=SESSION)
        _write_session(session, HParamsPluginData(session_start_info=info))
        return session

    def _opened(self, **options: Any) -> Any:
        from torch.utils.tensorboard import SummaryWriter

        with _nameless():
            return SummaryWriter(str(self._folder), flush_secs=10, **options)

    def _curve_writer(self) -> Any:
        if self._writer is None:
            self._writer = self._opened(purge_step=self._from)
            for point in self._kept:
                self._scalars(point, only_from=self._from)
            self._kept = ()
        return self._writer

    def _point(self, run: Any, point: Mapping[str, float]) -> None:
        self._last = point
        self._curve_writer()
        self._scalars(point)

    def _scalars(self, point: Mapping[str, float], only_from: int | None = None) -> None:
        least = -1 if only_from is None else only_from
        step, tokens, clock = int(point["step"]), int(point["tokens"]), self._began + point["wall_s"]
        again = step == self._axes_at  # of training and validation behind the same step
        self._axes_at = step
        for name, value in point.items():
            self._curves.add(name)
            if name != "step" and step >= least and not (again and name in AXES):
                self._writer.add_scalar(name, value, step, walltime=clock)
            part, _, figure = name.partition("/")
            if self._by_tokens and part in ("train", "val") and tokens >= least:
                self._writer.add_scalar(f"{part}_by_tokens/{figure}", value, tokens, walltime=clock)

    def _media(self, run: Any, name: str, media: Media, axes: Mapping[str, float]) -> None:
        writer, step = self._curve_writer(), int(axes["step"])
        clock = self._began + axes["wall_s"]
        if isinstance(media, PictureMedia):
            from matplotlib.image import imread

            picture = imread(media.file)
            writer.add_image(name, picture[..., :3], step, walltime=clock, dataformats="HWC")
        else:
            writer.add_text(name, as_markdown(media), step, walltime=clock)

    def _close(self, run: Any, summary: Mapping[str, float], failed: bool) -> None:
        from tensorboard.plugins.hparams.api_pb2 import STATUS_FAILURE, STATUS_SUCCESS
        from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo

        step, clock = int(self._last["step"]), self._began + self._last["wall_s"]
        figures = self._summary(summary, self._curves)
        if figures or self._kept:
            writer = self._curve_writer()
            for name, value in figures.items():
                writer.add_scalar(name, value, step, walltime=clock)
        if self._writer is not None:
            self._writer.close()
        status = STATUS_FAILURE if failed else STATUS_SUCCESS
        ended = SessionEndInfo(status=status, end_time_secs=clock)
        _write_session(run, HParamsPluginData(session_end_info=ended))
        run.close()


def _write_session(writer: Any, data: Any) -> None:
    """Through the names and the envelope that the plugin of the tab HPARAMS looks for."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import metadata

    ends = data.HasField("session_end_info")
    tag = metadata.SESSION_END_INFO_TAG if ends else metadata.SESSION_START_INFO_TAG
    value = Summary.Value(tag=tag, metadata=metadata.create_summary_metadata(data))
    writer._get_file_writer().add_summary(Summary(value=[value]))
    writer.flush()


@contextmanager
def _nameless() -> Iterator[None]:
    """An event file has the machine's name in its own, which is nobody's business."""
    from tensorboard.summary.writer import event_file_writer

    module: Any = event_file_writer
    module.socket = SimpleNamespace(gethostname=lambda: "run")
    try:
        yield
    finally:
        module.socket = sys.modules["socket"]
