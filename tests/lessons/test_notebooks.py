"""The notebooks run from top to bottom on what is committed, and say what stands in them."""

import ast
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sru_repro.core.errors import SuiteError
from sru_repro.lessons import executed as notebooks

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("nbclient")

PLACES = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
KB = 1000


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Every notebook with new outputs, by name, and under "broken" what is said of one that fails."""
    broken = tmp_path_factory.mktemp("notebooks") / "broken.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("Path")]), broken)
    found: dict[str, Any] = {}
    with pytest.raises(SuiteError) as failed:  # one kernel for all
        for place, notebook in zip([*PLACES, broken], notebooks.executed([*PLACES, broken]), strict=True):
            found[place.name] = notebook
    return {**found, "broken": str(failed.value)}


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.stem)
def test_outputs_are_what_the_records_say_now(place: Path, fresh: dict[str, Any]) -> None:
    assert place.name in fresh, fresh["broken"]
    changed = notebooks.otherwise(nbformat.read(place, 4), fresh[place.name], place.name)
    assert not changed, "\n\n".join(changed)


@pytest.mark.slow
def test_a_notebook_begins_empty_and_a_failure_is_one_line(fresh: dict[str, Any]) -> None:
    """The notebooks before have imported Path."""
    assert fresh["broken"] == (
        "broken.ipynb: expected a notebook that runs to its end, found NameError: name 'Path' is not defined"
    )


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.stem)
def test_is_committed_with_small_outputs_in_order(place: Path) -> None:
    notebook = nbformat.read(place, 4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [*range(1, len(code) + 1)], "make notebooks"
    pictures = notebooks.pictures(notebook)
    assert len(pictures) >= 2
    assert max(map(len, pictures)) < 100 * KB and place.stat().st_size < 400 * KB
    said = "\n".join(line for cell in code for line in notebooks.said(cell))
    assert str(Path.home()) not in said and "/tmp/" not in said and "Warning" not in said


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.stem)
def test_asks_first_ends_with_what_to_try_and_defines_nothing(place: Path) -> None:
    cells = nbformat.read(place, 4).cells
    assert "answers:" in cells[0].source and "## Try next" in cells[-1].source
    for cell in cells:
        if cell.cell_type == "code":
            tree = ast.parse(cell.source.replace("%matplotlib inline", ""))
            logic = (ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.If, ast.While, ast.Try)
            assert not [node for node in ast.walk(tree) if isinstance(node, logic)], cell.source


def _notebook(**output: Any) -> Any:
    cell = nbformat.v4.new_code_cell("f()", outputs=[nbformat.from_dict(output)])
    return nbformat.v4.new_notebook(cells=[cell])


def test_a_changed_number_is_named_with_the_way_to_refresh() -> None:
    old = _notebook(output_type="stream", name="stdout", text="same\naccuracy 81.4\n")
    new = _notebook(output_type="stream", name="stdout", text="same\naccuracy 81.5\n")
    assert notebooks.otherwise(old, old, "a.ipynb") == []
    (told,) = notebooks.otherwise(old, new, "a.ipynb")
    assert told.startswith("a.ipynb, cell 0: its output has changed; ") and "make notebooks" in told
    assert "-accuracy 81.4" in told and "+accuracy 81.5" in told and "same" not in told


def test_a_picture_that_is_gone_is_a_change() -> None:
    old = _notebook(output_type="display_data", metadata={}, data={"image/png": "AAAA"})
    other = _notebook(output_type="display_data", metadata={}, data={"image/png": "BBBB"})
    none = _notebook(output_type="display_data", metadata={}, data={"text/plain": "None"})
    assert notebooks.otherwise(old, other, "a.ipynb") == []
    assert len(notebooks.otherwise(old, none, "a.ipynb")) == 1


def test_a_warning_is_refused() -> None:
    warned = _notebook(output_type="stream", name="stderr", text="FutureWarning: soon\n")
    with pytest.raises(
        SuiteError, match=r"a.ipynb: expected nothing on standard error, found 'FutureWarning: soon'"
    ):
        notebooks._tidy(warned, "a.ipynb")


def test_refresh_keeps_pictures_of_the_same_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise each call of `make notebooks` would be a change of every picture."""
    first, second = (_png(level) for level in (1, 9))
    assert first != second
    place = tmp_path / "a.ipynb"

    def written(picture: str) -> str:
        book = _notebook(output_type="display_data", metadata={}, data={"image/png": picture})
        book.cells[0].id = "one"
        monkeypatch.setattr(notebooks, "executed", lambda places: iter([book]))
        notebooks.refresh([place])
        (output,) = json.loads(place.read_text())["cells"][0]["outputs"]
        kept: str = output["data"]["image/png"]
        return kept

    nbformat.write(_notebook(output_type="display_data", metadata={}, data={}), place)
    assert written(first) == first
    assert written(second) == first, "the same pixels"
    assert written(_png(1, "black")) != first


def test_a_dot_keeps_its_colour_among_many_others() -> None:
    """A palette for most pixels would give it the colour of another curve."""
    import io

    import numpy
    from PIL import Image

    shades = numpy.random.default_rng(1).integers(0, 256, (200, 200, 3), dtype=numpy.uint8)
    shades[..., 0] = shades[..., 2]
    shades[:3, :3] = blue = (0, 114, 178)
    file = io.BytesIO()
    Image.fromarray(shades).save(file, "PNG")
    small = Image.open(io.BytesIO(notebooks._small(file.getvalue()))).convert("RGB")
    found = small.getpixel((1, 1))
    assert isinstance(found, tuple)
    assert max(abs(one - other) for one, other in zip(found, blue, strict=True)) < 24


def _png(level: int, colour: str = "white") -> str:
    import base64
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").resize((64, 64)).save(file, "PNG", compress_level=level)
    if colour == "black":
        file = io.BytesIO()
        Image.new("RGB", (64, 64), colour).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


@pytest.mark.parametrize(("words", "status"), [([], 2), (["a.ipynb"], 1)])
def test_the_command_says_what_is_wrong(
    words: list[str], status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    from sru_repro.lessons import __main__ as command

    def refused(places: Any) -> Callable[..., None]:
        raise SuiteError("a.ipynb: wrong")

    monkeypatch.setattr(command, "refresh", refused)
    monkeypatch.chdir(tmp_path)
    assert command.main(words) == status
    assert capsys.readouterr().err.count("\n") == 1
