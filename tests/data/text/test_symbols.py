"""Numbers to text and back: bytes, the bytes that occur, words; all at once and one at a time."""

import json

import pytest

from sru_repro.core.errors import DataError
from sru_repro.data.text.symbols import Symbols

WORDS = Symbols(("the", "<eos>", "cat", "<unk>", "sat"))
SOME = Symbols(tuple(sorted(set("naïve fish\n".encode()))))


def test_levels() -> None:
    assert [symbols.level for symbols in (Symbols.all_bytes(), SOME, WORDS)] == ["bytes", "symbols", "words"]
    assert [len(symbols) for symbols in (Symbols.all_bytes(), SOME, WORDS)] == [256, 12, 5]


def test_bytes_are_their_own_numbers() -> None:
    text = "naïve — 文\n"
    assert Symbols.all_bytes().encode(text) == list(text.encode())
    assert Symbols.all_bytes().decode(text.encode()) == text


def test_a_byte_of_the_command_line_that_is_no_utf8() -> None:
    assert Symbols.all_bytes().encode("a\udcff") == [97, 255]


def test_bytes_that_occur() -> None:
    numbers = SOME.encode("fïn")
    assert numbers == [SOME.items.index(byte) for byte in "fïn".encode()]
    assert max(SOME.encode("naïve fish\n")) == 11
    assert SOME.decode(numbers) == "fïn"


def test_a_byte_that_does_not_occur() -> None:
    pattern = r"the 12 byte values of the training text, found byte 0x78 \('x'\) at position 3"
    with pytest.raises(DataError, match=pattern):
        SOME.encode("fïx")
    with pytest.raises(DataError, match=r"found byte 0xc3 at position 1"):
        Symbols((0x61, 0xAF)).encode("aï")


def test_words() -> None:
    assert WORDS.encode("the  cat\nsat\n\nDog the") == [0, 2, 1, 4, 1, 1, 3, 0]
    assert WORDS.decode([0, 2, 1, 4, 1, 1, 3, 0]) == "the cat\nsat\n\n<unk> the"
    assert WORDS.encode("") == []


def test_one_number_at_a_time() -> None:
    decoder = Symbols.all_bytes().decoder()
    assert [decoder.feed(byte) for byte in "aï文".encode()] == ["a", "", "ï", "", "", "文"]
    assert decoder.finish() == ""
    words = WORDS.decoder()
    assert [words.feed(number) for number in (0, 2, 1, 4)] == ["the", " cat", "\n", "sat"]
    assert words.finish() == ""


def test_what_is_no_utf8_is_replaced() -> None:
    decoder = Symbols.all_bytes().decoder()
    assert [decoder.feed(byte) for byte in b"\xff\xc3b\xc3"] == ["�", "", "�b", ""]
    assert decoder.finish() == "�"


@pytest.mark.parametrize("symbols", [Symbols.all_bytes(), SOME, WORDS])
def test_saved_as_a_plain_list(symbols: Symbols) -> None:
    assert type(symbols.state()) is list
    assert Symbols.from_state(json.loads(json.dumps(symbols.state()))) == symbols
