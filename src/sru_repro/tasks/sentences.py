"""Cross-validated sets of sentences, one fold of ten a run: CR, SUBJ, MR, TREC, MPQA of the SRU paper's Table 1.

how far is it from denver to aspen ?   ->   NUM
"""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from ..data.sentences import sets
from ..data.sentences.examples import Splits
from ..data.sentences.folds import load_sentences
from ._base import one_of
from ._classification import Classification, ClassificationConfig


class SentencesConfig(ClassificationConfig):
    """`fold` is the tenth held out: the test set, or for TREC, whose test set is given, the validation set."""

    name: Annotated[str, one_of(sets.names)]
    fold: int = Field(ge=0, le=9)


class Sentences(Classification):
    """See `Classification`."""

    Config = SentencesConfig

    @staticmethod
    def examples(config: SentencesConfig, data_dir: Path) -> Splits:
        return load_sentences(config.name, data_dir, config.fold, config.limit)

    @staticmethod
    def number_of_classes(config: SentencesConfig) -> int:
        return len(sets.set_class(config.name).classes)
