"""Files are there whole or not at all."""

from pathlib import Path

import pytest

from sru_repro.core.files import whole, write_bytes, write_csv, write_json, write_text


def test_writes_text_bytes_json_and_lines(tmp_path: Path) -> None:
    write_text(tmp_path / "new" / "a.md", "ä\nb\n")
    write_bytes(tmp_path / "b.bin", b"\x00\r\n")
    write_json(tmp_path / "c.json", {"ü": 1, "v": [0.5]})
    write_csv(tmp_path / "d.csv", [{"step": 1, "loss": 0.5}, {"step": 2, "lr": 0.1}])
    assert (tmp_path / "new" / "a.md").read_bytes() == "ä\nb\n".encode()
    assert (tmp_path / "b.bin").read_bytes() == b"\x00\r\n"
    assert (tmp_path / "c.json").read_text() == '{\n"ü": 1,\n"v": [\n0.5\n]\n}\n'
    assert (tmp_path / "d.csv").read_text().split() == ["step,loss,lr", "1,0.5,", "2,,0.1"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    place = tmp_path / "a.txt"
    write_text(place, "old")
    with pytest.raises(RuntimeError), whole(place) as part:
        part.write_text("half of the n")
        assert place.read_text() == "old"
        raise RuntimeError
    with pytest.raises(TypeError):
        write_json(place, object())
    assert place.read_text() == "old" and list(tmp_path.iterdir()) == [place]
