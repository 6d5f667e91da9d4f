"""The words of a command line as Hydra has to get them: values as the user's shell gave them, the last one of each key,
and what a sweep makes of them."""

import json
import re
from ast import literal_eval
from collections.abc import Callable, Iterator, Mapping, Sequence

from hydra.core.override_parser.types import Glob

from ..core.closest import closest, did_you_mean
from ..core.errors import ConfigError
from .quoting import NAMES, TEXTS, parsed_word, quoted

SEVERAL = ("callbacks",)
"""Groups of which several may be chosen: callbacks=[early_stopping,model_summary]."""
NOTHING = {"callbacks": "none", "debug": "none"}
"""What groups call the choice of nothing, which users write as null, too."""
UNLISTED = ("model._class_",)
"""Keys that no file of conf/ has, but that may be given."""
_KEY = re.compile(r"[A-Za-z_$][\w$-]*(?:[./][\w$-]+)*(?:@[\w$.-]*(?::[\w$.-]+)?)?", re.ASCII)
_WORD = re.compile(r"(~|\+{0,2})([^=]*)(?:=(.*))?", re.DOTALL)


def hydra_words(
    args: Sequence[str], sweeping: bool = False, known: Callable[[], list[str]] = list, once: bool = True
) -> list[str]:
    """The same words, their values quoted where Hydra's grammar needs it; `known` tells the keys to suggest. Without
    `once` a key may stand there again, and the last word counts: a person who gives it twice has overlooked one.

    Raises:
        ConfigError: a word without a key or a value, a key that stands twice, or one that cannot be any.
    """
    words, given = list[str](), dict[str, str]()
    for place, arg in enumerate(args):
        sign, key, value = _parts(arg, args[place - 1] if place else "", known)
        if wrong := re.search("[\udc80-\udcff]", arg):  # neither a record nor a log could hold it
            byte = wrong[0].encode("utf-8", "surrogateescape")[0]
            raise ConfigError(f"{arg}: expected UTF-8, found byte {byte:#04x}; rename what it names")
        if not _KEY.fullmatch(key):
            near = did_you_mean(key, known())
            raise ConfigError(
                f"{key}: no such key{near or '; `sru-repro train --cfg job` shows all there are'}"
            )
        if nested := _nested(key, value or ""):
            raise ConfigError(
                f"{arg}: expected keys with dots, {nested}; so are a sweep's parameters named, too"
            )
        if key in UNLISTED and not sign:
            sign = "++"
        if key in NOTHING and value == "null":  # Hydra takes names alone
            value = NOTHING[key]
        word = f"{sign}{key}" if value is None else f"{sign}{key}={quoted(key, value, sweeping)}"
        for name in _named(key, word):
            if once and name in given:
                raise ConfigError(f"{name}: expected once, found twice: {given[name]} and {arg}")
            given[name] = arg
        words.append(word)
    return words


