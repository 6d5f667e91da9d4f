"""Section `tune`: how the kernels' work is best cut on this card. Every cut of every size is timed, in interleaved
rounds; where one beats the rule, the table that the dispatcher looks into says so.

Shapes: L time, B batch, D columns of a row.
"""

import itertools
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ..bench import correct
from ..bench.floor import recurrence_bytes
from ..bench.timing import interleaved
from ..ops import cuda, dispatch, tiling
from ..ops.tiling import Tiling, tiled
from ..reporting.runs.publish import write_whole
from . import card
from .kernels import backend, build
from .plan import Options, Piece
from .run import TILINGS
from .speed import rates

SIZES = ((256, 1, 1024), (256, 4, 1024), (256, 16, 1024), (128, 64, 1024), (128, 256, 1024), (64, 1024, 1024))
"""(L, B, D): from what leaves most of a card idle to what it needs gigabytes for."""
TYPES = (torch.bfloat16, torch.float32)
WORTH = 1.03
"""Times as fast as the rule's cut that a cut must be to enter the table: less is noise."""
_GRAPHED = 1 << 17
"""Up to so many columns a call takes less time on the card than on the host, and is timed as a graph."""


def pieces(options: Options) -> list[Piece]:
    """The card's rates, then a piece for each pass, type and size."""
    sizes = ((4, 2, 8),) if options.rehearse else SIZES
    found = [Piece("rates", lambda seconds: _prepared(options), weight=0.5)]
    for (length, batch, size), kernel, kind in itertools.product(sizes, ("forward", "backward"), TYPES):
        name = f"{kernel}/{correct.name_of(kind)}/{batch * size}"
        found.append(Piece(name, partial(_timed, options, kernel, kind, length, batch, size)))
    return found


def _prepared(options: Options) -> dict[str, Any]:
    """The card's rates; and all kernels are built, which does not depend on sizes."""
    calls = (
        partial(_cut, kernel, cut, _call(options, kernel, kind, 2, 1, 1024))
        for kernel, kind in itertools.product(("forward", "backward"), TYPES)
        for cut in cuts(kernel, kind, options.rehearse)
    )
    return {"note": build(options, calls), "rates": rates(options)}


def cuts(kernel: str, kind: torch.dtype, rehearse: bool = False) -> list[Tiling]:
    """All that could be worth a try: what a thread reads ahead must fit its registers."""
    step = cuda.step_bytes(kernel, kind, 3, kind)
    widths = [width for width in (1, 2, 4, 8) if width * kind.itemsize <= 16]
    every = itertools.product(widths, (2, 4, 8, 16), (32, 64, 128))
    found = [Tiling(*cut) for cut in every if cut[0] * cut[1] * step <= 2 * tiling.RING or cut[1] == 2]
    return found[:2] if rehearse else found


