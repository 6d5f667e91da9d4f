"""Notebooks run from top to bottom, all in one kernel, and what their outputs say, for `make notebooks` and the tests.

Outputs are kept without what differs from call to call: time stamps and counters of the kernel. Pictures are kept with
a palette of `COLOURS` colours, a third of the bytes; none is more than a few levels from what was drawn.
"""

import base64
import difflib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import SuiteError
from ..core.files import write_text

if TYPE_CHECKING:
    from nbformat import NotebookNode

COLOURS = 256
PNG = "image/png"
REFRESH = "if the new output is right, `make notebooks` writes it into the notebook"


def executed(places: Sequence[Path], seconds: int = 300) -> "Iterator[NotebookNode]":
    """The notebooks with fresh outputs, in order. Each begins with an empty name space; modules stay loaded.

    Args:
        places: notebooks of one folder, in which the kernel runs.
        seconds: that a cell may take.

    Raises:
        SuiteError: a cell raises, takes too long, or writes to standard error, as warnings do.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellTimeoutError

    found = [nbformat.read(place, 4) for place in places]
    whole = nbformat.v4.new_notebook()
    for notebook in found:
        whole.cells += [nbformat.v4.new_code_cell("%reset -f"), *notebook.cells]
    client = NotebookClient(
        whole,
        timeout=seconds,
        kernel_name="python3",
        record_timing=False,
        allow_errors=True,
        resources={"metadata": {"path": str(places[0].parent)}},
        extra_arguments=[
            "--log-level=40"
        ],  # every kernel warns that it talks by TCP, if on this machine only
    )
    try:
        client.execute()
    except CellTimeoutError as error:
        raise SuiteError(
            f"{places[0].parent}: expected cells of {seconds} s at most, found {error}"
        ) from None
    for place, notebook in zip(places, found, strict=True):
        _tidy(notebook, place.name)
        yield notebook


def refresh(places: Sequence[Path]) -> list[Path]:
    """Writes fresh outputs into the notebooks; those that had others, pictures that look alike left as they are."""
    import nbformat

    changed = []
    for place, notebook in zip(places, executed(places), strict=True):
        before = nbformat.read(place, 4)
        _keep_pictures(before, notebook)
        text = nbformat.writes(notebook) + "\n"
        if text != place.read_text(encoding="utf-8"):
            write_text(place, text)
            changed.append(place)
    return changed


def otherwise(committed: "NotebookNode", fresh: "NotebookNode", name: str) -> list[str]:
    """Where the fresh outputs say something else than the committed ones: a text of each such cell, with the lines
    that differ. Of pictures only whether they are there is compared, as fonts and libraries draw them."""
    found = []
    for number, (old, new) in enumerate(zip(committed.cells, fresh.cells, strict=True)):
        before, after = said(old), said(new)
        if before != after:
            lines = difflib.unified_diff(before, after, "committed", "fresh", lineterm="", n=0)
            found.append("\n".join([f"{name}, cell {number}: its output has changed; {REFRESH}", *lines]))
    return found


def said(cell: "NotebookNode") -> list[str]:
    """The lines of a cell's outputs; a picture is a line."""
    lines: list[str] = []
    for output in cell.get("outputs", ()):
        lines += output.get("text", "").splitlines()
        for kind, content in sorted(output.get("data", {}).items()):
            lines += [kind] if kind == PNG else [f"{kind}: {line}" for line in content.splitlines()]
    return lines


def pictures(notebook: "NotebookNode") -> list[bytes]:
    """All PNGs among the outputs."""
    return [
        base64.b64decode(output["data"][PNG])
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if PNG in output.get("data", {})
    ]


def _tidy(notebook: "NotebookNode", name: str) -> None:
    """Only what a reader sees is kept. Raises SuiteError where a cell has failed or complained."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}
    count = 0
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        count += 1
        cell.execution_count = count
        for output in cell.outputs:
            if output.output_type == "error":
                what = f"{output.ename}: {output.evalue}"
                raise SuiteError(f"{name}: expected a notebook that runs to its end, found {what}")
            if output.get("name") == "stderr":
                raise SuiteError(f"{name}: expected nothing on standard error, found {output.text.strip()!r}")
            if "execution_count" in output:
                output.execution_count = count
            output.get("metadata", {}).clear()
            data = output.get("data", {})
            if PNG in data:
                data.pop("text/plain", None)
                data[PNG] = base64.b64encode(_small(base64.b64decode(data[PNG]))).decode()


def _small(picture: bytes) -> bytes:
    """The PNG with a palette that covers all its colours, however few pixels have them: a dot has the colour of its
    curve."""
    from PIL import Image

    small, plain = io.BytesIO(), Image.open(io.BytesIO(picture)).convert("RGB")
    found = plain.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    found.save(small, "PNG", optimize=True)
    return small.getvalue()


def _keep_pictures(before: "NotebookNode", after: "NotebookNode") -> None:
    """Pictures of which not a pixel has changed keep their bytes, whichever library has packed them."""
    from PIL import Image, ImageChops

    old = {
        cell.id: [one for one in cell.get("outputs", ()) if PNG in one.get("data", {})]
        for cell in before.cells
    }
    for cell in after.cells:
        new = [one for one in cell.get("outputs", ()) if PNG in one.get("data", {})]
        for was, now in zip(old.get(cell.id, ()), new, strict=False):
            images = [
                Image.open(io.BytesIO(base64.b64decode(one.data[PNG]))).convert("RGB") for one in (was, now)
            ]
            if images[0].size == images[1].size and ImageChops.difference(*images).getbbox() is None:
                now.data[PNG] = was.data[PNG]
