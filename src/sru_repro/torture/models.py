"""What stands at padded steps, how batches are packed, and damage in the kernels' cache: none changes a number."""

import multiprocessing
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_sequence
from torch.utils import _pytree

from .. import models, ops
from ..models import Encoder, encoder_class
from ..ops import build
from ._promise import Cut, Promise, Tally

L, B, D, H = 9, 5, 6, 8
POISONS = (torch.nan, torch.inf, -torch.inf, 1e38)
SIZES: dict[str, dict[str, Any]] = {
    "srupp": {"hidden_size": H, "projection_size": 4},
    "cnn": {"filters": 4, "widths": [2, 3]},
}
LONE = ("cnn",)
"""Models with one output for a sequence, none to pack."""


def _encoder(name: str) -> Encoder:
    torch.manual_seed(0)
    made: Any = encoder_class(name)
    return made(D, **SIZES.get(name, {"hidden_size": H}))


def padding(tally: Tally, cut: Cut) -> None:
    """Outputs, states and all gradients, of every model in every back end, are those of zeros at padded steps."""
    cases = [(m, b, p) for m in models.names() for b in ops.dispatch.on("cpu") for p in POISONS]
    draw = cut.draw("padding")
    for name, backend, poison in draw.sample(cases, cut.tries(len(cases))):
        lengths = torch.tensor([L, *(draw.randint(1, L) for _ in range(B - 1))])
        padding_LB = torch.arange(L).unsqueeze(1) >= lengths
        with tally.trying(f"{name}, {backend}, {poison}"), ops.use(backend):
            zeros, found = (_gradients(_encoder(name), padding_LB, value) for value in (0.0, poison))
            for expected, value in zip(zeros, found, strict=True):
                assert expected.isfinite().all() and torch.equal(expected, value), "other numbers"


def _gradients(encoder: Encoder, padding_LB: Tensor, value: float) -> list[Tensor]:
    x = torch.randn(L, B, D, generator=torch.Generator().manual_seed(1))
    x[padding_LB] = value
    h, state = encoder(x.requires_grad_(), None, padding_LB)
    h.square().sum().backward()
    assert x.grad is not None
    leaves = [leaf.detach() for leaf in _pytree.tree_leaves(state) if isinstance(leaf, Tensor)]
    grads = [weight.grad for weight in encoder.parameters() if weight.grad is not None]
    return [h.detach(), x.grad, *leaves, *grads]


def packed(tally: Tally, cut: Cut) -> None:
    """Sorted or not, at every size of a batch, against the same sequences one by one."""
    draw = cut.draw("packed")
    names = [name for name in models.names() if name not in LONE]
    for number in range(cut.tries(200, len(names))):
        name, ordered = names[number % len(names)], draw.random() < 0.5
        lengths = [draw.randint(1, L) for _ in range(draw.randint(1, B))]
        lengths = sorted(lengths, reverse=True) if ordered else lengths
        with tally.trying(f"{name}, lengths {lengths}"), torch.no_grad():
            encoder = _encoder(name).eval()
            sequences = [torch.randn(length, D) for length in lengths]
            given = pack_sequence(sequences, enforce_sorted=ordered)
            found, _ = encoder(given)
            assert torch.equal(found.batch_sizes, given.batch_sizes), "other batch sizes"
            assert found.sorted_indices is given.sorted_indices, "other indices"
            rows = torch.nn.utils.rnn.unpack_sequence(found)
            for row, sequence in zip(rows, sequences, strict=True):
                alone, _ = encoder(sequence.unsqueeze(1))
                torch.testing.assert_close(row, alone.squeeze(1), rtol=1e-4, atol=1e-5)


def _made(content: bytes) -> bytes:
    if content != b"kernel" * 100:
        raise OSError("foreign")
    return content


def _builds(folder: str, count: Any) -> None:
    """One process that looks for a kernel."""
    os.environ[build.VARIABLE] = folder
    build.cache_folder.cache_clear()

    def make() -> bytes:
        with count.get_lock():
            count.value += 1
        return b"kernel" * 100

    assert build.kept("kernel.so", make, _made)


def _cut(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)


def _flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place % len(data)] ^= 1
    path.write_bytes(data)


def _replace(path: Path, make: Callable[[Path], object]) -> None:
    path.unlink()
    make(path)


def kernels(tally: Tally, cut: Cut) -> None:
    """A damaged kernel in the cache, and four processes that want it at once: one of them builds it again."""
    draw, spawn = cut.draw("kernels"), multiprocessing.get_context("fork")
    damages: list[tuple[str, Callable[[Path], object]]] = [
        *((f"cut to {size} bytes", lambda path, size=size: _cut(path, size)) for size in (0, 1, 100, 632)),
        *(
            (f"bit flipped at {place}", lambda path, place=place: _flip(path, place))
            for place in [draw.randrange(600) for _ in range(8)]
        ),
        ("of another name", lambda path: path.write_bytes(build.sealed("other.so", b"kernel" * 100))),
        ("of another system", lambda path: path.write_bytes(build.sealed(path.name, b"other"))),
        ("missing", lambda path: path.unlink()),
        ("a folder", lambda path: _replace(path, Path.mkdir)),
        ("a link that leads nowhere", lambda path: _replace(path, lambda place: place.symlink_to("nowhere"))),
        ("a pipe", lambda path: _replace(path, os.mkfifo)),
    ]
    for number, (what, damage) in enumerate(damages[:: max(1, round(1 / cut.share / 4))]):
        folder = cut.folder / f"kernels {number}"
        folder.mkdir()
        with tally.trying(what):
            count = spawn.Value("i", 0)
            _together(spawn, [str(folder)], count)
            damage(folder / "kernel.so")
            _together(spawn, [str(folder)] * 4, count)
            assert count.value == 2, f"built {count.value - 1} times instead of once"
            assert stat.S_ISREG((folder / "kernel.so").lstat().st_mode), "not kept"


def _together(context: Any, folders: list[str], count: Any) -> None:
    running = [context.Process(target=_builds, args=(folder, count)) for folder in folders]
    for process in running:
        process.start()
    for process in running:
        process.join(60)
        assert process.exitcode == 0, f"a process ended with {process.exitcode}"


PROMISES = [
    Promise(
        "padding",
        "Whatever stands at padded steps (NaN, infinity, 1e38), outputs, states and all gradients are bit for bit "
        "those of zeros there.",
        "tests/torture/test_models.py::test_padding_is_nothing",
        padding,
        headline=True,
    ),
    Promise(
        "packed sequences",
        "A packed batch comes back as it came: batch sizes, indices, and rows in the caller's order.",
        "tests/torture/test_models.py::test_a_packed_batch_comes_back_as_it_came",
        packed,
        headline=True,
    ),
    Promise(
        "kernel cache",
        "A damaged kernel is found before it is loaded, and built again once, by one of all processes.",
        "tests/torture/test_models.py::test_a_damaged_kernel_is_built_again_once",
        kernels,
        headline=True,
    ),
]
