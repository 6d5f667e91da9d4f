"""Mutated command lines and configuration files: refused at once in one line that names the key, or taken in whole."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import chdir
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from omegaconf import OmegaConf

from ..cli import choices
from ..cli.flags import flags_of
from ..cli.plan import planned
from ..cli.quoting import TEXTS, parsed_word
from ..core.errors import SuiteError, on_one_line
from ..training.config import RunConfig
from ._mutations import mutated_file, mutated_line
from ._promise import Cut, Promise, Tally

LIMIT_S = 3.0
"""Of a refusal: seconds of the processor's time, which other programs do not share."""
GROUPS = ("model", "task", "trainer", "logger")
MINE = "mine"
"""What the user's own files are called."""
SMOKE = (
    *(
        "task=quickstart",
        "profile=smoke",
        "trainer=cpu",
        "logger=csv",
        "model.hidden_size=8",
        "task.unroll=300",
    ),
    *("task.embedding_size=8", "task.max_bytes=20000"),
)


def judged(args: Sequence[str], names: Sequence[str] = ()) -> str:
    """Whether a command line of `train` is "refused" or "accepted"; `names` may stand in the place of its keys.

    Raises:
        AssertionError: an error of more than a line, late, or without a key; a word that had no effect.
    """
    began = time.process_time()
    try:
        config = planned(flags_of(args))[1]
    except SuiteError as error:
        spent, said = time.process_time() - began, str(error)
        assert spent < LIMIT_S, f"{spent:.1f} s for {said:.80}"
        assert said and said == on_one_line(said), f"not one line: {said!r:.200}"
        assert len(said) < 2000 or max(map(len, args)) > 500, f"{len(said)} symbols: {said:.200}"
        assert error.status == 2
        known = [*names, *args, *(_key(arg) for arg in args), *(arg.partition("=")[0] for arg in args)]
        assert any(on_one_line(name).strip() in said for name in known if name.strip()) or "''" in said, (
            f"no key in: {said:.200}"
        )
        return "refused"
    if config is not None:
        _all_said(args, config)
    return "accepted"


def _key(arg: str) -> str:
    return arg.partition("=")[0].lstrip("+-~")


def _all_said(args: Sequence[str], config: RunConfig) -> None:
    """Each word is to be seen in the configuration, but for those of a key that a later word sets again."""
    for place, arg in enumerate(args):
        key, value = _key(arg), arg.partition("=")[2]
        if key in map(_key, args[place + 1 :]):
            continue
        found = OmegaConf.select(OmegaConf.create(config.plain), key) if not key.startswith("hydra") else None
        if value == MINE:
            continue  # its file says what it is
        if arg.startswith("~"):
            assert found is None, f"{arg}: {key} is {found!r}"
        elif key in GROUPS and value.lstrip("/") in choices.groups()[key]:  # Hydra takes /name for name
            name = config.plain[key]["name"]
            assert name == value.lstrip("/"), f"{arg}: {key}.name is {name!r}"
        elif key == "experiment":
            row = Path(value).name
            assert value == "null" or config.top.row == row or any(_key(word) == "row" for word in args), arg
        elif not arg.startswith("-config") and not key.startswith(
            ("hydra", "resume", "budgets", "config-dir")
        ):
            assert found == _meant(key, value) or "auto" in value or "${" in value, (
                f"{arg}: {key} is {found!r}"
            )


def _meant(key: str, value: str) -> Any:
    """What a value says by itself."""
    parsed = parsed_word(f"key={value}")
    read = parsed.value() if parsed is not None and not parsed.is_sweep_override() else value
    if parsed is None and value.startswith("[") and value.endswith("]"):
        read = [part.strip() for part in value[1:-1].split(",")]
    quoted = value[:1] in "'\"" and isinstance(read, str)
    return value if key in TEXTS and not quoted and "\\" not in value else read


def _command_lines(tally: Tally, cut: Cut) -> None:
    draw, refused = cut.draw("lines"), 0
    slowest = 0.0
    planned(flags_of(["seed=1"]))  # what is imported once
    with chdir(cut.folder):
        for number in range(cut.tries(850)):
            words = mutated_line(draw)
            with tally.trying(f"line {number}: {json.dumps(words)[:300]}"):
                began = time.process_time()
                refused += judged(words) == "refused"
                slowest = max(slowest, time.process_time() - began)
    tally.figure = f"{refused} refused, slowest {slowest:.2f} s"


