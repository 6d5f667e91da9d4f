"""The GRU baseline (Cho et al., EMNLP 2014, section 2.3): `torch.nn.GRU` behind the suite's contract.

    r_t, z_t = sigmoid(W x_t + U h_{t-1} + b)
    n_t = tanh(W_n x_t + b_n + r_t * (U_n h_{t-1} + c_n))      torch.nn resets the product, the paper its argument
    h_t = (1 - z_t) * n_t + z_t * h_{t-1}

Shapes: L time, B batch, D input features, H = directions * hidden_size output features, S = num_layers * directions.
"""

from typing import Any

from torch import Tensor, nn

from ._base import require
from ._torch_rnn import TorchRNN


class GRU(TorchRNN):
    """A stack of GRU layers (Cho et al., EMNLP 2014, section 2.3), by `torch.nn.GRU`.

    It runs on oneDNN on the CPU, and on cuDNN on CUDA. The state is torch.nn's h_n, (S, B, hidden_size), see
    `TorchRNN.forward`.

    Shapes: L time, B batch, D = input_size, H = hidden_size, twice that where bidirectional; S = num_layers, likewise.

    Args:
        input_size: D, features of the input; 1 or more.
        hidden_size: features of the state, each direction; 1 or more.
        num_layers: layers in the stack; 1 or more.

    Keyword Args:
        dropout (float): probability, 0 <= dropout < 1, of dropout between layers.
        bidirectional (bool): two directions, H = 2 * hidden_size.

    Raises:
        ValueError: a size below 1, or a `dropout` that is no such probability.
    """

    kind = nn.GRU

    def check_kind(self, state: Any) -> None:
        """See `TorchRNN`.

        Raises:
            ValueError: neither None nor one tensor, h_n.
        """
        one = state is None or isinstance(state, Tensor)
        require(one, f"state: expected one tensor, h_n, found {'' if one else self.told(state)}")
