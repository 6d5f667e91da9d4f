"""Damaged and hostile data files: every kind of file the suite reads, harmed in fifty ways; prepared data likewise;
what is no file; archives that lead out of their folder or unpack without end.
"""

import bz2
import gzip
import io
import lzma
import os
import resource
import stat
import tarfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..core.errors import SuiteError
from ..data.store.cache import CACHE_VARIABLE
from ..data.text.load import load_corpus
from ._damage import damaged
from ._promise import Cut, Promise, Tally
from ._readers import LINES, Reader, Said, readers

MUTATIONS = 50
BOMB, SMALL_BOMB = 1_000_000_000, 32_000_000
MOST_SECONDS, MOST_BYTES = 30.0, 400_000_000


@contextmanager
def _cache(folder: Path) -> Iterator[Path]:
    """Prepared data go into a folder of the section."""
    before = os.environ.get(CACHE_VARIABLE)
    os.environ[CACHE_VARIABLE] = str(folder)
    try:
        yield folder
    finally:
        if before is None:
            del os.environ[CACHE_VARIABLE]
        else:
            os.environ[CACHE_VARIABLE] = before


def _refusal(read: Callable[[], object]) -> str | None:
    """The one line by which a reading is refused; None when it went well."""
    try:
        read()
    except SuiteError as error:
        line = str(error)
        if "\n" in line or not line:
            raise AssertionError(f"expected one line, found {line!r}") from None
        return line
    return None


def _judged(reader: Reader, file: Path, whole: Said) -> str:
    """What became of a harmed file: refused, named, the same, other text; AssertionError for what must not be."""
    found: list[Said] = []
    line = _refusal(lambda: found.append(reader.read(reader.folder)))
    if line is not None:
        if file.name not in line and file.parent.name not in line:
            raise AssertionError(f"expected the file to be named, found {line!r}")
        return "refused"
    mark, warnings = found[0]
    if mark == whole[0]:
        return "read the same"
    if any(file.name in line or file.parent.name in line for line in warnings if line not in whole[1]):
        return "named, then read"
    if reader.checked and not whole[1]:
        raise AssertionError("accepted though damaged")
    if reader.read(reader.folder)[0] != mark:
        raise AssertionError("read in two ways")
    return "read as other text"


def _harm(tally: Tally, cut: Cut) -> None:
    classes: Counter[str] = Counter()
    with _cache(cut.folder / "cache"):
        for reader in readers(cut.folder, cut.data):
            whole = reader.read(reader.folder)
            for number, name in enumerate(reader.files):
                file, rng = reader.folder / name, cut.draw(f"{reader.name} {name}")
                raw = file.read_bytes()
                slow = len(raw) > 1_000_000 or len(reader.files) > 6 or reader.name == "SST"
                several = len(reader.files) if slow else 1
                every = cut.tries(round(MUTATIONS * reader.share), 3)
                tries = every // several + (number < every % several)
                for what, content in damaged(raw, rng, tries):
                    file.write_bytes(content)
                    with tally.trying(f"{reader.name}: {name}: {what}"):
                        classes[_judged(reader, file, whole)] += 1
                file.write_bytes(raw)
    tally.figure = ", ".join(f"{count:,} {name}" for name, count in classes.most_common())


def _harm_prepared(tally: Tally, cut: Cut) -> None:
    with _cache(cut.folder / "cache") as cache:
        for reader in readers(cut.folder / "data", None):
            if reader.name not in ("own text, words", "SQuAD of one's own"):
                continue
            whole = reader.read(reader.folder)
            for file in sorted(path for path in cache.rglob("*") if path.is_file()):
                raw, rng = file.read_bytes(), cut.draw(file.name)
                for what, content in damaged(raw, rng, cut.tries(10, 1)) if raw else ():
                    file.write_bytes(content)
                    os.utime(file, ns=(rng.randrange(1 << 40), rng.randrange(1 << 40)))
                    with tally.trying(f"prepared {reader.name}: {file.name}: {what}"):
                        if reader.read(reader.folder) != whole:
                            raise AssertionError("other data")
            for file in cache.iterdir():
                file.rename(file.with_name(f"used-{file.name}"))


def _no_file(tally: Tally, cut: Cut) -> None:
    def folder(place: Path) -> None:
        place.mkdir()

    kinds: dict[str, Callable[[Path], object]] = {
        "a folder": folder,
        "a pipe": os.mkfifo,
        "links in a circle": lambda place: place.symlink_to(place.name),
        "a link to nothing": lambda place: place.symlink_to("nothing"),
        "a device": lambda place: place.symlink_to("/dev/zero"),
    }
    with _cache(cut.folder / "cache"):
        for reader in readers(cut.folder / "data", None):
            for name in reader.files[:2]:
                file = reader.folder / name
                raw = file.read_bytes()
                for kind, make in kinds.items():
                    file.unlink()
                    make(file)
                    with tally.trying(f"{reader.name}: {name}: {kind}"):
                        line = _refusal(lambda reader=reader: reader.read(reader.folder))  # type: ignore[misc]
                        if line is None or file.parent.name not in line:
                            raise AssertionError(f"expected a refusal that names it, found {line!r}")
                    file.rmdir() if file.is_dir() else file.unlink()
                    file.write_bytes(raw)


