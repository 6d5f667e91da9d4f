"""What waits for what in a recurrent layer, measured by derivatives: why SRU needs one product and LSTM one a step.

Shapes: L time, D input features, H hidden features, G rows of the weights of all gates.
"""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.autograd.functional import jacobian

from ..core.palette import colour
from ..models import SRU
from ..reporting.canvas import canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def product(model: nn.Module, x_LD: Tensor) -> Tensor:
    """What one layer's weights multiply to at every step, (L, G): of SRU W x_t, of nn.LSTM W x_t + U h_{t-1}.

    Args:
        model: an `SRU` or an `nn.LSTM` of one layer, forwards.
        x_LD: a sequence.

    Raises:
        ValueError: another model.
    """
    if isinstance(model, SRU):
        layer: Any = next(iter(model.layers))
        found: Tensor = x_LD @ layer.weight.t()
        return found
    if not isinstance(model, nn.LSTM):
        raise ValueError(f"model: expected SRU or nn.LSTM, found {type(model).__name__}")
    h_LH, _ = model(x_LD)
    before_LH = torch.cat([torch.zeros_like(h_LH[:1]), h_LH[:-1]])
    of_input, of_state = (dict(model.named_parameters())[f"weight_{name}_l0"] for name in ("ih", "hh"))
    return x_LD @ of_input.t() + before_LH @ of_state.t()


def product_on_inputs(model: nn.Module, x_LD: Tensor) -> Tensor:
    """How much the product at each step (row) changes with the input of each step (column): norms of the
    derivatives, (L, L). Off the diagonal zero means that all steps can be multiplied at once."""
    rows_LGLD = jacobian(lambda x: product(model, x), x_LD)
    return rows_LGLD.pow(2).sum((1, 3)).sqrt()


def state_on_state(model: nn.Module, x_1D: Tensor) -> Tensor:
    """How much each unit's state c after a step (row) changes with every unit's state before it (column): absolute
    derivatives, (H, H). Of nn.LSTM also by way of h, which is what its product reads.

    Args:
        model: as of `product`.
        x_1D: one step's input.
    """
    if isinstance(model, SRU):
        size = model.output_size

        def step(c_H: Tensor) -> Tensor:
            return model(x_1D.unsqueeze(1), c_H.view(1, 1, -1))[1].flatten()

        return jacobian(step, torch.full((size,), 0.5)).abs()
    if not isinstance(model, nn.LSTM):
        raise ValueError(f"model: expected SRU or nn.LSTM, found {type(model).__name__}")

    def both(c_H: Tensor) -> Tensor:
        """The state that a step hands on is both; h follows from c by an output gate, here half open."""
        return model(x_1D, ((0.5 * c_H.tanh()).unsqueeze(0), c_H.unsqueeze(0)))[1][1].flatten()

    return jacobian(both, torch.full((model.hidden_size,), 0.5)).abs()


def draw_dependence(steps: int = 12, size: int = 8) -> "Figure":
    """Both derivatives of SRU beside nn.LSTM, of layers with random weights, always the same ones."""
    torch.manual_seed(0)
    models = {"sru": SRU(size, size, num_layers=1), "lstm": nn.LSTM(size, size)}
    names = {"sru": "SRU", "lstm": "nn.LSTM"}
    x_LD = torch.randn(steps, size)
    with canvas(1000, 340, title="What waits for what (white: nothing)", letters=11) as figure:
        panels = list(figure.subplots(1, 4))
        for name, model in models.items():
            own = f"{names[name]}: product at step t\nagainst the input of step s"
            _grid(panels.pop(0), product_on_inputs(model, x_LD), own, ("step s", "step t"), name)
        for name, model in models.items():
            own = f"{names[name]}: a unit's state\nagainst each state before"
            _grid(panels.pop(0), state_on_state(model, x_LD[:1]), own, ("unit, before", "unit, after"), name)
    return figure


def _grid(axes: "Axes", values: Tensor, title: str, names: tuple[str, str], model: str) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("model", ["#FFFFFF", colour(model)])
    # The square root: small dependencies are to be seen, too.
    axes.imshow(values.sqrt().numpy(), cmap=shades, vmin=0, interpolation="nearest")
    axes.set_title(title, fontsize=11)
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(True)