def _timed(
    options: Options, kernel: str, kind: torch.dtype, length: int, batch: int, size: int, seconds: float
) -> dict[str, Any]:
    """The SRU's recurrence, one pass, in every cut."""
    device, columns = options.torch_device, batch * size
    step = cuda.step_bytes(kernel, kind, 3, kind)
    rule = _rule(options, kind, columns, size, step, length)
    call = _call(options, kernel, kind, length, batch, size)
    tried = list(dict.fromkeys([rule, *cuts(kernel, kind, options.rehearse)]))
    calls = {}
    for cut in tried:
        run = partial(_cut, kernel, cut, call)
        run()  # built and loaded
        calls[cut] = card.captured(device, run, first=1) if columns <= _GRAPHED else run
    found = interleaved(calls, device, repeats=3 if options.rehearse else 9, budget_s=0.8 * seconds)
    timed = {cut: timing["median_s"] for cut, timing in found.items() if "error" not in timing}
    if rule not in timed:
        raise RuntimeError(f"the rule's own cut {tuple(rule)} does not run: {found[rule].get('error')}")
    best = min(timed, key=lambda cut: timed[cut])
    gain = timed[rule] / timed[best]
    moved = recurrence_bytes(length, batch, 3, columns // batch, kind, skip_input=True)
    row = {
        "kernel": kernel, "dtype": correct.name_of(kind), "cell": "sru",
        "length": length, "batch": batch, "size": size, "columns": columns, "step_bytes": step,
        "moved_bytes": moved_bytes(kernel, moved, length * columns, kind),
        "heuristic": list(rule), "best": list(best), "gain": gain,
        "variants": [{"tiling": list(cut), **timing} for cut, timing in found.items()],
        "note": f"rule {'x'.join(map(str, rule))}, best {'x'.join(map(str, best))}: {gain:.2f} times as fast",
    }  # fmt: skip
    _keep(Path(options.out) / TILINGS, card.facts(device)["name"], row)
    return row


def moved_bytes(kernel: str, both: tuple[int, int], cells: int, kind: torch.dtype) -> int:
    """What a pass must move: forward for training (states are kept), or backward. `both`: as `recurrence_bytes`."""
    inference, training = both
    forward = inference + cells * max(kind.itemsize, 4)
    return forward if kernel == "forward" else training - forward


def _rule(options: Options, kind: torch.dtype, columns: int, size: int, step: int, length: int) -> Tiling:
    most = tiling.widest(kind, size, 0)
    multiprocessors = card.facts(options.torch_device)["multiprocessors"] or 132
    return tiling.tiling(columns, most, step, length, multiprocessors)


def _cut(kernel: str, cut: Tiling, call: Any) -> Any:
    with tiled(**{kernel: cut}):
        return call()


def _call(options: Options, kernel: str, kind: torch.dtype, length: int, batch: int, size: int) -> Any:
    """One pass on random numbers, without what surrounds it in a model."""
    module, device = dispatch.module(backend(options)), options.torch_device
    torch.manual_seed(0)
    u, x = (
        torch.randn(*shape, device=device).to(kind)
        for shape in ((length, batch, 3, size), (length, batch, size))
    )
    v, b = (torch.randn(2, size, device=device) for _ in range(2))
    c0 = torch.zeros(batch, size, device=device)
    options_of_call = (None, None, False, 1.0, False)
    forward = partial(module.forward, "sru", u, x, v, b, c0, *options_of_call, True)
    if kernel == "forward":
        return forward
    h, c_n, states = forward()
    back = torch.randn_like(h), torch.zeros_like(c_n)
    return partial(module.backward, *back, "sru", u, x, v, b, None, None, states, False, 1.0, False)


def _keep(path: Path, name: str, row: Mapping[str, Any]) -> None:
    """Puts a size into the table beside the pages, or takes it out where the rule is as good."""
    table = tiling.read(path) if path.exists() else {}
    same = ("kernel", "dtype", "columns")
    others = [old for old in table.get(name, []) if any(old[key] != row[key] for key in same)]
    write_whole(path, tiling.dump({**table, name: [*others, *entries([row])]}))


def entries(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The lines of the table that the evidence of these pieces gives."""
    return [
        {
            "kernel": row["kernel"],
            "dtype": row["dtype"],
            "columns": row["columns"],
            "step": row["step_bytes"],
            "tiling": list(row["best"]),
        }
        for row in rows
        if row["gain"] >= WORTH
    ]


def table(pages: Sequence[Mapping[str, Any]]) -> str:
    """The table of all cards, as text; of several pages of one card, the one with the later date counts."""
    found: dict[str, dict[tuple[str, str, int], dict[str, Any]]] = {}
    for page in sorted(pages, key=_date):
        own = found.setdefault(page["card"]["name"], {})
        for piece in page["pieces"]:
            row = piece["values"]
            if piece["state"] == "ok" and "kernel" in row:
                key = row["kernel"], row["dtype"], row["columns"]
                own.pop(key, None)
                if lines := entries([row]):
                    own[key] = lines[0]
    cards = {name: [own[key] for key in sorted(own)] for name, own in found.items() if own}
    return tiling.dump(tiling.sound(json.loads(json.dumps(cards))))


def _date(page: Mapping[str, Any]) -> str:
    return max((piece["measured"]["date"] for piece in page["pieces"] if "measured" in piece), default="")
