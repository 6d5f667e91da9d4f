"""Settings of the dashboards: `logger=NAME` chooses one, `LOGGERS` names them all."""

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator

from ...core.settings import Settings


class WandbConfig(Settings):
    """Weights & Biases; `auto` is online when the user is logged in, else offline. Names are as wandb takes them.

    run_name   null: row, profile and seed
    group      null: the sweep's name, else the task's
    media      tables, samples and pictures beside the curves
    artifacts  best checkpoint, predictions and run.json are kept there, too
    """

    name: Literal["wandb"]
    project: str = Field(min_length=1, max_length=128)
    mode: Literal["auto", "online", "offline"]
    tags: list[Annotated[str, Field(min_length=1, max_length=64)]]
    run_name: str | None = Field(default=None, min_length=1, max_length=128)
    group: str | None = Field(default=None, min_length=1, max_length=128)
    job_type: str = Field(default="train", min_length=1, max_length=64)
    notes: str | None = Field(default=None, min_length=1)
    media: bool = True
    artifacts: bool = False

    @field_validator("project")
    @classmethod
    def _as_wandb_has_it(cls, project: str) -> str:
        if set(project) & set("/\\#?%:"):
            raise ValueError(
                f"expected a name without / \\ # ? % and :, found {project!r}; WANDB_ENTITY names a team"
            )
        return project


class TensorboardConfig(Settings):
    """TensorBoard: an event file in the run's folder."""

    name: Literal["tensorboard"]
    by_tokens: bool
    media: bool = True


class TrackioConfig(Settings):
    """trackio's dashboard on this machine; its names are as it makes files of them."""

    name: Literal["trackio"]
    project: str = Field(min_length=1, max_length=128)
    folder: str = Field(min_length=1)
    media: bool = True

    @field_validator("project")
    @classmethod
    def _as_trackio_has_it(cls, project: str) -> str:
        if not re.fullmatch(r"(?!registry-)[A-Za-z0-9_-]+", project) or project.endswith(_TRACKIOS_OWN):
            raise ValueError(
                f"expected letters, digits, - and _, without an ending of trackio's own, found {project!r}"
            )
        return project


_TRACKIOS_OWN = ("_system", "_configs", "_traces", "_artifacts", "_artifact_versions", "_artifact_aliases")


class CSVConfig(Settings):
    """No dashboard."""

    name: Literal["csv"]


Logger = WandbConfig | TensorboardConfig | TrackioConfig | CSVConfig
LOGGERS: dict[str, type[Logger]] = {
    "wandb": WandbConfig,
    "tensorboard": TensorboardConfig,
    "trackio": TrackioConfig,
    "csv": CSVConfig,
}
"""By the name that `logger.name` has."""
