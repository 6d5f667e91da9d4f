"""Settings of the dashboards: `logger=NAME` chooses one, `LOGGERS` names them all."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from ...core.settings import Settings


class WandbConfig(Settings):
    """Weights & Biases; `auto` is online when the user is logged in, else offline. Names are as wandb takes them."""

    name: Literal["wandb"]
    project: str = Field(min_length=1, max_length=128)
    mode: Literal["auto", "online", "offline"]
    tags: list[Annotated[str, Field(min_length=1, max_length=64)]]

    @field_validator("project")
    @classmethod
    def _as_wandb_has_it(cls, project: str) -> str:
        if set(project) & set("/\\#?%:"):
            raise ValueError(
                f"expected a name without / \\ # ? % and :, found {project!r}; WANDB_ENTITY names a team"
            )
        return project


class CSVConfig(Settings):
    """No dashboard."""

    name: Literal["csv"]


Logger = WandbConfig | CSVConfig
LOGGERS: dict[str, type[Logger]] = {"wandb": WandbConfig, "csv": CSVConfig}
"""By the name that `logger.name` has."""
