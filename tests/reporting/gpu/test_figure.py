"""The picture of a GPU: what it shows, what it leaves out, and that nothing overlaps."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from sru_repro.reporting.answer import Answer
from sru_repro.reporting.gpu.figure import draw_gpu_figure, write_gpu_figure
from sru_repro.reporting.gpu.finding import findings

from ..drawn import colliding, said, words
from .made_pages import check_of, correct, page, piece, speed, timing, tune, with_graphs
from .training_pages import trainings, whole

Page = dict[str, Any]
KERNEL = "The kernel: share of a copy (dotted: 80%)"
TIMES = "Times as fast as nn.LSTM,\nforward and backward"


def drawn(*pages: Page) -> Figure:
    figure = draw_gpu_figure(check_of(*pages))
    assert figure is not None
    return figure


def titles(figure: Figure) -> list[str]:
    return [axes.get_title(loc="left") for axes in figure.axes if axes.axison]


def test_both_panels_in_both_files(tmp_path: Path) -> None:
    vector, raster = write_gpu_figure(check_of(*whole()), tmp_path / "a.b", Answer("How fast?", "Very.", ()))
    assert (vector.name, raster.name) == ("a.b.svg", "a.b.png") and vector.stat().st_size < 150_000
    assert {"How fast?", "Very.", KERNEL} <= set(said(vector))


def test_the_papers_claim_is_shown_in_both_ways_with_the_type_of_lstm() -> None:
    figure = drawn(with_graphs(speed()))
    (models,) = figure.axes
    told = [text.get_text() for text in models.texts if "float16" in text.get_text()]
    assert told[:2] == ["5.2×  float16", "13.0×  float16"] and len(told) == 2 * 8
    band = models.patches[0].get_extents().transformed(models.transData.inverted())
    assert (round(band.x0), round(band.x1)) == (5, 9)
    assert [1, 1] in [np.asarray(line.get_xdata()).tolist() for line in models.lines], "LSTM itself"
    assert colliding(figure) == []


def test_picture_and_table_have_the_same_figures() -> None:
    content = with_graphs(speed())
    for one in content["pieces"]:
        found = one["values"].get("entry")
        if found and found["dtype"] == "bfloat16" and one["name"].startswith("shape"):
            own = next(row for row in found["rows"] if row.get("contender") == "sru")
            if "training" in own:
                # In another type SRU would be faster yet: that is not the comparison of the page.
                found["rows"].append({**own, "dtype": "float32", "training": timing(1e-7)})
    check = check_of(content)
    table, figure = findings(check), draw_gpu_figure(check)
    assert table is not None and figure is not None
    told = [text.get_text() for text in figure.axes[0].texts if "float16" in text.get_text()]
    rows = [dict(zip(table.heads, row, strict=True)) for row in table.body]
    cells = [row[head].strip("*") for row in rows for head in ("as graphs", "in a loop")]
    one, other = (sorted(float(text.partition("×")[0]) for text in texts) for texts in (told, cells))
    assert len(one) == 2 * 8 and one == pytest.approx(other, abs=0.0501)
    (note,) = [text.get_text() for text in figure.texts if "Against nn.LSTM" in text.get_text()]
    assert "SRU in bfloat16" in " ".join(note.split())


def test_the_kernel_against_a_copy() -> None:
    figure = drawn(speed(), tune())
    assert titles(figure) == [TIMES, KERNEL]
    kernel = figure.axes[1]
    assert kernel.get_ylim()[1] >= 1 and {np.asarray(line.get_ydata())[0] for line in kernel.lines} >= {0.8}
    assert {"backward,\nbfloat16", "forward for training,\nbfloat16"} <= {
        text.get_text() for text in words(figure)
    }
    assert colliding(figure) == []


def test_only_what_was_measured_is_drawn(tmp_path: Path) -> None:
    content = speed()
    content["pieces"] = [found for found in content["pieces"] if "figure-256/float32" in found["name"]]
    assert titles(drawn(content)) == [TIMES]
    failed = page("train-sst", [piece("table", state="failed", error="x")])
    for nothing in ([], [correct()], [failed], [trainings("train-sst")]):
        assert write_gpu_figure(check_of(*nothing), tmp_path / "none.png") == []
    assert list(tmp_path.iterdir()) == []
