"""Media as wandb has them. Called in the thread in which wandb is called, as it reads files and makes tables."""

from collections.abc import Mapping
from typing import Any

from ._base import ConfusionMedia, Media, PictureMedia, TableMedia


def shown(media: Mapping[str, Media]) -> dict[str, Any]:
    """What `run.log` takes, by the same keys."""
    return {key: _shown(key, what) for key, what in media.items()}


def _shown(key: str, what: Media) -> Any:
    import wandb

    if isinstance(what, TableMedia):
        rows: list[Any] = [list(row) for row in what.rows]
        return wandb.Table(columns=[*what.heads], data=rows)
    if isinstance(what, PictureMedia):
        return wandb.Image(str(what.file), caption=what.caption)
    if isinstance(what, ConfusionMedia):
        counted: list[Any] = [
            [gold, predicted, count]
            for gold, counts in zip(what.classes, what.counts, strict=True)
            for predicted, count in zip(what.classes, counts, strict=True)
        ]
        heads = ("Actual", "Predicted", "nPredictions")
        return wandb.plot_table(
            "wandb/confusion_matrix/v1",  # a chart that wandb brings
            wandb.Table(columns=[*heads], data=counted),
            fields={head: head for head in heads},
            string_fields={"title": key.rpartition("/")[2].replace("_", " ")},
        )
    return wandb.Table(columns=["text"], data=[[what.text]])
