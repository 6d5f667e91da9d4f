"""Byte-level language model on Python's own standard library: the quickstart's task.

Shapes: L time, B batch, H encoding.

input   i m p o r t _ o
target  m p o r t _ o s
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ..data.stdlib_text import load_stdlib_text
from ..data.streams import StreamBatches
from ..models import ModelSettings, State, encoder_class
from ._contract import Step, Task, TaskData, TaskSettings, full_precision

BYTES = 256


class StdlibLMConfig(TaskSettings):
    """Sizes of the model around the encoder, and of the batches."""

    name: Literal["quickstart"]
    max_bytes: int = Field(ge=20_000)
    embedding_size: int = Field(ge=1)
    dropout: float = Field(ge=0, lt=1)
    batch_size: int = Field(ge=1)
    unroll: int = Field(ge=1)


class StdlibLM(Task):
    """Embeds bytes, encodes them with the state carried from segment to segment, predicts the next byte."""

    Config = StdlibLMConfig
    headline = "bpc"
    higher_is_better = False
    needs_stream = True

    def __init__(self, config: StdlibLMConfig, model: ModelSettings) -> None:
        super().__init__()
        self.embedding = nn.Embedding(BYTES, config.embedding_size)
        self.encoder = encoder_class(model.name).from_config(config.embedding_size, model)
        self.dropout = nn.Dropout(config.dropout)
        self.output = nn.Linear(self.encoder.output_size, BYTES)

    @classmethod
    def load(cls, config: StdlibLMConfig, data_dir: Path, seed: int) -> TaskData:
        text = load_stdlib_text(config.max_bytes)
        train, val, test = (
            StreamBatches(part, config.batch_size, config.unroll)
            for part in (text.train, text.val, text.test)
        )
        return TaskData(
            train=train,
            val=val,
            test=test,
            fingerprint=text.fingerprint,
            description=f"standard library sources, {(len(text.train) + len(text.val) + len(text.test)) / 1e6:.1f} MB",
            source=text.source,
            build={},
            comparable=False,
            why_not="not a data set of the papers",
            counts={"train": len(text.train), "val": len(text.val), "test": len(text.test)},
        )

    @classmethod
    def create(cls, config: StdlibLMConfig, model: ModelSettings, **build: Any) -> "StdlibLM":
        return cls(config, model)

    def step(self, batch: tuple[Tensor, Tensor], carry: State) -> Step:
        inputs_LB, targets_LB = batch
        h_LBH, carry = self.encoder(self.dropout(self.embedding(inputs_LB)), carry)
        logits = full_precision(self.output(self.dropout(h_LBH)))
        nats = F.cross_entropy(logits.flatten(0, 1), targets_LB.flatten(), reduction="sum")
        totals: dict[str, Tensor | float] = {
            "nats": nats.detach().double(),
            "bytes": float(targets_LB.numel()),
        }
        return Step(nats / targets_LB.numel(), totals, targets_LB.numel(), carry)

    @staticmethod
    def metrics(totals: Mapping[str, float]) -> dict[str, float]:
        loss = totals["nats"] / totals["bytes"]
        return {"loss": loss, "bpc": loss / math.log(2)}

    @torch.no_grad()
    def predict(self, text: str) -> dict[str, Any]:
        """How surprising a text is, in bits per byte (None for one byte alone), and the likeliest bytes to follow."""
        values = torch.tensor(list(text.encode()) or [0], device=self.output.weight.device)
        h, _ = self.encoder(self.embedding(values).unsqueeze(1))
        logits = self.output(h[:, 0]).float()
        nats = F.cross_entropy(logits[:-1], values[1:]).item() if len(values) > 1 else None
        p, order = logits[-1].softmax(-1).topk(3)
        following = [
            {"byte": chr(i), "probability": q} for i, q in zip(order.tolist(), p.tolist(), strict=True)
        ]
        return {"bits_per_byte": None if nats is None else nats / math.log(2), "next": following}
