"""Do the wheels of a pack fit where they are to be installed? python scripts/wheels.py FOLDER 3.12

Every wheel below FOLDER must be for that Python on Linux, x86-64, and every package that one of them needs must be
among them in a version that serves, unless it comes with PyTorch. A line for each that does not fit, and status 1.
"""

import sys
import zipfile
from collections.abc import Iterator
from email.parser import HeaderParser
from pathlib import Path

from packaging.requirements import Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

GLIBC = 35
"""The newest glibc, 2.x, that a wheel may ask for."""
THERE = {"torch", "numpy", "pip", "filelock", "sympy", "mpmath", "networkx", "jinja2", "markupsafe", "triton"}
"""What a machine with PyTorch has."""
AT_HOME = {"gensim", "spacy", "datasets", "wandb", "matplotlib", "pandas", "safetensors", "scipy"}
"""What the GPU check does without."""


def fitting(version: tuple[int, int]) -> set[Tag]:
    """All tags that a wheel may have."""
    platforms = [f"manylinux_2_{minor}_x86_64" for minor in range(5, GLIBC + 1)]
    platforms += [f"manylinux{year}_x86_64" for year in ("1", "2010", "2014")] + ["linux_x86_64"]
    interpreter = f"cp{version[0]}{version[1]}"
    return {*cpython_tags(version, platforms=platforms), *compatible_tags(version, interpreter, platforms)}


def problems(folder: Path, version: tuple[int, int]) -> Iterator[str]:
    """A line for each wheel, or requirement of one, that does not fit."""
    allowed, found = fitting(version), dict[str, Version]()
    wheels = sorted(folder.rglob("*.whl"))
    if not wheels:
        yield f"{folder}: expected wheels, found none"
    for wheel in wheels:
        name, number, _, tags = parse_wheel_filename(wheel.name)
        if name in found:
            yield f"{wheel.name}: expected one {name}, found {found[name]} too"
        found[name] = number
        if not tags & allowed:
            yield f"{wheel.name}: expected a wheel for Python {version[0]}.{version[1]} on Linux, x86-64"
    environment = {
        "python_version": f"{version[0]}.{version[1]}",
        "python_full_version": f"{version[0]}.{version[1]}.0",
    }
    environment |= {"sys_platform": "linux", "platform_machine": "x86_64", "platform_system": "Linux"}
    environment |= {"os_name": "posix", "platform_python_implementation": "CPython", "extra": ""}
    for wheel in wheels:
        for line in _required(wheel):
            need = Requirement(line)
            name = canonicalize_name(need.name)
            if (need.marker and not need.marker.evaluate(environment)) or name in THERE | AT_HOME:
                continue
            if name not in found:
                yield f"{wheel.name}: needs {need}, which is not among the wheels"
            elif not need.specifier.contains(found[name], prereleases=True):
                yield f"{wheel.name}: needs {need}, found {found[name]}"


def _required(wheel: Path) -> list[str]:
    """What a wheel says that it needs."""
    with zipfile.ZipFile(wheel) as archive:
        own = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        place = min(own, key=lambda name: name.count("/"))  # setuptools carries others inside
        return HeaderParser().parsestr(archive.read(place).decode()).get_all("Requires-Dist") or []


if __name__ == "__main__":
    place, wanted = Path(sys.argv[1]), sys.argv[2]
    major, minor = map(int, wanted.split("."))
    lines = [*problems(place, (major, minor))]
    print("\n".join(lines) or f"{len([*place.rglob('*.whl')])} wheels fit Python {wanted}")
    sys.exit(bool(lines))
