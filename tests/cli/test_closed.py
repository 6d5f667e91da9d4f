"""Configurations of --config-dir are values: they run nothing, write nowhere, and carry no secret."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]

HANDLER = "job_logging: {handlers: {f: {class: logging.FileHandler, filename: %s, mode: %s}}}"
LOG = "'${hydra.runtime.output_dir}/${hydra.job.name}.log'"
BOMB = "a0: &a0 [l, l, l, l, l, l, l, l]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 8)}]\n" for n in range(1, 20)
)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("job: {env_set: {CXX: /bin/evil}}", "hydra.job.env_set.CXX: expected CUDA_VISIBLE_DEVICES or"),
        (
            "job: {env_set: {CUDA_HOME: /evil}}",
            "hydra.job.env_set.CUDA_HOME: expected CUDA_VISIBLE_DEVICES or",
        ),
        ("job: {env_copy: [PATH]}", "hydra.job.env_set.PATH: expected CUDA_VISIBLE_DEVICES or"),
        ("job: {env_copy: [NO_SUCH]}", "hydra.job.env_copy: expected a variable that is set"),
        (
            HANDLER % ("precious.txt", "a"),
            "hydra.job_logging.handlers.f.class: expected one of logging.Stream",
        ),
        (HANDLER % (LOG, "w"), "hydra.job_logging.handlers.f.class: expected one of logging.Stream"),
        (
            "hydra_logging: {formatters: {f: {(): logging.os.system, command: touch pwned}}}",
            "hydra.hydra_logging.formatters.f.(): expected a value",
        ),
        (
            "callbacks: {x: {_target_: sru_repro.cli.closed.os.system, command: touch pwned}}",
            "hydra.callbacks.x._target_: expected nothing that is called",
        ),
        (
            "callbacks: '${y}'\ny: {x: {_target_: os.system, command: touch pwned}}",
            "y.x._target_: expected nothing that is called",
        ),
    ],
)
def test_what_would_run_or_write(content: str, said: str, sru_repro: Command, tmp_path: Path) -> None:
    (tmp_path / "mine/experiment").mkdir(parents=True)
    (tmp_path / "precious.txt").write_text("precious")
    inside = content.replace("\ny:", "\n\ny:")
    (tmp_path / "mine/experiment/e.yaml").write_text(f"# @package _global_\nhydra:\n  {inside}\n")
    called = sru_repro("train", "--config-dir=mine", "experiment=e", cwd=tmp_path)
    assert called.status == 2 and called.err.startswith(f"sru-repro: {said}"), called.err
    assert {path.name for path in tmp_path.iterdir()} == {"mine", "precious.txt"}
    assert (tmp_path / "precious.txt").read_text() == "precious"


def test_hydras_own_log_and_numbers_of_threads_stay(sru_repro: Command, tmp_path: Path) -> None:
    words = ["hydra/job_logging=default", "+hydra.job.env_set.OMP_NUM_THREADS=1", "--cfg=job"]
    assert sru_repro("train", *words, cwd=tmp_path).status == 0


def test_a_secret_in_two_steps(sru_repro: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "hidden")
    (tmp_path / "mine/experiment").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    path = tmp_path / "mine/experiment/e.yaml"
    for where in ("job: {name: '${oc.env:WANDB_API_KEY}'}", "run: {dir: 'runs/${oc.env:WANDB_API_KEY}'}"):
        key = "job.name" if where.startswith("job") else "run.dir"
        path.write_text(f"# @package _global_\nrow: ${{hydra:{key}}}\nhydra:\n  {where}\n")
        words = ["--config-dir=mine", "experiment=e", f"hydra.searchpath=[file://{tmp_path}/other]"]
        called = sru_repro("train", *words, "logger=csv", cwd=tmp_path)
        assert called.status != 0 and "would carry" in called.err.replace("could", "would"), called.err
        assert not any("hidden" in record.read_text() for record in tmp_path.rglob("run.json"))


@pytest.mark.parametrize(
    "words",
    [
        ["--config-dir=mine", "--config-name=bomb"],
        ["hydra.searchpath=[file://mine]", "model=bomb"],
        ["--config-dir=mine", "model=bomb", "--cfg=job"],
        ["--config-dir=mine", "model=a/b/c/bomb"],
    ],
)
def test_a_bomb_by_every_door(words: list[str], sru_repro: Command, tmp_path: Path) -> None:
    (tmp_path / "mine/model/a/b/c").mkdir(parents=True)
    for folder in ("", "model", "model/a/b/c"):
        (tmp_path / f"mine/{folder}/bomb.yaml").write_text(BOMB)
    called = sru_repro("train", *words, cwd=tmp_path)
    assert called.status == 2 and "bomb.yaml: expected at most 20,000 values" in called.err, called.err
