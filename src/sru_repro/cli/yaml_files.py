"""A folder of configurations of the user's own, looked through before it is read: what YAML can say in a few bytes may
fill the memory."""

from pathlib import Path

from yaml import (  # type: ignore[import-untyped]
    MappingNode,
    Node,
    SequenceNode,
    YAMLError,
    compose,
)

from ..core.errors import ConfigError

LARGEST = 1 << 20
"""Bytes of one file."""
VALUES = 20_000
"""Of one file, each counted as often as an alias repeats it."""
LEVELS = 50
"""Keys within keys."""
FILES = 1000
"""Looked at, at most; those of conf/ are fewer than a hundred."""


def bounded(folder: Path) -> None:
    """Refuses files of a configuration folder that would not be read in a moment. What is no YAML is left to the reader
    of the file, where it is needed.

    Raises:
        ConfigError: the file, what was expected, what was found.
    """
    for path in _files(folder):
        bounded_file(path)


def bounded_file(path: Path) -> None:
    """Refuses one file that would not be read in a moment; errors as of `bounded`."""
    try:
        if path.stat().st_size > LARGEST:
            raise ConfigError(f"{path}: expected a configuration, found {path.stat().st_size:,} bytes")
        _look_through(path)
    except RecursionError:
        raise ConfigError(f"{path}: expected at most {LEVELS} levels of keys, found hundreds") from None
    except (OSError, UnicodeDecodeError, YAMLError):
        return


def undecodable(folder: Path) -> str:
    """The file of a configuration folder that is not UTF-8, and where; "" where all are."""
    for path in _files(folder):
        try:
            path.read_bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            return (
                f"{path}: expected UTF-8, found byte {error.object[error.start]:#04x} at place {error.start}"
            )
    return ""


def _files(folder: Path) -> list[Path]:
    patterns = ("*.yaml", "*/*.yaml", "*/*/*.yaml")
    return [path for some in patterns for path in sorted(folder.glob(some)) if path.is_file()][:FILES]


def _look_through(path: Path) -> None:
    root = compose(path.read_text(encoding="utf-8"))
    if root is None:
        return
    sizes: dict[int, tuple[int, int]] = {}

    def measured(node: Node) -> tuple[int, int]:
        """Values and levels below a node, an alias as often as it stands there."""
        if id(node) in sizes:
            return sizes[id(node)]
        sizes[id(node)] = (VALUES + 1, 0)  # until it is known: a node within itself has no end
        inner = []
        if isinstance(node, MappingNode):
            inner = [measured(value) for _, value in node.value]
        elif isinstance(node, SequenceNode):
            inner = [measured(value) for value in node.value]
        count = 1 + sum(values for values, _ in inner)
        sizes[id(node)] = (min(count, VALUES + 1), 1 + max((levels for _, levels in inner), default=0))
        return sizes[id(node)]

    values, levels = measured(root)
    if values > VALUES:
        raise ConfigError(f"{path}: expected at most {VALUES:,} values, found more; an alias repeats them")
    if levels > LEVELS:
        raise ConfigError(f"{path}: expected at most {LEVELS} levels of keys, found {levels}")
