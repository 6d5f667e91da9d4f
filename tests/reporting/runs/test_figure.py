"""The pictures of tables: what they say in words, that it follows from the records, that nothing overlaps."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from sru_repro.core.errors import DataError
from sru_repro.core.palette import colour
from sru_repro.records.run import RunRecord
from sru_repro.reporting.answer import Answer
from sru_repro.reporting.runs.figure import draw_figure, write_figure
from sru_repro.reporting.runs.line import Row

from ..drawn import colliding, said, words

ANSWER = Answer("Which is best?", "This one, by 2.0 points.", ())


def lines_of(figure: Figure) -> str:
    """All that is said, in one line."""
    return " ".join(" ".join(text.get_text() for text in words(figure)).split())


def test_the_svg_says_question_answer_and_what_the_records_hold(
    tmp_path: Path, sst: list[RunRecord], rows: list[Row]
) -> None:
    vector, raster = write_figure("sst", sst, rows, tmp_path / "a.png", ANSWER)
    assert vector.stat().st_size < 150_000 and raster.name == "a.png" and raster.stat().st_size < 200_000
    before = said(vector)
    assert {"Which is best?", "This one, by 2.0 points.", "test 81.5 ± 0.4; paper 89.2"} <= set(before)
    for run in sst:
        if run.row == "sru2":
            run.metrics["test/accuracy"] -= 0.2
    after = said(write_figure("sst", sst[::-1], rows, tmp_path / "b.svg", ANSWER)[0])
    assert set(after) - set(before) == {"test 61.5 ± 0.4; paper 89.2"}


def test_rows_of_the_same_epochs_have_curves_over_epochs_and_over_time(
    sst: list[RunRecord], rows: list[Row]
) -> None:
    figure = draw_figure("sst", sst, rows)
    left, right = figure.axes
    assert (left.get_xlabel(), right.get_xlabel()) == ("epochs", "training time, minutes")
    assert left.get_title(loc="left") == "validation accuracy, %" and left.get_ylim() == right.get_ylim()
    for axes, end in ((left, 8.0), (right, 31.0 * 8 / 60)):
        (curve,) = [line for line in axes.lines if to_hex(str(line.get_color())).upper() == colour("lstm")]
        assert np.asarray(curve.get_xdata())[-1] == pytest.approx(end)
        assert len(axes.collections) == len(rows), "a band each, from the lowest to the highest run"
    band = np.asarray(left.collections[[row.name for row in rows].index("lstm")].get_paths()[0].vertices)
    assert band[:, 1].max() - band[:, 1].min() > 0.75, "the seeds lie 0.8 points apart"
    text = lines_of(figure)
    for fact in ("seeds 1, 2, 3", "2-core AMD EPYC, 24 GB", "trained on 77,195 phrases", "wiki2015.300d.bin"):
        assert fact in text, fact
    assert "paper: as printed there, not comparable" in text and "Run by the reference loop" in text
    assert not any(claim in text.lower() for claim in ("speed", "faster", "×", "tokens/s"))


@pytest.mark.parametrize("seeds", [(1,), (1, 2, 3)])
def test_nothing_overlaps_or_leaves_the_picture(
    sst: list[RunRecord], rows: list[Row], seeds: tuple[int, ...]
) -> None:
    for row in rows:
        row.label = f"{row.label}, long name"
    figure = draw_figure("sst", [run for run in sst if run.seed in seeds], rows, ANSWER)
    assert colliding(figure) == []
    assert {row.label for row in rows} <= {text.get_text().replace("\n", " ") for text in words(figure)}


def test_time_on_a_busy_machine_is_that_of_the_processor(sst: list[RunRecord], rows: list[Row]) -> None:
    def ends(figure: Figure) -> list[float]:
        return [np.asarray(line.get_xdata())[-1] for line in figure.axes[1].lines]

    quiet = ends(draw_figure("sst", sst, rows))
    for run in sst:
        run.throughput.processor = 0.5
    figure = draw_figure("sst", sst, rows)
    assert figure.axes[1].get_xlabel().startswith("processor time, ")
    unit = 60 if figure.axes[1].get_xlabel().endswith("seconds") else 1
    assert ends(figure) == pytest.approx([0.5 * unit * end for end in quiet])
    text = lines_of(figure)
    assert "the share of the processor that each run had (50 %)" in text and "†" not in text
    sst[0].throughput.processor = None
    figure = draw_figure("sst", sst, rows)
    assert figure.axes[1].get_xlabel().startswith("training time, ") and "†50 %" in lines_of(figure)


def test_language_models_are_ranked_on_an_axis_that_shows_their_differences(
    small_models: list[RunRecord],
) -> None:
    figure = draw_figure("enwik8", small_models, [])
    left, right = figure.axes
    text = [word.get_text() for word in words(figure)]
    low, high = left.get_xlim()
    assert 1.9 < low < 1.985 and 2.3 < high < 2.5 and not left.patches
    numbers = ["1.985", "2.021", "2.108", "2.112", "2.139", "2.141", "2.300"]
    assert [word for word in text if word in numbers] == numbers, "the best on top"
    assert left.get_title(loc="left") == "test bits per byte, lower is better"
    assert right.get_title(loc="left") == "validation bits per byte, lower is better"
    assert right.get_xlabel() == "training time, minutes" and len(right.lines) == 7
    top = max(run.metrics["test/bpc"] for run in small_models) + 2 / 4
    assert right.get_ylim()[1] < top + 0.1, "the first quarter, where curves fall steeply, is cut off"
    assert colliding(figure) == []


def test_one_spike_does_not_rule_the_axis(small_models: list[RunRecord]) -> None:
    usual = draw_figure("enwik8", small_models, []).axes[1].get_ylim()
    entry = small_models[0].epochs[7]
    small_models[0].epochs[7] = type(entry).model_validate({**entry.plain(), "val/bpc": 10.177})
    figure = draw_figure("enwik8", small_models, [])
    axes = figure.axes[1]
    assert axes.get_ylim() == pytest.approx(usual, abs=0.1)
    assert [word.get_text() for word in words(figure)].count("10.177") == 1, "it is told at the edge"
    (arrow,) = [line for line in axes.lines if line.get_marker() == "^"]
    assert to_hex(str(arrow.get_color())).upper() == colour(small_models[0].row)
    assert arrow.get_ydata()[0] == axes.get_ylim()[1]  # type: ignore[index]
    assert colliding(figure) == []


@pytest.mark.parametrize("count", [12, 24])
def test_many_rows_stay_apart(language_model: Callable[..., RunRecord], count: int) -> None:
    labels = [f"SRU++, {k} layers, attention in every layer" for k in range(count)]
    runs = [language_model(f"m{k:02}", 1, 2 + 0.002 * k, label) for k, label in enumerate(labels)]
    figure = draw_figure("enwik8", runs, [])
    assert [one for one in colliding(figure) if "SRU++" in one] == []
    dashes = "_unscaled_dash_pattern"  # matplotlib tells all dashes of one's own as "--"
    looks = {(line.get_color(), getattr(line, dashes)) for line in figure.axes[1].lines}
    assert len(looks) == count, "no two curves look alike"


def test_the_papers_numbers_stand_beside_the_large_models(
    language_model: Callable[..., RunRecord], small_models: list[RunRecord], enwik8_rows: list[Row]
) -> None:
    large = [
        language_model(name, seed, bpc + seed / 100, seconds=90_000, profile="paper")
        for name, bpc in (("lstm3", 1.41), ("srupp", 1.02))
        for seed in (1, 2, 3)
    ]
    figure = draw_figure("enwik8", [*small_models, *large], enwik8_rows)
    text = [word.get_text() for word in words(figure)]
    assert {"1.39?", "1.022", "1.040 ± 0.010", "SRU++, 42M", "ours", "paper"} <= set(text)
    assert not {"minGRU", "SRU, 12 layers"} & set(text) and any("◇ paper" in word for word in text)
    left, right = figure.axes
    assert right.get_xlabel() == "training time, hours"
    assert sorted(np.asarray(line.get_xdata())[0] for line in left.lines if line.get_marker() == "D") == [
        1.022,
        1.39,
    ]
    (bar, _) = [ends for line in left.lines if len(ends := np.asarray(line.get_xdata()).tolist()) == 2]
    assert bar == pytest.approx([1.04 - 0.02484, 1.04 + 0.02484], abs=1e-4), (
        "Student's interval of three runs"
    )
    assert colliding(figure) == []


def test_readers_on_the_dev_set(readers: list[RunRecord], reader_rows: list[Row]) -> None:
    figure = draw_figure("squad", readers, reader_rows)
    left, right = figure.axes
    assert left.get_title(loc="left") == "dev F1, %" and right.get_title(loc="left") == "validation F1, %"
    assert right.get_xlabel() == "training time, minutes" and len(right.lines) == 3
    assert right.lines[0].get_xydata()[-1] == pytest.approx([20.0, 62.1])  # type: ignore[index]
    text = [word.get_text() for word in words(figure)]
    assert {"68.1", "79.3", "78.8"} <= set(text), "the paper's mark is of exact match, not of F1"
    assert colliding(figure) == []


def test_perplexity_has_a_logarithmic_axis(language_model: Callable[..., RunRecord]) -> None:
    runs = [language_model(name, 1, 5.0) for name in ("sru", "lstm")]
    for place, run in enumerate(runs):
        run.headline, run.metrics = "test/ppl", {"test/ppl": 200.0 + 50 * place}
        run.epochs = [
            type(entry).model_validate({**entry.plain(), "val/ppl": 900.0 / (1 + entry.wall_s / 60)})
            for entry in run.epochs
        ]
    figure = draw_figure("enwik8", runs, [])
    axes = figure.axes[1]
    assert axes.get_yscale() == "log" and axes.get_title(loc="left").endswith("logarithmic")
    assert {"200", "300"} & {word.get_text() for word in words(figure) if word in axes.get_yticklabels()}


def test_data_sets_side_by_side(cross_validation: list[RunRecord], rows: list[Row]) -> None:
    figure = draw_figure("sentences", cross_validation, rows)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["CR, test accuracy, %"]


def test_what_was_not_run_is_left_out(sst: list[RunRecord], rows: list[Row]) -> None:
    only = [run for run in sst if run.row == "sru2"]
    text = lines_of(draw_figure("sst", only, rows))
    assert "SRU, 2 layers" in text and "LSTM" not in text and "not run" not in text
    with pytest.raises(DataError, match="sst: expected finished runs to draw, found none"):
        draw_figure("sst", [], rows)


def test_runs_without_curves(sst: list[RunRecord], rows: list[Row]) -> None:
    for run in sst:
        run.epochs = []
    text = [word.get_text() for word in words(draw_figure("sst", sst, rows))]
    assert "no validation was recorded" in text and "81.5 ± 0.4" in text
