"""Language models: bytes (enwik8, any text) or words (WikiText), the state carried from segment to segment.

Shapes: L time, B batch, N = L * B, D embedding, H encoding, V vocabulary.

input   t h e _ c a
target  h e _ c a t

Attention is told of an `AttentionContext`, which recurrences ignore. In training a segment sees itself and up to
`memory` steps before it, as layer inputs that the next call projects again (the papers' memory). In evaluation every
position sees exactly `eval_window` steps back, and keys and values are kept instead: a step of generation projects its
own symbol only, and no figure depends on how the text was cut. A window longer than the text sees all there is.

Figures come from sums in float64 over the whole test set, read as one stream (`eval_batch_size=1`); a table of a task
that reads more streams at once says so. Validations during training read `val_batch_size` streams, and the first
`val_limit` symbols of a large set. Accumulated batches are consecutive segments of the same streams. Parameters are
counted with the symbols of the whole corpus.
"""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.errors import ConfigError, DataError
from ..data.batches import Sizes, shard_of
from ..data.text import corpora
from ..data.text.corpus import Text
from ..data.text.load import load_corpus
from ..data.text.streams import StreamBatches, streams_of
from ..data.text.symbols import Symbols
from ..models import AttentionContext, ModelSettings, State, encoder_of
from ._adaptive import AdaptiveEmbedding, AdaptiveSoftmax, WithRoom
from ._base import Batches, Build, Said, Saved, Step, Task, TaskData, full_precision
from ._generate import continuation
from ._lm_config import LanguageModelConfig
from ._lm_media import language_media
from ._media import Shown

Segment = tuple[Tensor, Tensor] | tuple[Tensor, Tensor, Sizes]
"""Inputs and targets (L, B), and what a tail of an adaptive softmax has room for."""


