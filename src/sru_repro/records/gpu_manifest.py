"""The sections of the GPU check and their pieces: names, purposes, shares of the time. Nothing else declares them.

A new piece is one entry here and one function of that name in the section's module in gpu_check/. Capitals in a name
stand for what there are several of (`grid/CELL`); which those are is found out when the section runs.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Declared:
    """A piece, the smallest thing that is done whole.

    name        as on the page, with capitals for what there are several of
    purpose     what for, as the documents tell it
    weight      its share of the section's time; of each, where there are several
    least_s     seconds without which it is not begun; a rehearsal begins everything
    by_weight   neighbours so marked are ordered together, the lightest first
    """

    name: str
    purpose: str
    weight: float = 1.0
    least_s: float = 0.0
    by_weight: bool = False

    @property
    def head(self) -> str:
        """The name up to its capitals: "grid/" of "grid/CELL"."""
        return re.split("[A-Z]{2}", self.name, maxsplit=1)[0]

    @property
    def several(self) -> bool:
        """Whether it stands for several."""
        return self.head != self.name


@dataclass(frozen=True)
class Section:
    """Pieces that share a process and a page.

    question   what the section answers
    module     where the functions of its pieces are, in gpu_check/
    weight     its share of the time of all sections: seconds, where nothing else is asked for
    pieces     in the order in which they run
    trains     whether it needs data
    table      the table of conf/table whose rows it runs; such a section takes the time that it is given, and is
               carried out where it is named, alone
    """

    question: str
    module: str
    weight: float
    pieces: tuple[Declared, ...]
    trains: bool = False
    table: str | None = None


_RATES = "what this GPU copies and multiplies in a second"
_TABLE = "validation metric against wall clock, tokens/s, memory, share of the GPU's bfloat16 rate"


def _of_a_table(table: str, question: str) -> Section:
    """Runs of a table, kept one by one."""
    runs = Declared(
        "runs", "rows and seeds, predicted time beside what it took; finished runs enter the table", 1.0, 40.0
    )
    return Section(
        question, "table_runs", 540.0, (Declared("rates", _RATES, 0.001), runs), trains=True, table=table
    )


SECTIONS: Mapping[str, Section] = {
    "correct": Section(
        "Are the kernels right, in every way they are called?",
        "correct",
        195.0,
        (
            Declared(
                "grid/CELL",
                "a cell at many sizes with all its options, in four types, against the float64 reference",
                3.0,
            ),
            Declared("products", "the products of a layer, with their gradients"),
            Declared("cpu-and-cuda", "the CPU's kernels and CUDA's on the same numbers"),
            Declared("deterministic", "the same call gives the same bits, however often"),
            Declared("streams", "calls in several streams at once give what they give alone"),
            Declared("threads", "so do calls from several threads"),
            Declared("graph", "captured as a CUDA graph and replayed on new numbers, in training too"),
            Declared("autocast", "under bfloat16 autocast, as training runs"),
            Declared("launches", "a layer launches nothing beside products, recurrence, sums and casts"),
            Declared("one-piece", "LSTM and GRU under autocast, whose cast weights are one piece of memory"),
            Declared("casts", "weights cast once a step are never stale, inside graphs and outside"),
            Declared("models/MODEL", "a whole model beside the CPU's, then step by step"),
            Declared("devices", "every other GPU gives the bits of the first one"),
            Declared(
                "generation",
                "steps as CUDA graphs, of every model that streams, against one call on the text",
            ),
            Declared(
                "one-launch",
                "a step through 1 to 16 SRU layers in one launch, against float64, and as a graph",
            ),
            Declared("compile", "a model through torch.compile", 5.0),
            Declared("large", "as many columns as fill a GPU", 5.0),
            Declared("beyond-2^31", "tensors of more than 2^31 values", 3.0),
            Declared("ranks", "one run on two GPUs, over NCCL, learns step by step what it learns on one"),
            # These start several processes, one after the other; what they need is kept for them.
            Declared(
                "sanitizer",
                "no access outside the tensors, none to what nobody wrote (compute-sanitizer)",
                15.0,
                60.0,
            ),
            Declared(
                "resume",
                "a training that was stopped and goes on ends with the same weights, bit by bit",
                15.0,
                60.0,
            ),
        ),
    ),
    "speed": Section(
        "How fast are they, against LSTM, GRU, convolutions, the authors' package and the floor?",
        "speed",
        110.0,
        (
            Declared("check", "nothing is timed before this is right", 0.1),
            Declared("rates", _RATES, 0.03),
            Declared(
                "shapes/SHAPE/TYPE",
                "whole models, plain and as graphs, against nn.LSTM in four types and the floor of their products",
                by_weight=True,
            ),
            Declared(
                "recurrence/SHAPE/TYPE",
                "the recurrence alone, call and kernel, against the authors' and the speed of a copy",
                by_weight=True,
            ),
            Declared(
                "overhead/SHAPE/TYPE", "what a call costs the host, however small the work", by_weight=True
            ),
            Declared(
                "growth/SHAPE/TYPE", "cost against length, batch and width, SRU beside LSTM", by_weight=True
            ),
            Declared(
                "decode", "generation token by token: does stacking layers lose the advantage?", 0.2, 5.0
            ),
            Declared(
                "deep", "symbols/s at width 512; aim: 16 SRU layers at 0.6 times a 2-layer LSTM's", 0.1, 5.0
            ),
        ),
    ),
    "tune": Section(
        "Which launch configurations suit this GPU?",
        "tune",
        30.0,
        (
            Declared("rates", _RATES, 0.5),
            Declared(
                "PASS/TYPE/COLUMNS",
                "every launch configuration of a pass, forward for training or backward, against the rule's",
            ),
        ),
    ),
    "steps": Section(
        "Whole training steps as CUDA graphs: are they right, and does the GPU ever wait?",
        "steps",
        110.0,
        (
            Declared(
                "language", "language models of one size: a step as it is, replayed, and alone", 1.0, 50.0
            ),
            Declared("sentences", "SST: the same, at a few lengths", 0.7, 35.0),
            Declared("captures", "a capture that fails leaves everything usable", 0.02),
        ),
        trains=True,
    ),
    "papers": Section(
        "How near the hardware are the papers' language models at their own size?",
        "paper_sizes",
        30.0,
        (
            Declared("rates", _RATES, 0.03),
            Declared(
                "step/ROW", "a whole training step: its time, share of the bfloat16 rate, memory, kernels"
            ),
            Declared("blocks", "attention with blocks of several sizes", 0.3),
        ),
    ),
    "train-sst": Section(
        "Classification in bfloat16, all models side by side",
        "training",
        45.0,
        (Declared("rates", _RATES, 0.03), Declared("table", _TABLE, 1.0, 32.0)),
        trains=True,
    ),
    "train-enwik8": Section(
        "Language models in bfloat16: small ones side by side, the papers' sizes alone",
        "training",
        85.0,
        (
            Declared("rates", _RATES, 0.03),
            Declared(
                "small",
                "seven models of one size side by side: bits per byte against wall clock, tokens/s, memory",
                3.0,
                32.0,
            ),
            Declared(
                "paper/ROW",
                "a row of the papers at its own size, alone on the GPU: the same figures",
                0.9,
                26.0,
            ),
        ),
        trains=True,
    ),
    "train-squad": Section(
        "The reader in bfloat16, its encoders side by side",
        "training",
        60.0,
        (Declared("rates", _RATES, 0.03), Declared("table", _TABLE, 1.0, 50.0)),
        trains=True,
    ),
    "table1": _of_a_table(
        "sst", "Table 1 of the SRU paper on SST: every row and seed, 100 epochs, side by side"
    ),
    "table2": _of_a_table("squad", "Table 2 of the SRU paper: a row of the reader with the paper's budget"),
    "ablation": _of_a_table(
        "enwik8", "Attention in every k-th layer of SRU++, each k for the same seconds, alone"
    ),
}
"""In the order in which they run; each leaves a page of that name. Weights of `speed` are of a section whose five
measured kinds weigh 1 together."""
USUAL = tuple(name for name, section in SECTIONS.items() if section.table is None)
"""What is carried out where nothing is named."""
BUDGET_S = sum(SECTIONS[name].weight for name in USUAL)
"""Seconds for all of these. With the rest (a pack is installed, the last section ends) about twelve minutes."""
