"""What a language model shows while it learns: how it goes on with the beginning of the validation text, and what goes
on inside it there.

Shapes: L time, B batch (1), D embedding, N symbols.
"""

from collections.abc import Callable

from torch import Tensor

from ..data.text.symbols import END, Symbols
from ..models import Encoder
from ..models._inside import looking
from ._generate import StepOver, continuation
from ._inside import LONGEST, inside_media
from ._media import Shown, TextMedia

PROMPT, DRAWN = {"words": 24}, {"words": 40}
PROMPT_BYTES, DRAWN_BYTES = 80, 160
"""Symbols that are read, and that are drawn behind them; always by the same seed."""
TEMPERATURE = 0.8
SIGNS = str.maketrans({" ": "␣", "\n": "↵", "\t": "→"})


def language_media(
    ids_N: Tensor,
    symbols: Symbols,
    encoder: Encoder,
    embed: Callable[[Tensor], Tensor],
    step: StepOver,
) -> Shown:
    """A text that goes on from the first of these symbols, with a mark where what is drawn begins; gates and attention
    on the first `LONGEST`."""
    read = ids_N[: PROMPT.get(symbols.level, PROMPT_BYTES)]
    drawn = continuation(
        step,
        read.tolist(),
        DRAWN.get(symbols.level, DRAWN_BYTES),
        temperature=TEMPERATURE,
        seed=1,
        device=read.device,
        recorded=False,
    )
    decoder = symbols.decoder()
    prompt = "".join(map(decoder.feed, read.tolist()))
    text = f"{prompt} ⟫ {''.join(map(decoder.feed, drawn))}{decoder.finish()}"
    first_L1 = ids_N[:LONGEST].unsqueeze(1)
    with looking(encoder) as inside:
        encoder.forward(embed(first_L1))
    return {
        "sample": TextMedia(text),
        **inside_media(inside, [_sign(symbols, i) for i in first_L1[:, 0].tolist()]),
    }


def _sign(symbols: Symbols, number: int) -> str:
    """A symbol as it is written in a picture."""
    item = symbols.items[number]
    if isinstance(item, str):
        return "↵" if item == END else item
    return chr(item).translate(SIGNS) if 32 <= item < 127 or item in (9, 10) else f"{item:02x}"
