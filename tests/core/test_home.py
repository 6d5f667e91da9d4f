"""Home folders are kept as `~` and found again."""

from pathlib import Path

import pytest

from sru_repro.core.home import shown, with_home, without_home


@pytest.fixture(params=["/people/anna", "/people/ann-é b"])
def home(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HOME", request.param)
    return str(request.param)


def test_a_home_folder_becomes_a_tilde_and_comes_back(home: str) -> None:
    config = {"data_dir": f"{home}/data", "task": {"path": [f"{home}/a.txt", 3, None]}, "row": home}
    kept = {"data_dir": "~/data", "task": {"path": ["~/a.txt", 3, None]}, "row": "~"}
    assert without_home(config) == kept and with_home(kept) == config
    assert without_home(f'File "{home}/x.py", data_dir={home}') == 'File "~/x.py", data_dir=~'


@pytest.mark.parametrize("before", ["see\n", "\t", "file://", "a: ", "see\\n", "(", '"'])
def test_wherever_it_begins(before: str, home: str) -> None:
    assert without_home(f"{before}{home}/z") == f"{before}~/z"
    assert without_home({f"{before}{home}": [f"{before}{home}"]}) == {f"{before}~": [f"{before}~"]}


def test_a_path_as_a_line_says_it(home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    places = {tmp_path / "runs/a": "runs/a", Path("runs/b"): "runs/b", Path(home) / "c": "~/c"}
    places[tmp_path.parent / "d"] = str(tmp_path.parent / "d")
    assert {place: shown(place) for place in places} == places


def test_what_only_looks_like_it_stays(home: str) -> None:
    for text in (f"/mnt{home}/x", f"{home}-2/x", f"{home}x", f"{home}.old", "~user/x", "a~/b"):
        assert without_home(text) == text and with_home(text) == text


@pytest.mark.parametrize("nobody", ["/", ""])
def test_where_nobody_lives(nobody: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", nobody)
    assert without_home("/data/x") == "/data/x"


def test_a_link_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.setenv("HOME", str(tmp_path / "link"))
    assert without_home(f"{tmp_path}/real/x {tmp_path}/link/y") == "~/x ~/y"
