"""What a search draws: words such as `optim.lr=tag(log, interval(1e-4, 1e-2))` as Optuna's distributions, and a draw as
words again."""

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep

from ...core.errors import ConfigError
from ..quoting import parsed_word, quoted
from ..words import members

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

DIGITS = 4
"""Of a number that is drawn: lr=0.0008349 is as good as 17 digits of it, and can be read."""


class Parameter(NamedTuple):
    """One dimension of the space."""

    key: str
    """With the + before it, where there is one."""
    said: str
    """As it was written, which is what a restart compares."""
    choices: tuple[str, ...] = ()
    """As words; empty: a number between `low` and `high`."""
    low: float = 0
    high: float = 0
    step: float | None = None
    log: bool = False

    @property
    def whole(self) -> bool:
        """Whether it takes whole numbers only."""
        return isinstance(self.low, int)

    @property
    def distribution(self) -> "BaseDistribution":
        """For Optuna."""
        from optuna import distributions as of

        if self.choices:
            return of.CategoricalDistribution(self.choices)
        if isinstance(self.low, int):
            return of.IntDistribution(self.low, int(self.high), self.log, int(self.step or 1))
        return of.FloatDistribution(self.low, self.high, self.log, self.step)

    def word(self, drawn: Any) -> str:
        """What was drawn, as an argument."""
        if self.choices or self.whole:
            return f"{self.key}={drawn}"
        short = float(f"{drawn:.{DIGITS}g}")
        return f"{self.key}={short if self.low <= short <= self.high else drawn!r}"

    @property
    def ends(self) -> tuple[str, str]:
        """The first and the last of what may be drawn, as arguments."""
        first, last = (self.choices[0], self.choices[-1]) if self.choices else (self.low, self.high)
        return self.word(first), self.word(last)


def space_of(
    params: Mapping[str, Any], words: Sequence[str], groups: Mapping[str, Sequence[str]]
) -> tuple[list[str], list[Parameter]]:
    """The words that all trials share, and what is drawn: `params` of the configuration, overruled by the words of the
    command line, as Hydra is given them.

    Raises:
        ConfigError: the key, what may be drawn, what was found.
    """
    written = {
        **{key: f"{key}={quoted(key, _text(value), sweeping=True)}" for key, value in params.items()},
        **{name_of(word): word for word in words},
    }
    fixed, space = [], []
    for key, word in written.items():
        parsed = parsed_word(word)
        if parsed is not None and parsed.is_sweep_override():
            space.append(_parameter(word, parsed, groups))
        elif parsed is None and key in params:
            raise ConfigError(f"hydra.sweeper.params: expected a value or what is drawn, found {word}")
        else:
            fixed.append(word)
    return fixed, space


def _parameter(word: str, parsed: Override, groups: Mapping[str, Sequence[str]]) -> Parameter:
    (key, _, said), value = word.partition("="), parsed.value()
    tags = set(getattr(value, "tags", ()))
    if tags - {"log"} or (tags and not isinstance(value, IntervalSweep | RangeSweep)):
        raise ConfigError(f"{key}: expected tag(log, interval(...)) or tag(log, range(...)), found {said}")
    if isinstance(value, IntervalSweep):
        assert value.start is not None and value.end is not None
        found = Parameter(key, said, low=value.start, high=value.end, log=bool(tags))
    elif isinstance(value, RangeSweep) and not value.shuffle:
        found = _range(key, said, value, bool(tags))
    else:
        words = members([word], groups)[0]
        choices = tuple(dict.fromkeys(_plain(each.partition("=")[2]) for each in words))
        if len(choices) == len(words):
            return Parameter(key, said, choices)
        raise ConfigError(f"{key}: expected each choice once, found {said}")
    if not found.low < found.high:
        raise ConfigError(f"{key}: expected a lower and a higher end, found {said}")
    if found.log and (found.low <= 0 or (found.step is not None and not (found.whole and found.step == 1))):
        raise ConfigError(f"{key}: expected a lower end above 0 and no step beside log, found {said}")
    return found


def _range(key: str, said: str, value: RangeSweep, log: bool) -> Parameter:
    """A range ends before its stop, as Python's does; counted in decimals, in which it was written."""
    start, stop, step = (Decimal(repr(each)) for each in (value.start, value.stop, value.step))
    steps = math.ceil((stop - start) / step) - 1
    if steps < 0:
        raise ConfigError(f"{key}: expected something to draw from, found {said}")
    low, high = sorted((start, start + steps * step))
    kind = int if all(isinstance(each, int) for each in (value.start, value.stop, value.step)) else float
    return Parameter(key, said, low=kind(low), high=kind(high), step=kind(abs(step)), log=log)


def _text(value: Any) -> str:
    """A value of YAML as it is written on a command line."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list):  # of choices, as in YAML's own way
        return f"choice({','.join(map(_text, value))})"
    return str(value)


def _plain(value: str) -> str:
    """A choice as it is written by hand."""
    return value.lower() if value in ("True", "False") else value


def name_of(word: str) -> str:
    """The key of a word, without the + before it."""
    return word.partition("=")[0].lstrip("+")
