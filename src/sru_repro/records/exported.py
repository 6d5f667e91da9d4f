"""What the record of an exported model says beside that of its run: how it was made small, and what that cost."""

from typing import Annotated

from pydantic import AfterValidator, Field

from .base import Number, Part

MODEL, EXTRA, CARD = "model.safetensors", "words.json", "README.md"
"""Weights, words and card, beside the record."""
AGAIN = "take it again from where it came"
"""What to do about an exported model that is damaged."""


class Way(Part):
    """A way to make the word vectors fit, and what the model is worth then."""

    axes: int
    """Numbers of eight bits a word vector is made of; 0: vectors as they are."""
    words: int
    """That the model knows, padding and unknown word among them."""
    known: Number
    """Share of the words of the test set, repeats counted, that the model knows."""
    figures: dict[str, Number]


class Exported(Part):
    """A model taken out of a run with `sru-repro export`, in a folder of its own. The figures of the record are then
    those of this model, measured; so is the fingerprint of the data, which are read without word vectors."""

    dtype: str
    """Of the weights in the file; computed is in float32."""
    way: Way
    """The one that was taken."""
    others: list[Way] = Field(default_factory=list)
    """Tried, and found worse on the validation set."""
    of_words: int
    """That the run knew."""
    files: dict[str, str]
    """The checksum (SHA-256) of each file."""
    run: dict[str, Number] = Field(default_factory=dict)
    """The figures of the run itself, with all its weights as they were trained."""
    fingerprint: str
    """Of the data of the run, word vectors counted in."""


def _least(least: int) -> AfterValidator:
    def check(found: list[str]) -> list[str]:
        if len(found) < least:
            raise ValueError(f"expected {least} or more, found {len(found)}")
        return found

    return AfterValidator(check)


class Extra(Part):
    """words.json: what the task keeps beside its weights."""

    words: Annotated[list[str], _least(2)]
    """That the model knows: padding, the unknown word, then all others."""
    classes: Annotated[list[str], _least(1)]
    """Their names, in the order of the outputs."""