def last_ones(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words without those that a later one of the same keys overrules, as in Hydra, and those later ones where
    they say something else. What a later word sets in part stays: Hydra reads words in order."""
    kept, counting = list[str](), dict[str, str]()
    for word in words:
        key = key_of(word)
        names = set(_named(key, word))
        for other in [other for other in kept if set(_named(key_of(other), other)) <= names]:
            if other.startswith("+") and not word.startswith("+"):
                continue  # it makes the key that this word sets
            kept.remove(other)
            if other.lstrip("+") != word.lstrip("+"):
                counting[key] = word
        kept.append(word)
    return kept, list(counting.values())


def dotlist(args: Sequence[str]) -> list[str]:
    """Changes of a recorded configuration for `OmegaConf.from_dotlist`, which reads values as YAML.

    Raises:
        ConfigError: as of `hydra_words`.
    """
    found = []
    for word in hydra_words(args, sweeping=False):
        parsed = parsed_word(word)
        if parsed is None or parsed.is_sweep_override():
            raise ConfigError(f"{word}: expected one value, found a sweep")
        key = word.partition("=")[0].lstrip("+")
        found.append(f"{key}={json.dumps(parsed.value(), ensure_ascii=True)}")
    return found


def members(words: Sequence[str], groups: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """The choices of each word of a sweep, as words; of an interval, which a search draws from, its start; of a glob
    the names of its group that it fits.

    Raises:
        ConfigError: a sweep without a choice.
    """
    chosen = []
    for word in words:
        parsed, head = parsed_word(word), word.partition("=")[0]
        if parsed is None or not parsed.is_sweep_override():
            chosen.append([word])
        elif not parsed.is_discrete_sweep():
            chosen.append([f"{head}={getattr(parsed.value(), 'start', 0)}"])
        else:
            value = parsed.value()
            if isinstance(value, Glob):
                found = value.filter(list(groups.get(head.lstrip("+"), ())))
            else:
                found = list(parsed.sweep_string_iterator())
            chosen.append([f"{head}={each}" for each in found])
            if not chosen[-1]:
                raise ConfigError(f"{word}: expected something to sweep over, found nothing")
    return chosen


def one_choice(words: Sequence[str], groups: Mapping[str, Sequence[str]]) -> None:
    """Refuses what Hydra would merge in silence, several choices of one group, and what is no name of one.

    Raises:
        ConfigError: the group, what may be chosen, what was found.
    """
    for word in words:
        key = word.partition("=")[0].lstrip("+")
        parsed = parsed_word(word) if key in groups else None
        value = parsed.value() if parsed is not None and not parsed.is_sweep_override() else None
        if isinstance(value, list) and key in SEVERAL:
            known = groups[key]
            for name in map(str, value):
                if name not in known:
                    raise ConfigError(
                        f"{key}: expected names among {', '.join(known)}; found {name!r}{did_you_mean(name, known)}"
                    )
            continue
        if isinstance(value, list | dict):
            ways = (
                f"; for one run of each: -m {key}={','.join(map(str, value))}"
                if isinstance(value, list)
                else ""
            )
            known = ", ".join(groups[key]) if len(groups[key]) < 20 else "the names in conf/"
            raise ConfigError(f"{key}: expected one of {known}, found {value}{ways}")


def _nested(key: str, value: str) -> str:
    """The words meant by a mapping as Python or JSON write it, which Hydra's grammar takes for a text: agents of wandb
    hand on so what stands nested in a sweep's file. Nothing of other values."""
    if not value.lstrip().startswith("{") or key in TEXTS or key in NAMES or key.startswith("hydra."):
        return ""
    parsed = parsed_word(f"key={value}")
    if parsed is not None and isinstance(parsed.value(), dict):
        return ""
    try:
        content = literal_eval(value.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        try:
            content = json.loads(value)
        except (ValueError, RecursionError):
            return ""
    if not isinstance(content, dict):
        return ""
    found, levels = list[str](), [(key, content)]
    while levels:
        above, content = levels.pop()
        for name, inner in content.items():
            if isinstance(inner, dict):
                levels.append((f"{above}.{name}", inner))
            else:
                said = inner if isinstance(inner, str) else json.dumps(inner, default=str)
                found.append(f"{above}.{name}={said}")
    return " ".join(found)


def _parts(arg: str, before: str, known: Callable[[], list[str]]) -> tuple[str, str, str | None]:
    """Sign, key and value of a word."""
    found = _WORD.fullmatch(arg)
    sign, key, value = found.groups() if found else ("", arg, None)
    if value is None and sign != "~":
        names = known()
        near = closest(arg, names)
        if _KEY.fullmatch(arg) and (arg in names or near):
            meant = arg if arg in names else near
            raise ConfigError(f"{arg}: expected key=value, found no =; did you mean {meant}=VALUE?")
        split = (
            f"; is it the rest of a value with blanks? quote that: '{before} {arg}'" if "=" in before else ""
        )
        raise ConfigError(f"{arg if arg.strip() else repr(arg)}: expected key=value, found no ={split}")
    if not key.strip():
        raise ConfigError(f"{arg}: expected key=value, found no key")
    return sign, key, value


def key_of(word: str) -> str:
    """The key that a word sets."""
    return word.partition("=")[0].lstrip("+~")


def _named(key: str, word: str) -> Iterator[str]:
    """The keys that a word sets: of a mapping each of its own."""
    parsed = parsed_word(word)
    value = parsed.value() if parsed is not None and not parsed.is_sweep_override() else None
    if not isinstance(value, dict) or not value:
        yield key.partition("@")[0] if key.endswith("@") else key
        return
    levels = [(key, value)]
    while levels:
        above, content = levels.pop()
        for name, inner in content.items():
            if isinstance(inner, dict) and inner:
                levels.append((f"{above}.{name}", inner))
            else:
                yield f"{above}.{name}"
