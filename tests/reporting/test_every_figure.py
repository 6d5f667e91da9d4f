"""The pictures of the committed records: a model has one colour in all of them, and nothing collides."""

import colorsys
from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from sru_repro.core.palette import FAMILIES
from sru_repro.records.base import read
from sru_repro.records.bench import SpeedRecord
from sru_repro.records.decode import DecodeRecord
from sru_repro.reporting.bench.decode_figure import draw_decode_figure
from sru_repro.reporting.bench.speed_figure import draw_speed_figure
from sru_repro.reporting.gpu.figure import draw_gpu_figure
from sru_repro.reporting.gpu.pages import load_gpu_checks
from sru_repro.reporting.runs.figure import draw_figure
from sru_repro.reporting.runs.records import load_records

from .drawn import colliding, words

RESULTS = Path(__file__).parents[2] / "results"
# What a label begins with, the longest first.
NAMES = {
    "sru, the authors": "authors",
    "SRU++": "srupp",
    "SRU v1": "sru-v1",
    "SRU": "sru",
    "QRNN": "qrnn",
    "nn.LSTM": "lstm",
    "LSTM": "lstm",
    "nn.GRU": "gru",
    "GRU": "gru",
    "minGRU": "mingru",
    "CNN": "cnn",
}


def table(name: str) -> Callable[[], Figure | None]:
    return lambda: draw_figure(name, load_records(RESULTS / "runs" / name), [])


DRAWN: dict[str, Callable[[], Figure | None]] = {
    **{name: table(name) for name in sorted(path.name for path in (RESULTS / "runs").iterdir())},
    "speed": lambda: draw_speed_figure(read(SpeedRecord, min(RESULTS.glob("speed-*.json")))),
    "decode": lambda: draw_decode_figure(read(DecodeRecord, min(RESULTS.glob("decode-*.json")))),
    "cuda": lambda: draw_gpu_figure(load_gpu_checks(RESULTS)[0]),
}


def hue(colour: object) -> float | None:
    """From 0 to 1; None of a grey."""
    angle, strength, _ = colorsys.rgb_to_hsv(*to_rgb(colour))  # type: ignore[arg-type]
    return angle if strength > 0.15 else None


@pytest.mark.parametrize("name", DRAWN)
def test_two_panels_in_which_a_model_has_its_colour_and_nothing_collides(name: str) -> None:
    figure = DRAWN[name]()
    assert figure is not None and len(figure.axes) <= 2
    told, drawn = 0, words(figure)
    for text in drawn:
        begun = [begin for begin in NAMES if text.get_text().strip().startswith(begin)]
        if (shade := hue(text.get_color())) is not None and begun:
            told += 1
            assert shade == pytest.approx(hue(FAMILIES[NAMES[begun[0]]]), abs=0.01), text.get_text()
    assert told >= 1, "models are named in their colours"
    known = [found for colour in FAMILIES.values() if (found := hue(colour)) is not None]
    for axes in figure.axes:
        for line in axes.lines:
            shade = hue(line.get_color())
            assert shade is None or min(abs(shade - one) for one in known) < 0.01
    assert colliding(figure, drawn) == []
