"""What the word at the end of a command line may become. Nothing here imports torch: TAB has to answer at once."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import get_args

from ..records.gpu_manifest import SECTIONS
from ..records.run import PROFILES
from . import choices
from .search.settings import Pruner, Sampler
from .sweep.launchers import LAUNCHERS

Values = Iterable[str] | Callable[[], Iterable[str]]
"""What a key may be: names, or what tells them; PATHS: a file or folder."""
PATHS = ("",)
ANY = ()
DEVICES = ("cpu", "cuda")
SWITCH = ("true", "false")
SEEDS = ("1", "1,2,3")
SHAPES = (
    *(
        "figure-256",
        "figure-512",
        "sst",
        "reader",
        "reader-both",
        "lm-512",
        "lm-1024",
        "lm-long",
        "wide",
        "decode",
    ),
)
PARTS = ("shapes", "recurrence", "overhead", "growth")
PACKED = ("sst", "squad", "enwik8")

KEYS: dict[str, dict[str, Values]] = {
    "train": {
        "hydra/launcher": tuple(LAUNCHERS),
        "hydra.sweeper.sampler": get_args(Sampler),
        "hydra.sweeper.pruner": (*get_args(Pruner), "null"),
    },
    "evaluate": {
        **{"run": choices.runs, "data_dir": PATHS, "trainer.accelerator": DEVICES, "task.batch_size": ANY},
        **dict.fromkeys(("task.eval_window", "task.eval_unroll", "task.eval_batch_size"), ANY),
    },
    "predict": {
        **{"run": choices.runs, "passage": PATHS, "device": DEVICES, "--json": ANY, "--gates": ANY},
        **dict.fromkeys(("text", "prompt", "question", "top", "length", "temperature", "top_k", "seed"), ANY),
    },
    "export": {
        **{
            "run": choices.runs,
            "out": PATHS,
            "dtype": ("float16", "float32"),
            "vectors": ("best", "axes", "rows"),
        },
        **{"max_mb": ANY, "data_dir": PATHS},
    },
    "reproduce": {
        **{"table": choices.table_names, "profile": PROFILES, "rows": ANY, "seeds": SEEDS, "seed": SEEDS},
        **{"folds": ANY, "jobs": ANY},
    },
    "fetch": {},
    "list": {"task": lambda: choices.groups()["task"], "--json": ANY},
    "report": {"sweep": PATHS},
    "bench": {
        **{"task": ("decode",), "device": DEVICES, "shapes": SHAPES, "sections": PARTS},
        **dict.fromkeys(("contexts", "repeats", "budget", "threads"), ANY),
    },
    "gpu-check": {
        **{"sections": tuple(SECTIONS), "out": PATHS, "device": DEVICES, "data_dir": PATHS, "adopt": PATHS},
        **{
            "rehearse": SWITCH,
            "fresh": SWITCH,
            "mps": SWITCH,
            "rows": lambda: choices.groups()["experiment"],
        },
        **dict.fromkeys(("budget", "seeds", "jobs", "seconds"), ANY),
    },
    "pack": {"out": PATHS, "data_dir": PATHS, "tasks": PACKED, "words": ANY, "questions": ANY, "bytes": ANY},
    "dashboard": {"logger": ("tensorboard", "trackio", "wandb"), "runs": PATHS, "port": ANY},
    "compare": {"a": choices.runs, "b": choices.runs, "html": PATHS, "against": ANY},
    "backends": {},
    "completion": {},
}
"""Each verb's own keys, with what they may be. Those of a configuration come by themselves."""
CONFIGURED = ("train", "fetch", "reproduce")
"""Verbs that take the keys of a configuration."""
WORDS = {"completion": ("bash", "zsh", "fish")}
RUNS = ("compare",)
"""Verbs that take runs by their names alone."""
FLAGS = (
    *(
        "--multirun",
        "--cfg",
        "--config-dir",
        "--info",
        "--resolve",
        "--package",
        "--shell-completion",
        "--hydra-help",
    ),
    *("--version",),
)
"""Hydra's, behind train."""
BEHIND = {"--cfg": ("job", "hydra", "all"), "-c": ("job", "hydra", "all"), "--config-dir": (), "-cd": ()}
"""What stands behind a flag as a word of its own; (): a folder."""
FOLDERS = (
    "data_dir",
    "sweep",
    "task.path",
    "task.vectors",
    "logger.folder",
    "hydra.run.dir",
    "hydra.sweep.dir",
    "--config-dir",
)
"""Keys of a configuration that name files and folders."""


