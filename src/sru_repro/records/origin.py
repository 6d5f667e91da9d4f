"""What a number follows from besides its configuration: the machine and the code."""

import re
from typing import Any

from pydantic import model_validator

from .base import Number, Part


class Hardware(Part):
    """The machine."""

    name: str
    slug: str
    """For names of files."""
    device: str | None = None
    cores: int | None = None
    memory_bytes: Number | None = None
    threads: int | None = None

    @model_validator(mode="before")
    @classmethod
    def _vectors_told(cls, values: Any) -> Any:
        """Earlier records have the vectors of a processor in its name only, and call two machines alike."""
        if not isinstance(values, dict):
            return values
        slug, told = str(values.get("slug")), re.search(r"\((AVX[-\d]+)\)", str(values.get("name")))
        if not told or not slug.startswith("cpu-") or (wide := told[1].lower()) in slug:
            return values
        return values | {"slug": re.sub(r"-(\d+c(-|$))", rf"-{wide}-\1", slug, count=1)}


class Code(Part):
    """The checkout."""

    revision: str | None
    dirty: bool | None
    """Whether sources or configuration differed from the revision."""
