"""Does generation give what one call on the whole text gives? In float64, at a tiny size, before it is timed, with
plain steps and with a recorded one.

Shapes: L time, B batch, V symbols.
"""

import torch
from torch import Tensor

from ..core.errors import RunError
from ..models import RecordedSteps, State
from .decoders import GRAIN, MODELS, SYMBOLS, Decoder
from .timing import failure


def check(device: torch.device) -> int:
    """Compares, in float64 at a tiny size, symbol by symbol with the whole text in one call; how many cases.

    Raises:
        RunError: a contender differs.
    """
    length, window, batch = 11, 4, 2
    wrong, tried = [], 0
    for model in MODELS.values():
        tried += 1
        ids_LB = torch.randint(SYMBOLS, (length, batch), generator=torch.Generator().manual_seed(1)).to(
            device
        )
        try:
            decoder = _shaken(model.build(2 * GRAIN, window)).to(device)
            peer = model.twin(decoder) if model.twin else decoder
            with torch.no_grad():
                whole_LBV, _ = peer(ids_LB)
                found = {"stepped": _stepped(decoder, ids_LB), "recorded": _recorded(decoder, ids_LB)}
                off = {how: float((scores - whole_LBV).abs().max()) for how, scores in found.items()}
        except Exception as error:
            wrong.append(f"{model.label} does not run: {failure(error)}")
            continue
        allowed = 1e-9 * max(1.0, float(whole_LBV.abs().max()))
        for how, distance in off.items():
            if not distance <= allowed:  # also when it is no number
                wrong.append(f"{model.label}, {how}, is off by {distance:.2g} from one call on the whole")
                break
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise RunError(
            f"bench: {len(wrong)} of {tried} correctness checks fail, so nothing is timed: {wrong[0]}{more}"
        )
    return tried


def _stepped(decoder: Decoder, ids_LB: Tensor) -> Tensor:
    """Scores (L, B, V) of one call a symbol."""
    state: State = None
    scores = []
    for ids_1B in ids_LB.split(1):
        scores_1BV, state = decoder(ids_1B, state)
        scores.append(scores_1BV)
    return torch.cat(scores)


def _recorded(decoder: Decoder, ids_LB: Tensor) -> Tensor:
    """Scores (L, B, V) of one recorded step a symbol, but for the first, which makes the state."""
    scores_1BV, state = decoder(ids_LB[:1])
    rest = ids_LB[1:].split(1)
    steps = RecordedSteps(decoder, rest[0], decoder.fixed_state(state, len(rest)))
    return torch.cat([scores_1BV, *(steps(ids_1B).clone() for ids_1B in rest)])


@torch.no_grad()
def _shaken(decoder: Decoder) -> Decoder:
    """In float64, no weight as it was made: some start at zero, and what they scale would not be seen."""
    generator = torch.Generator().manual_seed(2)
    decoder.double()
    for weight in decoder.parameters():
        weight.add_(torch.randn(weight.shape, generator=generator, dtype=torch.float64), alpha=0.3)
    return decoder