def _files(tally: Tally, cut: Cut) -> None:
    draw, refused = cut.draw("files"), 0
    with chdir(cut.folder):
        for number in range(cut.tries(150)):
            place, content = mutated_file(draw)
            path = Path("mine", place)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            group = path.parent.name
            with tally.trying(f"file {number}: {place}: {content!r:.300}"):
                names = (place, str(path), f"{group}:", *_keys_of(content))
                refused += judged(["--config-dir=mine", f"{group}={MINE}"], names) == "refused"
            path.unlink()
    tally.figure = f"{refused} refused"


def _keys_of(content: bytes) -> list[str]:
    """Keys that an error may name: those that stand in the file."""
    words = content.decode("utf-8", "replace").replace("\n", " ").replace(":", " ").split()
    return [word for word in words if len(word) > 1]


def _processes(tally: Tally, cut: Cut) -> None:
    draw, place = cut.draw("processes"), cut.folder / "empty"
    place.mkdir()
    slowest, lines = 0.0, _refused_lines(draw)
    for number in range(cut.tries(40)):
        words = next(lines)
        with tally.trying(f"process {number}: {json.dumps(words)[:300]}"):
            began = _children_s()
            done = subprocess.run(
                [sys.executable, "-m", "sru_repro", "train", *words],
                cwd=place,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
            )
            slowest = max(slowest, spent := _children_s() - began)
            assert done.returncode == 2 and not done.stdout, f"status {done.returncode}: {done.stderr:.200}"
            assert done.stderr.startswith("sru-repro: ") and done.stderr.count("\n") == 1, done.stderr[:300]
            assert not list(place.iterdir()), "something was left on disk"
            assert spent < LIMIT_S, f"{spent:.1f} s"
    tally.figure = f"slowest {slowest:.1f} s of the processor"


def _refused_lines(draw: Random) -> Any:
    for _ in count():
        words = mutated_line(draw)
        if all("\0" not in word and word.isprintable() for word in words) and judged(words) == "refused":
            yield words


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _trained(tally: Tally, cut: Cut) -> None:
    """Of what is accepted, a few are trained: a folder with a strange name, keys as sweep agents write them."""
    ways = (
        ["hydra.run.dir=my runs (2)/文本 #1, it's=x", "--optim.lr=0.01", "row=mine"],
        ["--model=gru", "hydra.run.dir=C:\\runs\\[new]", "--seed=5"],
        ["model=lstm", "hydra.run.dir=2024", "logger.tags=[a b,c#d]", "logger=wandb", "logger.mode=offline"],
    )
    for words in ways[: cut.tries(len(ways))]:
        with tally.trying(json.dumps(words, ensure_ascii=False)):
            said = [word for word in SMOKE if word.partition("=")[0] not in {_key(arg) for arg in words}]
            done = subprocess.run(
                [sys.executable, "-m", "sru_repro", "train", *said, *words],
                cwd=cut.folder,
                capture_output=True,
                text=True,
                env={**os.environ, "WANDB_MODE": "offline"},
            )
            assert done.returncode == 0, done.stderr[-300:]
            (folder,) = (word.removeprefix("hydra.run.dir=") for word in words if "hydra.run.dir=" in word)
            assert (cut.folder / folder / "run.json").is_file(), "the run lies elsewhere"


TEST = "tests/torture/test_commands.py::"
PROMISES = [
    Promise(
        "mutated command lines",
        f"A mistyped command line is refused in under {LIMIT_S:.0f} s, in one line that names the key; of what is "
        "accepted every word is in the configuration.",
        f"{TEST}test_mutated_command_lines",
        _command_lines,
        headline=True,
    ),
    Promise(
        "mutated configuration files",
        "A damaged configuration file of the user's own (indents, tabs, duplicate keys, anchors, a thousand-fold bomb) "
        "is refused in one line that names the file or key.",
        f"{TEST}test_mutated_configuration_files",
        _files,
    ),
    Promise(
        "refusals of the command",
        f"Refused by the command itself: status 2, one line, under {LIMIT_S:.0f} s, nothing left on disk.",
        f"{TEST}test_refusals_of_the_command",
        _processes,
    ),
    Promise(
        "words as the shell gave them",
        "Folders with blanks, brackets, other scripts and backslashes in their names are trained in.",
        f"{TEST}test_words_as_the_shell_gave_them",
        _trained,
    ),
]
