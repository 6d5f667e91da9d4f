"""The base of everything that is configured: typed, range-checked, frozen, without unknown keys; and its errors."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from .closest import did_you_mean
from .errors import ConfigError

MOST = 3
"""Findings that one line tells."""
SHOWN = 80
"""Symbols of a value that one finding shows."""
LARGEST = 2**53
"""No whole number is larger: beyond it floats have gaps, and tensors have no such size."""


class Settings(BaseModel):
    """Settings of a model, a task or another part: typed, range-checked, finite, no unknown keys, never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


T = TypeVar("T", bound=Settings)


def checked(kind: type[T], values: Mapping[str, Any], prefix: str = "", beside: Iterable[str] = ()) -> T:
    """These values as settings; `prefix` stands before each key that is named, `beside` are other keys there may be.

    Raises:
        ConfigError: one line with each key, what was expected, what was found.
    """
    for key, value in values.items():
        if isinstance(value, int) and abs(value) > LARGEST:
            raise ConfigError(f"{prefix}{key}: expected at most {LARGEST}, found {_shown(value)}")
        if isinstance(value, str) and "\0" in value:
            raise ConfigError(f"{prefix}{key}: expected a text, found one with a zero byte: {_shown(value)}")
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
        known = [*keys(kind), *beside]
        near = did_you_mean(str(item["loc"][-1]), known)
        return f"{key}: no such key; expected one of {', '.join(known)}{near}"
    if item["type"] == "missing":
        field = kind.model_fields.get(str(item["loc"][0]))
        example = f"{key}={field.examples[0]}" if field is not None and field.examples else "a value"
        return f"{key}: missing; expected {example}"
    if item["type"] == "value_error":  # a validator's own words; of two options that clash it names the keys
        place = key.rstrip(".: ")
        return f"{place}: {item['ctx']['error']}" if place else str(item["ctx"]["error"])
    message = item["msg"].removeprefix("Input should be ").removeprefix("a valid ").removeprefix("a ")
    message = message.removeprefix("String should have ").replace("String should match", "a text of")
    message = re.sub(r"^\w+ should have (.*) after validation, not \d+$", r"\1", message)
    said = f"{key}: expected {message}, found {_shown(item['input'])}"
    if item["type"] == "literal_error" and isinstance(item["input"], str):
        return said + did_you_mean(item["input"], re.findall(r"'([^']*)'", item["msg"]))
    return said + {"bool_type": "; write true or false", "list_type": f"; write {key}=[a,b]"}.get(
        item["type"], ""
    )


def _shown(value: object) -> str:
    """A value as an error shows it, cut where it is long."""
    if isinstance(value, int) and abs(value) > LARGEST:  # Python writes no number of thousands of digits
        return f"a number of {value.bit_length()} bits"
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
