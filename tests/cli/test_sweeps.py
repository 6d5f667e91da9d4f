"""Sweeps: grids in a folder, called again after a change; members that fail under every launcher; what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sru_repro.cli import choices
from sru_repro.cli.sweep.member import state_of
from sru_repro.cli.sweep.naming import LONGEST, label, name_of, varied
from sru_repro.cli.words import hydra_words, members
from sru_repro.core.lock import in_use
from sru_repro.records.run import read_record
from sru_repro.records.sweep import read_sweep, run_of
from sru_repro.training.module import TaskModule

Command = Callable[..., Any]

QUICK = (
    *("task=quickstart", "profile=smoke", "logger=csv", "trainer=cpu"),
    *("task.max_bytes=20000", "task.unroll=300", "task.embedding_size=8", "model.hidden_size=8"),
)


def test_a_glob_is_the_names_of_its_group_that_it_fits(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model/mygru.yaml").write_text("name: gru\n")
    (word,) = members(["model=glob(*ru)"], choices.groups(tmp_path))
    assert word == ["model=gru", "model=mingru", "model=sru", "model=mygru"]


def test_a_range_beside_a_value_ends_in_one_line(sru_repro: Command, tmp_path: Path) -> None:
    assert hydra_words(["seed=range(1,3),7"], sweeping=True)
    called = sru_repro("train", "-m", "seed=range(1,3),7", cwd=tmp_path)
    assert called.status == 2 and called.err.count("\n") == 1, called.err


def test_names_follow_from_overrides() -> None:
    assert name_of(["model=qrnn", "seed=2"]) == "model=qrnn,seed=2" and name_of([]) == "run"
    assert (
        name_of(["+seed=2"]) == "seed=2"
        and label(["data_dir='my data'", "++seed=2"]) == "data_dir=my data seed=2"
    )
    strange = [
        ["task.path='a/b'"],
        ["task.path='a b'"],
        ["task.path=a-b"],
        ["task.path=.."],
        ["x=[1,2]"],
        ["x=[1,3]"],
    ]
    long = [[f"model.hidden_size={10**30 + i}", f"row={'x' * 90}"] for i in range(3)]
    names = [name_of(words) for words in (*strange, *long, ["row=文本"], ["row=文字"])]
    assert len(set(names)) == len(names)
    assert all(len(name.encode()) <= LONGEST and not set(name) & set("/ []'") for name in names)
    assert varied(["task=sst", "seed=1", "+a=2"], {"task", "a"}) == ["seed=1"]


@pytest.mark.slow
@pytest.mark.usefixtures("members_here")
def test_called_again_it_does_what_is_missing(
    sru_repro: Command, members_here: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = TaskModule.training_step

    def step(self: TaskModule, *values: Any) -> Any:
        if self.task.encoder.output_size == 5:
            raise ArithmeticError("five is right out")
        return original(self, *values)

    monkeypatch.setattr(TaskModule, "training_step", step)
    words = ("train", "-m", *QUICK[:-1], "sweep=sweeps/a")
    called = sru_repro(*words, "model.hidden_size=0,5,8", cwd=tmp_path)
    assert called.status == 1 and "Traceback" not in called.err
    said = [line for line in called.err.splitlines() if line.startswith("sru-repro: ")]
    assert said == [
        "sru-repro: model.hidden_size=0: model.hidden_size: expected greater than or equal to 1, found 0",
        "sru-repro: model.hidden_size=5: ArithmeticError: five is right out (traceback in "
        "sweeps/a/model.hidden_size=5/log.txt)",
        "sru-repro: 2 of 3 runs failed: model.hidden_size=0; model.hidden_size=5",
    ]
    assert "1 finished, 2 failed" in called.out and "report sweep=sweeps/a" in called.out
    sweep = read_sweep(tmp_path / "sweeps/a")
    assert [(m.name, m.state) for m in sweep.members] == [
        ("model.hidden_size=0", "failed"),
        ("model.hidden_size=5", "failed"),
        ("model.hidden_size=8", "finished"),
    ]
    run = run_of(tmp_path / "sweeps/a", sweep.members[2])
    assert sweep.members[2].value == run.metrics["val/bpc"] and run.sweep == "sweeps/a"
    assert (sweep.headline, sweep.higher_is_better, sweep.launcher) == ("val/bpc", False, "basic")
    assert sweep.words == [*QUICK[:-1], "sweep=sweeps/a", "model.hidden_size=0,5,8"]

    monkeypatch.setattr(TaskModule, "training_step", original)  # mended
    members_here.clear()
    again = sru_repro(*words, "model.hidden_size=5,8,9", cwd=tmp_path)
    assert again.status == 0 and "a: 1 member finished before, left as they are" in again.err
    assert [next(w for w in begun if "hidden" in w) for begun in members_here] == [
        "model.hidden_size=5",
        "model.hidden_size=9",
    ]
    assert "3/3 model.hidden_size=9: val/bpc " in again.err
    # The same configuration by other words is the same member; another grid joins in.
    members_here.clear()
    other = sru_repro(*words, "model.hidden_size=8", "seed=1,2", "trainer.max_epochs=1", cwd=tmp_path)
    assert other.status == 0 and [begun[begun.index("seed=2")] for begun in members_here] == ["seed=2"]
    # What is there is not replaced by something else, but may go on with a larger budget.
    refused = sru_repro(*words, "model.hidden_size=8", "seed=1,2", "optim.lr=0.5", cwd=tmp_path)
    assert refused.status == 2 and refused.err.count("\n") == 1, refused.err
    assert "sweep=sweeps/a: seed=2 is another run there (optim.lr: 0.003 there, 0.5 asked for)" in refused.err
    longer = sru_repro(*words, "model.hidden_size=8", "seed=2,2", "trainer.max_epochs=2", cwd=tmp_path)
    assert longer.status == 0 and read_record(tmp_path / "sweeps/a/seed=2").epochs[-1].epoch == 1


@pytest.mark.slow
@pytest.mark.usefixtures("members_here")
def test_a_sweep_without_a_name(sru_repro: Command, tmp_path: Path) -> None:
    words = ("train", "-m", "model=gru,lstm", "seed=range(1,3)", *QUICK)
    called = sru_repro(*words, "hydra.sweep.dir=mine", cwd=tmp_path)
    assert called.status == 0, called.err
    runs = [read_record(path) for path in (tmp_path / "mine/quickstart").rglob("run.json")]
    assert sorted((run.model, run.seed) for run in runs) == [("gru", 1), ("gru", 2), ("lstm", 1), ("lstm", 2)]
    (folder,) = (tmp_path / "mine/sweeps").iterdir()
    sweep = read_sweep(folder)
    assert [m.name for m in sweep.members] == [
        *("model=gru,seed=1", "model=gru,seed=2", "model=lstm,seed=1", "model=lstm,seed=2")
    ]
    assert [run_of(folder, m).seed for m in sweep.members] == [1, 2, 1, 2]
    again = sru_repro(*words, f"sweep=mine/sweeps/{folder.name}", cwd=tmp_path)
    assert again.status == 0 and "4 members finished before" in again.err


@pytest.mark.slow
@pytest.mark.usefixtures("members_here")
def test_a_key_that_the_default_task_lacks(sru_repro: Command, tmp_path: Path) -> None:
    rows = "experiment=quickstart/sru,quickstart/lstm"
    words = [word for word in QUICK if not word.startswith("task=")]
    called = sru_repro("train", "-m", rows, *words, "sweep=a", cwd=tmp_path)
    assert called.status == 0, called.err
    assert [m.overrides for m in read_sweep(tmp_path / "a").members] == [
        ["experiment=quickstart/sru"],
        ["experiment=quickstart/lstm"],
    ]


def test_states() -> None:
    assert state_of(None, 0) == state_of(None, None) == state_of(None, 2) == "failed"
    assert (
        state_of(None, 143) == state_of(None, 130) == state_of(None, -15) == "interrupted"
        and state_of(None, -9) == "failed"
    )


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["sweep=a"], "sweep: expected -m, which sweeps, beside it, found sweep=a without"),
        (["-m", "sweep="], "sweep: expected a folder, found an empty text"),
        (["-m", "sweep=file"], "sweep=file: expected a folder, found a file"),
        (["-m", "sweep=file/a"], "sweep=file/a: expected a folder, found a file"),
        (["-m", "sweep=run"], "sweep=run: expected a folder of sweeps, found one of a run"),
        (["-m", "sweep=/proc/a"], "sweep=/proc/a: expected a folder that can be written, found: "),
        (["-m", "sweep=a", "hydra.sweep.dir=b"], "hydra.sweep.dir: expected nothing beside sweep="),
        (["-m", "sweep=a", "hydra.sweep.subdir=b"], "hydra.sweep.subdir: expected nothing beside sweep="),
        (["-m", "sweep=broken"], "broken/sweep.json: expected JSON, found "),
        (["-m", "sweep=busy"], "busy: expected a folder nobody works in, found it in use by somebody, "),
        (
            ["-m", "hydra/launcher=jobib"],
            "hydra/launcher: expected one of basic, joblib, submitit_local, submitit",
        ),
        (["-m", "hydra/launcher=submitit"], "found 'submitit'; did you mean submitit_"),
        (
            ["-m", "hydra/launcher=joblib", "hydra.launcher.n_jobs=0"],
            "hydra.launcher.n_jobs: expected the number",
        ),
        (["-m", "hydra/launcher=joblib", "hydra.launcher.n_job=2"], "hydra.launcher.n_job"),
        (["-m", "hydra/launcher=joblib", "hydra.launcher.n_jobs=two"], "hydra.launcher.n_jobs"),
    ],
)
def test_what_is_refused(words: list[str], line: str, sru_repro: Command, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("run", "broken", "busy"):
        (tmp_path / name).mkdir()
    (tmp_path / "run/run.json").touch()
    (tmp_path / "broken/sweep.json").write_text("{")
    before = sorted(tmp_path.rglob("*"))
    with in_use(tmp_path / "busy", "somebody"):
        called = sru_repro("train", "seed=1,2" if "-m" in words else "seed=1", *QUICK, *words, cwd=tmp_path)
    assert called.status == 2 and called.err.count("\n") == 1 and line in called.err, called.err
    assert "busy" not in called.err or "name another by sweep=" in called.err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_sweep_is_one_process(sru_repro: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    called = sru_repro("train", "-m", *QUICK, "trainer.devices=2", "seed=1,2", cwd=tmp_path)
    assert called.status == 2 and called.err.count("\n") == 1 and not any(tmp_path.iterdir())
    assert "WORLD_SIZE=2: expected one process for a sweep" in called.err
