"""Peak memory of a call."""

import torch

from sru_repro.bench.memory import peak_bytes

CPU = torch.device("cpu")


def test_the_peak_is_what_is_held_at_once() -> None:
    before = torch.zeros(1000)

    def call() -> torch.Tensor:
        a = before + 1  # 4000 bytes
        b = a + 1  # 8000
        del a
        c = b.double()  # 4000 + 8000
        del b
        return c + 1  # 8000 + 8000

    assert 16_000 <= peak_bytes(call, CPU) < 16_100, "the one that is added takes a few bytes, too"


def test_what_frees_its_memory_at_once_needs_less() -> None:
    def kept() -> object:
        return [torch.zeros(1000) for _ in range(5)]

    def freed() -> None:
        for _ in range(5):
            torch.zeros(1000)

    assert (peak_bytes(kept, CPU), peak_bytes(freed, CPU)) == (20_000, 4000)
    assert peak_bytes(lambda: None, CPU) == 0
