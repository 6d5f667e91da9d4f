"""What `train` is going to do, checked before Hydra makes a folder: what is wrong must leave nothing behind."""

import itertools
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import ConfigError
from . import choices
from .compose import made, one_line, resolve
from .flags import Flags
from .quoting import parsed_word
from .sweep.launchers import require_launcher
from .sweep.member import MEMBER
from .words import hydra_words, last_ones, members, one_choice

if TYPE_CHECKING:
    from ..training.config import RunConfig

CHECKED = 32
"""Members of a sweep that are checked before the first is run, until one is sound."""
RUN = ("hydra.run.dir",)
SWEEP = ("hydra.sweep.dir", "hydra.sweep.subdir")
SWEPT = "sweep"


def planned(flags: Flags) -> "tuple[list[str], RunConfig | None, int]":
    """The words for Hydra, the configuration that they make, and how many runs; of a sweep that of its first member
    that can be run. None where nothing is to be run, and where the configuration is Hydra's to find.

    Raises:
        ConfigError: whatever is wrong with words or configuration.
    """
    if "--help" in flags.hydra:  # whatever else is said
        return [], None, 0
    words, counting = last_ones(hydra_words(flags.words, flags.sweeping, choices.keys, once=False))
    for word in counting:
        print(f"{word.partition('=')[0].lstrip('+~')}: given twice, {word} counts", file=sys.stderr)
    if flags.asking and not flags.elsewhere:
        one_choice(words, choices.groups(flags.config_dir))
    if flags.asking or flags.elsewhere:
        return words, None, 1
    _check_folders(words, flags.sweeping)
    searched = _search_of(words)
    if searched and not flags.sweeping:
        raise ConfigError(
            f"{searched}: expected -m beside it, which trains many: sru-repro train -m {searched}"
        )
    if flags.sweeping:
        require_launcher(words)
    if flags.config_dir is not None and any("hydra.searchpath=" in word for word in words):
        return words, None, 1  # Hydra's to look into both
    if not flags.sweeping:
        return words, resolve(made(words, flags.config_dir)), 1
    if searched:
        from .search.plan import checked_search

        with one_line(words):
            return words, *checked_search(words, flags.config_dir)
    with one_line(words):
        config, total = _check_sweep(words, flags.config_dir)
    return _each_by_itself(words), config, total


def _search_of(words: Sequence[str]) -> str:
    """The word that asks for a search, or ""."""
    for word in reversed(words):
        key, _, value = word.partition("=")
        if (key.lstrip("+") == "search" and value != "null") or (key, value) == ("hydra/sweeper", "optuna"):
            return word
    return ""


def _check_folders(words: Sequence[str], sweeping: bool) -> None:
    """Refuses the folder of a sweep for a single run, which Hydra would pass over, and the other way round."""
    given = {word.partition("=")[0].lstrip("+"): word for word in words}
    for key in RUN if sweeping else SWEEP:
        if key in given:
            other = "hydra.sweep.dir= and hydra.sweep.subdir= with" if sweeping else "hydra.run.dir= without"
            raise ConfigError(f"{key}: expected {other} -m, found {given[key]}")
    if SWEPT in given and not given[SWEPT].endswith("=null"):
        if not sweeping and MEMBER not in os.environ:
            raise ConfigError(f"{SWEPT}: expected -m, which sweeps, beside it, found {given[SWEPT]} without")
        for key in SWEEP:
            if sweeping and key in given:
                raise ConfigError(
                    f"{key}: expected nothing beside {SWEPT}=, which names the folder, found {given[key]}"
                )
    for key in (*RUN, *SWEEP, SWEPT):
        if given.get(key, "").endswith(f"{key}="):
            raise ConfigError(f"{key}: expected a folder, found an empty text")


def _check_sweep(words: Sequence[str], config_dir: Path | None) -> "tuple[RunConfig | None, int]":
    """The configuration of a member that can be run, and the number of members. Refuses a sweep that names what does
    not exist, and one without such a member; of others the members that can be are."""
    groups = choices.groups(config_dir)
    chosen = members(words, groups)
    first = [some[0] for some in chosen]
    made(first, config_dir)
    for place, some in enumerate(chosen):
        if some[0].partition("=")[0] in groups:
            for other in some[1:]:
                made([*first[:place], other, *first[place + 1 :]], config_dir)
    total = math.prod(map(len, chosen))
    refused: list[ConfigError] = []
    for member in map(list, itertools.islice(itertools.product(*chosen), CHECKED)):
        try:
            return resolve(made(member, config_dir)), total
        except ConfigError as error:
            refused.append(error)
    if total > CHECKED:
        return None, total
    raise refused[0]


def _each_by_itself(words: Sequence[str]) -> list[str]:
    """The words of a sweep, with `task.unroll=choice(10)` for `task.unroll=10` where a group is swept: Hydra sets what
    is not swept in a configuration that has none of the choices, and may have no such key."""
    parsed = [parsed_word(word) for word in words]
    known = choices.groups()
    if not any(p is not None and p.is_sweep_override() and p.key_or_group in known for p in parsed):
        return list(words)
    found = []
    for word, p in zip(words, parsed, strict=True):
        key, equals, value = word.partition("=")
        alone = p is None or p.is_sweep_override() or "." not in key or not value
        keeps = alone or key.startswith(("hydra.", "~"))
        found.append(word if keeps else f"{key}{equals}choice({value})")
    return found
