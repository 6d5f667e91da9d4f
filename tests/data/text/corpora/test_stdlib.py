"""The quickstart's text: real on every machine, in a fixed order, without tests and foreign packages."""

from pathlib import Path

import numpy as np
import pytest

from sru_repro.core.errors import ConfigError, DataError
from sru_repro.data.text.corpora.stdlib import library_text
from sru_repro.data.text.load import load_corpus


def test_the_library_of_this_python(tmp_path: Path) -> None:
    splits = load_corpus("stdlib", tmp_path, "bytes", max_bytes=500_000)
    assert [len(splits.train), len(splits.val), len(splits.test)] == [450_000, 25_000, 25_000]
    assert splits.train.dtype == np.uint8
    assert b"import" in splits.train.tobytes()
    again = load_corpus("stdlib", tmp_path, "bytes", max_bytes=500_000)
    assert splits.fingerprint == again.fingerprint
    more = load_corpus("stdlib", tmp_path, "bytes", max_bytes=600_000)
    assert splits.fingerprint != more.fingerprint
    assert "500,000 bytes" in splits.notes[0]
    assert splits.source == "Python's standard library"
    assert splits.description == "standard library sources, 0.5 MB"
    assert (splits.comparable, splits.why_not) == (False, "not a data set of the papers")


def test_order_and_what_is_left_out(tmp_path: Path) -> None:
    names = [
        "b.py",
        "a/z.py",
        "a.py",
        "test/t.py",
        "a/tests/t.py",
        "site-packages/s.py",
        "_sysconfigdata_x.py",
    ]
    for i, name in enumerate(names):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(bytes([65 + i]) * 10_000)
    splits = library_text(25_000, tmp_path)
    text = np.concatenate([splits.train, splits.val, splits.test]).tobytes()
    assert text == b"C" * 10_000 + b"B" * 10_000 + b"A" * 5_000  # a.py, a/z.py, b.py


def test_too_little(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    with pytest.raises(DataError, match="expected at least 20000 bytes of Python sources, found 6"):
        library_text(25_000, tmp_path)
    with pytest.raises(ConfigError, match=r"task.max_bytes=10: expected at least 20000"):
        library_text(10, tmp_path)