def _archives(folder: Path, bomb_bytes: int) -> Iterator[Path]:
    """Archives that lead out of their folder, and bombs."""
    text = LINES.encode()
    for name in ("../out.txt", "/tmp/torture-out.txt", "a/../../out.txt", "..\\out.txt"):
        place = folder / f"leads-out-{len(name)}.zip"
        with zipfile.ZipFile(place, "w") as archive:
            archive.writestr(name, text)
        yield place
    with zipfile.ZipFile(folder / "link.zip", "w") as archive:
        link = zipfile.ZipInfo("a.txt")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    yield folder / "link.zip"
    for kind, target in ((tarfile.SYMTYPE, "/etc/passwd"), (tarfile.LNKTYPE, "../../out.txt")):
        for suffix in (".tar", ".tar.gz", ".txt"):  # a tar by its name, and one that says it is a text
            place = folder / f"link{target.count('/')}{suffix}"
            with tarfile.open(place, "w:gz" if suffix.endswith(".gz") else "w") as tar:
                member = tarfile.TarInfo("a.txt")
                member.type, member.linkname = kind, target
                tar.addfile(member)
            yield place
    lines = b"the same words again and again\n" * (1 << 15)
    packers: dict[str, Callable[[bytes], bytes]] = {
        ".gz": lambda block: gzip.compress(block, mtime=0),
        ".xz": lzma.compress,
        ".bz2": bz2.compress,
    }
    for suffix, pack in packers.items():  # parts packed one by one, put one behind the other, are one file
        for name, block in (("zeros", bytes(len(lines))), ("lines", lines)):
            (folder / f"{name}.txt{suffix}").write_bytes(pack(block) * (bomb_bytes // len(lines)))
            yield folder / f"{name}.txt{suffix}"
    with (
        zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.txt", "w") as inside,
    ):
        for _ in range(SMALL_BOMB // len(lines)):
            inside.write(lines)
    yield folder / "bomb.zip"
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:gz") as tar:
        member = tarfile.TarInfo("a.txt")
        member.size = SMALL_BOMB
        tar.addfile(member, io.BytesIO(bytes(member.size)))
    (folder / "bomb.tar.gz").write_bytes(inner.getvalue())
    yield folder / "bomb.tar.gz"


def _hostile_archives(tally: Tally, cut: Cut) -> None:
    folder = cut.folder / "data"
    folder.mkdir()
    longest, before = 0.0, _peak_bytes()
    with _cache(cut.folder / "cache"):
        places = list(_archives(folder, max(SMALL_BOMB, round(BOMB * cut.share))))
        there = _listing(cut.folder)
        for place in places:
            for level in ("bytes", "words")[: cut.tries(2)]:
                began = time.perf_counter()
                with tally.trying(f"{place.name}, {level}"):
                    line = _refusal(
                        lambda place=place, level=level: load_corpus("text", folder, level, path=str(place))  # type: ignore[misc]
                    )
                    seconds = time.perf_counter() - began
                    longest = max(longest, seconds)
                    if line is None or place.name not in line:
                        raise AssertionError(f"expected a refusal that names it, found {line!r}")
                    if seconds > MOST_SECONDS:
                        raise AssertionError(f"{seconds:.0f} s")
                    if (written := _listing(cut.folder) - there) - {cut.folder / "cache"}:
                        raise AssertionError(f"written: {sorted(written)[0]}")
    grown = _peak_bytes() - before
    with tally.trying("memory"):
        if grown > MOST_BYTES:
            raise AssertionError(f"{grown / 1e6:.0f} MB more")
    tally.figure = f"{longest:.1f} s and {max(0, grown) / 1e6:.0f} MB at most"


def _listing(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if not path.name.startswith("torture-")}


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


PROMISES = [
    Promise(
        "damaged data",
        "A data file that is damaged, cut, or in another encoding or form is refused with file, expected and found, or "
        "named before training where its published sum is known; of the user's own files without a sum, what can be "
        "read is read the same way each time.",
        "tests/torture/test_files.py::test_damaged_data",
        _harm,
        headline=True,
    ),
    Promise(
        "damaged prepared data",
        "Prepared data in the cache are checked byte by byte whenever they are used, and made again when damaged.",
        "tests/torture/test_files.py::test_damaged_prepared_data",
        _harm_prepared,
    ),
    Promise(
        "no file",
        "A folder, a pipe, a device or a link that leads nowhere in the place of a data file is named; nothing waits.",
        "tests/torture/test_files.py::test_no_file",
        _no_file,
    ),
    Promise(
        "hostile archives",
        "Archives whose names lead out of their folder, links in them, and files that unpack to a thousand times their "
        "size are refused within bounded time and memory; nothing is written.",
        "tests/torture/test_files.py::test_hostile_archives",
        _hostile_archives,
        headline=True,
    ),
]
