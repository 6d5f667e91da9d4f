"""Stanford Sentiment Treebank (SRU paper, Table 1, column SST): trained on all phrases, tested on sentences.

a gorgeous , witty , seductive movie .   ->   positive
"""

from pathlib import Path
from typing import Literal

from ..data.sentences.examples import Splits
from ..data.sentences.sst import load_sst
from ..data.sentences.words import split_words
from ._classification import Classification, ClassificationConfig


class SSTConfig(ClassificationConfig):
    """Binary drops neutral phrases; fine keeps five classes. `paper_phrases` are the 76,961 of the authors' file."""

    name: Literal["sst"]
    labels: Literal["binary", "fine"]
    train_on: Literal["phrases", "paper_phrases", "sentences"]


class SST(Classification):
    """See `Classification`."""

    Config = SSTConfig

    @staticmethod
    def examples(config: SSTConfig, data_dir: Path) -> Splits:
        return load_sst(data_dir, config.labels, config.train_on, config.limit)

    def tokenize(self, text: str) -> tuple[str, ...]:
        return split_words(text, self.vocabulary)

    @staticmethod
    def number_of_classes(config: SSTConfig) -> int:
        return 2 if config.labels == "binary" else 5
