"""SQuAD 1.1 by DrQA's Document Reader (Chen et al., 2017, section 3.2), as in the SRU paper, section 4.2 and Table 2.

    passage word   [vector; exact, lower-case, lemma match, frequency; aligned question; tag; entity]  -> encoder -> h_i
    question word  vector -> encoder -> attentive pooling -> q
    p_start(i) ~ exp(h_i . (W_s q + b_s)),   p_end(i) ~ exp(h_i . (W_e q + b_e))

Shapes: L tokens of a passage, Q tokens of a question, B batch, D word vector, H encoding.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from ..data.reader_batches import FEATURES, ReaderBatch, ReaderBatches, make_reader_batch
from ..data.reader_tokens import Tokenizer
from ..data.reader_words import reader_vectors, word_numbers
from ..data.squad import load_squad, single_example
from ..errors import ConfigError, DataError
from ..models import ModelSettings, Stack, State, encoder_class
from ._contract import Step, Task, TaskData, TaskSettings, full_precision
from ._reader import AlignedQuestion, AttentivePooling, BilinearScores, WordEmbedding
from ._span import best_spans, em_f1, top_spans

TAGS, ENTITIES = 56, 19
"""Rows and columns of the embeddings of parts of speech and of entities in the authors' reader; row 0 is none."""

BATCHES_SEED = 0
"""Which questions share a batch is the same for all seeds; a run's seed says in which order batches come."""


