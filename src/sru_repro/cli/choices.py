"""What can be written on a command line: groups and their choices, rows, tables, keys, runs. Read from conf/ and from
the working directory, without torch."""

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from ..core import layout
from .folders import NO_GROUPS

MODELS = Path("results/models")
"""Small models that are committed."""
MANY = 500
"""Runs that are looked at, at most."""
HYDRA = (
    *(
        "hydra.run.dir",
        "hydra.sweep.dir",
        "hydra.sweep.subdir",
        "hydra.job.name",
        "hydra.job.chdir",
        "hydra.mode",
    ),
    *(
        "hydra.searchpath",
        "hydra.verbose",
        "hydra.sweeper.max_batch_size",
        "hydra.sweeper.n_trials",
        "hydra.sweeper.n_jobs",
        "hydra.sweeper.seed",
        "hydra.launcher.n_jobs",
        "hydra.launcher.timeout_min",
        "hydra.launcher.cpus_per_task",
        "hydra.launcher.gpus_per_node",
        "hydra.launcher.mem_gb",
        "hydra.launcher.partition",
        "hydra/launcher",
        "hydra/sweeper",
    ),
)
"""Hydra's own keys that users give."""
_LINE = re.compile(r"( *)(\w+):")
_VALUE = re.compile(r"\s*([\w.-]+)\s*(?:[(:].*)?")


def groups(beside: Path | None = None) -> dict[str, list[str]]:
    """The choices of each group of conf/ and of a folder beside it: models, tasks, rows (experiment), ..."""
    found: dict[str, list[str]] = {}
    for conf in (layout.conf_folder(), *([] if beside is None else [beside])):
        for path in sorted(conf.glob("*/**/*.yaml")):
            name = path.relative_to(conf).with_suffix("").as_posix()
            group, _, choice = name.partition("/")
            known = found.setdefault(group, []) if group not in NO_GROUPS else [choice]
            if choice not in known and not path.stem.startswith("_"):
                known.append(choice)
    return {group: known for group, known in found.items() if known}


def table_names() -> list[str]:
    """The tables there are."""
    return sorted(path.stem for path in (layout.conf_folder() / "table").glob("*.yaml"))


def rows_of(table: str) -> list[str]:
    """The rows of a table's folders."""
    content: Any = OmegaConf.to_container(OmegaConf.load(layout.conf_folder() / f"table/{table}.yaml"))
    folders = content["rows"] if isinstance(content["rows"], dict) else {"": content["rows"]}
    wanted = set(folders.values())
    every = (row.rpartition("/") for row in groups()["experiment"])
    return sorted({name for folder, _, name in every if folder in wanted} - set(content.get("leave_out", ())))


def keys(words: Iterable[str] = ()) -> list[str]:
    """All keys of the configuration that the groups chosen among the words make, groups first."""
    choices = groups()
    chosen = [word for word in words if _chosen(word, choices)]
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(layout.conf_folder()), version_base="1.3"):
        config = compose("config", overrides=chosen)
    GlobalHydra.instance().clear()
    return [*choices, *_leaves(config), *HYDRA]


def values(key: str) -> list[str]:
    """What may stand behind a key, where the files of conf/ say so behind a `#`: adam | adamw | sgd."""
    found: dict[str, None] = {}
    for name, line in _lines_of(key.partition(".")[0] if "." in key else ""):
        if name != key:
            continue
        content, _, comment = line.partition("#")
        parts = comment.split(" | ")
        if not _VALUE.fullmatch(parts[0]):  # what the key is stands before its values
            parts[0] = parts[0].rpartition(": ")[2]
        if len(parts) > 1:
            found |= {match[1]: None for part in parts if (match := _VALUE.fullmatch(part))}
        elif content.split()[-1] in ("true", "false"):
            found |= {"true": None, "false": None}
    return list(found)


def runs(folder: Path = Path("runs")) -> list[str]:
    """Folders of runs, the newest first, committed models among them."""
    found: list[tuple[float, str]] = []
    for path in chain(MODELS.glob("*/run.json"), folder.rglob("run.json")):
        found.append((path.stat().st_mtime, path.parent.as_posix()))
        if len(found) >= MANY:
            break
    return [name for _, name in sorted(found, reverse=True)]


def _chosen(word: str, choices: dict[str, list[str]]) -> bool:
    group, _, choice = word.partition("=")
    return all(name in choices.get(group, ()) for name in choice.strip("[]").split(","))


def _lines_of(group: str) -> Iterator[tuple[str, str]]:
    """The lines of the files in which a group's keys stand, each with its whole key."""
    conf = layout.conf_folder()
    files = [conf / "config.yaml"]
    if group:  # the optimiser's settings stand in the tasks' files
        files = sorted((conf / (group if (conf / group).is_dir() else "task")).glob("*.yaml"))
    for path in files:
        lines = path.read_text(encoding="utf-8").splitlines()
        levels = [] if not group or lines[0].startswith("# @package _global_") else [(-1, group)]
        for line in lines:
            if found := _LINE.match(line):
                while levels and levels[-1][0] >= len(found[1]):
                    levels.pop()
                levels.append((len(found[1]), found[2]))
                yield ".".join(name for _, name in levels), line


def _leaves(config: DictConfig, above: str = "") -> Iterator[str]:
    for key in config:
        name = f"{above}{key!s}"
        inner = config._get_node(key)
        if (
            isinstance(inner, DictConfig)
            and not inner._is_none()
            and not inner._is_interpolation()
            and len(inner)
        ):
            yield from _leaves(inner, f"{name}.")
        else:
            yield name
