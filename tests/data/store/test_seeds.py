"""Random streams: one per seed and purpose."""

import torch

from sru_repro.data.store.seeds import generator


def test_streams_differ_by_seed_and_purpose_only() -> None:
    draws = [
        torch.rand(4, generator=stream).tolist()
        for stream in (
            generator(0),
            generator(0, "order", 1),
            generator(0, "order", 2),
            generator(1, "order", 1),
        )
    ]
    assert len({tuple(draw) for draw in draws}) == 4
    assert torch.rand(4, generator=generator(0, "order", 1)).tolist() == draws[1]
    plain = torch.rand(4, generator=torch.Generator().manual_seed(0)).tolist()
    assert plain not in draws
