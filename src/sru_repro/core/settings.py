"""The base of everything that is configured: typed, range-checked, frozen, without unknown keys; and its errors."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from .errors import ConfigError

MOST = 3
"""Findings that one line tells."""


class Settings(BaseModel):
    """Settings of a model, a task or another part: typed, range-checked, no unknown keys, never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


T = TypeVar("T", bound=Settings)


def checked(kind: type[T], values: Mapping[str, Any], prefix: str = "", beside: Iterable[str] = ()) -> T:
    """These values as settings; `prefix` stands before each key that is named, `beside` are other keys there may be.

    Raises:
        ConfigError: one line with each key, what was expected, what was found.
    """
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        findings = error.errors()[:MOST]
        raise ConfigError("; ".join(_line(kind, prefix, item, beside) for item in findings)) from None


def keys(kind: type[Settings]) -> list[str]:
    """The keys of such settings, as a user writes them."""
    return [field.alias or name for name, field in kind.model_fields.items()]


def _line(kind: type[Settings], prefix: str, item: Any, beside: Iterable[str]) -> str:
    """One of pydantic's findings in the suite's form: key, what was expected, what was found."""
    key = prefix + ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return f"{key}: no such key; expected one of {', '.join([*keys(kind), *beside])}"
    if item["type"] == "missing":
        field = kind.model_fields.get(str(item["loc"][0]))
        example = f"{key}={field.examples[0]}" if field is not None and field.examples else "a value"
        return f"{key}: missing; expected {example}"
    if item["type"] == "value_error":  # a validator's own words; of two options that clash it names the keys
        place = key.rstrip(".: ")
        return f"{place}: {item['ctx']['error']}" if place else str(item["ctx"]["error"])
    message = item["msg"].removeprefix("Input should be ").removeprefix("a valid ")
    message = message.removeprefix("String should have ").replace("String should match", "a text of")
    return f"{key}: expected {message}, found {item['input']!r}"
