"""Finding and fetching files: a local server, wrong checksums, no network, nothing half-written."""

import hashlib
import http.server
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sru_repro.core.errors import DataError
from sru_repro.data.store import fetch
from sru_repro.data.store.fetch import Remote, digest, fingerprint, locate

CONTENT = b"1 a fine film\n" * 1000
SHA256 = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
URL = "https://example.org/deep/folder/good.txt?raw=1"


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/files/cut.txt":  # promises more than it sends
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT[:500])
        elif self.path == "/files/good.txt":
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT)
        else:
            self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test output quiet."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True).start()
        address = f"http://127.0.0.1:{httpd.server_port}/files/"
        monkeypatch.setenv("SRU_REPRO_MIRROR", address)
        yield address
        httpd.shutdown()


def test_a_file_that_is_there_wins(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_bytes(CONTENT)
    assert locate(tmp_path, ["sub/a.txt", "b.txt"], Remote(URL, SHA256)) == tmp_path / "b.txt"


def test_fetched_from_the_mirror_by_name(server: str, tmp_path: Path) -> None:
    path = locate(tmp_path, ["sub/good.txt", "good.txt"], Remote(URL, SHA256))
    assert path == tmp_path / "sub/good.txt"
    assert path.read_bytes() == CONTENT
    assert [entry.name for entry in path.parent.iterdir()] == ["good.txt"]


def test_md5(server: str, tmp_path: Path) -> None:
    remote = Remote(URL, f"md5:{hashlib.md5(CONTENT).hexdigest()}")
    assert locate(tmp_path, ["good.txt"], remote) == locate(tmp_path, ["good.txt"], remote)


@pytest.mark.parametrize(
    ("name", "problem"),
    [("good.txt", "known hash"), ("cut.txt", "IncompleteRead|known hash"), ("no.txt", "404")],
)
def test_failed_download_leaves_nothing(server: str, tmp_path: Path, name: str, problem: str) -> None:
    wrong = Remote(f"https://example.org/{name}", "sha256:" + "0" * 64)
    pattern = rf"sub/x.txt: file not found and fetching {server}{name} failed \(.*({problem}).*put it there"
    with pytest.raises(DataError, match=pattern) as caught:
        locate(tmp_path, ["sub/x.txt"], wrong)
    assert "\n" not in str(caught.value)
    assert [entry for entry in tmp_path.rglob("*") if entry.is_file()] == []


def test_wrong_file_is_refused_unless_other_forms_are_allowed(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(CONTENT[:-1])
    with pytest.raises(
        DataError, match=rf"a.txt: expected sha256 {SHA256[7:]}, found \w{{64}} \(13,999 bytes\)"
    ):
        locate(tmp_path, ["a.txt"], Remote(URL, SHA256))
    assert locate(tmp_path, ["a.txt"], Remote(URL, SHA256), verify=False) == tmp_path / "a.txt"


def test_without_a_remote(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"a.txt: file not found \(nor b.txt, c.txt\) and it cannot be fetched"
    ):
        locate(tmp_path, ["a.txt", "b.txt", "c.txt"])


def test_the_folder_is_named_by_the_key_that_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match=r"name a folder that has it by data_dir=$"):
        locate(tmp_path, ["a.txt"])
    monkeypatch.setenv("SRU_REPRO_DATA_KEY", "DATA=")  # as the Makefile does
    with pytest.raises(DataError, match=r"name a folder that has it by DATA=$"):
        locate(tmp_path, ["a.txt"])


def test_no_network(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no connection to 127.0.0.1: "):
        locate(tmp_path, ["a.txt"], Remote(URL, SHA256))


def test_a_network_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "CONNECT_SECONDS", 0.1)
    released = threading.Event()

    def hang(address: object, timeout: object) -> None:
        released.wait(5)
        raise OSError("too late")

    monkeypatch.setattr(socket, "create_connection", hang)
    start = time.perf_counter()
    with pytest.raises(DataError, match=r"no connection to 127.0.0.1 within 0.1 s"):
        locate(tmp_path, ["a.txt"], Remote(URL, SHA256))
    assert time.perf_counter() - start < 2
    released.set()
    assert list(tmp_path.iterdir()) == []


def test_the_proxy_is_asked_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SRU_REPRO_MIRROR")
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.delenv("no_proxy", raising=False)
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with pytest.raises(DataError, match=r"no connection to 127.0.0.1: "):
        locate(tmp_path, ["a.txt"], Remote(URL, SHA256))


def test_fingerprint_depends_on_bytes_and_options_only(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"x")
    two.write_bytes(b"x")
    first = fingerprint([one], {"fold": 1, "name": "cr"})
    assert first == fingerprint([two], {"name": "cr", "fold": 1})
    assert len({first, fingerprint([one], {"fold": 2, "name": "cr"}), fingerprint([one, two], {})}) == 3
    two.write_bytes(b"y")
    os.utime(two, ns=(1, 1))
    assert first != fingerprint([two], {"name": "cr", "fold": 1})
    assert digest(two) == hashlib.sha256(b"y").hexdigest()
