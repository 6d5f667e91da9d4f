"""A trial that a search gives up: its training ends without a failure, and can be gone on with."""

from pathlib import Path

import pytest

from sru_repro.cli.compose import composed
from sru_repro.cli.search.settings import settings_of
from sru_repro.cli.search.space import space_of
from sru_repro.cli.search.trials import Trials
from sru_repro.records.run import read_record
from sru_repro.records.study import TRIAL, open_storage
from sru_repro.training.pruning import Pruned
from sru_repro.training.run import train

WORDS = [
    *("model=sru", "task=quickstart", "profile=smoke", "logger=csv", "model.hidden_size=8"),
    *("trainer.max_steps=8", "trainer.validate_every=2"),
]


def study(folder: Path, figures: list[float], warmup: float) -> Trials:
    """A search with a trial that was carried out whole for each figure, which it had from its first validation on."""
    settings = settings_of(
        {
            **{"n_trials": len(figures) + 1, "n_jobs": None, "sampler": "random", "seed": None},
            **{"startup_trials": 1, "pruner": "median", "warmup": warmup, "params": {}},
        }
    )
    _, space = space_of({"optim.lr": "interval(0.001,0.002)"}, [], {})
    trials = Trials(folder / "study.log", space, [], settings, higher=False, seed=1)
    storage = open_storage(folder / "study.log")
    for value in figures:
        trial = trials.draw(1)[0]
        for nth in (1, 2, 3, 4):
            storage.set_trial_intermediate_value(storage.get_all_trials(0)[-1]._trial_id, nth, value)
        trials.tell(trial, value)
    return trials


def test_a_hopeless_trial_ends_after_its_warmup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trials = study(
        tmp_path, [1.0, 1.1, 1.2, 1.3, 1.4], warmup=0.5
    )  # bits per byte: no such training comes near
    (trial,) = trials.draw(1)
    monkeypatch.setenv(TRIAL, f"{trial.trial} {tmp_path / 'study.log'}")
    config = composed([*WORDS, *trial.words])
    with pytest.raises(
        Pruned, match=r"pruned at epoch 1, step 4: val/bpc \d\.\d+, by .*pruner=median"
    ) as ended:
        train(config, tmp_path / "run", WORDS)
    assert ended.value.status == 0
    record = read_record(tmp_path / "run")
    assert record.pruned and record.state == "interrupted" and [e.step for e in record.epochs] == [2, 4]
    assert record.value == min(entry.figures["val/bpc"] for entry in record.epochs)
    reported = open_storage(tmp_path / "study.log").get_all_trials(0)[trial.number].intermediate_values
    assert reported == {nth: e.figures["val/bpc"] for nth, e in enumerate(record.epochs, 1)}
    assert trials.tell(trial, None) == "pruned" and trials.counts() == {"finished": 5, "pruned": 1}

    monkeypatch.delenv(TRIAL)  # by hand it can be carried out to its end, whatever the search thought of it
    finished = train(config, tmp_path / "run", WORDS, resume=True)
    assert finished.finished and [e.step for e in finished.epochs] == [2, 4, 6, 8]


def test_a_good_trial_is_carried_out_and_reports_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trials = study(tmp_path, [9.0, 9.1, 9.2, 9.3, 9.4], warmup=0.0)
    (trial,) = trials.draw(1)
    monkeypatch.setenv(TRIAL, f"{trial.trial} {tmp_path / 'study.log'}")
    record = train(composed([*WORDS, *trial.words]), tmp_path / "run", WORDS)
    assert record.finished and not record.pruned
    reported = open_storage(tmp_path / "study.log").get_all_trials(0)[trial.number].intermediate_values
    assert (
        list(reported.values()) == [entry.figures["val/bpc"] for entry in record.epochs]
        and len(reported) == 4
    )
