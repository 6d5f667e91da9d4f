"""The GRU baseline: `torch.nn.GRU` behind the suite's contract."""

from torch import nn

from ._torch_rnn import TorchRNN


class GRU(TorchRNN):
    """See `TorchRNN`; the state is h_n."""

    kind = nn.GRU
