"""Runs on their dashboards, looked at in a browser without a screen; and what is said where there is nothing to see."""

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from sru_repro.cli.sweep import member
from sru_repro.cli.sweep.here import Here
from sru_repro.reporting.dashboards import watched

Command = Callable[..., Any]
SMALL = (
    *(
        "model=sru",
        "task=quickstart",
        "profile=smoke",
        "trainer=cpu",
        "model.hidden_size=8",
        "task.max_bytes=20000",
    ),
    *(
        "trainer.max_epochs=1",
        "trainer.validate_every=4",
        "trainer.log_every=2",
        "hydra.sweep.subdir=seed${seed}",
    ),
)


def browser() -> str:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("there is no Chromium")
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, sru_repro: Command) -> Path:
    """A working directory with two runs on TensorBoard and two on trackio."""
    if None in map(find_spec, ("tensorboard", "trackio")):
        pytest.skip("tensorboard or trackio is not installed")
    forget_trackio()
    folder = tmp_path_factory.mktemp("watched")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(member, "Training", Here)  # four processes would take longer to start than to train
        for kind in ("tensorboard", "trackio"):
            words = (f"logger={kind}", "logger.media=false", "seed=1,2", f"hydra.sweep.dir=runs/{kind}s")
            called = sru_repro("train", "-m", *SMALL, *words, cwd=folder)
            assert called.status == 0, called.err
    forget_trackio()
    return folder


def forget_trackio() -> None:
    """It keeps to the folder that it was imported for."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "trackio"]:
        del sys.modules[name]


@contextmanager
def opened(place: Path, *words: str) -> Iterator[str]:
    """The address that `sru-repro dashboard` says, while it serves; Ctrl-C ends it as a success."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "sru_repro", "dashboard", f"port={port}", *words]
    told = {key: value for key, value in os.environ.items() if key not in ("TRACKIO_DIR", "PYTHONUNBUFFERED")}
    server = subprocess.Popen(command, cwd=place, stdout=subprocess.PIPE, text=True, env=told)
    try:
        assert server.stdout is not None
        said = [server.stdout.readline()]
        while said[-1] and "http://" not in said[-1]:
            said.append(server.stdout.readline())
        address = said[-1].partition(": ")[2].strip()
        assert address.startswith(f"http://127.0.0.1:{port}/"), said
        yield address
        server.send_signal(signal.SIGINT)
        assert server.wait(60) == 0
    finally:
        server.kill()
        server.communicate()


