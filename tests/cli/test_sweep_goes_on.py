"""A sweep that is called again where its members' files say less than their runs: gone on with by hand, refused, left
to somebody else who trains them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sru_repro.cli.flags import flags_of
from sru_repro.cli.sweep import member
from sru_repro.cli.sweep.folder import opened
from sru_repro.cli.sweep.run import _by_now
from sru_repro.core.errors import ConfigError
from sru_repro.core.lock import in_use
from sru_repro.records.base import read
from sru_repro.records.sweep import Member, SweepRecord, keep, read_sweep

Command = Callable[..., Any]

SWEEP = [
    *("train", "-m", "task=quickstart", "profile=smoke", "logger=csv", "trainer=cpu", "task.max_bytes=20000"),
    *("task.unroll=300", "task.embedding_size=8", "model.hidden_size=8", "sweep=a"),
]
GRID = [*SWEEP, "seed=1,2", "trainer.max_steps=4"]
SEARCH = [
    *(word for word in SWEEP if not word.startswith("sweep=")),
    *("sweep=b", "hydra/sweeper=optuna", "optim.lr=interval(0.001,0.01)", "trainer.max_steps=4", "seed=1"),
    *("hydra.sweeper.n_trials=1", "hydra.sweeper.pruner=null"),
]


def told(folder: Path, **changed: Any) -> Member:
    """Says something else of the first member, as a sweep that did not see its end has left it."""
    member = read_sweep(folder).members[0]
    keep(folder, member.model_copy(update={"value": None, **changed}))
    return member


@pytest.mark.slow
def test_the_run_counts_not_what_was_said_of_it(
    sru_repro: Command, members_here: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = sru_repro(*GRID, cwd=tmp_path)
    assert first.status == 0 and len(members_here) == 2, first.err
    members_here.clear()
    for state, error, status in (("failed", "ended by SIGKILL", -9), ("interrupted", None, None)):
        before = told(tmp_path / "a", state=state, error=error, status=status)
        called = sru_repro(*GRID, cwd=tmp_path)
        assert called.status == 0 and "2 members finished before" in called.err, called.err
        assert read_sweep(tmp_path / "a").members[0] == before.model_copy(
            update={"ended": read_sweep(tmp_path / "a").members[0].ended}
        )
    assert not members_here

    # A smaller budget is refused, and nothing else is changed; no look in between finds it finished by this call.
    said: list[tuple[str, bool]] = []

    def noted(folder: Path, member: Member) -> None:
        said.append((member.state, member.refused is not None))
        keep(folder, member)

    monkeypatch.setattr(member, "keep", noted)
    called = sru_repro(*SWEEP, "seed=1,2", "trainer.max_steps=2", cwd=tmp_path)
    assert called.status == 1 and "2 of 2 runs failed" in called.err
    assert said == [("running", False), ("finished", True)] * 2
    assert called.err.count("2 asked for); ask for more") >= 2 and "1/2 seed=1 failed after" in called.err
    sweep = read_sweep(tmp_path / "a")
    assert [m.state for m in sweep.members] == ["finished"] * 2 and sweep.members[0].value == before.value
    assert sweep.members[0].error is None and "2 asked for" in (sweep.members[0].refused or "")
    called = sru_repro(*GRID, cwd=tmp_path)
    assert called.status == 0 and read_sweep(tmp_path / "a").members[0].refused is None

    # Somebody else trains it: what came of it before is no news, and its file is theirs.
    told(tmp_path / "a", state="failed", error="ended by SIGKILL", status=-9)
    with in_use(tmp_path / "a/seed=1", "somebody"):
        called = sru_repro(*GRID, cwd=tmp_path)
    assert called.status == 1 and "SIGKILL" not in called.err and "failed" not in called.err, called.err
    assert "seed=1: left to somebody, process " in called.err
    last = called.err.splitlines()[-1]
    assert last.startswith("sru-repro: still running elsewhere: seed=1 (left to somebody, process ")
    assert last.endswith("); call again when it has ended")
    left = read_sweep(tmp_path / "a").members[0]
    assert left.error == "ended by SIGKILL"
    now = left.model_copy(update={"state": "running"})
    assert _by_now(tmp_path / "a", now).state == "finished" and now.value == before.value


@pytest.mark.slow
def test_a_trial_that_was_gone_on_with_by_hand_is_told_its_figure(
    sru_repro: Command, members_here: list[list[str]], tmp_path: Path
) -> None:
    from sru_repro.cli.search.trials import Trials

    original = Trials.tell
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trials, "tell", lambda self, trial, value: original(self, trial, None))
        sru_repro(*SEARCH, cwd=tmp_path)
    before = told(tmp_path / "b", state="failed", error="ended by SIGKILL", status=-9)
    members_here.clear()
    called = sru_repro(*SEARCH, cwd=tmp_path)
    assert called.status == 0 and not members_here, called.err
    assert "search: 1 trials (1 finished)" in called.out
    assert read_sweep(tmp_path / "b").members[0].value == before.value


def test_what_is_refused_is_not_written_down(tmp_path: Path) -> None:
    folder, note = tmp_path / "a", tmp_path / "multirun.yaml"
    folder.mkdir()
    with opened(folder, flags_of(["-m", "seed=1"]), "basic", None, note):
        pass
    with pytest.raises(ConfigError), opened(folder, flags_of(["-m", "seed=2"]), "joblib", None, note):
        assert read(SweepRecord, folder).words == ["seed=2"]
        raise ConfigError("another space")
    found = read(SweepRecord, folder)
    assert (found.words, found.launcher) == (["seed=1"], "basic")
