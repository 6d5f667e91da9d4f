"""What setting up rests on: the locks, the Makefile, the ranges of pyproject.toml, and this environment."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCKS = [ROOT / "requirements.lock", *sorted((ROOT / "tests/peers").glob("*.lock"))]
# name==version, perhaps with a marker, then one hash a line
ENTRY = re.compile(r"^(?P<pin>[A-Za-z0-9].*?)(?: \\\n +--hash=sha256:[0-9a-f]{64})+$", re.MULTILINE)


def locked(lock: Path) -> dict[str, Requirement]:
    """The entries of a lock, by canonical name."""
    pins = [Requirement(match["pin"]) for match in ENTRY.finditer(lock.read_text())]
    return {canonicalize_name(pin.name): pin for pin in pins}


def test_every_entry_of_a_lock_is_exact_and_hashed() -> None:
    assert len(LOCKS) == 3
    for lock in LOCKS:
        starts = re.findall(r"^[A-Za-z0-9][^ =;]*", lock.read_text(), re.MULTILINE)
        pins = locked(lock)
        assert [canonicalize_name(name) for name in starts] == list(pins), lock
        for pin in pins.values():
            assert re.fullmatch(r"==[^*]+", str(pin.specifier)), f"{lock}: {pin}"


def test_every_dependency_is_locked_inside_its_range() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    first = re.search(r"^TORCH := (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert first is not None
    pins = locked(ROOT / "requirements.lock") | {"torch": Requirement(first[1])}
    for text in project["dependencies"] + project["optional-dependencies"]["dev"]:
        wanted = Requirement(text)
        pin = pins[canonicalize_name(wanted.name)]
        version = str(pin.specifier).removeprefix("==")
        assert wanted.specifier.contains(version, prereleases=True), f"{pin} is not in {wanted}"
        assert pin.marker == wanted.marker, f"{pin}: needed wherever {wanted} is"


def test_torch_and_its_own_libraries_are_left_to_its_index() -> None:
    strangers = re.compile(r"torch|triton|nvidia-.*|cuda-.*")
    # What the CUDA kernels are built with, which torch's build for the CPU does not bring.
    ours = {"cuda-bindings", "cuda-pathfinder", "nvidia-cuda-nvrtc"}
    lock = ROOT / "requirements.lock"
    assert {name for name in locked(lock) if strangers.fullmatch(name)} == ours
    entry = lock.read_text().partition("\nnvidia-cuda-nvrtc==")[2].partition("\n\n")[0]
    assert re.search(r"^    #   cuda-toolkit$", entry, re.MULTILINE), "not the version that torch asks for"


def test_no_package_index_is_named() -> None:
    for file in [ROOT / "Makefile", ROOT / "environment.yml", ROOT / "pyproject.toml", *LOCKS]:
        assert not re.search(r"https?:|file:|--(extra-)?index-url|--find-links", file.read_text()), file


def test_this_environment_is_whole() -> None:
    check = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True)
    assert check.returncode == 0, check.stdout + check.stderr


def test_help_lists_every_target() -> None:
    shown = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True, check=True).stdout
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    tables = [f"reproduce-{path.stem}" for path in (ROOT / "conf" / "table").glob("*.yaml")]
    tables.remove("reproduce-quickstart")  # `make quickstart`
    for target in [*phony[1].replace("$(TABLES:%=reproduce-%)", "").split(), *tables]:
        assert re.search(rf"^  {target} +\S", shown, re.MULTILINE), f"make help does not explain {target}"


def test_an_unsuitable_python_is_named_before_anything_is_made(tmp_path: Path) -> None:
    old = tmp_path / "old-python"
    pretend = "import sys; sys.version_info = (3, 10, 2)"
    old.write_text(f"""#!/bin/sh\nexec '{sys.executable}' -c "{pretend}; $2"\n""")
    old.chmod(0o755)
    command = ["make", "-C", str(ROOT), "setup", f"PYTHON={old}", f"VENV={tmp_path}/env"]
    made = subprocess.run(command, capture_output=True, text=True)
    assert made.returncode == 2
    assert "Python 3.10; 3.11, 3.12 or 3.13 is needed" in made.stderr
    assert "Traceback" not in made.stderr
    assert not (tmp_path / "env").exists()
