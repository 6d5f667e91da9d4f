"""Fifty ways in which a file comes to harm, or to another form, each a function of its bytes."""

import gzip
import random
from collections.abc import Callable, Iterator

Mutation = Callable[[bytes, random.Random], bytes]

DRAWN = 4
"""Draws of each mutation that depends on a place."""


def _lines(raw: bytes) -> list[bytes]:
    return raw.splitlines(keepends=True) or [b""]


def _flip(raw: bytes, rng: random.Random) -> bytes:
    changed, place = bytearray(raw), rng.randrange(len(raw))
    changed[place] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut(raw: bytes, rng: random.Random) -> bytes:
    return raw[: rng.randrange(len(raw))]


def _without_beginning(raw: bytes, rng: random.Random) -> bytes:
    return raw[rng.randrange(1, len(raw)) :]


def _swapped(raw: bytes, rng: random.Random) -> bytes:
    a, b, c = sorted(rng.sample(range(len(raw)), 3))
    return raw[:a] + raw[b:c] + raw[a:b] + raw[c:]


def _zeroed(raw: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(raw))
    size = min(4096, len(raw) - start)
    return raw[:start] + bytes(size) + raw[start + size :]


def _noise(raw: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(raw))
    size = min(512, len(raw) - start)
    return raw[:start] + rng.randbytes(size) + raw[start + size :]


def _doubled_line(raw: bytes, rng: random.Random) -> bytes:
    lines = _lines(raw)
    place = rng.randrange(len(lines))
    return b"".join([*lines[: place + 1], *lines[place:]])


def _dropped_line(raw: bytes, rng: random.Random) -> bytes:
    lines = _lines(raw)
    del lines[rng.randrange(len(lines))]
    return b"".join(lines)


def _exchanged_lines(raw: bytes, rng: random.Random) -> bytes:
    lines = _lines(raw)
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    return b"".join(lines)


def _encoded(name: str) -> Mutation:
    def encode(raw: bytes, rng: random.Random) -> bytes:
        return raw.decode("utf-8", "replace").encode(name, "replace")

    return encode


_PLACED = {
    "a bit flipped": _flip,
    "cut": _cut,
    "without its beginning": _without_beginning,
    "blocks swapped": _swapped,
    "4096 bytes zero": _zeroed,
    "512 bytes of noise": _noise,
    "a line doubled": _doubled_line,
    "a line left out": _dropped_line,
}

_WHOLE: dict[str, Mutation] = {
    "lines exchanged": _exchanged_lines,
    "emptied": lambda raw, rng: b"",
    "one byte": lambda raw, rng: raw[:1],
    "all zeros": lambda raw, rng: bytes(len(raw)),
    "last byte gone": lambda raw, rng: raw[:-1],
    "zeros behind": lambda raw, rng: raw + bytes(4096),
    "noise behind": lambda raw, rng: raw + rng.randbytes(300),
    "blank lines behind": lambda raw, rng: raw + b"\n\n",
    "blanks at line ends": lambda raw, rng: raw.replace(b"\n", b"  \n"),
    "CRLF": lambda raw, rng: raw.replace(b"\n", b"\r\n"),
    "CR": lambda raw, rng: raw.replace(b"\n", b"\r"),
    "a byte-order mark": lambda raw, rng: b"\xef\xbb\xbf" + raw,
    "UTF-16": _encoded("utf-16"),
    "UTF-16 without a mark": _encoded("utf-16-le"),
    "UTF-32": _encoded("utf-32"),
    "UTF-8 twice": lambda raw, rng: raw.decode("latin-1").encode(),
    "packed under its own name": lambda raw, rng: gzip.compress(raw, mtime=0),
    "a page of a web server": lambda raw, rng: b"<!DOCTYPE html>\n<title>404 Not Found</title>\n",
}


def damaged(raw: bytes, rng: random.Random, tries: int) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of so many mutations of a file, at most 50; those that change nothing are passed over."""
    named = [*_WHOLE.items(), *(item for item in _PLACED.items() for _ in range(DRAWN))]
    if tries < len(named):
        rng.shuffle(named)
    for name, mutate in named[:tries]:
        found = mutate(raw, rng)
        if found != raw:
            yield name, found
