"""Text files read line by line, with the file and the line number in every complaint."""

from collections.abc import Iterator

from ...core.errors import DataError
from .encoding import UTF8_MARK, refuse_wide
from .packing import PROBE


def decode_lines(raw: bytes, name: str, encoding: str = "utf-8") -> list[str]:
    """The lines of `raw` without their ends; a byte-order mark is none of the first.

    Only the newline character ends a line: `str.splitlines` would also cut at the control characters (NEL,
    for one) that some of the corpora hold inside their sentences. Where there is none of it, carriage returns do.

    Raises:
        DataError: bytes are not of the encoding, or zero; the line of the file is named.
    """
    refuse_wide(name, raw[:PROBE])
    raw = raw.removeprefix(UTF8_MARK)
    if b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    if (place := raw.find(0)) >= 0:
        raise DataError(f"{name}:{raw.count(10, 0, place) + 1}: expected {encoding} text, found a zero byte")
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        number = raw.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{name}:{number}: expected {encoding} text, found byte 0x{raw[error.start]:02x}"
        ) from error
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def labelled_lines(lines: list[str], name: str, n_classes: int) -> Iterator[tuple[int, int, str]]:
    """Line number, label and text of lines in the form `label text`.

    Raises:
        DataError: a line does not begin with a label below `n_classes` and a space.
    """
    for number, line in enumerate(lines, 1):
        label, _, text = line.partition(" ")
        if not (label.isascii() and label.isdecimal() and int(label) < n_classes):
            expected = f"a label 0..{n_classes - 1}, a space and the text"
            raise DataError(f"{name}:{number}: expected {expected}, found {excerpt(line)}")
        yield number, int(label), text


def excerpt(text: str, length: int = 40) -> str:
    """The beginning of `text`, quoted, short enough for an error message."""
    return repr(text if len(text) <= length else text[:length] + "...")
