"""Settings of language modelling."""

from typing import Annotated

from pydantic import Field, model_validator

from ..data.text import corpora
from ..data.text.load import clash
from ..data.text.symbols import Level
from ._base import TaskSettings, one_of


class LanguageModelConfig(TaskSettings):
    """Settings of the protocol; conf/task/_language_model.yaml says what each is."""

    corpus: Annotated[str, one_of(corpora.names)]
    level: Level
    path: str
    limit: int = Field(ge=0)
    max_bytes: int = Field(ge=20_000)
    vocabulary_size: int = Field(ge=0)
    embedding_size: int = Field(ge=1)
    scale_embedding: bool
    tie_weights: bool
    cutoffs: tuple[int, ...] = Field(strict=False)
    div_value: int = Field(ge=1)
    tie_projections: bool
    dropout: float = Field(ge=0, lt=1)
    batch_size: int = Field(ge=1)
    unroll: int = Field(ge=1)
    memory: int = Field(ge=0)
    eval_unroll: int = Field(ge=1)
    eval_window: int = Field(ge=1)
    eval_batch_size: int = Field(ge=1)
    val_batch_size: int = Field(ge=1)
    val_limit: int = Field(ge=0)

    @model_validator(mode="after")
    def _clashes(self) -> "LanguageModelConfig":
        if problem := clash(self.corpus, self.level, self.path, self.vocabulary_size):
            raise ValueError(problem)
        if any(a >= b for a, b in zip((0, *self.cutoffs), self.cutoffs, strict=False)):
            raise ValueError(f"cutoffs={list(self.cutoffs)} need to rise from above 0")
        if self.tie_projections and not (self.cutoffs and self.tie_weights):
            raise ValueError("tie_projections=true needs cutoffs and tie_weights=true")
        return self

    @property
    def by_words(self) -> bool:
        """Whether figures are perplexities of words; else bits per character."""
        return self.level == "words"
