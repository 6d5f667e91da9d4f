"""One palette and one style: a model has the same colour in every figure.

The colour follows from the name. Its family gives the hue (`sru2`, `sru-8` and `sru4-tuned` are SRU), its number of
layers the shade, darker the deeper. What no family is known of gets a colour of its own, always the same.
Colours of the families are Okabe and Ito's, then Tol's: told apart by colour-blind readers.
"""

import colorsys
import math
import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any

Dashes = str | tuple[int, tuple[float, ...]]
"""As matplotlib has them."""
GREY = "#555555"
"""Of what is no model: axes, the paper's numbers, remarks."""
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so a picture looks alike everywhere
    "text.parse_math": False,  # a dollar in a name begins no formula
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.axisbelow": True,
    "grid.color": "#E3E3E3",
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": "black",
    "ytick.labelcolor": "black",
}
"""Of every picture, as matplotlib's rc parameters."""

FAMILIES = {
    "sru": "#D55E00",
    "sru-v1": "#E69F00",
    "srupp": "#CC79A7",
    "qrnn": "#009E73",
    "lstm": "#0072B2",
    "gru": "#56B4E9",
    "mingru": "#8C6D31",
    "transformer-xl": "#000000",
    "cnn": "#AA4499",
    "conv2": "#B9B9B9",
    "conv3": "#8A8A8A",
    "authors": "#882255",
}
_USUAL, _DEEPEST = 8, 64
"""Layers at which a family's colour is full; above the second, a number in a name is none of layers."""
_APART = 0.35
"""Least distance of an unknown model's colour from the families' and from white, with parts from 0 to 1."""


def colour(name: str, model: str = "") -> str:
    """The colour, "#RRGGBB", of a row or contender; `model` is what it is built of, should its own name not say so."""
    for known in (name, model):
        text = known.lower().replace("_", "-")
        fitting = [family for family in FAMILIES if re.match(rf"{re.escape(family)}(?![a-z])", text)]
        if fitting:
            family = max(fitting, key=len)
            depth = re.match(r"-?(\d+)(?![\da-z])", text.removeprefix(family))
            return _shade(FAMILIES[family], int(depth[1]) if depth else _USUAL)
    return _own(model or name)


def styles(names: Sequence[tuple[str, str]]) -> list[tuple[str, Dashes]]:
    """Colour and line of each (name, model) of a figure: where a colour returns, the line is broken otherwise."""
    colours = [colour(*name) for name in names]
    return [(found, _dashes(colours[:place].count(found))) for place, found in enumerate(colours)]


def ink(colour: str) -> str:
    """The colour, dark enough for letters on white: pale ones are darkened more than full ones."""
    red, green, blue = _parts(colour)
    scale = min(0.8, 0.42 / (0.3 * red + 0.59 * green + 0.11 * blue + 1e-9))
    return _text((scale * red, scale * green, scale * blue))


def _dashes(place: int) -> Dashes:
    """Unbroken, broken, dotted, then a dash and more and more dots."""
    return ("-", "--", ":")[place] if place < 3 else (0, (6.0, 1.5, *(1.0, 1.5) * (place - 2)))


def _shade(full: str, layers: int) -> str:
    if not 0 < layers <= _DEEPEST or layers == _USUAL:
        return full
    steps = math.log2(_USUAL / layers)
    pale, dark = min(0.2 * steps, 0.5), 0.65**-steps
    parts = (part + pale * (1 - part) if steps > 0 else part * dark for part in _parts(full))
    return _text(parts)


def _own(name: str) -> str:
    """Drawn from the name, again and again until it is far from all others."""
    others = [*map(_parts, (*FAMILIES.values(), GREY)), (1.0, 1.0, 1.0)]
    for draw in range(1000):
        hue, strength, light = (byte / 255 for byte in sha256(f"{name} {draw}".encode()).digest()[:3])
        found = colorsys.hsv_to_rgb(hue, 0.5 + 0.5 * strength, 0.4 + 0.5 * light)
        if min(math.dist(found, other) for other in others) > _APART:
            return _text(found)
    raise AssertionError("the families leave room")


def _parts(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))


def _text(parts: Iterable[float]) -> str:
    return "#" + "".join(f"{round(255 * part):02X}" for part in parts)
