"""The house rules: who may import whom, what an import costs, and what no file may hold."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "sru_repro"
# From the top down; rooms of one floor know nothing of each other. core/ is open to all.
FLOORS = [
    {"__main__"},
    {"cli"},
    {"gpu_check"},
    {"reporting", "training", "bench"},
    {"record"},
    {"tasks"},
    {"models", "data"},
    {"ops"},
]
OPEN_TO_ALL = {"core"}
SOURCES = sorted(PACKAGE.rglob("*.py"))
WRITTEN = [
    file
    for place in (
        "src",
        "tests",
        "conf",
        "scripts",
        "notebooks",
        ".ci",
        "*.md",
        "*.toml",
        "*.yml",
        "Makefile",
    )
    for start in ROOT.glob(place)
    for file in (start.rglob("*") if start.is_dir() else [start])
    if file.suffix in {".py", ".yaml", ".yml", ".toml", ".md", ".sh", ".ipynb", ""}
    and file.is_file()
    and not {"__pycache__", "peers"} & set(file.relative_to(ROOT).parts)
    and ".egg-info" not in str(file)
]


def room_of(file: Path) -> str:
    """The part of the package that a file belongs to: "ops", "cli", "errors", ...; "" for the package itself."""
    first = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


def rooms_imported(file: Path) -> Iterator[tuple[int, str]]:
    """(line, part of the package) of every import in a file, also inside functions and of types only."""
    here = ("sru_repro", *file.relative_to(PACKAGE).parts)
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            paths = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = list(here[: len(here) - node.level]) if node.level else []
            start += node.module.split(".") if node.module else []
            paths = [[*start, alias.name] for alias in node.names]
        else:
            continue
        yield from ((node.lineno, path[1]) for path in paths if path[0] == "sru_repro" and len(path) > 1)


def test_the_rule_is_read_from_imports_of_every_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    (tmp_path / "models").mkdir()
    file = tmp_path / "models" / "one.py"
    file.write_text(
        "import sru_repro.cli\nimport torch\nfrom sru_repro import training\nfrom sru_repro.tasks.sst import X\n"
        "from . import two\nfrom .. import ops\ndef f():\n    from ..data import words\nfrom ..ops.eager import y\n"
    )
    assert sorted(rooms_imported(file)) == [
        (1, "cli"), (3, "training"), (4, "tasks"), (5, "models"), (6, "ops"), (8, "data"), (9, "ops"),
    ]  # fmt: skip


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_floor_imports_only_floors_below(file: Path) -> None:
    level = {room: depth for depth, rooms in enumerate(FLOORS) for room in rooms}
    room = room_of(file)
    assert room in {"", *level, *OPEN_TO_ALL}, f"{file}: {room} stands on no floor"
    for line, other in rooms_imported(file):
        if other in level and room:
            below = room in level and level[other] > level[room]
            assert below or other == room, f"{file}:{line}: {room} may not import {other}"
        else:
            assert room or other in OPEN_TO_ALL, f"{file}:{line}: the package itself imports {other}"


HEAVY = ["pytorch_lightning", "lightning", "wandb", "datasets", "gensim", "torchtext", "pooch", "pandas"]
HEAVY += ["matplotlib", "hydra"]


@pytest.mark.parametrize("module", ["sru_repro", "sru_repro.ops", "sru_repro.models"])
def test_importing_a_low_floor_is_light(module: str) -> None:
    say = f"import sys, {module}; print(*(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", say], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_source_file_is_short_and_says_what_it_is_for(file: Path) -> None:
    text = file.read_text()
    assert len(text.splitlines()) <= 350, f"{file} is over 350 lines: divide it"
    assert file.stem not in {"utils", "util", "helpers", "misc", "common"}, (
        f"{file}: name it after what it does"
    )
    assert ast.get_docstring(ast.parse(text)), f"{file} has no docstring at its head"


def test_no_file_names_a_place_of_somebodys_machine() -> None:
    somebodys = re.compile(r"(?<![\w.*])/(home|root|work|Users)/(?!some ?one)\w")
    found = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file in WRITTEN
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if somebodys.search(line)
    ]
    assert len(WRITTEN) > 30
    assert not found, "\n".join(found)
