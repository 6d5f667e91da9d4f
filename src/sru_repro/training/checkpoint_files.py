"""How checkpoints come to the disk: written beside, flushed, renamed. At every moment a whole one is there."""

import io
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO
from torch import Tensor
from torch.utils import _pytree

from ..core.errors import RunError
from ..core.files import flush, whole
from .weights import BEST, LAST, OF, PREVIOUS, read_checkpoint


class CheckpointFiles(TorchCheckpointIO):
    """Lightning's reader and writer of checkpoints, for one run.

    of        what every checkpoint says of the run
    take_up   is told of the content of a checkpoint before Lightning takes it up
    best      the content of best.ckpt, which last.ckpt holds, too: the best weights are always those that belong to it
    writes    whether this process writes them; of several ranks the first does
    rotate    whether last.ckpt may take the place of the one before; not where a run goes on from that one
    """

    def __init__(
        self, of: Mapping[str, Any], take_up: Callable[[dict[str, Any]], None], writes: bool = True
    ) -> None:
        self.of, self.take_up, self.writes = dict(of), take_up, writes
        self.best: dict[str, Any] | None = None
        self.rotate = True

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        """Writes a checkpoint. Raises RunError when it cannot be written; what was there before is there still."""
        place, content = Path(path), io.BytesIO()
        if place.name == Path(BEST).name:
            self.best = _pytree.tree_map_only(Tensor, lambda x: x.detach().to("cpu", copy=True), checkpoint)
        elif self.best is not None:
            checkpoint = {**checkpoint, "best": self.best}
        torch.save({**checkpoint, OF: self.of}, content)
        try:
            with whole(place, flushed=True) as part:
                part.write_bytes(content.getbuffer())
                flush(part)
                if place.name == Path(LAST).name and self.rotate:
                    with suppress(FileNotFoundError):
                        os.replace(place, place.with_name(Path(PREVIOUS).name))
            self.rotate |= place.name == Path(LAST).name
        except OSError as error:
            size = content.getbuffer().nbytes / 2**20
            saved = any((place.parents[1] / name).exists() for name in (LAST, PREVIOUS))
            then = "go on with resume=true" if saved else "start again"
            raise RunError(
                f"{place}: could not be written ({error.strerror or error}; it needs {size:.1f} MB); "
                + ("the checkpoint before it is whole: " if saved else "")
                + f"make room, then {then}"
            ) from error

    def load_checkpoint(self, path: str | os.PathLike[str], *_: Any, **__: Any) -> dict[str, Any]:
        """The checkpoint from which the run goes on. Raises DataError, see `read_checkpoint`."""
        self.rotate = Path(path).name != Path(PREVIOUS).name
        checkpoint = read_checkpoint(Path(path), "a checkpoint to go on from")
        self.take_up(checkpoint)
        if (best := checkpoint.pop("best", None)) and self.writes:
            self.save_checkpoint(best, Path(path).with_name(Path(BEST).name))
        return checkpoint
