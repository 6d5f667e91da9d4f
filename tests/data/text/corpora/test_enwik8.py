"""enwik8: whole, zipped, a beginning, fetched from a local server; a small text stands for the hundred million."""

import hashlib
import http.server
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from sru_repro.core.errors import DataError
from sru_repro.data.text.corpora import enwik8
from sru_repro.data.text.load import load_corpus

TEXT = "<mediawiki>naïve pages about fish and fowl</mediawiki>\n".encode() * 100
SIZE = len(TEXT)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enwik8, "SIZE", SIZE)
    monkeypatch.setattr(enwik8, "MD5", hashlib.md5(TEXT).hexdigest())


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Keep the test output quiet."""


@pytest.fixture
def published(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that a local server offers as a mirror."""
    folder = tmp_path_factory.mktemp("published")
    handler = partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("SRU_REPRO_MIRROR", f"http://127.0.0.1:{httpd.server_port}")
        yield folder
        httpd.shutdown()


def zipped(path: Path, text: bytes = TEXT, name: str = "enwik8") -> Path:
    path.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, text)
    return path


@pytest.mark.parametrize("name", ["enwik8/enwik8", "enwik8", "enwik8/enwik8.zip", "enwik8.zip"])
@pytest.mark.parametrize("level", ["bytes", "symbols"])
def test_the_whole(tmp_path: Path, name: str, level: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    if name.endswith(".zip"):
        zipped(tmp_path / name)
    else:
        (tmp_path / name).write_bytes(TEXT)
    corpus = load_corpus("enwik8", tmp_path, level)
    assert [len(corpus.train), len(corpus.val), len(corpus.test)] == [
        SIZE * 90 // 100,
        SIZE * 95 // 100 - SIZE * 90 // 100,
        SIZE - SIZE * 95 // 100,
    ]
    both = np.concatenate([corpus.train, corpus.val, corpus.test])
    assert corpus.symbols.decode(both.tolist()) == TEXT.decode()
    assert both.dtype == np.uint8 and isinstance(corpus.train, np.memmap)
    assert len(corpus.symbols) == (256 if level == "bytes" else len(set(TEXT)))
    assert (corpus.share, corpus.comparable, corpus.why_not, corpus.source) == (1.0, True, "", name)
    (tmp_path / "again").mkdir()
    (tmp_path / "again/enwik8").write_bytes(TEXT)
    assert load_corpus("enwik8", tmp_path / "again", level).fingerprint == corpus.fingerprint


def test_a_beginning(tmp_path: Path) -> None:
    (tmp_path / "enwik8").mkdir()
    for size in (99, 2000):
        (tmp_path / f"enwik8/enwik8.first{size}").write_bytes(TEXT[:size])
    corpus = load_corpus("enwik8", tmp_path, "bytes")
    assert [len(corpus.train), len(corpus.val), len(corpus.test)] == [1800, 100, 100]
    assert corpus.share == 2000 / SIZE
    part = f"the first {100 * 2000 / SIZE:.3g} % of enwik8"
    assert (corpus.comparable, corpus.why_not) == (False, part)
    assert part in corpus.description
    assert corpus.fingerprint != load_corpus("enwik8", tmp_path, "symbols").fingerprint


def test_the_whole_wins_over_a_beginning(tmp_path: Path) -> None:
    (tmp_path / "enwik8").mkdir()
    (tmp_path / "enwik8/enwik8.first2000").write_bytes(TEXT[:2000])
    zipped(tmp_path / "enwik8.zip")
    assert load_corpus("enwik8", tmp_path, "bytes").comparable


def test_files_that_are_not_what_they_say(tmp_path: Path) -> None:
    (tmp_path / "enwik8").mkdir()
    path = tmp_path / "enwik8/enwik8.first2000"
    path.write_bytes(TEXT[:1999])
    pattern = "first2000: expected the first 2,000 bytes of enwik8, as its name says, found 1,999"
    with pytest.raises(DataError, match=pattern):
        load_corpus("enwik8", tmp_path, "bytes")
    zipped(tmp_path / "enwik8.zip", TEXT[:-1])
    with pytest.raises(DataError, match=r"enwik8.zip: expected enwik8 with md5 \w{32} inside, found \w{32}"):
        load_corpus("enwik8", tmp_path, "bytes")
    assert not (tmp_path / "cache").exists()
    (tmp_path / "enwik8/enwik8").write_bytes(TEXT[:-1])
    with pytest.raises(DataError, match=r"enwik8/enwik8: expected md5 \w{32}, found \w{32} \(5,599 bytes\)"):
        load_corpus("enwik8", tmp_path, "bytes")


def test_fetched(published: Path, tmp_path: Path) -> None:
    zipped(published / "enwik8.zip")
    corpus = load_corpus("enwik8", tmp_path, "bytes")
    assert corpus.comparable and corpus.source == "enwik8/enwik8"
    assert [path.name for path in (tmp_path / "enwik8").iterdir()] == ["enwik8"]
    assert (tmp_path / "enwik8/enwik8").read_bytes() == TEXT


@pytest.mark.parametrize("fault", ["another text", "another name", "no archive", "nothing"])
def test_a_wrong_download_leaves_nothing(published: Path, tmp_path: Path, fault: str) -> None:
    if fault == "another text":
        zipped(published / "enwik8.zip", TEXT[:-1])
    elif fault == "another name":
        zipped(published / "enwik8.zip", name="text8")
    elif fault == "no archive":
        (published / "enwik8.zip").write_bytes(TEXT)
    problem = {
        "another text": r"enwik8 in it: expected md5 \w{32}, found \w{32} \(5,599 bytes\)",
        "another name": "There is no item named 'enwik8'",
        "no archive": "File is not a zip file",
        "nothing": "404",
    }[fault]
    pattern = (
        rf"enwik8/enwik8: file not found .*fetching http\S*/enwik8.zip failed \(.*{problem}.*put it there"
    )
    with pytest.raises(DataError, match=pattern) as caught:
        load_corpus("enwik8", tmp_path, "bytes")
    assert "\n" not in str(caught.value)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_no_network(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"nor enwik8, enwik8/enwik8.zip, .*no connection to 127.0.0.1.*data_dir="
    ):
        load_corpus("enwik8", tmp_path, "bytes")


def test_the_real_beginning(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # the true size
    corpus = load_corpus("enwik8", real_data, "symbols")
    if not corpus.comparable:
        assert corpus.share == len(corpus) / 100_000_000
        assert corpus.symbols.decode(corpus.train[:10].tolist()) == "<mediawiki"
    else:
        assert len(corpus.symbols) == 205
