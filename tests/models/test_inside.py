"""Gates and attention that are computed again must be those of the call."""

from typing import Any

import pytest
import torch

from sru_repro.models import LSTM, SRU, SRUpp
from sru_repro.models._base import AttentionContext
from sru_repro.models._inside import looking


@pytest.mark.parametrize(
    "options", [{}, {"v1": True}, {"projection_size": 3}, {"layer_norm": "pre"}], ids=str
)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_gates_of_a_layer_give_its_output(bidirectional: bool, options: dict[str, Any]) -> None:
    torch.manual_seed(1)
    columns = 10 if bidirectional else 5
    encoder = SRU(columns, 5, 2, bidirectional=bidirectional, highway_bias=-1.0, **options).eval()
    x_LBD = torch.randn(7, 1, columns)
    read: list[torch.Tensor] = []
    encoder.layers[1].register_forward_pre_hook(lambda _, args: read.append(args[0]))
    with torch.no_grad(), looking(encoder) as inside:
        h_LBH, _ = encoder(x_LBD)
    assert not {"recur", "_attend"} & set(encoder.layers[0].__dict__)
    last = [gate for gate in inside.gates() if gate.layer == 1]
    assert [gate.backwards for gate in last] == [False, True][: 1 + bidirectional]
    layer, (below_LBD,) = encoder.layers[1], read
    z_LBn = layer.product_input(below_LBD)
    if layer.projection is not None:
        z_LBn = z_LBn @ layer.projection.t()
    u_LkH = (z_LBn[:, 0] @ layer.weight.t()).unflatten(-1, (layer.matrices, -1)).detach()
    found = []
    for gate in last:
        own = slice(5, 10) if gate.backwards else slice(0, 5)
        steps = range(6, -1, -1) if gate.backwards else range(7)
        c, out = torch.zeros(5), torch.zeros(7, 5)
        for t in steps:
            f, r = gate.forget_LH[t], gate.reset_LH[t]
            c = f * c + (1 - f) * u_LkH[t, 0, own]
            out[t] = r * c + (1 - r) * layer.alpha * below_LBD[t, 0, own]
        found.append(out)
        torch.testing.assert_close((gate.brought_LH() * u_LkH[:, 0, own]).sum(0), c)
    torch.testing.assert_close(torch.cat(found, -1), h_LBH[:, 0])


@pytest.mark.parametrize("context", [None, AttentionContext(8, 3)])
def test_the_attention_of_a_layer_gives_what_it_reads(context: AttentionContext | None) -> None:
    torch.manual_seed(2)
    encoder = SRUpp(6, 6, 4, 2, attention_context=context).eval()
    for layer in encoder.layers:
        torch.nn.init.normal_(layer.keys_values)
    kept: list[Any] = []
    original = encoder.layers[1]._attend

    def attend(*args: Any) -> Any:
        kept.append((args[0], original(*args)[0]))
        return original(*args)

    encoder.layers[1]._attend = attend
    with torch.no_grad(), looking(encoder) as inside:
        encoder(torch.randn(9, 1, 6))
        one = inside.attention()[1]
        ((q_LBP, read_LBP),) = kept
        values_LP = (q_LBP[:, 0] @ encoder.layers[1].keys_values.t())[:, 4:]
    torch.testing.assert_close(one.weights_LL @ values_LP, read_LBP[:, 0])
    torch.testing.assert_close(one.weights_LL.sum(-1), torch.ones(9))
    if context is not None:  # none ahead, and no further back than the window
        assert one.weights_LL.triu(1).count_nonzero() == 0 == one.weights_LL.tril(-4).count_nonzero()


def test_other_models_have_nothing_to_note() -> None:
    encoder = LSTM(3, 4, 1)
    with torch.no_grad(), looking(encoder) as inside:
        encoder(torch.randn(2, 1, 3))
    assert inside.gates() == [] and inside.attention() == []
