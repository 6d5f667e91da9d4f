"""What `pip install` of the built wheel gives: everything works from an empty folder, without the checkout."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
BUILT_FROM = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE")
pytestmark = pytest.mark.slow


class Ended(NamedTuple):
    """A call that has ended."""

    returncode: int
    stdout: str
    stderr: str


Command = Callable[..., list[Ended]]

MODEL = '''"""A running mean, or what is left after it."""

from pydantic import Field

from sru_repro.models import Encoder, ModelSettings


class MeanConfig(ModelSettings):
    scale: float = Field(gt=0)


class Mean(Encoder):
    Config, causal, streams = MeanConfig, True, True

    def __init__(self, input_size, *, scale):
        super().__init__()
        self.output_size, self.scale = input_size, scale

    def forward(self, x_LBD, state=None, padding_LB=None):
        total, count = (0.0, 0.0) if state is None else state
        sums = x_LBD.cumsum(0) + total
        counts = x_LBD.new_ones(len(x_LBD), 1, 1).cumsum(0) + count
        return self.scale * sums / counts, (sums[-1], counts[-1])
'''
ROW = """# @package _global_
defaults:
  - override /task: quickstart
  - override /model: mean

row: mine
model: {scale: 3.0}
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the checkout, which the build leaves files in."""
    copy = tmp_path_factory.mktemp("sources")
    for folder in ("src", "conf"):
        left_out = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / folder, copy / folder, ignore=left_out)
    for name in BUILT_FROM:
        shutil.copy(ROOT / name, copy)
    _pip("wheel", "--no-build-isolation", "--wheel-dir", str(copy / "wheels"), str(copy))
    (built,) = (copy / "wheels").iterdir()
    return built


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the wheel is installed in."""
    folder = tmp_path_factory.mktemp("site")
    _pip("install", "--target", str(folder), str(wheel))
    return folder


SEVERAL = """
import contextlib, io, json, runpy, sys
script, *calls = sys.argv[1:]
ended = []
for words in calls:
    sys.argv = [script, *json.loads(words)]
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        try:
            runpy.run_path(script, run_name="__main__")
        except SystemExit as end:
            ended.append([int(end.code or 0), out.getvalue(), err.getvalue()])
print(json.dumps(ended))
"""
"""Calls of a command one after the other, in one process: each takes a second, and a start takes five."""


@pytest.fixture
def installed(site: Path, tmp_path: Path) -> Command:
    """`installed(["list"], ["train", ...])`: the command of the installed wheel, called in the folder `empty`."""
    (tmp_path / "empty").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}

    def call(*calls: Sequence[str]) -> list[Ended]:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", SEVERAL, site / "bin/sru-repro", *map(json.dumps, calls)],
            cwd=tmp_path / "empty",
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return [Ended(*ended) for ended in json.loads(done.stdout)]

    return call


def _pip(*args: str) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, args[0], "--no-deps", "--no-index", *args[1:]], check=True, capture_output=True)


def test_the_wheel_holds_what_is_read_while_running(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
    configurations = {f"sru_repro/{path.relative_to(ROOT)}" for path in (ROOT / "conf").rglob("*.yaml")}
    assert len(configurations) > 50 and configurations <= names
    package = ROOT / "src/sru_repro"
    others = {path for path in package.rglob("*") if path.suffix in (".h", ".cpp", ".cu", ".json", ".typed")}
    assert len(others) > 8 and {f"sru_repro/{path.relative_to(package)}" for path in others} <= names
    assert "hydra_plugins/sru_repro_search/optuna_sweeper.py" in names
    assert not [name for name in names if name.startswith("tests") or name.endswith(".pyc")]


def test_a_run_in_an_empty_folder(installed: Command, tmp_path: Path) -> None:
    # A repository around it all is not the suite's: its revision says nothing about the code.
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    small = ("task=quickstart", "profile=smoke", "logger=csv", "trainer=cpu", "model.hidden_size=8")
    listed, defaults, trained, evaluated, predicted = installed(
        ["list", "task=quickstart", "--json"],
        ["train", "search=quickstart", "--info", "defaults"],
        ["train", *small, "hydra.run.dir=run"],
        ["evaluate", "run=run"],
        ["predict", "run=run", "text=import os", "--json"],
    )
    assert listed.returncode == 0, listed.stderr
    assert [row["name"] for row in json.loads(listed.stdout)["rows"]] == ["gru", "lstm", "qrnn", "sru"]
    assert "hydra/sweeper/optuna" in defaults.stdout
    assert trained.returncode == 0, trained.stderr
    record = json.loads((tmp_path / "empty/run/run.json").read_text())
    assert record["state"] == "finished" and record["code"] == {"revision": None, "dirty": None}
    assert evaluated.returncode == 0 and evaluated.stdout.count("identical") == 4, evaluated.stderr
    assert predicted.returncode == 0 and len(json.loads(predicted.stdout)["next"]) == 3, predicted.stderr
    assert os.listdir(tmp_path / "empty") == ["run"]


def test_rows_and_models_of_ones_own(installed: Command, tmp_path: Path) -> None:
    mine = tmp_path / "empty/mine"
    (mine / "experiment").mkdir(parents=True)
    (mine / "model").mkdir()
    (mine / "experiment/averages.yaml").write_text(ROW)
    (mine / "model/mean.yaml").write_text("name: mean\n_class_: averages.Mean\nscale: 2.0\n")
    (tmp_path / "empty/averages.py").write_text(MODEL)
    row = ("--config-dir=mine", "experiment=averages", "profile=smoke", "logger=csv", "trainer=cpu")
    trained, evaluated = installed(["train", *row, "hydra.run.dir=run"], ["evaluate", "run=run"])
    assert trained.returncode == 0, trained.stderr
    record = json.loads((tmp_path / "empty/run/run.json").read_text())
    assert record["row"] == "mine" and record["config"]["model"]["scale"] == 3.0
    assert evaluated.returncode == 0 and evaluated.stdout.count("identical") == 4, evaluated.stderr


def test_what_belongs_to_a_checkout_says_so(installed: Command, tmp_path: Path) -> None:
    (reported,) = installed(["report"])
    expected = (
        "sru-repro: results: expected the folder of a checkout with its records, found none; call it there\n"
    )
    assert reported == (2, "", expected)
    assert not os.listdir(tmp_path / "empty")
