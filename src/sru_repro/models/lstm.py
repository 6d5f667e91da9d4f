"""The LSTM baseline: `torch.nn.LSTM` behind the suite's contract."""

from torch import nn

from ._torch_rnn import TorchRNN


class LSTM(TorchRNN):
    """See `TorchRNN`; the state is (h_n, c_n)."""

    kind = nn.LSTM
