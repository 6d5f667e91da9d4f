"""Lines with their numbers: odd control characters, other encodings, wrong labels."""

import pytest

from sru_repro.core.errors import DataError
from sru_repro.data.store.lines import decode_lines, labelled_lines


def test_only_the_newline_ends_a_line() -> None:
    raw = b"1 a\x85b\x1cc\x0bd\r\n0 e\n"
    assert decode_lines(raw, "x", "latin-1") == ["1 a\x85b\x1cc\x0bd", "0 e"]
    assert decode_lines(b"last line without end", "x") == ["last line without end"]


def test_wrong_encoding_names_the_line() -> None:
    with pytest.raises(DataError, match=r"^mr.all:3: expected utf-8 text, found byte 0xe9"):
        decode_lines("1 a\n0 b\n1 caf\u00e9\n".encode("latin-1"), "mr.all")


@pytest.mark.parametrize("line", ["3 a", "-1 a", "good a", "", "\u00b2 a"])
def test_wrong_label(line: str) -> None:
    with pytest.raises(DataError, match=r"^x:2: expected a label 0..1, a space and the text, found '"):
        list(labelled_lines(["0 a", line], "x", 2))


def test_labels_and_texts() -> None:
    assert list(labelled_lines(["0 a b", "1 "], "x", 2)) == [(1, 0, "a b"), (2, 1, "")]


def test_marks_and_line_ends() -> None:
    for raw in (b"\xef\xbb\xbf1 a\n0 b\n", b"1 a\r\n0 b\r\n", b"1 a\r0 b\r", b"1 a\n0 b"):
        assert decode_lines(raw, "x") == ["1 a", "0 b"]


def test_what_is_no_text_is_named() -> None:
    with pytest.raises(DataError, match=r"^x:2: expected utf-8 text, found a zero byte"):
        decode_lines(b"1 a\n0 \0\n", "x")
    for encoding in ("utf-16", "utf-16-le", "utf-32"):
        with pytest.raises(
            DataError, match=rf"^x: expected UTF-8 text, found {encoding[:6].upper()}; convert"
        ):
            decode_lines("1 some words\n0 and others\n".encode(encoding), "x", "latin-1")
