"""What `help()` and the site's API pages say: shapes, limits, errors, sources, units; nothing is imported or run."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from . import docstrings
from .reading import Library

PACKAGE = Path(__file__).parents[1] / "src" / "sru_repro"
ROOMS = ("models", "ops", "data")
SAMPLE = {
    "core/errors.py": '''
class SuiteError(Exception):
    """Ours."""


class DataError(SuiteError):
    """Of data."""
''',
    "models/_base.py": '''
"""Shapes: L time, B batch, D features."""


class ModelSettings:
    """Settings."""


class Encoder:
    """A map."""

    def forward(self, x_LBD: Tensor) -> Tensor:
        """Returns h_LBD."""
        raise NotImplementedError


def require(condition: bool, message: str) -> None:
    """Refuses.

    Raises:
        ValueError: it does not hold.
    """
    if not condition:
        raise ValueError(message)
''',
    "models/__init__.py": '''
"""Models."""

from .one import KINDS

__all__ = ["KINDS"]
''',
    "models/one.py": '''
"""One (Somebody et al., EMNLP 2018, section 3). Shapes: L time, W batch."""

from ..core.errors import DataError
from . import _base
from ._base import Encoder, ModelSettings, require

MOST = 1 << 20
"""Bytes of a block."""
KINDS = {"plain", "odd"}
"""What there is."""
Pair = tuple[Tensor, Tensor]


class OneConfig(ModelSettings):
    """Settings."""

    size: int = Field(ge=1)
    kind: Literal["plain", "odd"]


class One(Encoder):
    """One (Somebody et al., EMNLP 2018, section 3). Shapes: L time, B batch, D features.

    Args:
        size: of the state, 1 or more.
        kind: "plain" or "odd".

    Raises:
        ValueError: a size below 1.
    """

    Config = OneConfig

    def __init__(self, size: int, kind: str) -> None:
        _base.require(size >= 1, "size")

    def forward(self, x_LBD: Tensor) -> Tensor:
        """See `Encoder`."""
        return torch.sigmoid(x_LBD)

    def parts(self, mask: Tensor) -> Pair:
        """Halves h_LBD, of a mask.

        Args:
            mask: (B, D).

        Raises:
            KeyError: there is none.
        """
        try:
            require(mask is not None, "mask")
        except ValueError:
            raise KeyError("mask") from None
        return _halves(mask)


def flat(x_W: Tensor) -> Tensor:
    """y_W of x_W."""


def _halves(mask):
    raise KeyError(mask)


def load(wait: float) -> None:
    """Loads.

    Args:
        wait: seconds.

    Raises:
        DataError: nothing is there.
    """
    found()


def found() -> None:
    """Looks.

    Raises:
        SuiteError: nothing is there.
    """
    raise DataError("nothing")
''',
}
ONE, PAPER = "models/one.py", "(Somebody et al., EMNLP 2018, section 3)."


@pytest.fixture(scope="module")
def library() -> Library:
    return Library(PACKAGE, ROOMS, ("core",))


@pytest.mark.parametrize("rule", docstrings.RULES, ids=lambda rule: rule.__name__)
def test_docstrings_of_the_library(library: Library, rule: Callable[[Library], list[str]]) -> None:
    found = rule(library)
    assert not found, f"{rule.__doc__}\n" + "\n".join(found)


def test_the_library_is_read(library: Library) -> None:
    """A rule that finds no function to look at would hold of anything."""
    names = {one.name for one in docstrings.public(library)}
    assert {"models.sru.SRU.forward", "ops.layers.layer", "data.text.load.load_corpus"} <= names
    models = {one.node.name for one in docstrings.encoders(library)}
    assert {"SRU", "SRUpp", "QRNN", "MinGRU", "TransformerXL", "LSTM", "GRU", "CNN"} <= models
    # By a checker; by one of another module; from below, through several calls; by a private function.
    assert library.raised(library.functions["models.srupp.SRUpp.__init__"]) == {"ValueError"}
    assert library.raised(library.functions["ops.elementwise.recurrence"]) == {"RuntimeError", "UnfitError"}
    assert library.raised(library.functions["data.store.vectors.load_vectors"]) == {
        "ConfigError",
        "DataError",
    }
    assert library.raised(library.functions["models._authors.convert"]) == {"ValueError"}


def sample(folder: Path, *changes: tuple[str, str, str]) -> Library:
    """The sample with some texts of some files in the place of others."""
    contents = dict(SAMPLE)
    for file, old, new in changes:
        assert contents[file].count(old) == 1, old
        contents[file] = contents[file].replace(old, new)
    for name, content in contents.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
    return Library(folder, ("models",), ("core",))


def test_a_sample_that_says_all(tmp_path: Path) -> None:
    library = sample(tmp_path)
    assert [rule(library) for rule in docstrings.RULES] == [[]] * len(docstrings.RULES)


@pytest.mark.parametrize(
    ("rule", "old", "new", "told"),
    [
        ("undocumented", '"""Bytes of a block."""\n', "", "models.one.MOST"),
        ("undocumented", '"""What there is."""\n', "", "models.one.KINDS"),
        ("undocumented", '        """See `Encoder`."""\n', "", "models.one.One.forward"),
        ("shapeless", "mask: (B, D).", "mask: of dropout.", "models.one.One.parts: mask"),
        ("shapeless", "Halves h_LBD, of", "Halves, of", "models.one.One.parts: its result"),
        ("shapeless", "size: int = Field(ge=1)", "size: Tensor", "models.one.OneConfig: size"),
        ("unexplained", "B batch, D features", "D features", "models.one.One.forward: B"),
        ("unexplained", "W batch", "B batch", "models.one.flat: W"),
        ("silent", "        KeyError: there is none.\n", "", "models.one.One.parts: KeyError"),
        ("silent", "KeyError: there", "LookError: there", "models.one.One.parts: LookError is no error"),
        ("silent", "        ValueError: a size below 1.\n", "", "models.one.One.__init__: ValueError"),
        ("silent", "        DataError: nothing is there.\n", "", "models.one.load: DataError"),
        (
            "silent",
            "        except ValueError:",
            "        except OSError:",
            "models.one.One.parts: ValueError",
        ),
        ("unsourced", f"{PAPER} Shapes: L time, W", "Shapes: L time, W", "models.one"),
        ("unsourced", f"{PAPER} Shapes: L time, B", "Shapes: L time, B", "models.one.One"),
        ("unranged", "of the state, 1 or more", "of the state", "models.one.One: size: 1"),
        ("unranged", '"plain" or "odd"', '"plain"', "models.one.One: kind: odd"),
        ("unranged", "        size: of the state, 1 or more.\n", "", "models.one.One: size"),
        ("unmeasured", "wait: seconds.", "wait: how long.", "models.one.load: wait"),
    ],
)
def test_what_is_not_said_is_found(tmp_path: Path, rule: str, old: str, new: str, told: str) -> None:
    found = getattr(docstrings, rule)(sample(tmp_path, (ONE, old, new)))
    assert told in found and all(re.match(r"models\.", line) for line in found)