def looked_at(address: str, folder: Path) -> str:
    """The page as it stands when all is drawn; its picture is `page.png` in the folder."""
    command = [browser(), "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += [
        "--window-size=1400,1000",
        "--virtual-time-budget=20000",
        f"--user-data-dir={folder / 'profile'}",
    ]
    command += [f"--screenshot={folder / 'page.png'}", "--dump-dom", address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


def colours(picture: Path) -> Counter[str]:
    """How many points have which colour."""
    from PIL import Image

    with Image.open(picture) as found:
        points = found.convert("RGB").tobytes().hex()
    return Counter(f"#{points[place : place + 6]}" for place in range(0, len(points), 6))


def answer(address: str) -> Any:
    with urllib.request.urlopen(address, timeout=30) as found:
        return json.load(found)


@pytest.mark.slow
def test_tensorboard_shows_both_runs_and_their_curves(place: Path, tmp_path: Path) -> None:
    with opened(place, "logger=tensorboard") as address:
        page = looked_at(f"{address}#timeseries", tmp_path)
        looked_at(f"{address}#scalars&tagFilter=%5Eval&_smoothingWeight=0", tmp_path)
        tags = answer(f"{address}data/plugin/scalars/tags")
        assert set(tags) == {"tensorboards/seed1", "tensorboards/seed2"}
        for run in tags:
            assert run in page
            curve = answer(
                f"{address}data/plugin/scalars/scalars?run={run.replace('/', '%2F')}&tag=val%2Fbpc"
            )
            validations = json.loads((place / "runs" / run / "run.json").read_text())["epochs"]
            assert [step for _, step, _ in curve] == [one["step"] for one in validations]
            assert [value for *_, value in curve] == pytest.approx([one["val/bpc"] for one in validations])
        assert {"val_by_tokens/bpc", "test/bpc", "train/loss"} <= tags["tensorboards/seed1"].keys()
    drawn = colours(tmp_path / "page.png")
    assert min(drawn["#ff7043"], drawn["#0077bb"]) > 200, "a curve of each run, in TensorBoard's colours"


@pytest.mark.slow
def test_trackio_shows_both_runs_and_their_curves(place: Path, tmp_path: Path) -> None:
    with opened(place, "logger=trackio", "runs=runs/trackios") as address:
        page = looked_at(f"{address}&x_axis=tokens&metric_filter=%5Eval", tmp_path)
    for text in ("sru smoke seed 1", "sru smoke seed 2", "val/bpc", "val/loss"):
        assert text in page, text
    assert page.count("<canvas") >= 2
    drawn = colours(tmp_path / "page.png")
    assert min(drawn["#a8769b"], drawn["#e89957"]) > 200, "a curve of each run, in trackio's colours"


def run_of(place: Path, logger: dict[str, str], *files: str, at: float, name: str = "") -> Path:
    """A run's folder as a training leaves it, as far as it tells of dashboards."""
    place.mkdir(parents=True)
    (place / "run.json").write_text(json.dumps({"config": {"logger": logger}, "wandb_id": name or None}))
    for name in files:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text("")
    for changed in (place / "run.json", place):
        os.utime(changed, (at, at))
    return place


def test_which_dashboard_is_opened(
    sru_repro: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRACKIO_DIR", raising=False)
    monkeypatch.chdir(tmp_path)

    def said(*words: str) -> str:
        called = sru_repro("dashboard", *words, cwd=tmp_path)
        assert called.status == 2 and called.out == "" and called.err.count("\n") == 1
        return str(called.err)

    makes = "`sru-repro train logger=tensorboard` makes one"
    assert "runs=runs: expected a folder of runs, found none" in said()
    (tmp_path / "runs").mkdir()
    assert f"runs=runs: expected runs with a dashboard, found no run; {makes}" in said()
    run_of(tmp_path / "runs/a", {"name": "csv"}, at=9)
    assert f"expected runs with a dashboard, found 1 without a dashboard; {makes}" in said()
    board = run_of(tmp_path / "runs/b", {"name": "tensorboard"}, "events.out.tfevents.1.run.1.1", at=2)
    assert "found 1 with logger=tensorboard, 1 without a dashboard" in said("logger=wandb")
    old = run_of(tmp_path / "runs/c", {"name": "wandb"}, "wandb/offline-run-1-x/run-x.wandb", at=1)
    assert watched(Path("runs")).newest() == "tensorboard"
    new = run_of(tmp_path / "runs/d e", {"name": "trackio", "project": "p", "folder": "kept"}, at=3, name="t")
    assert watched(Path("runs")).newest() == "tensorboard"  # nothing was kept
    run_of(tmp_path / "kept", {"name": "csv"}, "p.db", at=3)
    found = watched(Path("runs"))
    assert found.newest() == "trackio" and (found.stores, found.project) == ([Path("kept")], "p")
    ours = {name: [tmp_path / run for run in runs] for name, runs in found.runs.items()}
    assert ours == {"tensorboard": [board], "trackio": [new], "wandb": [old]} and found.others == 1
    (tmp_path / "runs/a/run.json").write_text("{")
    assert watched(tmp_path / "runs/a").others == 1 and watched(old).newest() == "wandb"
    for words, expected in (("port=70000", "port: "), ("logger=csv", "logger: "), ("run=x", "run=x: ")):
        assert expected in said(words)


def test_offline_runs_of_wandb_are_named_with_what_shows_them(sru_repro: Command, tmp_path: Path) -> None:
    run_of(tmp_path / "runs/it's", {"name": "wandb"}, "wandb/offline-run-1-x/run-x.wandb", at=1)
    called = sru_repro("dashboard", cwd=tmp_path)
    assert called.status == 0 and called.err == ""
    for line in (
        "1 run of wandb below runs, offline; the newest: runs/it's",
        "  wandb leet 'runs/it'\"'\"'s/wandb'",
        "  find runs -type d -name 'offline-run-*' -exec wandb sync {} +",
    ):
        assert line in called.out.splitlines(), line


def test_runs_are_found_wherever_they_and_their_curves_lie(
    sru_repro: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind links, called from another folder, with wandb's files where its variable says."""
    monkeypatch.delenv("TRACKIO_DIR", raising=False)
    disk, project, aside = (tmp_path / name for name in ("disk", "project", "it's"))
    far = run_of(disk / "far", {"name": "tensorboard"}, "events.out.tfevents.1.run.1.1", at=1)
    trackio = {"name": "trackio", "project": "p", "folder": "runs/trackio"}
    near = run_of(project / "runs/lm/near", trackio, at=2, name="t")
    run_of(project / "runs/lm/lost", trackio, at=2)  # trackio was not installed
    run_of(project / "runs/trackio", {"name": "csv"}, "p.db", at=0)
    online = run_of(project / "runs/online", {"name": "wandb"}, at=3, name="on")
    there = run_of(project / "runs/there", {"name": "wandb"}, at=4, name="off")
    (project / "runs/linked").symlink_to(far)
    (project / "runs/round").symlink_to(project / "runs")
    for name in ("1-off", "2-off", "3-other"):
        (aside / f"wandb/offline-run-{name}").mkdir(parents=True)
    monkeypatch.setenv("WANDB_DIR", str(aside))
    monkeypatch.chdir(disk)
    for runs in (project / "runs", Path("../project/runs")):
        found = watched(runs)
        ours = {name: [run.resolve() for run in places] for name, places in found.runs.items()}
        assert ours == {"tensorboard": [far], "trackio": [near], "wandb": [there]}
        assert [place.resolve() for place in found.stores] == [project / "runs/trackio"]
        assert [place.name for place in found.offline] == ["offline-run-1-off", "offline-run-2-off"]
        assert found.others == 3 and online not in ours["wandb"]  # with `lost` and the store's own
    monkeypatch.chdir(project)
    said = sru_repro("dashboard", "logger=wandb", cwd=project).out.splitlines()
    kept = [shlex.quote(f"{aside}/wandb/offline-run-{name}-off") for name in (1, 2)]
    assert f"  find runs {' '.join(kept)} -type d -name 'offline-run-*' -exec wandb sync {{}} +" in said
    monkeypatch.setenv("HOME", str(tmp_path))
    said = sru_repro("dashboard", "logger=wandb", cwd=project).out.splitlines()
    assert "  wandb leet ~/" + shlex.quote("it's/wandb") in said
