"""Where the suite lies: in a checkout, or installed by itself, where conf/ has travelled inside the package."""

from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def checkout() -> Path | None:
    """The folder of the checkout that the package is run from; None where it is installed by itself."""
    root = PACKAGE.parents[1]
    whole = PACKAGE.parent.name == "src" and (root / "pyproject.toml").is_file() and (root / "conf").is_dir()
    return root if whole else None


def conf_folder() -> Path:
    """The folder of the configurations: conf/ of the checkout, or what was installed of it."""
    root = checkout()
    return root / "conf" if root is not None else PACKAGE / "conf"


def sources() -> Iterator[tuple[str, Path]]:
    """Everything that is run: each file's place in a checkout, and where it lies here; in order."""
    conf = conf_folder()
    for path in sorted(PACKAGE.rglob("*")):
        if conf not in path.parents:
            yield f"src/sru_repro/{path.relative_to(PACKAGE)}", path
    for path in sorted(conf.rglob("*")):
        yield f"conf/{path.relative_to(conf)}", path
