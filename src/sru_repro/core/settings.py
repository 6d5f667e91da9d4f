"""The base of everything that is configured: typed, range-checked, frozen, without unknown keys."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Settings of a model, a task or another part: typed, range-checked, no unknown keys, never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
