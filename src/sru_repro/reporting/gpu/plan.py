"""What the sections of the CUDA ledger answer, and what their pieces are for: all of it, also what no card has run."""

from collections.abc import Mapping, Sequence

SECTIONS = {
    "correct": "Are the kernels right, in every way they are called?",
    "speed": "How fast are they, against LSTM, GRU, convolutions, the authors' package and the floor?",
    "tune": "How is their work best cut on this card?",
    "train-sst": "Classification in bfloat16, all models side by side",
    "train-enwik8": "Language models in bfloat16: small ones side by side, the papers' sizes alone",
    "train-squad": "The reader in bfloat16, its encoders side by side",
}
"""In the order in which they run; each leaves a page of that name."""

_RATES = ("rates", "what this card copies and multiplies in a second")
_TABLE = (
    "table",
    "validation metric against wall clock, tokens/s, memory, share of the card's bfloat16 rate",
)

PIECES: Mapping[str, Sequence[tuple[str, str]]] = {
    "correct": (
        (
            "grid/CELL",
            "a cell at many sizes with all its options, in four types, against the float64 reference",
        ),
        ("products", "the products of a layer, with their gradients"),
        ("cpu-and-cuda", "the CPU's kernels and CUDA's on the same numbers"),
        ("deterministic", "the same call gives the same bits, however often"),
        ("streams", "calls in several streams at once give what they give alone"),
        ("threads", "so do calls from several threads"),
        ("graph", "captured as a CUDA graph and replayed on new numbers, in training too"),
        ("autocast", "under bfloat16 autocast, as training runs"),
        ("models/MODEL", "a whole model beside the CPU's, then step by step"),
        ("devices", "every other card gives the bits of the first one"),
        ("compile", "a model through torch.compile"),
        ("large", "as many columns as fill a card"),
        ("beyond-2^31", "tensors of more than 2^31 values"),
        ("resume", "a training that was stopped and goes on ends with the same weights, bit by bit"),
        ("sanitizer", "no access outside the tensors, none to what nobody wrote (compute-sanitizer)"),
    ),
    "speed": (
        ("check", "nothing is timed before this is right"),
        _RATES,
        ("shapes/SHAPE/TYPE", "whole models against nn.LSTM and the floor of their products"),
        ("recurrence/SHAPE/TYPE", "the recurrence alone against the authors' kernel and the speed of a copy"),
        ("overhead/SHAPE/TYPE", "what a call costs the host, however small the work"),
        ("graphs/SHAPE/TYPE", "called as usual and as a CUDA graph"),
        ("growth/SHAPE/TYPE", "cost against length, batch and width, SRU beside LSTM"),
        ("decode", "generation token by token: does stacking layers lose the advantage?"),
    ),
    "tune": (
        _RATES,
        ("forward/TYPE/COLUMNS", "every cut of the forward pass for training, against the rule's"),
        ("backward/TYPE/COLUMNS", "every cut of the backward pass, against the rule's"),
    ),
    "train-sst": (_RATES, _TABLE),
    "train-enwik8": (
        _RATES,
        (
            "small",
            "seven models of one size side by side: bits per byte against wall clock, tokens/s, memory",
        ),
        ("paper/ROW", "a row of the papers at its own size, alone on the card: the same figures"),
    ),
    "train-squad": (_RATES, _TABLE),
}
"""Pieces of every section and what they are for; capitals stand for what there are several of."""
