"""What the numbers of a text stand for: bytes, the bytes that occur, or words."""

import codecs
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, cast

from ...core.errors import DataError
from ..store.vocabulary import UNKNOWN

Level = Literal["bytes", "symbols", "words"]
LEVELS: tuple[Level, ...] = ("bytes", "symbols", "words")
END = "<eos>"
"""The word that ends every line, empty ones too."""

_ALL_BYTES = tuple(range(256))


@dataclass(frozen=True)
class Symbols:
    """A vocabulary: byte values or words in the order of their numbers.

    `bytes` has all 256 values, `symbols` those that occur in a corpus; `words` has `<unk>` and `<eos>` among
    its words.
    """

    items: tuple[int, ...] | tuple[str, ...]

    @classmethod
    def all_bytes(cls) -> "Symbols":
        """Every byte value, each its own number."""
        return cls(_ALL_BYTES)

    @property
    def level(self) -> Level:
        """Which of the three it is, told by its items."""
        if self.items and isinstance(self.items[0], str):
            return "words"
        return "bytes" if self.items == _ALL_BYTES else "symbols"

    @cached_property
    def _number_of(self) -> dict[int | str, int]:
        items: tuple[int | str, ...] = self.items
        return {item: number for number, item in enumerate(items)}

    def __len__(self) -> int:
        return len(self.items)

    def encode(self, text: str) -> list[int]:
        """The numbers of a text, as in the corpus: UTF-8 bytes, or words split at white space and `<eos>`s.

        An unknown word is `<unk>`.

        Raises:
            DataError: a byte that the vocabulary lacks.
        """
        if self.level == "words":
            unknown = self._number_of[UNKNOWN]
            return [self._number_of.get(word, unknown) for word in split_words(text)]
        # Bytes of a command line that are no UTF-8 reach Python as surrogates, which stand for them.
        raw = text.encode("utf-8", "surrogateescape")
        try:
            return [self._number_of[byte] for byte in raw]
        except KeyError as error:
            byte = cast(int, error.args[0])
            found = f"byte 0x{byte:02x} ({chr(byte)!r})" if byte < 128 else f"byte 0x{byte:02x}"
            raise DataError(
                f"text: expected only the {len(self)} byte values of the training text, "
                f"found {found} at position {raw.index(byte)}"
            ) from None

    def decode(self, numbers: Iterable[int]) -> str:
        """The text of some numbers; bytes that are not UTF-8 become U+FFFD."""
        decoder = self.decoder()
        return "".join(map(decoder.feed, numbers)) + decoder.finish()

    def decoder(self) -> "Decoder":
        """A decoder for numbers that come one after the other, for text that is shown while it is made."""
        return Decoder(self)

    def state(self) -> list[int] | list[str]:
        """The vocabulary as a plain list, for a checkpoint."""
        return cast("list[int] | list[str]", list(self.items))

    @classmethod
    def from_state(cls, state: Sequence[int] | Sequence[str]) -> "Symbols":
        """The vocabulary that `state` gave."""
        return cls(cast("tuple[int, ...] | tuple[str, ...]", tuple(state)))


class Decoder:
    """Numbers to text, as they come.

    A character of several bytes appears with its last byte. Words are joined by spaces, and `<eos>` is a line
    end. Text that goes on after a prompt is right when the prompt's numbers are fed first.
    """

    def __init__(self, symbols: Symbols) -> None:
        self._items = symbols.items
        self._utf8 = (
            None if symbols.level == "words" else codecs.getincrementaldecoder("utf-8")(errors="replace")
        )
        self._inside_line = False

    def feed(self, number: int) -> str:
        """What one more number adds to the text, perhaps nothing yet."""
        item = self._items[number]
        if isinstance(item, int):
            assert self._utf8 is not None
            return self._utf8.decode(bytes([item]))
        if item == END:
            self._inside_line = False
            return "\n"
        space = " " if self._inside_line else ""
        self._inside_line = True
        return space + item

    def finish(self) -> str:
        """What remains: U+FFFD for a character that was cut, else nothing."""
        return self._utf8.decode(b"", final=True) if self._utf8 else ""


def split_words(text: str) -> list[str]:
    """Words parted by white space, and `<eos>` for every line end, as Transformer-XL and AWD-LSTM count them."""
    return text.replace("\n", f" {END} ").split()