def candidates(words: Sequence[str], last: str) -> list[str]:
    """What `last` may become behind these words: whole words, `key=` where a value is to follow."""
    if not words:
        return _starting(last, [*KEYS, "--help"])
    verb, said = words[0], words[1:]
    if verb not in KEYS:
        return []
    key, equals, value = last.partition("=")
    key = key if key in FOLDERS else key.lstrip("+").removeprefix("--")
    sign = last[: len(last) - len(last.lstrip("+~"))]
    if sign and not equals:
        names = [name for name in candidates(words, last.lstrip("+~")) if not name.startswith("-")]
        return [f"{sign}{name.removesuffix('=') if sign == '~' else name}" for name in names]
    if verb in RUNS and not (equals and key in KEYS[verb]):
        given = {word.partition("=")[0] for word in said}
        named = [*(f"{name}=" for name in KEYS[verb] if name not in given), "--help"]
        return _starting(last, named) + (_starting(last, choices.runs()) or _paths(last))
    if equals:
        return [f"{last[: len(last) - len(value)]}{found}" for found in _values(verb, key, value, said)]
    if said and said[-1] in BEHIND:
        return _starting(last, BEHIND[said[-1]]) if BEHIND[said[-1]] else _folders(last)
    if last.startswith("-") and not last.startswith("--") and verb == "train":
        return _starting(last, ("-m", "-cd", "-cn", "-h"))
    given = {word.partition("=")[0].lstrip("+").removeprefix("--") for word in said}
    names = [name if name.startswith("--") else f"{name}=" for name in KEYS[verb] if name not in given]
    if verb in CONFIGURED:
        with suppress(Exception):  # of files that cannot be read: TAB says nothing
            names += [f"{name}=" for name in choices.keys(said) if name not in given]
    names += [*WORDS.get(verb, ()), *(FLAGS if verb == "train" else ()), "--help"]
    return _levelled(last, _starting(last, dict.fromkeys(names)))


def _values(verb: str, key: str, value: str, said: Sequence[str]) -> list[str]:
    """What may stand behind a key."""
    ahead, comma, part = value.rpartition(",")
    head = ahead + comma
    known: Values | None = KEYS[verb].get(key)
    if known is PATHS or (known is None and key in FOLDERS):
        mark = "@" if key == "passage" and value.startswith("@") else ""
        named = [] if mark or known is PATHS else choices.values(key)
        return [*_starting(value, named), *(f"{mark}{path}" for path in _paths(value.removeprefix(mark)))]
    if known is None and verb not in CONFIGURED:
        return []
    if verb == "reproduce" and key == "rows":
        table = next((word.removeprefix("table=") for word in said if word.startswith("table=")), "")
        known = choices.rows_of(table) if table in choices.table_names() else ()
    elif known is None:
        groups = choices.groups()
        known = groups[key] if key in groups else choices.values(key)
    names = list(known() if callable(known) else known)
    taken = ahead.split(",") if ahead else []
    found = [f"{head}{name}" for name in _starting(part, names) if name not in taken]
    return found or (_paths(value) if known is choices.runs else [])


def _levelled(last: str, names: Sequence[str]) -> list[str]:
    """Keys of a group by their group where nothing of them is written yet: ninety names help nobody."""
    if len(names) < 40 or "." in last:
        return list(names)
    shown = (f"{name.partition('.')[0]}." if "." in name else name for name in names)
    return list(dict.fromkeys(shown))


def _starting(last: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(last)]


def _folders(value: str) -> list[str]:
    return [path for path in _paths(value) if path.endswith("/")]


def _paths(value: str) -> list[str]:
    """Files and folders, as far as they are written; folders end in a slash."""
    above, slash, name = value.rpartition("/")
    folder = Path(above + slash or ".")
    found = []
    with suppress(OSError):
        for path in sorted(folder.iterdir()):
            if path.name.startswith(name) and (name.startswith(".") or not path.name.startswith(".")):
                found.append(f"{above}{slash}{path.name}{'/' if path.is_dir() else ''}")
    return found
