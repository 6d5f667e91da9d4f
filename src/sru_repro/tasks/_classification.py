"""Sentence classification as in the SRU paper, Table 1: embed, encode, last step, dropout, linear, softmax.

Shapes: L time, B batch, D word vector, H encoding, C classes.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.errors import DataError
from ..data.batches import shard_of
from ..data.sentences.batches import ClassificationBatches, TextBatch, columns, make_batch
from ..data.sentences.examples import Example, Splits, part_of
from ..data.sentences.words import clean
from ..data.store.vectors import load_vectors, plain_form
from ..data.store.vocabulary import Vocabulary
from ..models import ModelSettings, State, encoder_of
from ..models._inside import looking
from ._base import Batches, Build, Said, Saved, Step, Task, TaskData, TaskSettings, full_precision
from ._inside import LONGEST, inside_media, words_inside
from ._media import ConfusionMedia, Shown, TableMedia

SIDES: dict[str, Literal["left", "right"]] = {"left": "left", "masked": "right"}

SHOWN = 16
"""Sentences of the validation set that are shown with what they are taken for."""
SAID = ("text", "gold", "predicted", "probability")
"""What is said of a sentence."""
WRITTEN = {"(": "-lrb-", ")": "-rrb-", '"': "``"}


class ClassificationConfig(TaskSettings):
    """Settings of the protocol; conf/task/_classification.yaml says which value the authors used."""

    vectors: str = Field(min_length=1)
    vector_size: int = Field(ge=1)
    tune_vectors: bool
    normalize_vectors: bool
    vocabulary: Literal["all", "train"]
    dropout: float = Field(ge=0, lt=1)
    batch_size: int = Field(ge=1)
    reshuffle: bool
    map_lookup: bool
    shuffle_seed: int | None
    padding: Literal["left", "masked"]
    limit: int = Field(ge=0)


class Classification(Task):
    """A classifier of sentences. Subclasses say where the examples come from.

    Args:
        config: settings of the protocol.
        model: settings of the encoder.
        classes: names of the C classes.
        words: the vocabulary, padding first, unknown second; empty leaves the embedding out (for counting).
        weight_VD: word vectors; needed to train, not to load a checkpoint.
    """

    headline = "accuracy"
    higher_is_better = True
    uncounted = ("embedding",)

    def __init__(
        self,
        config: ClassificationConfig,
        model: ModelSettings,
        classes: tuple[str, ...],
        words: tuple[str, ...],
        weight_VD: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.config, self.classes, self.vocabulary = config, classes, Vocabulary(words)
        self.encoder = encoder_of(model).from_config(config.vector_size, model)
        self.dropout = nn.Dropout(config.dropout)
        self.output = nn.Linear(self.encoder.output_size, len(classes))
        if words:
            weight = torch.empty(len(words), config.vector_size) if weight_VD is None else weight_VD.clone()
            self.embedding = nn.Embedding.from_pretrained(weight, freeze=not config.tune_vectors)

    @staticmethod
    def examples(config: Any, data_dir: Path) -> Splits:
        """The examples of this data set."""
        raise NotImplementedError

    @staticmethod
    def number_of_classes(config: Any) -> int:
        """C, known without data."""
        raise NotImplementedError

    @classmethod
    def load(cls, config: ClassificationConfig, data_dir: Path, seed: int) -> TaskData:
        splits = cls.examples(config, data_dir)
        words = splits.tokens(*(("train",) if config.vocabulary == "train" else ()))
        vectors = load_vectors(
            config.vectors,
            words,
            data_dir,
            seed=seed,
            dim=config.vector_size,
            normalize=config.normalize_vectors,
            map_lookup=config.map_lookup,
        )
        train, val, test = (
            ClassificationBatches(
                part,
                vectors.vocabulary,
                config.batch_size,
                shuffle_seed=order,
                padding=SIDES[config.padding],
            )
            for part, order in ((splits.train, config.shuffle_seed), (splits.val, None), (splits.test, None))
        )
        part = f"only {part_of(config.limit)}" if config.limit else ""
        why_not = part or vectors.why_not_the_papers
        return TaskData(
            train=train,
            val=val,
            test=test,
            fingerprint=f"{splits.fingerprint}-{vectors.fingerprint}",
            description=f"{config.name.upper()}, {len(splits.classes)} classes",
            source=f"{splits.source}; word vectors {vectors.source}",
            build={
                "classes": splits.classes,
                "words": vectors.vocabulary.words,
                "weight_VD": vectors.weight_VD,
            },
            reshuffle=config.reshuffle,
            comparable=not why_not,
            why_not=why_not,
            vectors=vectors.source,
            notes=(*splits.notes, vectors.coverage_note),
            warnings=(*splits.warnings, *vectors.warnings),
            counts={"train": len(splits.train), "val": len(splits.val), "test": len(splits.test)},
        )

    @classmethod
    def create(cls, config: ClassificationConfig, model: ModelSettings, **build: Any) -> "Classification":
        if not build:
            classes = tuple(str(i) for i in range(cls.number_of_classes(config)))
            return cls(config, model, classes, ())
        return cls(config, model, **build)

    @classmethod
    def rebuild(cls, extra: Saved) -> Build:
        return {"words": tuple(extra["words"]), "classes": tuple(extra["classes"])}

    def for_data(self, weights: dict[str, Any], build: Build) -> dict[str, Any]:
        """See `Task`: a vector for each word of the data, that of the unknown word where the model knows none."""
        extra, words = weights["_extra_state"], build["words"]
        table = weights.get("embedding.weight", ())
        # What does not belong together is told when it is loaded.
        if list(words) == extra["words"] or len(table) != len(extra["words"]):
            return weights
        places = Vocabulary(tuple(extra["words"])).ids(words)
        table_VD = weights["embedding.weight"][places]
        return {**weights, "embedding.weight": table_VD, "_extra_state": {**extra, "words": [*words]}}

    def logits(self, ids_LB: Tensor, padding_LB: Tensor, added_LB: Tensor | None = None) -> Tensor:
        """(B, C). With left padding the encoder reads the padding as words, as the authors' code does; not the steps
        added in front of that."""
        masked = self.config.padding == "masked"
        if (
            masked
        ):  # an example without a word is read as one step of padding: torch's LSTM takes no empty rows
            padding_LB = torch.cat([torch.zeros_like(padding_LB[:1]), padding_LB[1:]])
        x_LBD = self.dropout(self.embedding(ids_LB))
        h_LBH, _ = self.encoder(x_LBD, None, padding_LB if masked else added_LB)
        last_B = (~padding_LB).sum(0).clamp(1, h_LBH.size(0)) - 1 if masked else None
        end_BH = _at(h_LBH, last_B, -1)
        if self.encoder.bidirectional:  # the backward columns end at the first step
            half = end_BH.size(-1) // 2
            first_B = None if masked or added_LB is None else added_LB.sum(0)
            end_BH = torch.cat([end_BH[:, :half], _at(h_LBH, first_B, 0)[:, half:]], -1)
        return self.output(self.dropout(end_BH))

    def step(self, batch: TextBatch, carry: State) -> Step:
        logits_BC = full_precision(self.logits(batch.ids_LB, batch.padding_LB, batch.added_LB))
        losses_B = F.cross_entropy(logits_BC, batch.labels_B, reduction="none")
        totals: dict[str, Tensor | float] = {
            "nats": losses_B.detach().double().sum(),
            "correct": (logits_BC.argmax(-1) == batch.labels_B).double().sum(),
            "examples": float(len(losses_B)),
        }
        if not self.training:
            ones_B = torch.ones_like(losses_B, dtype=torch.float64)
            counts_CC = ones_B.new_zeros(len(self.classes), len(self.classes))
            places = batch.labels_B, logits_BC.argmax(-1)
            totals["confusion"] = counts_CC.index_put_(places, ones_B, accumulate=True)
            return Step(losses_B.mean(), totals, said=lambda: self._said(batch, logits_BC.detach()))
        return Step(losses_B.mean(), totals)

    def tokens(self, batch: TextBatch) -> int:
        return batch.tokens

    def shard(self, batch: TextBatch, rank: int, world: int) -> tuple[TextBatch, float]:
        own, counted = shard_of(len(batch.labels_B), rank, world)
        return columns(batch, own), counted / len(batch.labels_B)

    def fitted(self, batches: Batches) -> Batches:
        assert isinstance(batches, ClassificationBatches)
        return batches.fitted() if self.encoder.pads_anywhere else batches

    def together(self, batches: Batches) -> Batches:
        assert isinstance(batches, ClassificationBatches)
        return batches.together() if self.encoder.pads_anywhere else batches

    @staticmethod
    def metrics(totals: Mapping[str, float]) -> dict[str, float]:
        count = totals["examples"]
        return {"loss": totals["nats"] / count, "accuracy": totals["correct"] / count}

    def media(self, batches: Batches, sums: Mapping[str, Tensor]) -> Shown:
        """Sentences with the class they have and the class they are taken for, the confusion, gates on a sentence."""
        batch: TextBatch = batches[0]
        size = len(batch.labels_B)
        chosen = [place * size // min(size, SHOWN) for place in range(min(size, SHOWN))]
        device = self.output.weight.device
        some = [
            None if x_LB is None else x_LB[:, chosen].to(device)
            for x_LB in (batch.ids_LB, batch.padding_LB, batch.added_LB)
        ]
        logits: Any = self.logits
        texts = [self._words_of(batch, column) for column in chosen]
        rows = self._rows(texts, batch.labels_B[chosen], full_precision(logits(*some)))
        found: dict[str, Any] = {"predictions": TableMedia(SAID, rows)}
        if "confusion" in sums:
            counts_CC = sums["confusion"].long().tolist()
            found["confusion"] = ConfusionMedia(self.classes, counts_CC)
        # The longest of them that can be read; the widest filter of Kim's CNN needs five words.
        words = max((words[:LONGEST] for words in texts), key=len)
        if len(words) >= 5:
            ids_L1 = torch.tensor(self.vocabulary.ids(words), device=device).unsqueeze(1)
            with looking(self.encoder) as inside:
                self.encoder.forward(self.embedding(ids_L1))
            found |= inside_media(inside, words)
        return found

    def _rows(
        self, texts: Sequence[Sequence[str]], labels_B: Tensor, logits_BC: Tensor
    ) -> list[tuple[str, str, str, float]]:
        """Of each sentence what `SAID` names; waits for the device."""
        highest_B, taken_B = (values_B.tolist() for values_B in logits_BC.softmax(-1).max(-1))
        return [
            (" ".join(words), self.classes[gold], self.classes[taken], p)
            for words, gold, taken, p in zip(texts, labels_B.tolist(), taken_B, highest_B, strict=True)
        ]

    def _said(self, batch: TextBatch, logits_BC: Tensor) -> list[Said]:
        """Of each sentence of a batch what it was taken for."""
        here = batch._replace(ids_LB=batch.ids_LB.cpu(), padding_LB=batch.padding_LB.cpu())
        texts = [self._words_of(here, column) for column in range(len(batch.labels_B))]
        return [
            dict(zip(SAID, (*row[:-1], round(row[-1], 6)), strict=True))
            for row in self._rows(texts, batch.labels_B, logits_BC)
        ]

    def _words_of(self, batch: TextBatch, column: int) -> list[str]:
        """The words of a sentence, as far as the vocabulary has them."""
        ids = batch.ids_LB[~batch.padding_LB[:, column], column].tolist()
        return [self.vocabulary.words[number] for number in ids]

    @torch.no_grad()
    def predict(self, text: str) -> Said:
        """The most probable class of a sentence, all probabilities, the words that have no vector, and of a model with
        gates how they stood at each word (`WordInside`)."""
        tokens = [self._known_form(token) for token in self.tokenize(text)]
        if not tokens:
            raise DataError("text: expected a sentence, found no word in it")
        batch = make_batch([Example(tuple(tokens), 0)], self.vocabulary, SIDES[self.config.padding])
        device = self.output.weight.device
        with looking(self.encoder) as inside:
            logits_BC = self.logits(batch.ids_LB.to(device), batch.padding_LB.to(device))
        p_C = full_precision(logits_BC)[0].softmax(-1).tolist()
        words = words_inside(inside, tokens, int((~batch.padding_LB[:, 0]).nonzero()[0]))
        return {
            "label": self.classes[max(range(len(p_C)), key=p_C.__getitem__)],
            "probabilities": dict(zip(self.classes, p_C, strict=True)),
            "unknown_words": [token for token in tokens if token not in self.vocabulary],
            **({"words": words} if words else {}),
        }

    def tokenize(self, text: str) -> tuple[str, ...]:
        """The words of a text as the data set writes them."""
        return clean(text)

    def _known_form(self, token: str) -> str:
        """A token as the data set writes it: brackets and quotes have forms of their own."""
        forms = (token, plain_form(token), WRITTEN.get(plain_form(token), token))
        return next((form for form in forms if form in self.vocabulary), token)

    def get_extra_state(self) -> Saved:
        """Vocabulary and classes travel in the checkpoint, so that it can be used without the data."""
        return {"words": list(self.vocabulary.words), "classes": list(self.classes)}

    def set_extra_state(self, state: Saved) -> None:
        """Takes vocabulary and classes from a checkpoint."""
        self.vocabulary, self.classes = Vocabulary(tuple(state["words"])), tuple(state["classes"])


def _at(h_LBH: Tensor, step_B: Tensor | None, otherwise: int) -> Tensor:
    """(B, H): of every row the output at its own step, at one step of all where none are given."""
    if step_B is None:
        return h_LBH[otherwise]
    return h_LBH[step_B, torch.arange(h_LBH.size(1), device=h_LBH.device)]
