"""What a number follows from besides its configuration: the machine and the code."""

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


class Code(Part):
    """The checkout."""

    revision: str | None
    dirty: bool | None
    """Whether sources or configuration differed from the revision."""
