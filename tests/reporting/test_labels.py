"""Labels do not collide; few figures far from all others do not rule an axis."""

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text

from sru_repro.core.palette import FAMILIES
from sru_repro.reporting.canvas import canvas
from sru_repro.reporting.labels import End, folded, label_ends, measured, spread
from sru_repro.reporting.limits import bulk, mark_beyond, padded

from .drawn import colliding, words


def test_labels_with_room_stay_where_they_are_wanted() -> None:
    assert spread([3.0, 1.0, 9.0], [1.0, 1.0, 1.0], 0.0, 10.0) == [3.0, 1.0, 9.0]
    assert spread([], [], 0.0, 1.0) == []


def test_crowded_labels_move_apart_around_their_middle() -> None:
    assert spread([5.0, 5.0, 5.0], [1.0, 1.0, 1.0], 0.0, 10.0) == [4.0, 5.0, 6.0]
    assert spread([5.0, 5.2], [1.0, 3.0], 0.0, 10.0) == pytest.approx([4.1, 6.1])
    assert spread([0.0, 0.1], [1.0, 1.0], 0.0, 10.0) == [0.5, 1.5], "never beyond the edge"
    assert spread([10.0, 9.9], [1.0, 1.0], 0.0, 10.0) == [9.5, 8.5]


@pytest.mark.parametrize("seed", range(5))
def test_no_two_overlap_and_their_order_stays(seed: int) -> None:
    wanted = [(seed + 1) * place**2 % 7 / 7 for place in range(9)]
    sizes = [0.05 + 0.02 * (place % 3) for place in range(9)]
    found = spread(wanted, sizes, 0.0, 1.0)
    order = sorted(range(9), key=lambda place: wanted[place])
    for one, other in itertools.pairwise(order):
        assert found[other] - found[one] >= (sizes[one] + sizes[other]) / 2 - 1e-12
    assert min(f - s / 2 for f, s in zip(found, sizes, strict=True)) >= -1e-12
    assert max(f + s / 2 for f, s in zip(found, sizes, strict=True)) <= 1 + 1e-12


@pytest.mark.parametrize("count", [3, 12])
def test_names_at_the_ends_of_curves_stand_apart(count: int) -> None:
    ends = [
        End(f"row {place}\nof many", FAMILIES["sru"], 1.0, 0.5 + place / 999, "test 1.0")
        for place in range(count)
    ]
    with canvas(title="Which?", subtitle="This one.") as figure:
        axes = figure.subplots()
        axes.set(xlim=(0.05, 1.0), ylim=(0.05, 1.0))
        label_ends(axes, ends, 13.0)
    assert colliding(figure) == []
    assert sum(text.get_text().startswith("row") for text in words(figure)) == count
    if count == 3:
        assert {text.get_fontsize() for text in axes.texts if "row" in text.get_text()} == {13.0}


def test_a_long_name_has_two_lines_of_about_one_length() -> None:
    assert folded("SRU, 4 layers") == "SRU, 4 layers" and folded("x" * 40) == "x" * 40
    assert folded("SRU++, 6 layers, attention in two") == "SRU++, 6 layers,\nattention in two"
    assert measured("wider", 15) == pytest.approx(1.5 * measured("wider", 10), rel=0.05)


def test_few_figures_far_away_are_left_out() -> None:
    near = [2.0 + place / 50 for place in range(20)]
    assert bulk([*near, 10.2]) == (2.0, 2.38)
    assert bulk([-90.0, *near, 10.2]) == (2.0, 2.38), "one at either end"
    assert bulk([1.0, 1.0, 1.0, 50.0]) == (1.0, 1.0)


def test_many_or_near_figures_all_count() -> None:
    near = [2.0 + place / 50 for place in range(20)]
    assert bulk([*near, 2.5]) == (2.0, 2.5)
    assert bulk([*near, 9.0, 10.0, 11.0, 12.0]) == (2.0, 12.0), "four of 24 are no exception"
    assert bulk([1.0, 50.0, 2.0]) == (1.0, 50.0), "of three nobody can tell"
    assert padded(2.0, 2.0)[0] < 2.0 < padded(2.0, 2.0)[1]


def test_what_lies_beyond_is_marked_with_its_value_in_its_colour() -> None:
    with canvas(title="Which?") as figure:
        axes = figure.subplots()
        axes.set(xlim=(0, 10), ylim=(0, 1))
        points = [
            (2.0, 7.25, "#D55E00"),
            (3.0, 0.5, "#0072B2"),
            (2.1, 8.0, "#0072B2"),
            (5.0, -3.0, "#009E73"),
        ]
        mark_beyond(axes, points, lambda y: f"{y:.2f}", 13.0)
    assert [text.get_text() for text in axes.texts] == ["7.25", "8.00", "-3.00"]
    assert [(line.get_marker(), to_hex(str(line.get_color())).upper()) for line in axes.lines] == [
        ("^", "#D55E00"),
        ("^", "#0072B2"),
        ("v", "#009E73"),
    ]
    assert [np.asarray(line.get_ydata())[0] for line in axes.lines] == [1.0, 1.0, 0.0]
    boxes = [Text.get_window_extent(text) for text in axes.texts]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
