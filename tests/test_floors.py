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
    {"__main__", "torture"},
    {"cli", "lessons"},
    {"gpu_check"},
    {"reporting", "training", "bench"},
    {"tasks"},
    {"models", "data"},
    {"verify"},
    {"ops"},
    {"records"},
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


def name_of(file: Path) -> str:
    """The module that a file is, from the package on: "models.sru"; a room's `__init__` is the room."""
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def paths_imported(file: Path) -> Iterator[tuple[int, list[str]]]:
    """(line, path) of every import from the package, also inside functions and of types only."""
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
        yield from ((node.lineno, path) for path in paths if path[0] == "sru_repro")


def rooms_imported(file: Path) -> Iterator[tuple[int, str]]:
    """(line, part of the package) of every import in a file."""
    yield from ((line, path[1]) for line, path in paths_imported(file) if len(path) > 1)


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


def test_a_floor_imports_only_floors_below() -> None:
    level = {room: depth for depth, rooms in enumerate(FLOORS) for room in rooms}
    wrong = []
    for file in SOURCES:
        room = room_of(file)
        if room not in {"", *level, *OPEN_TO_ALL}:
            wrong.append(f"{file}: {room} stands on no floor")
        for line, other in rooms_imported(file):
            if other in level and room:
                below = room in level and level[other] > level[room]
                allowed = below or other == room
            else:
                allowed = bool(room) or other in OPEN_TO_ALL
            if not allowed:
                wrong.append(f"{file}:{line}: {room or 'the package itself'} may not import {other}")
    assert not wrong, "\n".join(wrong)


def modules_imported(file: Path, modules: set[str]) -> set[str]:
    """The modules of the package that a file's imports name, wherever they stand; "" is the package itself.

    Importing `.room.file` runs `.room`, too; that is no dependency of the importing file, and not counted.
    """
    found = set()
    for _, path in paths_imported(file):
        for end in range(
            len(path), 0, -1
        ):  # the longest beginning that is a module; the rest is a name in it
            name = ".".join(path[1:end])
            if name in modules:
                found.add(name)
                break
    return found


def circles(imports: dict[str, set[str]]) -> list[list[str]]:
    """The strongly connected components of more than one module: those that can be reached from one another."""

    def reached(start: str) -> set[str]:
        found: set[str] = set()
        ahead = [start]
        while ahead:
            new = imports[ahead.pop()] - found
            found |= new
            ahead += new
        return found

    reachable = {module: reached(module) for module in imports}
    found = {
        tuple(sorted(other for other in reachable[module] if module in reachable[other]))
        for module in imports
        if module in reachable[module]
    }
    return [list(circle) for circle in sorted(found) if len(circle) > 1]


def test_circles_are_found() -> None:
    imports = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a", "d"}, "e": {"f"}, "f": {"e"}}
    assert circles(imports) == [["a", "b", "c"], ["e", "f"]]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_no_modules_import_each_other() -> None:
    """Also not lazily, in functions, and not for types alone."""
    names = {name_of(file): file for file in SOURCES}
    assert len(names) == len(SOURCES)
    imports = {name: modules_imported(file, set(names)) for name, file in names.items()}
    assert {"core.errors", "core.interrupt"} <= imports["cli"]
    found = circles(imports)
    assert not found, "\n".join(" <-> ".join(circle) for circle in found)


def test_imports_within_the_package_are_relative_and_nothing_comes_from_the_future() -> None:
    found = []
    for file in SOURCES:
        for node in ast.walk(ast.parse(file.read_text())):
            named = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                named = [str(node.module)]
            found += [
                f"{file}:{node.lineno}: {name}"  # type: ignore[attr-defined]
                for name in named
                if name.split(".")[0] in ("sru_repro", "__future__")
            ]
    assert not found, "\n".join(found)


HEAVY = [
    "pytorch_lightning",
    "lightning",
    "wandb",
    "tensorboard",
    "trackio",
    "datasets",
    "gensim",
    "torchtext",
    "pooch",
    "pandas",
]
HEAVY += ["matplotlib", "hydra"]


def test_records_need_neither_torch_nor_pandas() -> None:
    say = f"import sys, sru_repro.records.run; print({{'torch', *{HEAVY}}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", say], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "set()", "")


@pytest.mark.parametrize("module", ["sru_repro", "sru_repro.ops", "sru_repro.models"])
def test_importing_a_low_floor_is_light(module: str) -> None:
    say = f"import sys, {module}; print(*(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", say], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


def test_a_source_file_is_short_and_says_what_it_is_for() -> None:
    wrong = []
    for file in SOURCES:
        text = file.read_text()
        if len(text.splitlines()) > 350:
            wrong.append(f"{file} is over 350 lines: divide it")
        if file.stem in {"utils", "util", "helpers", "misc", "common"}:
            wrong.append(f"{file}: name it after what it does")
        if not ast.get_docstring(ast.parse(text)):
            wrong.append(f"{file} has no docstring at its head")
    assert not wrong, "\n".join(wrong)


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
