"""Data sets for section `files`: small samples of real files or made ones, and how each is read."""

import bz2
import gzip
import hashlib
import json
import lzma
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..data.sentences import sets
from ..data.sentences.folds import load_sentences
from ..data.sentences.sst import load_sst
from ..data.squad.dataset import load_squad, pack_squad
from ..data.store.vector_files import read_rows, write_cut
from ..data.text.load import load_corpus

Said = tuple[str, tuple[str, ...]]
"""A mark of all that was read, and the warnings."""

DIMENSION = 50
WORDS = ("the", "a", "of", "film", "good", "bad", "is", "caf\u00e9", ",", ".")
LINES = "".join(
    f"Line {i} of a na\u00efve text, about {i * i % 97} fish \u2013 and more .\n" for i in range(400)
)


@dataclass(frozen=True)
class Reader:
    """A set of files below one folder and how they are read.

    files    those that are harmed, one at a time
    checked  whether a sum tells every harm: then nothing harmed may pass without a word
    """

    name: str
    folder: Path
    files: tuple[str, ...]
    read: Callable[[Path], Said]
    checked: bool
    share: float = 1.0
    """Of the tries: less where a reading takes seconds."""


def readers(folder: Path, data: Path | None) -> Iterator[Reader]:
    """All that there are files for; real ones below `data` are copied."""
    for name, make in (("text", _texts), ("vectors", _vectors), ("squad", _squad), ("real", _real)):
        yield from make(folder / name, data)


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _text(corpus: str, level: str, path: str = "") -> Callable[[Path], Said]:
    def read(folder: Path) -> Said:
        text = load_corpus(corpus, folder, level, path=path)
        return text.fingerprint, text.warnings

    return read


def _texts(folder: Path, data: Path | None) -> Iterator[Reader]:
    folder.mkdir(parents=True)
    raw = LINES.encode()
    (folder / "a.txt").write_bytes(raw)
    (folder / "a.txt.gz").write_bytes(gzip.compress(raw, mtime=0))
    (folder / "a.txt.xz").write_bytes(lzma.compress(raw))
    (folder / "a.txt.bz2").write_bytes(bz2.compress(raw))
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", raw)
    for level in ("bytes", "symbols", "words"):
        yield Reader(f"own text, {level}", folder, ("a.txt",), _text("text", level, "a.txt"), False)
    for name in ("a.txt.gz", "a.txt.xz", "a.txt.bz2", "a.zip"):
        yield Reader(f"own text {name}", folder, (name,), _text("text", "words", name), True)


def _vectors(folder: Path, data: Path | None) -> Iterator[Reader]:
    folder.mkdir(parents=True)
    rows = np.random.default_rng(0).standard_normal((len(WORDS), DIMENSION)).astype(np.float32)
    lines = [" ".join([word, *map(str, row.tolist())]) for word, row in zip(WORDS, rows, strict=True)]
    (folder / "v.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    header = f"{len(WORDS)} {DIMENSION}\n"
    (folder / "h.vec").write_text(header + "".join(f"{line} \n" for line in lines), encoding="utf-8")
    packed = [word.encode() + b" " + row.tobytes() + b"\n" for word, row in zip(WORDS, rows, strict=True)]
    (folder / "v.bin").write_bytes(header.encode() + b"".join(packed))
    write_cut(folder / "v.bin.cut.npz", dict(zip(WORDS, rows, strict=True)))

    def reads(name: str) -> Callable[[Path], Said]:
        def read(folder: Path) -> Said:
            found = read_rows(folder / name, set(WORDS), DIMENSION)
            if not all(np.isfinite(row).all() for row in found.values()):
                raise AssertionError("a number that is none")
            return _digest([(word, found[word].tolist()) for word in sorted(found)]), ()

        return read

    for name in ("v.txt", "h.vec", "v.bin", "v.bin.cut.npz"):
        yield Reader(f"word vectors {name}", folder, (name,), reads(name), name.endswith(".npz"))


def _squad(folder: Path, data: Path | None) -> Iterator[Reader]:
    place = folder / "squad"
    place.mkdir(parents=True)
    for split, count in (("train", 8), ("dev", 4)):
        paragraphs = []
        for number in range(count):
            passage = (
                f"The bridge of town {number} was built in {1900 + number} by Ada; it is {number} m long."
            )
            answer = {"text": str(1900 + number), "answer_start": passage.index(str(1900 + number))}
            asked = {
                "id": f"{split}{number}",
                "question": f"When was bridge {number} built?",
                "answers": [answer],
            }
            paragraphs.append({"context": passage, "qas": [asked]})
        content = {"version": "1.1", "data": [{"title": "Bridges", "paragraphs": paragraphs}]}
        (place / f"{split}-v1.1.json").write_text(json.dumps(content))

    def read(folder: Path) -> Said:
        squad = load_squad(folder, tagger="none")
        questions = [split.question(i) for split in (squad.train, squad.dev) for i in range(len(split))]
        said = [(q.id, q.question_text, q.passage_text, q.answers, q.start, q.end) for q in questions]
        # Of two files of one's own none is the published one, harmed or not: that is no news.
        return _digest(said, squad.forms), ()

    files = tuple(f"squad/{split}-v1.1.json" for split in ("train", "dev"))
    yield Reader("SQuAD of one's own", folder, files, read, False)
    packed = folder.with_name("packed")
    pack_squad(load_squad(folder, tagger="none"), packed / "squad/prepared")
    files = tuple(f"squad/prepared/{path.name}" for path in sorted((packed / "squad/prepared").iterdir()))
    yield Reader("SQuAD, packed", packed, files, read, True)


def _real(folder: Path, data: Path | None) -> Iterator[Reader]:
    """Published files: what is there of them."""
    if data is None:
        return
    for name in ("sst/trees", "sentences", "wikitext-2"):
        if (data / name).is_dir():
            shutil.copytree(data / name, folder / name)
    if (data / "sst/trees").is_dir():
        files = tuple(f"sst/trees/{split}.txt" for split in ("train", "dev", "test"))

        def trees(folder: Path) -> Said:
            found = load_sst(folder, train_on="sentences")
            return _digest(found.train, found.val, found.test), found.warnings

        yield Reader("SST", folder, files, trees, True)
    for name in sets.names():
        of = sets.set_class(name)
        files = tuple(f"sentences/{part.name}" for part in (of.file, of.test) if part)

        def sentences(folder: Path, name: str = name) -> Said:
            found = load_sentences(name, folder)
            return _digest(found.train, found.val, found.test), found.warnings

        if all((data / file).is_file() for file in files):
            yield Reader(name.upper(), folder, files, sentences, True)
    if (data / "wikitext-2").is_dir():
        files = tuple(f"wikitext-2/wiki.{split}.tokens" for split in ("test", "valid", "train"))
        yield Reader("WikiText-2", folder, files, _text("wikitext2", "words"), True, 0.3)
    if beginnings := sorted((data / "enwik8").glob("enwik8.first4154399")):
        (folder / "enwik8").mkdir(parents=True, exist_ok=True)
        shutil.copy(beginnings[0], folder / "enwik8")
        file = f"enwik8/{beginnings[0].name}"
        yield Reader("enwik8, beginning", folder, (file,), _text("enwik8", "symbols"), True)
