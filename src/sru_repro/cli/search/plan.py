"""What a search is going to do, checked before anything runs, and what its preset says beside the space."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from ...core.errors import ConfigError
from ...records.study import require_optuna
from .. import choices
from ..compose import made, resolve
from ..quoting import quote
from ..words import members
from .settings import SearchConfig, settings_of
from .space import Parameter, name_of, space_of

if TYPE_CHECKING:
    from ...training.config import RunConfig

Load = Callable[[list[str]], DictConfig]
"""What these words make of the configuration, with Hydra's part."""


def checked_search(words: Sequence[str], config_dir: Path | None) -> "tuple[RunConfig, int]":
    """The configuration of a trial, and the number of trials.

    Raises:
        ConfigError: a search names what does not exist, or draws what no run could have.
    """
    require_optuna()
    groups = choices.groups(config_dir)
    for some in members(words, groups):
        if name_of(some[0]) == "search" and len(some) > 1:
            raise ConfigError(f"search: expected one of them at a time, found {', '.join(some)}")

    def load(some: list[str]) -> DictConfig:
        return made(some, config_dir, with_hydra=True)

    config = load([some[0] for some in members(words, groups)])
    settings = settings_of(OmegaConf.to_container(config.hydra.sweeper))  # type: ignore[arg-type]
    fixed, space = drawn(settings, load, words, groups)
    known = {name_of(word) for word in (*fixed, *(each.key for each in space))}
    for key in settings.params.keys() - known:
        print(f"{key}: left out of the search, as not every model in it has that", file=sys.stderr)
    low, _ = (
        resolve(made([*fixed, *ends], config_dir)) for ends in zip(*(p.ends for p in space), strict=True)
    )
    return low, settings.n_trials


def drawn(
    settings: SearchConfig, load: Load, words: Sequence[str], groups: Mapping[str, Sequence[str]]
) -> tuple[list[str], list[Parameter]]:
    """The words that all trials share, and the space. A preset's settings of a model that one of those that are chosen
    lacks are left out.

    Raises:
        ConfigError: there is nothing to draw.
    """
    chosen = members(words, groups)
    first = [some[0] for some in chosen]
    models = [load(first).model]
    for place, some in enumerate(chosen):
        if name_of(some[0]) in groups:
            models += [load([*first[:place], other, *first[place + 1 :]]).model for other in some[1:]]
    params = {
        key: value
        for key, value in settings.params.items()
        if not key.startswith("model.") or all(key.partition(".")[2] in model for model in models)
    }
    fixed, space = space_of(params, words, groups)
    if not space:
        raise ConfigError(
            "hydra/sweeper=optuna: expected something to draw, as search=sst has or optim.lr=interval(1e-4,1e-2), "
            "found none"
        )
    return fixed, space


def shared_words(
    load: Load,
    fixed: Sequence[str],
    space: Sequence[Parameter],
    groups: Mapping[str, Sequence[str]],
) -> "tuple[list[str], RunConfig]":
    """The words of all trials without the search, with task and seed: what its preset says beside the space is said
    out, so that they make the same configuration; and a trial's configuration.
    """
    free = {name_of(each.key) for each in space}
    first = [each.ends[0] for each in space if each.choices]  # a setting may belong to a model that is drawn
    whole = load([*fixed, *first])
    own = [word for word in fixed if name_of(word) not in ("search", "sweep")]
    there, here = (config.hydra.runtime.choices for config in (whole, load([*own, *first])))
    said = [
        f"{group}={there[group]}"
        for group in groups
        if group not in ("search", *free) and there.get(group) is not None and there[group] != here.get(group)
    ]
    one = _leaves(OmegaConf.to_container(load([*said, *own, *first])))
    said += [
        f"{'' if key in one else '++'}{key}={_written(value)}"
        for key, value in _leaves(OmegaConf.to_container(whole)).items()
        if one.get(key, ...) != value and key not in free and not key.startswith(("hydra.", "sweep"))
    ]
    member = resolve(_without_hydra(whole))
    named = {*free, *map(name_of, (*said, *own))}
    if "task" not in named and there.get("task"):
        said.insert(0, f"task={there['task']}")
    if "seed" not in named:
        said.append(f"seed={member.top.seed}")
    return [*said, *own], member


def _without_hydra(config: DictConfig) -> DictConfig:
    plain: Any = OmegaConf.to_container(config)
    return OmegaConf.create({key: value for key, value in plain.items() if key != "hydra"})


def _leaves(content: Any, above: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in content.items():
        name = f"{above}{key}"
        found |= _leaves(value, f"{name}.") if isinstance(value, dict) and value else {name: value}
    return found


def _written(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list):
        return f"[{','.join(map(_written, value))}]"
    return quote(value) if isinstance(value, str) else str(value)
