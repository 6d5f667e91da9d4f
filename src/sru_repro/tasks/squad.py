"""Question answering on SQuAD by the document reader of DrQA (SRU paper, section 4.2 and Table 2).

The answer is a part of the passage: the likeliest span of at most `max_answer` tokens. The network around the encoders
stands in `_reader.py`, the search for spans and their measures in `_span.py`.

Any model runs as a stack of single layers (`models/_stack.py`), with one dropout mask a sequence in front of every
layer; SRU draws the mask itself, before its product, so that the highway sees the whole input, as in the authors'
code. A batch holds passages of one length where there are enough of them: nothing is padded then, and torch's LSTM
takes its dense path, at least twice as fast as the packed one. EM and F1 are torchmetrics', one question a call,
summed in float64. The dev set is what the papers report on; validations during training read `val_limit` questions of
it. Every evaluation leaves `predictions.json` in SQuAD's own format.

Shapes: L passage, Q question, B batch, D features in, H encoding, V words.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from ..core.errors import ConfigError, DataError
from ..data.batches import shard_of
from ..data.squad.batches import FEATURES, ReaderBatch, ReaderBatches, columns, make_reader_batch
from ..data.squad.dataset import Squad, load_squad, single_example
from ..data.squad.tokens import Tokenizer
from ..data.squad.words import reader_vectors, word_numbers
from ..data.store.vocabulary import PAD_ID
from ..models import ModelSettings, State, encoder_of
from ..models._inside import looking
from ..models._padding import cleared
from ..models._stack import Stack
from ._base import Answer, Batches, Build, Said, Saved, Span, Step, Task, TaskData, TaskSettings
from ._inside import LONGEST, inside_media
from ._media import Shown
from ._reader import ENTITIES, TAGS, Alignment, Dropout, Ends, Pooling, look_up, names, span_nats
from ._span import best_spans, em_f1, top_spans
from ._squad_media import answers_beside, first_examples

SHOWN = 12
"""Questions of the validation set that are shown with their answers."""
TIES = 937
"""Seeds the order of equally long passages, so which questions share a batch; the batches' own order is the run's."""


class SQuADConfig(TaskSettings):
    """Settings of the reader; conf/task/squad.yaml says what each does and which values the authors used."""

    vectors: str = Field(min_length=1)
    vector_size: int = Field(ge=1)
    map_lookup: bool
    vocabulary_size: int = Field(ge=0)
    tuned_words: int = Field(ge=0)
    tagger: str = Field(min_length=1)
    dropout: float = Field(ge=0, lt=1)
    layer_dropout: float = Field(ge=0, lt=1)
    output_dropout: float = Field(ge=0, lt=1)
    concat_layers: bool
    max_answer: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    eval_batch_size: int = Field(ge=1)
    limit: int = Field(ge=0)
    val_limit: int = Field(ge=0)


class SQuAD(Task):
    """A reader of passages, with one encoder for passages and one, of the same settings, for questions.

    Args:
        config, model: settings of the reader and of its encoders.
        words: the vocabulary, padding first, unknown second; empty leaves the word vectors out (for counting).
        tags, entities: names of parts of speech and of entities, "" first; that alone without a tagger.
        tagger: what made the tokens, by name and version.
        tuned_rows: so many of the first words have vectors that are trained.
        weight_VD: word vectors; needed to train, not to load a checkpoint.
    """

    Config = SQuADConfig
    headline = "f1"
    higher_is_better = True
    uncounted = ("embedding", "tuned")
    needs_steps = True
    needs_both_ways = True

    def __init__(
        self,
        config: SQuADConfig,
        model: ModelSettings,
        *,
        words: tuple[str, ...] = (),
        tags: tuple[str, ...] = ("",),
        entities: tuple[str, ...] = ("",),
        tagger: str = "",
        tuned_rows: int = 0,
        weight_VD: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.config, self.words, self.tags, self.entities = config, words, tags, entities
        self.tagger = tagger
        size = config.vector_size
        self.alignment = Alignment(size)
        self.tag_embedding = nn.Embedding(TAGS, TAGS, padding_idx=0)
        self.entity_embedding = nn.Embedding(ENTITIES, ENTITIES, padding_idx=0)
        self.encoder, self.question_encoder = (
            Stack(
                encoder_of(model).layers_of(width, model, input_dropout=config.layer_dropout),
                dropout=config.layer_dropout,
                concat=config.concat_layers,
            )
            for width in (2 * size + FEATURES + TAGS + ENTITIES, size)
        )
        self.pooling = Pooling(self.question_encoder.output_size)
        self.ends = Ends(self.encoder.output_size, self.question_encoder.output_size)
        self.dropout, self.output_dropout = Dropout(config.dropout), Dropout(config.output_dropout)
        if words:
            weight = torch.empty(len(words), size) if weight_VD is None else weight_VD
            self.tuned = nn.Embedding.from_pretrained(
                weight[:tuned_rows].clone(), freeze=False, padding_idx=PAD_ID
            )
            self.embedding = nn.Embedding.from_pretrained(weight) if tuned_rows < len(words) else None

    @classmethod
    def load(cls, config: SQuADConfig, data_dir: Path, seed: int) -> TaskData:
        squad = load_squad(data_dir, tagger=config.tagger, limit=config.limit)
        vectors = reader_vectors(
            config.vectors,
            squad,
            data_dir,
            vocabulary_size=config.vocabulary_size,
            map_lookup=config.map_lookup,
            dim=config.vector_size,
            seed=seed,
        )
        number_of = word_numbers(squad.forms, vectors.words, map_lookup=config.map_lookup)
        # Vectors that say nothing yet are all trained.
        tuned = len(vectors.words) if vectors.source == "random" else config.tuned_words + 2
        val = squad.dev.evenly(config.val_limit)
        why_not = "; ".join(filter(None, [squad.why_not, _untagged(squad), vectors.why_not]))
        return TaskData(
            train=ReaderBatches(squad.train, number_of, config.batch_size, shuffle_seed=TIES, training=True),
            val=ReaderBatches(val, number_of, config.eval_batch_size),
            test=ReaderBatches(squad.dev, number_of, config.eval_batch_size),
            fingerprint=f"{squad.fingerprint}-{vectors.fingerprint}",
            description=squad.description,
            source=f"{squad.source}; word vectors {vectors.source}",
            build={
                "words": vectors.words,
                "tags": squad.tags,
                "entities": squad.entities,
                "tagger": squad.tagger,
                "tuned_rows": min(tuned, len(vectors.words)),
                "weight_VD": vectors.weight_VD,
            },
            reshuffle=True,
            comparable=not why_not,
            why_not=why_not,
            vectors=vectors.source,
            share=squad.share,
            notes=(*squad.notes, vectors.note),
            warnings=(*squad.warnings, *vectors.warnings),
            counts={"train": len(squad.train), "val": len(val), "test": len(squad.dev)},
        )

    @classmethod
    def create(cls, config: SQuADConfig, model: ModelSettings, **build: Any) -> "SQuAD":
        return cls(config, model, **build)

    @classmethod
    def rebuild(cls, extra: Saved) -> Build:
        return {key: tuple(value) if isinstance(value, list) else value for key, value in extra.items()}

    def inputs(self, batch: ReaderBatch) -> tuple[Tensor, Tensor]:
        """What the encoders read: of passages (L, B, D), of questions (Q, B, D)."""
        x_LBD, question_QBD = (
            self.dropout(look_up(ids, self.tuned, self.embedding))
            for ids in (batch.passage_LB, batch.question_QB)
        )
        x_LBD = cleared(x_LBD, batch.padding_LB)  # the alignment reads them before an encoder does
        parts = (
            x_LBD,
            batch.features_LBF.to(x_LBD.dtype),
            self.alignment(x_LBD, question_QBD, batch.question_padding_QB),
            self.dropout(names(batch.tags_LB, self.tag_embedding)),
            self.dropout(names(batch.entities_LB, self.entity_embedding)),
        )
        return torch.cat(parts, -1), question_QBD

    def forward(self, batch: ReaderBatch) -> tuple[Tensor, Tensor]:
        """log p(start) and log p(end), (L, B) each, -inf at padding."""
        x_LBD, question_QBD = self.inputs(batch)
        h_LBH, _ = self.encoder(x_LBD, None, batch.padding_LB)
        h_QBH, _ = self.question_encoder(question_QBD, None, batch.question_padding_QB)
        question_BH = self.pooling(self.output_dropout(h_QBH), batch.question_padding_QB)
        return self.ends(self.output_dropout(h_LBH), question_BH, batch.padding_LB)

    def step(self, batch: ReaderBatch, carry: State) -> Step:
        start_LB, end_LB = self(batch)
        nats_B = span_nats(start_LB, end_LB, batch.start_B, batch.end_B)
        spans = (batch.start_B >= 0).sum()
        loss = nats_B.sum() / spans.clamp(min=1)
        totals: dict[str, Tensor | float] = {"nats": nats_B.detach().double().sum(), "spans": spans.double()}
        if self.training:
            return Step(loss, totals)
        texts = self._texts(batch, start_LB, end_LB)
        measured = [
            em_f1(text, example.answers) for text, example in zip(texts, batch.examples.items, strict=True)
        ]
        totals |= {
            "em": sum(em for em, _ in measured),
            "f1": sum(f1 for _, f1 in measured),
            "questions": float(len(texts)),
        }
        outputs = {example.id: text for text, example in zip(texts, batch.examples.items, strict=True)}
        return Step(loss, totals, outputs=outputs)

    def tokens(self, batch: ReaderBatch) -> int:
        return batch.tokens

    def shard(self, batch: ReaderBatch, rank: int, world: int) -> tuple[ReaderBatch, float]:
        own, counted = shard_of(len(batch.start_B), rank, world)
        part = columns(batch, own)
        spans, all_spans = (int((one.start_B >= 0).sum()) for one in (part, batch))
        return part, spans / max(1, all_spans) if counted else 0.0

    def fitted(self, batches: Batches) -> Batches:
        assert isinstance(batches, ReaderBatches)
        return batches.fitted() if self.encoder.pads_anywhere else batches

    def _texts(self, batch: ReaderBatch, start_LB: Tensor, end_LB: Tensor) -> list[str]:
        """The likeliest answers, as they stand in their passages."""
        first_B, last_B = best_spans(start_LB, end_LB, self.config.max_answer)
        spans = zip(batch.examples.items, first_B.tolist(), last_B.tolist(), strict=True)
        return [
            example.passage_text[example.spans[first, 0] : example.spans[last, 1]]
            for example, first, last in spans
        ]

    @staticmethod
    def metrics(totals: Mapping[str, float]) -> dict[str, float]:
        """Loss a span, in nats; in evaluation exact match and F1 as fractions."""
        figures = {"loss": totals["nats"] / max(1.0, totals["spans"])}
        if "questions" in totals:
            figures |= {name: totals[name] / totals["questions"] for name in ("em", "f1")}
        return figures

    def encoder_pass(self, batch: ReaderBatch) -> Callable[[], Tensor]:
        with torch.no_grad():
            x_LBD, question_QBD = (x.requires_grad_() for x in self.inputs(batch))

        def run() -> Tensor:
            h_LBH, _ = self.encoder(x_LBD, None, batch.padding_LB)
            h_QBH, _ = self.question_encoder(question_QBD, None, batch.question_padding_QB)
            return h_LBH.sum() + h_QBH.sum()

        return run

    def media(self, batches: Batches, sums: Mapping[str, Tensor]) -> Shown:
        """Questions with their answers and what the reader takes for them; gates and attention on a question."""
        batch: ReaderBatch = batches[len(batches) // 2]  # of passages of middling length
        batch = first_examples(batch, SHOWN, self.ends.start.weight.device)
        table = answers_beside(batch.examples.items, self._texts(batch, *self(batch)))
        words = slice(0, min(len(batch.examples.items[0].question), LONGEST))
        _, question_QBD = self.inputs(batch)
        with looking(self.question_encoder) as inside:
            self.question_encoder.forward(question_QBD[words, :1])
        steps = [self.words[number] for number in batch.question_QB[words, 0].tolist()]
        return {"predictions": table, **inside_media(inside, steps)}

    def predict(self, text: str) -> Said:
        raise ConfigError(
            "text: this run answers questions on a passage, expected passage=TEXT (or @FILE) and question=TEXT"
        )

    @torch.no_grad()
    def answer(self, passage: str, question: str, top: int = 3) -> Answer:
        """The likeliest answer with its place (characters) and probability, and `top - 1` others, the next in line.

        Raises:
            DataError: a passage or a question without a word.
        """
        example, forms = single_example(self._tokenizer, passage, question, self.tags, self.entities)
        for name, tokens in (("passage", example.passage), ("question", example.question)):
            if not len(tokens):
                raise DataError(f"{name}: expected a text, found no word in it")
        batch = make_reader_batch(
            [example], word_numbers(forms, self.words, map_lookup=self.config.map_lookup)
        )
        device = self.ends.start.weight.device
        moved: dict[str, Any] = {
            key: x.to(device) for key, x in batch._asdict().items() if isinstance(x, Tensor)
        }
        start_LB, end_LB = self(batch._replace(**moved))
        found: list[Span] = []
        for first, last, log_p in top_spans(
            start_LB[:, 0], end_LB[:, 0], self.config.max_answer, max(1, top)
        ):
            start, end = int(example.spans[first, 0]), int(example.spans[last, 1])
            confidence = float(np.exp(log_p))
            found.append({"answer": passage[start:end], "start": start, "end": end, "confidence": confidence})
        return {**found[0], "others": found[1:]}

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        """What made the tokens that the reader was trained on."""
        if len(self.tags) == 1:
            return Tokenizer("none")
        return Tokenizer(self.tagger.split()[0] if self.config.tagger == "auto" else self.config.tagger)

    def get_extra_state(self) -> Saved:
        """Words, tags and entities travel in the checkpoint, so that it can be used without the data."""
        return {
            "words": list(self.words),
            "tags": list(self.tags),
            "entities": list(self.entities),
            "tagger": self.tagger,
            "tuned_rows": self.tuned.num_embeddings,
        }

    def set_extra_state(self, state: Saved) -> None:
        """Compares with what a checkpoint brings.

        Raises:
            ConfigError: other words, tags or entities, so that every number would stand for something else.
        """
        for key in ("words", "tags", "entities"):
            here, there = getattr(self, key), tuple(state[key])
            if here != there:
                raise ConfigError(
                    f"checkpoint: expected the {len(here):,} {key} of the data at hand, found {len(there):,} with "
                    "others among them; name the data, vectors and tagger that the run was trained with"
                )


def _untagged(squad: Squad) -> str:
    return "" if squad.tagged else "without lemmas, tags and entities"
