"""What a trained classifier does with a sentence, word by word: its gates, and what it would answer if it ended there.

Shapes: L time, B batch, H features of a layer.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..core.palette import GREY, colour
from ..models._inside import Gates, looking
from ..reporting.canvas import canvas
from ..training.load import run_config, trained_task

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def model_of(folder: Path) -> Any:
    """The task of a run or of a committed model with its best weights, on the CPU.

    Raises:
        DataError: there is no such model, or it is damaged.
    """
    config = run_config(folder, ("trainer.accelerator=cpu", "trainer.precision=32-true"))[0]
    return trained_task(config, folder)


@dataclass(frozen=True)
class Read:
    """A sentence as a model has read it."""

    words: list[str]
    gates: list[Gates]
    """Of every layer and direction."""
    classes: list[str]
    after_LC: Tensor
    """The probabilities of the classes if the sentence ended with each word, (L, C). Read as it is: what has fewer than
    five words `predict` pads to five."""


@torch.no_grad()
def read(task: Any, sentence: str) -> Read:
    """What a sentence classifier that reads forwards makes of a sentence.

    Args:
        task: see `model_of`.
        sentence: any; words without a vector are left to the model's vector of unknown words.
    """
    words = [task._known_form(word) for word in task.tokenize(sentence)]
    ids_LB = torch.tensor(task.vocabulary.ids(words)).unsqueeze(1)
    with looking(task.encoder) as inside:
        h_LBH, _ = task.encoder(task.embedding(ids_LB))
    return Read(words, inside.gates(), list(task.classes), task.output(h_LBH[:, 0]).float().softmax(-1))


def draw_gates(found: Read, model: str = "sru") -> "Figure":
    """Above: the probability of the last class after every word. Below: the forget gate of the last layer, a column a
    word, a line a unit, the units that forget most on top; then the mean of every layer as a line."""
    last = found.gates[-1].forget_LH
    order = last.mean(0).argsort()
    with canvas(1000, 640, title="What the model does, word by word", letters=11) as figure:
        above, middle, below = figure.subplots(3, 1, sharex=True, height_ratios=(1, 1.8, 1.1))
        _answers(above, found, model)
        _units(middle, last[:, order].t(), model)
        for gates in found.gates:
            backwards = " backwards" if gates.backwards else ""
            means, end = gates.forget_LH.mean(1).tolist(), len(found.words) - 1
            style = "-" if gates.layer == found.gates[-1].layer else "--"
            below.plot(means, style, color=colour(model), marker="o", ms=5)
            beside = {"textcoords": "offset points", "va": "center", "annotation_clip": False}
            below.annotate(f"layer {gates.layer + 1}{backwards}", (end, means[-1]), (22, 0), **beside)
        below.set_title("forget gate, mean over the units: 1 keeps the state, 0 takes the word in its place")
        below.grid()
        below.set_xticks(
            range(len(found.words)), [word.replace("$", r"\$") for word in found.words], rotation=45
        )
        below.set_xlim(-0.5, len(found.words) - 0.5)
    return figure


def _answers(axes: "Axes", found: Read, model: str) -> None:
    axes.bar(range(len(found.words)), found.after_LC[:, -1].tolist(), color=colour(model), width=0.7)
    axes.axhline(1 / len(found.classes), color=GREY, lw=1, ls=":")
    axes.set_ylim(0, 1)
    axes.set_title(f"probability of “{found.classes[-1]}” if the sentence ended here")


def _units(axes: "Axes", gate_HL: Tensor, model: str) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("model", ["#FFFFFF", colour(model)])
    axes.imshow(gate_HL.numpy(), cmap=shades, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    axes.set_yticks([])
    axes.set_ylabel(f"{len(gate_HL)} units")
    axes.set_title("forget gate of the last layer, unit by unit: white 0, full colour 1")
