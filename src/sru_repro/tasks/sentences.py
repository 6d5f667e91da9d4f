"""The five other data sets of the SRU paper's Table 1 (CR, SUBJ, MR, TREC, MPQA), one fold of ten a run.

how far is it from denver to aspen ?   ->   NUM
"""

from pathlib import Path
from typing import Literal

from pydantic import Field

from ..data.examples import Splits
from ..data.sentences import load_sentences
from ._classification import Classification, ClassificationConfig


class SentencesConfig(ClassificationConfig):
    """`fold` is the tenth held out: the test set, or for TREC, whose test set is given, the validation set."""

    name: Literal["cr", "subj", "mr", "trec", "mpqa"]
    fold: int = Field(ge=0, le=9)


class Sentences(Classification):
    """See `Classification`."""

    Config = SentencesConfig

    @staticmethod
    def examples(config: SentencesConfig, data_dir: Path) -> Splits:
        return load_sentences(config.name, data_dir, config.fold, config.limit)

    @staticmethod
    def number_of_classes(config: SentencesConfig) -> int:
        return 6 if config.name == "trec" else 2
