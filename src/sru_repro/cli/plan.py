"""What `train` is going to do, checked before Hydra makes a folder: what is wrong must leave nothing behind."""

import itertools
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import ConfigError
from . import choices
from .compose import made, one_line, resolve
from .flags import Flags
from .words import hydra_words, last_ones, members

if TYPE_CHECKING:
    from ..training.config import RunConfig

CHECKED = 32
"""Members of a sweep that are all checked before the first is run, where none may be sound."""
RUN = ("hydra.run.dir",)
SWEEP = ("hydra.sweep.dir", "hydra.sweep.subdir")


def planned(flags: Flags) -> "tuple[list[str], RunConfig | None]":
    """The words for Hydra, and the configuration that they make; None of a sweep, and where nothing is to be run.

    Raises:
        ConfigError: whatever is wrong with words or configuration.
    """
    if "--help" in flags.hydra:  # whatever else is said
        return [], None
    words, counting = last_ones(hydra_words(flags.words, flags.sweeping, choices.keys, once=False))
    for word in counting:
        print(f"{word.partition('=')[0].lstrip('+~')}: given twice, {word} counts", file=sys.stderr)
    if flags.asking or flags.elsewhere:
        return words, None
    _check_folders(words, flags.sweeping)
    if flags.config_dir is not None and any("hydra.searchpath=" in word for word in words):
        return words, None  # Hydra's to look into both
    if not flags.sweeping:
        return words, resolve(made(words, flags.config_dir))
    with one_line(words):
        _check_sweep(words, flags.config_dir)
    return words, None


def _check_folders(words: Sequence[str], sweeping: bool) -> None:
    """Refuses the folder of a sweep for a single run, which Hydra would pass over, and the other way round."""
    given = {word.partition("=")[0].lstrip("+"): word for word in words}
    for key in RUN if sweeping else SWEEP:
        if key in given:
            other = "hydra.sweep.dir= and hydra.sweep.subdir= with" if sweeping else "hydra.run.dir= without"
            raise ConfigError(f"{key}: expected {other} -m, found {given[key]}")
    for key in (*RUN, *SWEEP):
        if given.get(key, "").endswith(f"{key}="):
            raise ConfigError(f"{key}: expected a folder, found an empty text")


def _check_sweep(words: Sequence[str], config_dir: Path | None) -> None:
    """Refuses a sweep that names what does not exist, and one without a single member that can be run; of others the
    members that can be are."""
    groups = choices.groups(config_dir)
    chosen = members(words, groups)
    first = [some[0] for some in chosen]
    made(first, config_dir)
    for place, some in enumerate(chosen):
        if some[0].partition("=")[0] in groups:
            for other in some[1:]:
                made([*first[:place], other, *first[place + 1 :]], config_dir)
    if math.prod(map(len, chosen)) > CHECKED:
        return
    refused: list[ConfigError] = []
    for member in map(list, itertools.product(*chosen)):
        try:
            resolve(made(member, config_dir))
            return
        except ConfigError as error:
            refused.append(error)
    raise refused[0]
