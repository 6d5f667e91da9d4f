"""Values of a command line for Hydra's grammar: quoted where it has no meaning for them, or another than the user's.

Hydra parses values with a grammar of its own, in which blanks, brackets, commas, `#`, quotes, and all letters but
English ones mean something or nothing. A value that the grammar has no meaning for is quoted here, and so are texts
(a path, a name) that it would take for something else; `key='...'`, `${...}`, lists, and sweeps under -m keep the
meaning that Hydra gives them.
"""

import re
from collections.abc import Callable
from functools import cache

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

TEXTS = (
    *("data_dir", "row", "sweep", "task.path", "task.vectors", "logger.project", "model._class_"),
    *("logger.folder", "logger.run_name", "logger.group", "logger.job_type", "logger.notes"),
    *("paper.label", "paper.source", "paper.deviation"),
    *("hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir", "hydra.job.name"),
)
"""Keys of free text: `2024` is a folder's name there, not a number, and `a,b` one name where nothing is swept."""
NAMES = ("debug",)
"""Groups with a choice that the grammar takes for something else: `debug=nan` names a file, and is no number."""
LISTS = ("logger.tags",)
"""Keys of lists of free texts."""
_ESCAPED = re.compile(r"\\[()\[\]{}:=, \t]")
_CAST = re.compile(r"\s*(str|json_str)\s*\(")
_FUNCTION = re.compile(
    r"\s*(choice|range|interval|glob|shuffle|sort|tag|int|float|str|bool|json_str|extend_list)\s*\("
)
_QUOTED = re.compile(r"""(['"])(?:.*?[^\\])??(?:\\\\)*\1\s*(?=,|$)""", re.DOTALL)
_PAIRS = {"[": "]", "{": "}", "(": ")"}


def quoted(key: str, value: str, sweeping: bool) -> str:
    """A key's value so that Hydra's grammar finds in it what the user's shell gave."""
    if not value:
        return value
    if key in TEXTS or key in NAMES:
        return _swept(value, _text) if sweeping and not key.startswith("hydra.") else _text(value)
    return (_list_of(value, _text) if key in LISTS else "") or _element(value, sweeping)


def quote(text: str) -> str:
    """The text as Hydra's grammar reads it back, whatever it holds."""
    return QuotedString(text=text, quote=Quote.single).with_quotes()


@cache
def parsed_word(word: str) -> Override | None:
    """What Hydra's grammar finds in a word; None where it finds nothing."""
    try:
        return _parser().parse_override(word)
    except (HydraException, OmegaConfBaseException, ValueError, RecursionError):
        return None


def _text(value: str) -> str:
    """A text for Hydra's grammar, which is to find this very text in it: unless the user quoted it for Hydra already,
    escaped it so, or refers to another key."""
    parsed = parsed_word(f"key={value}")
    found = None if parsed is None else parsed._value
    if isinstance(found, QuotedString) or (parsed is not None and value.strip().lower() == "null"):
        return value
    if isinstance(found, str) and (
        found == value or "${" in value or _ESCAPED.search(value) or _CAST.match(value)
    ):
        return value
    return quote(value)


def _element(value: str, sweeping: bool = False) -> str:
    """A value of any type: as it is where Hydra's grammar has a meaning for it, else mended within lists and mappings,
    else a text."""
    if _FUNCTION.match(value) or parsed_word(f"key={value}") is not None:
        return value  # of a function that is called in a wrong way Hydra says so
    mended = _list_of(value, _element) or _mapping_of(value) or (_swept(value, _element) if sweeping else "")
    return mended if mended and parsed_word(f"key={mended}") is not None else quote(value)


def _swept(value: str, one: Callable[[str], str]) -> str:
    """The choices of a sweep, each mended; functions such as range(1,4) as they are."""
    parsed = parsed_word(f"key={value}")
    if parsed is not None and parsed.is_sweep_override() and not getattr(parsed._value, "simple_form", False):
        return value
    return ",".join(map(one, _split(value)))


def _list_of(value: str, one: Callable[[str], str]) -> str:
    """The list, each element mended; "" where it is none."""
    inner = value.strip()
    if (
        not (inner.startswith("[") and inner.endswith("]"))
        or not inner[1:-1].strip()
        or len(_split(inner)) > 1
    ):
        return ""
    return f"[{','.join(map(one, _split(inner[1:-1])))}]"


def _mapping_of(value: str) -> str:
    """The mapping, each value mended; "" where it is none."""
    inner = value.strip()
    if not (inner.startswith("{") and inner.endswith("}")):
        return ""
    pairs = [part.partition(":") for part in _split(inner[1:-1])]
    return "{" + ",".join(f"{name}:{_element(inside.strip())}" for name, _, inside in pairs) + "}"


def _split(text: str) -> list[str]:
    """The parts between commas that stand in no brackets and no quoted element."""
    parts, closing, start, place = list[str](), list[str](), 0, 0
    while place < len(text):
        symbol = text[place]
        fresh = not closing and not text[start:place].strip()
        if fresh and (quoted_part := _QUOTED.match(text, place)):
            place = quoted_part.end() - 1
        elif closing and symbol == closing[-1]:
            closing.pop()
        elif symbol in _PAIRS and _PAIRS[symbol] in text[place:]:
            closing.append(_PAIRS[symbol])
        elif symbol == "," and not closing:
            parts.append(text[start:place].strip())
            start = place + 1
        place += 1
    return [*parts, text[start:].strip()]


@cache
def _parser() -> OverridesParser:
    return OverridesParser.create()