class LanguageModel(Task):
    """Embeds symbols, encodes them, predicts the next one.

    Args:
        config, model: settings of the protocol and of the encoder.
        symbols: what the numbers stand for; all bytes, or None, with the papers' number of them, for counting.
    """

    Config = LanguageModelConfig
    headline = "bpc"
    higher_is_better = False
    needs_stream = True

    def __init__(
        self, config: LanguageModelConfig, model: ModelSettings, symbols: Symbols | None = None
    ) -> None:
        super().__init__()
        if symbols is None and config.level == "bytes":
            symbols = Symbols.all_bytes()
        self.config, self.model, self.symbols = config, model, symbols
        corpus = corpora.corpus_class(config.corpus)
        count = len(symbols) if symbols else config.vocabulary_size or corpus.count(config.level)
        if config.cutoffs and config.cutoffs[-1] >= count:
            raise ConfigError(
                f"task.cutoffs: expected all below the {count:,} symbols there are, found {config.cutoffs[-1]}"
            )
        size, attention_context = config.embedding_size, AttentionContext(config.memory, config.eval_window)
        # An adaptive embedding ends in the encoder's own width, by projections of its clusters.
        width = getattr(model, "hidden_size", size) if config.cutoffs else size
        self.encoder = encoder_of(model).from_config(width, model, attention_context)
        # The adaptive modules drop out their vectors before they are projected.
        self.dropout = nn.Dropout(0.0 if config.cutoffs else config.dropout)
        self.scale = math.sqrt(width) if config.scale_embedding else 1.0
        self.embedding: nn.Embedding | AdaptiveEmbedding
        self.output: nn.Linear | AdaptiveSoftmax
        if config.cutoffs:
            self.embedding = AdaptiveEmbedding(
                count, size, width, config.cutoffs, config.div_value, dropout=config.dropout
            )
            self.output = AdaptiveSoftmax(
                self.encoder.output_size,
                count,
                size,
                config.cutoffs,
                config.div_value,
                tied_to=self.embedding if config.tie_weights else None,
                tie_projections=config.tie_projections,
                dropout=config.dropout,
            )
            return
        self.embedding = nn.Embedding(count, size)
        self.output = nn.Linear(self.encoder.output_size, count)
        if config.tie_weights:
            if size != self.encoder.output_size:
                raise ConfigError(
                    f"task.tie_weights=true: expected task.embedding_size={self.encoder.output_size}, "
                    f"the encoder's width, found {size}"
                )
            self.output.weight = self.embedding.weight
        with torch.no_grad():  # as the authors draw them: by the number of symbols
            for weight in (self.embedding.weight, self.output.weight):
                weight.uniform_(-1, 1).mul_(math.sqrt(3 / count))
            self.output.bias.zero_()

    @classmethod
    def headline_of(cls, config: LanguageModelConfig) -> str:
        return "ppl" if config.by_words else "bpc"

    @classmethod
    def load(cls, config: LanguageModelConfig, data_dir: Path, seed: int) -> TaskData:
        text = load_corpus(
            config.corpus,
            data_dir,
            config.level,
            path=config.path,
            vocabulary_size=config.vocabulary_size,
            max_bytes=config.max_bytes,
            limit=config.limit,
        )
        if len(text.train) <= config.unroll:
            raise DataError(
                f"{text.source}: expected more than task.unroll={config.unroll} symbols to train on, a segment, "
                f"found {len(text.train)}; give a longer text or set task.unroll"
            )
        for name, streams in (("val", config.val_batch_size), ("test", config.eval_batch_size)):
            found = len(getattr(text, name))
            if found <= streams:
                key = "val_batch_size" if name == "val" else "eval_batch_size"
                raise DataError(
                    f"{text.source}: expected more than task.{key}={streams} symbols in the {name} split, "
                    f"found {found}; give a longer text or set task.{key}"
                )
        return TaskData(
            train=StreamBatches(text.train, config.batch_size, config.unroll),
            val=StreamBatches(
                text.val[: config.val_limit or None], config.val_batch_size, config.eval_unroll
            ),
            test=StreamBatches(text.test, config.eval_batch_size, config.eval_unroll),
            fingerprint=text.fingerprint,
            description=text.description,
            source=text.source,
            build={"symbols": text.symbols},
            comparable=text.comparable,
            why_not=text.why_not,
            share=text.share,
            notes=(*text.notes, _evaluation(config)),
            warnings=text.warnings,
            counts=_counts(text),
        )

    @classmethod
    def create(cls, config: LanguageModelConfig, model: ModelSettings, **build: Any) -> "LanguageModel":
        return cls(config, model, **build)

    @classmethod
    def rebuild(cls, extra: Saved) -> Build:
        return {"symbols": Symbols.from_state(extra["symbols"])}

    def embed(self, ids_LB: Tensor) -> Tensor:
        """(L, B, D)."""
        return self.dropout(self.embedding(ids_LB) * self.scale)

    def step(self, batch: Segment, carry: State) -> Step:
        inputs_LB, targets_LB, *room = batch
        h_LBH, carry = self.encoder(self.embed(inputs_LB), carry)
        nats = self.nats(self.dropout(h_LBH).flatten(0, 1), targets_LB.flatten(), *room)
        totals: dict[str, Tensor | float] = {
            # Summed in float64 over one time step after the other: the figure must not depend on the cut.
            "nats": nats.detach().double().sum(),
            "words" if self.config.by_words else "characters": float(targets_LB.numel()),
        }
        return Step(nats.mean(), totals, carry)

    def tokens(self, batch: Segment) -> int:
        return batch[1].numel()

    def shard(self, batch: Segment, rank: int, world: int) -> tuple[Segment, float]:
        """Streams of its own, in every segment the same ones, so that their state can be carried."""
        own, counted = shard_of(batch[0].size(1), rank, world)
        return streams_of(batch[:2], own), counted / batch[0].size(1)

    def fitted(self, batches: Batches) -> Batches:
        """Of an adaptive softmax every segment says how many targets lie in each cluster: the device is not asked."""
        if isinstance(self.output, AdaptiveSoftmax):
            return WithRoom(batches, self.output)
        return batches

    def nats(self, h_NH: Tensor, targets_N: Tensor, room: Sizes | None = None) -> Tensor:
        """-log p(target), (N,)."""
        if isinstance(self.output, AdaptiveSoftmax):
            return self.output.nats(h_NH, targets_N, room)
        return F.cross_entropy(full_precision(self.output(h_NH)), targets_N, reduction="none")

    def log_probabilities(self, h_NH: Tensor) -> Tensor:
        """log p of every symbol, (N, V)."""
        if isinstance(self.output, AdaptiveSoftmax):
            return self.output.log_probabilities(h_NH)
        return full_precision(self.output(h_NH)).log_softmax(-1)

    @staticmethod
    def metrics(totals: Mapping[str, float]) -> dict[str, float]:
        if "words" in totals:
            loss = totals["nats"] / totals["words"]
            return {"loss": loss, "ppl": math.exp(min(loss, 700.0))}
        loss = totals["nats"] / totals["characters"]
        return {"loss": loss, "bpc": loss / math.log(2)}

    @torch.no_grad()
    def predict(self, text: str) -> Said:
        """How surprising a text is, symbol by symbol, and the likeliest symbols to follow.

        Surprise is in bits per symbol after the first one, None for one symbol alone.
        """
        symbols = self._symbols()
        ids_N = torch.tensor(symbols.encode(text) or [0], device=self.device)
        h, _ = self.encoder(self.embed(ids_N.unsqueeze(1)))
        # Of all symbols only behind the last step: with many words (N, V) would not fit into memory.
        nats = self.nats(h[:-1, 0], ids_N[1:]).double().mean().item() if len(ids_N) > 1 else None
        p, order = self.log_probabilities(h[-1:, 0])[0].exp().topk(3)
        name, key = ("symbol", "bits_per_symbol") if self.config.by_words else ("byte", "bits_per_byte")
        following = [
            {name: symbols.decode([i]), "probability": q}
            for i, q in zip(order.tolist(), p.tolist(), strict=True)
        ]
        return {key: None if nats is None else nats / math.log(2), "next": following}

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.parameters()).device

    def generate(
        self, prompt: str, *, length: int, temperature: float, top_k: int, seed: int
    ) -> Iterator[str]:
        """A text that goes on from the prompt, as it is drawn: a step of the model for each symbol."""
        symbols = self._symbols()
        decoder, ids = symbols.decoder(), symbols.encode(prompt)
        for number in ids:  # so that the first word knows whether a space comes before it
            decoder.feed(number)
        for number in continuation(
            self._following,
            ids,
            length,
            start=self._line_end(),
            temperature=temperature,
            top_k=top_k,
            seed=seed,
            device=self.device,
            fixed=self.encoder.fixed_state,
        ):
            yield decoder.feed(number)
        yield decoder.finish()

    def _following(self, ids_LB: Tensor, state: State) -> tuple[Tensor, State]:
        h_LBH, state = self.encoder(self.embed(ids_LB), state)
        return self.log_probabilities(h_LBH[-1]), state

    def media(self, batches: Batches, sums: Mapping[str, Tensor]) -> Shown:
        ids_N = batches[0][0][:, 0].to(self.device)
        return language_media(ids_N, self._symbols(), self.encoder, self.embed, self._following)

    def _line_end(self) -> int:
        """What comes before a text that begins with nothing; number 0 in a corpus without lines."""
        try:
            return self._symbols().encode("\n")[0]
        except DataError:
            return 0

    def _symbols(self) -> Symbols:
        assert self.symbols is not None, "a model built for counting says nothing"
        return self.symbols

    def get_extra_state(self) -> Saved:
        """What the numbers stand for travels in the checkpoint, so that it can be used without the data."""
        return {"symbols": self._symbols().state()}

    def set_extra_state(self, state: Saved) -> None:
        """Takes the symbols from a checkpoint.

        Raises:
            ConfigError: the data at hand have others, so that every number would stand for something else.
        """
        found = Symbols.from_state(state["symbols"])
        if self.symbols is not None and self.symbols != found:
            raise ConfigError(
                f"checkpoint: expected the vocabulary of the data at hand, {len(self.symbols):,} symbols, found one of "
                f"{len(found):,} with others among them; name the data that the run was trained on by data_dir="
            )
        self.symbols = found

    def published_parameters(self) -> int:
        """All of them, with the corpus's full number of symbols, whatever the data at hand."""
        published = corpora.corpus_class(self.config.corpus).published
        if self.symbols is not None and self.config.level not in published:
            return sum(p.numel() for p in self.parameters())  # nobody else has counted these words
        with torch.device("meta"):
            full = LanguageModel(self.config, self.model)
        return sum(p.numel() for p in full.parameters())


def _evaluation(config: LanguageModelConfig) -> str:
    streams = "one stream" if config.eval_batch_size == 1 else f"{config.eval_batch_size} parallel streams"
    reach = f"attention, where there is any, sees {config.eval_window} steps back"
    return f"the test set is read as {streams}, the state carried; {reach}"


def _counts(text: Text) -> dict[str, int]:
    return {name: len(getattr(text, name)) for name in ("train", "val", "test")}
