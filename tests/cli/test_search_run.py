"""A search of real trainings, from its words to the command line of its best trial."""

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from sru_repro.cli import main
from sru_repro.records.run import read_record
from sru_repro.records.sweep import SweepRecord, read_sweep, run_of

SEARCH = [
    *("train", "-m", "search=quickstart", "profile=smoke", "logger=csv", "trainer.max_steps=6", "seed=3"),
    *("model.hidden_size=8", "model.num_layers=range(1,3)", "model=sru,qrnn", "trainer.validate_every=3"),
    *("optim.weight_decay=0.0", "sweep=tuned", "hydra.sweeper.pruner=null"),
]


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Calls the command in an empty folder, as it ends with status 0; what it prints."""
    monkeypatch.chdir(tmp_path)

    def call(*args: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main([*args])
        out, err = capsys.readouterr()
        assert ended.value.code == 0, err
        return out

    return call


@pytest.mark.slow
def test_a_search_goes_on_and_its_best_trial_is_had_again(
    call: Callable[..., str], members_here: list[list[str]], tmp_path: Path
) -> None:
    call(*SEARCH, "hydra.sweeper.n_trials=2")
    first = read_sweep(tmp_path / "tuned")
    assert [(m.name, m.number, m.state) for m in first.members] == [
        ("trial000", 0, "finished"), ("trial001", 1, "finished"),
    ]  # fmt: skip
    assert first.search is not None and (first.search.sampler, first.search.trials) == ("tpe", 2)
    assert (first.headline, first.higher_is_better) == ("val/bpc", False)

    said = call(*SEARCH, "hydra.sweeper.n_trials=3")
    sweep: SweepRecord = read_sweep(tmp_path / "tuned")
    assert len(members_here) == 3 and sweep.members[:2] == first.members
    for member in sweep.members:
        run = run_of(tmp_path / "tuned", member)
        assert member.value == run.value == min(e.figures["val/bpc"] for e in run.epochs)
        drawn = {word.partition("=")[0] for word in member.overrides}
        assert {"model", "optim.lr", "model.num_layers", "task.dropout"} <= drawn
        assert not drawn & {"search", "task", "seed", "optim.weight_decay", "model.hidden_size"}
    best = min(sweep.members, key=lambda member: member.value or 0.0)
    assert "search: 3 trials (3 finished) by tpe, pruner null" in said
    _, _, told = said.partition(f"The first lies in tuned/{best.name}; to train it again:\n")
    words = shlex.split(told.replace("\\\n", "").splitlines()[0])
    assert words[:2] == ["sru-repro", "train"] and "-m" not in words and "search=quickstart" not in words
    call(*words[1:], "hydra.run.dir=again")
    one, other = read_record(tmp_path / "again"), run_of(tmp_path / "tuned", best)
    assert one.value == best.value and one.metrics["test/bpc"] == other.metrics["test/bpc"]
    assert [e.figures for e in one.epochs] == [e.figures for e in other.epochs]
