"""The LSTM baseline: `torch.nn.LSTM` behind the suite's contract.

Hochreiter and Schmidhuber, Neural Computation 1997; the forget gate is of Gers et al., 2000:

    i_t, f_t, o_t = sigmoid(W x_t + U h_{t-1} + b),   g_t = tanh(W_g x_t + U_g h_{t-1} + b_g)
    c_t = f_t * c_{t-1} + i_t * g_t
    h_t = o_t * tanh(c_t)

Shapes: L time, B batch, D input features, H = directions * hidden_size output features, S = num_layers * directions.
"""

from typing import Any

from torch import Tensor, nn

from ._base import require
from ._torch_rnn import TorchRNN


class LSTM(TorchRNN):
    """A stack of LSTM layers (Hochreiter and Schmidhuber, Neural Computation 1997), by `torch.nn.LSTM`.

    It runs on oneDNN on the CPU, and on cuDNN on CUDA. The state is torch.nn's pair (h_n, c_n), each
    (S, B, hidden_size), see `TorchRNN.forward`.

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

    kind = nn.LSTM

    def check_kind(self, state: Any) -> None:
        """See `TorchRNN`.

        Raises:
            ValueError: neither None nor a pair of tensors (h_n, c_n).
        """
        pair = state is None or (isinstance(state, tuple | list) and len(state) == 2)
        require(
            pair and all(isinstance(leaf, Tensor) for leaf in state or ()),
            "state: expected a pair of tensors (h_n, c_n), found "
            + self.told(state)
            + (", not all of them tensors" if pair else ""),
        )