class SQuADConfig(TaskSettings):
    """Settings of the reader; conf/task/squad.yaml says what each is."""

    name: Literal["squad"]
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
    """The reader with one encoder for passages (`encoder`) and one for questions.

    Args:
        config, model: settings of the reader and of its encoders.
        words: the vocabulary, padding first, unknown second; empty leaves the word vectors out (for counting).
        weight_VD: word vectors; needed to train, not to load a checkpoint.
        tagger: what the passages were tokenised with, `Tokenizer.name`; for `answer`.
        tags, entities: names of the numbers in batches; for `answer`.
    """

    Config = SQuADConfig
    headline = "f1"
    higher_is_better = True
    uncounted = ("embedding",)
    needs_steps = True

    def __init__(
        self,
        config: SQuADConfig,
        model: ModelSettings,
        words: tuple[str, ...] = (),
        weight_VD: Tensor | None = None,
        tagger: str = "none",
        tags: tuple[str, ...] = ("",),
        entities: tuple[str, ...] = ("",),
    ) -> None:
        super().__init__()
        if not getattr(model, "bidirectional", True):
            raise ConfigError("task=squad reads both ways: expected model.bidirectional=true, found false")
        self.config, self.words, self.tagger, self.tags, self.entities = config, words, tagger, tags, entities
        size, kind = config.vector_size, encoder_class(model.name)
        if words:
            weight = torch.zeros(len(words), size) if weight_VD is None else weight_VD
            tuned = len(words) if config.vectors == "random" else config.tuned_words + 2
            self.embedding = WordEmbedding(weight, tuned)
        self.tag_embedding = nn.Embedding(TAGS, TAGS, padding_idx=0)
        self.entity_embedding = nn.Embedding(ENTITIES, ENTITIES, padding_idx=0)
        self.aligned = AlignedQuestion(size)
        inputs = size + FEATURES + size + TAGS + ENTITIES
        stack: dict[str, Any] = {"dropout": config.layer_dropout, "concat": config.concat_layers}
        self.encoder = Stack(kind.layers_of(inputs, model), **stack)
        self.question_encoder = Stack(kind.layers_of(size, model), **stack)
        self.pooling = AttentivePooling(self.question_encoder.output_size)
        sizes = self.encoder.output_size, self.question_encoder.output_size
        self.start, self.end = BilinearScores(*sizes), BilinearScores(*sizes)
        self.dropout, self.output_dropout = nn.Dropout(config.dropout), nn.Dropout(config.output_dropout)

    @classmethod
    def load(cls, config: SQuADConfig, data_dir: Path, seed: int) -> TaskData:
        squad = load_squad(data_dir, tagger=config.tagger, limit=config.limit)
        vectors = reader_vectors(
            config.vectors,
            squad,
            data_dir,
            seed=seed,
            dim=config.vector_size,
            map_lookup=config.map_lookup,
            vocabulary_size=config.vocabulary_size,
        )
        number_of = word_numbers(squad.forms, vectors.words, map_lookup=config.map_lookup)
        evaluated = min(config.val_limit or len(squad.dev), len(squad.dev))
        part = np.linspace(0, len(squad.dev), evaluated, endpoint=False).astype(int)
        why_not = "; ".join(filter(None, (squad.why_not, vectors.why_not)))
        train = ReaderBatches(
            squad.train, number_of, config.batch_size, shuffle_seed=BATCHES_SEED, training=True
        )
        return TaskData(
            train=train,
            val=ReaderBatches(
                replace(squad.dev, rows=squad.dev.rows[part]), number_of, config.eval_batch_size
            ),
            test=ReaderBatches(squad.dev, number_of, config.eval_batch_size),
            fingerprint=f"{squad.fingerprint}-{vectors.fingerprint}",
            description=squad.description,
            source=f"{squad.source}; word vectors {vectors.source}",
            build={
                "words": vectors.words,
                "weight_VD": vectors.weight_VD,
                "tagger": squad.tagger,
                "tags": squad.tags,
                "entities": squad.entities,
            },
            reshuffle=True,
            comparable=not why_not,
            why_not=why_not,
            vectors=vectors.source,
            share=squad.share,
            notes=(*squad.notes, vectors.note, f"validations during training read {evaluated:,} questions"),
            counts={"train": len(squad.train), "val": evaluated, "test": len(squad.dev)},
        )

    @classmethod
    def create(cls, config: SQuADConfig, model: ModelSettings, **build: Any) -> "SQuAD":
        return cls(config, model, **build)

    @classmethod
    def rebuild(cls, extra: dict[str, Any]) -> dict[str, Any]:
        return {
            key: value if isinstance(value, str) else tuple(value) for key, value in extra.items() if value
        }

    def inputs(self, batch: ReaderBatch) -> tuple[Tensor, Tensor]:
        """What the encoders read: (L, B, 679) with vectors of 300, and (Q, B, 300)."""
        passage_LBD = self.dropout(self.embedding(batch.passage_LB))
        question_QBD = self.dropout(self.embedding(batch.question_QB))
        parts = (
            passage_LBD,
            batch.features_LBF.to(passage_LBD.dtype),
            self.aligned(passage_LBD, question_QBD, batch.question_padding_QB),
            self.dropout(self.tag_embedding(torch.where(batch.tags_LB < TAGS, batch.tags_LB, 0))),
            self.dropout(
                self.entity_embedding(torch.where(batch.entities_LB < ENTITIES, batch.entities_LB, 0))
            ),
        )
        return torch.cat([part.to(passage_LBD.dtype) for part in parts], -1), question_QBD

    def encode(self, batch: ReaderBatch, passage_LBD: Tensor, question_QBD: Tensor) -> tuple[Tensor, Tensor]:
        """Both sequences encoded: (L, B, H), (Q, B, H)."""
        h_LBH, _ = self.encoder(passage_LBD, None, batch.padding_LB)
        h_QBH, _ = self.question_encoder(question_QBD, None, batch.question_padding_QB)
        return h_LBH, h_QBH

    def log_probabilities(self, batch: ReaderBatch) -> tuple[Tensor, Tensor]:
        """log p of every token as the answer's first and as its last, (L, B) each; -inf at padding."""
        h_LBH, h_QBH = map(self.output_dropout, self.encode(batch, *self.inputs(batch)))
        question_BH = self.pooling(h_QBH, batch.question_padding_QB)
        start_LB, end_LB = (
            full_precision(scores(h_LBH, question_BH, batch.padding_LB)).log_softmax(0)
            for scores in (self.start, self.end)
        )
        return start_LB, end_LB

    def step(self, batch: ReaderBatch, carry: State) -> Step:
        start_LB, end_LB = self.log_probabilities(batch)
        known_B = batch.start_B >= 0
        first_B, last_B = batch.start_B.clamp(min=0), batch.end_B.clamp(min=0)
        nats_B = -(start_LB.gather(0, first_B.unsqueeze(0)) + end_LB.gather(0, last_B.unsqueeze(0))).squeeze(
            0
        )
        nats_B = nats_B.masked_fill(~known_B, 0.0)
        spans = sum(example.start >= 0 for example in batch.examples.items)
        totals: dict[str, Tensor | float] = {"nats": nats_B.detach().double().sum(), "spans": float(spans)}
        outputs: dict[str, Any] = {}
        if not self.training:
            outputs = self._answers(batch, start_LB, end_LB)
            marks = [em_f1(outputs[example.id], example.answers) for example in batch.examples.items]
            totals |= {
                "em": float(sum(em for em, _ in marks)),
                "f1": float(sum(f1 for _, f1 in marks)),
                "questions": float(len(marks)),
            }
        return Step(nats_B.sum() / max(1, spans), totals, batch.tokens, outputs=outputs)

    def _answers(self, batch: ReaderBatch, start_LB: Tensor, end_LB: Tensor) -> dict[str, str]:
        """The likeliest answer to each question, by its name, as it is written in the passage."""
        first_B, last_B = best_spans(start_LB, end_LB, self.config.max_answer)
        found = zip(batch.examples.items, first_B.tolist(), last_B.tolist(), strict=True)
        return {
            example.id: example.passage_text[example.spans[first][0] : example.spans[last][1]]
            for example, first, last in found
        }

    @staticmethod
    def metrics(totals: Mapping[str, float]) -> dict[str, float]:
        figures = {"loss": totals["nats"] / max(1.0, totals["spans"])}
        if "questions" in totals:
            figures |= {key: totals[key] / totals["questions"] for key in ("em", "f1")}
        return figures

    def encoder_pass(self, batch: ReaderBatch) -> Callable[[], Tensor]:
        """See `Task`: both encoders, as the paper's column "RNN" has them."""
        with torch.no_grad():
            passage_LBD, question_QBD = self.inputs(batch)
        inputs = passage_LBD.requires_grad_(), question_QBD.requires_grad_()
        return lambda: sum((h.float().mean() for h in self.encode(batch, *inputs)), torch.zeros(()))

    def predict(self, text: str) -> Any:
        raise ConfigError('text: this run answers questions; use passage=@file question="..."')

    @torch.no_grad()
    def answer(self, passage: str, question: str, top: int = 3) -> dict[str, Any]:
        """The likeliest answer with its place in the passage (characters) and p_start * p_end, and the next ones."""
        tagged = len(self.tags) > 1
        tokenizer = Tokenizer(self.tagger.split()[0] if tagged else "none")
        example, forms = single_example(tokenizer, passage, question, self.tags, self.entities)
        for name, tokens in (("passage", example.passage), ("question", example.question)):
            if not len(tokens):
                raise DataError(f"{name}: expected a text with words in it, found none")
        number_of = word_numbers(forms, self.words, map_lookup=self.config.map_lookup)
        device = self.pooling.linear.weight.device
        batch = make_reader_batch([example], number_of)
        moved: dict[str, Any] = {k: v.to(device) for k, v in batch._asdict().items() if isinstance(v, Tensor)}
        batch = batch._replace(**moved)
        start_LB, end_LB = self.log_probabilities(batch)
        found = []
        for first, last, log_p in top_spans(start_LB[:, 0], end_LB[:, 0], self.config.max_answer, top):
            start, end = int(example.spans[first][0]), int(example.spans[last][1])
            text = passage[start:end]
            found.append({"answer": text, "start": start, "end": end, "confidence": float(np.exp(log_p))})
        return {**found[0], "others": found[1:]}

    def get_extra_state(self) -> dict[str, Any]:
        """Words and names travel in the checkpoint, so that it can be used without the data."""
        names = {"words": self.words, "tags": self.tags, "entities": self.entities}
        return {key: list(value) for key, value in names.items()} | {"tagger": self.tagger}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Takes words and names from a checkpoint.

        Raises:
            ConfigError: the data at hand give other words, so that every number would stand for something else.
        """
        if self.words and list(self.words) != state["words"]:
            raise ConfigError(
                f"checkpoint: expected the vocabulary of the data at hand, {len(self.words):,} words, found another "
                f"of {len(state['words']):,}; name the data that the run was trained on by data_dir="
            )
        self.words, self.tagger = tuple(state["words"]), state["tagger"]
        self.tags, self.entities = tuple(state["tags"]), tuple(state["entities"])
