"""In what the members of a sweep differ: the arguments that were swept, and settings that do not follow from them."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from ...records.run import RunRecord
from ..document import NONE
from ..runs.records import chosen, flatten, free
from .entries import Entry

Value = bool | int | float | str | None
_OURS = {"resume", "hydra"}
"""First parts of arguments that no configuration of a record has."""
_NAMES = ("row", "task.name", "model.name", "trainer.name", "callbacks", "debug")
"""What explains most of the rest comes first."""


@dataclass(frozen=True)
class Setting:
    """A key with the value of each member, in their order; None where a member has no such key."""

    key: str
    values: Sequence[Value]

    @property
    def known(self) -> list[Value]:
        """Each value once: numbers by their size, others as they come."""
        found = list(dict.fromkeys(value for value in self.values if value is not None))
        return [*sorted(found, key=float)] if self.numeric else [*found]

    @property
    def numeric(self) -> bool:
        """Whether every member has a number."""
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.values)


def differing(entries: Sequence[Entry]) -> list[Setting]:
    """The settings in which these members differ, but for the seed, the fold and where the data lie."""
    given = [entry.given() for entry in entries]
    configs = [{} if entry.run is None else _configured(entry.run) for entry in entries]
    swept = dict.fromkeys(key for words in given for key in words if not _free(key))
    found = [
        setting
        for key in swept
        if _differs(setting := Setting(key, [_value(key, *of) for of in zip(given, configs, strict=True)]))
    ]
    every = dict.fromkeys((*_NAMES, *sorted({key for config in configs for key in config})))
    for key in every:
        held = [place for place, config in enumerate(configs) if key in config]
        if _free(key) or key in swept or _follows(key, held, configs, found):
            continue
        name = key.removesuffix(".name")
        found.append(Setting(name, [_held(config, key) for config in configs]))
    return found


def short_names(settings: Sequence[Setting]) -> list[str]:
    """The last part of each key where it is the only one of that name, else the whole key."""
    last = [setting.key.rpartition(".")[2] for setting in settings]
    return [
        name if last.count(name) == 1 else setting.key for name, setting in zip(last, settings, strict=True)
    ]


def shown(value: Value) -> str:
    """A value as people read it: numbers with three digits."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.3g}"
    return NONE if value is None else str(value)


def label(settings: Sequence[Setting], values: Sequence[Value]) -> str:
    """A configuration in words: "model=sru with optim.lr=0.003, model.num_layers=2"."""
    parts = [f"{one.key}={shown(value)}" for one, value in zip(settings, values, strict=True)]
    return " with ".join(filter(None, (parts[0], ", ".join(parts[1:])))) if parts else ""


def plain(value: object) -> Value:
    """A value of a configuration; null, and a list, as its text."""
    return "null" if value is None else value if isinstance(value, bool | int | float | str) else str(value)


def _free(key: str) -> bool:
    key = key.replace("/", ".")
    return key != "row" and (free(key) or key.partition(".")[0] in _OURS)


def _configured(run: RunRecord) -> dict[str, object]:
    """The leaves of its configuration; a run without callbacks differs from one with them."""
    named = {key: name or "none" for key, name in chosen(run).items()}
    return {"row": run.row, **dict(flatten(run.config)), **named}


def _value(key: str, given: Mapping[str, str], config: Mapping[str, object]) -> Value:
    """As the configuration has it, which knows types; of a choice of a group, and without a record, as it was given."""
    if key in config:
        return plain(config[key])
    if key in given:
        return _typed(given[key])
    return _held(config, f"{key}.name")


def _held(config: Mapping[str, object], key: str) -> Value:
    return plain(config[key]) if key in config else None


def _typed(text: str) -> Value:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        with suppress(ValueError):
            return kind(text)
    return text.strip("'\"")


def _differs(setting: Setting) -> bool:
    return len(set(map(repr, setting.values))) > 1


def _follows(
    key: str, held: Iterable[int], configs: Sequence[Mapping[str, object]], found: Sequence[Setting]
) -> bool:
    """Whether a key has one value only, or one for each combination of what differs already. Members without it do not
    count: their model has no such key, or their record is older."""
    values: dict[str, object] = {}
    return all(
        values.setdefault(repr([one.values[place] for one in found]), configs[place][key])
        == configs[place][key]
        for place in held
    )
