"""The ranking: what counts as one configuration, intervals and tests by hand, directions, what is not ranked."""

import math
from collections.abc import Callable
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest

from sru_repro.core.lock import in_use
from sru_repro.records.base import write
from sru_repro.records.run import RunRecord, read_record
from sru_repro.reporting.sweeps.entries import read_folder
from sru_repro.reporting.sweeps.importance import importance
from sru_repro.reporting.sweeps.ranking import ranked
from sru_repro.reporting.sweeps.scales import scale_of
from sru_repro.reporting.sweeps.settings import Setting, differing, label, short_names
from sru_repro.reporting.sweeps.words import budgets

Factory = Callable[..., RunRecord]
Sweeper = Callable[..., Path]
Members = list[tuple[list[str], float | None, dict[str, Any]]]
ROOT = Path(__file__).parents[3]

GRID: Members = [
    (
        [f"model={model}", f"optim.lr={lr}", f"seed={seed}"],
        value + 0.002 * (seed - 2) * (1 if value == 0.84 else -1),
        {},
    )
    for model, lr, value in (("sru", 0.001, 0.82), ("sru", 0.01, 0.84), ("qrnn", 0.01, 0.838))
    for seed in (1, 2, 3)
]


def test_seeds_of_a_configuration_are_one_line_with_students_interval(sweep: Sweeper) -> None:
    (part,) = read_folder(sweep(GRID)).parts
    ranking = ranked(part)
    assert [group.label for group in ranking.groups] == [
        "model=sru with optim.lr=0.01",
        "model=qrnn with optim.lr=0.01",
        "model=sru with optim.lr=0.001",
    ]
    first, second, last = ranking.groups
    assert first.repeats == "3 seeds" and math.isclose(first.mean, 84.0)
    # t(0.975; 2) = 4.302653, from tables
    assert math.isclose(first.half or 0, 4.302653 * stdev(first.figures) / math.sqrt(3), rel_tol=1e-6)
    # Three pairs, -0.2, 0.2, 0.6 apart: t = 0.2 / (0.4 / √3); of two degrees of freedom p is 1 - t / √(2 + t²)
    assert math.isclose(first.against(second).p or 0, 1 - math.sqrt(3 / 11), abs_tol=1e-6)
    assert (first.against(last).p or 1) < 0.05


def test_lower_is_better_where_the_figure_says_so(sweep: Sweeper) -> None:
    told = {"headline": "test/bpc", "metrics": {"test/bpc": 2.0}, "task": "enwik8"}
    members = [([f"optim.lr={lr}"], value, told) for lr, value in ((0.1, 2.2), (0.2, 2.1), (0.3, 2.3))]
    (part,) = read_folder(sweep(members)).parts
    assert [group.mean for group in ranked(part).groups] == [2.1, 2.2, 2.3] and part.lower


def test_folds_are_compared_in_pairs(tmp_path: Path, cross_validation: list[RunRecord]) -> None:
    for run in cross_validation:
        write(run, tmp_path / f"{run.row}-{run.seed}-{run.fold}" / RunRecord.FILE)
    (part,) = read_folder(tmp_path).parts
    ranking = ranked(part)
    assert [one.key for one in ranking.settings] == ["row"]
    first, second = ranking.groups
    assert first.repeats == "2 seeds × 10 folds" and len(first.figures) == 20
    assert math.isclose(ranking.behind, 1.0) and first.overlap == 1 / 9
    assert first.against(second).how.startswith("paired, n=20")


@pytest.mark.parametrize(
    ("state", "value", "shown"),
    [("running", None, "interrupted"), ("pruned", 0.9, "pruned"), ("finished", math.nan, "diverged")],
)
def test_only_what_finished_with_a_figure_is_ranked(
    sweep: Sweeper, state: str, value: float | None, shown: str
) -> None:
    odd = (["optim.lr=1"], value if value is not None else 0.9, {"state": state, "run": False})
    (part,) = read_folder(sweep([*GRID, odd])).parts
    entry = part.entries[-1]
    assert not entry.finished and len(ranked(part).groups) == 3
    assert entry.state == (state if state == "running" else shown)


def test_a_run_gone_on_with_by_hand_is_finished(sweep: Sweeper) -> None:
    found = read_folder(sweep([(["optim.lr=1"], 0.9, {"state": "interrupted"}), *GRID]))
    assert found.entries[0].finished


def test_what_runs_is_what_somebody_works_on(sweep: Sweeper) -> None:
    killed = (["optim.lr=1"], 0.9, {"state": "running"})
    folder = sweep([killed, (["optim.lr=2"], 0.9, {"state": "failed", "error": "killed"}), *GRID])
    for name in ("00", "01"):
        write(read_record(folder / name).model_copy(update={"state": "running"}), folder / name / "run.json")
    with in_use(folder / "01", "somebody"):
        first, second = read_folder(folder).entries[:2]
        assert (first.state, second.state, second.error) == ("interrupted", "running", "")


def test_of_two_runs_of_one_seed_the_later_counts(tmp_path: Path, record: Factory) -> None:
    for name, value, day in (("a", 0.7, "21"), ("b", 0.8, "20")):
        run = record("sru2", 1, value, ended=f"2026-11-{day}T09:00:00Z")
        write(run, tmp_path / name / RunRecord.FILE)
    (part,) = read_folder(tmp_path).parts
    ranking = ranked(part)
    assert ranking.repeated == 1 and math.isclose(ranking.groups[0].mean, 70.4)


def test_tasks_are_ranked_apart_and_a_replaced_run_is_none(tmp_path: Path, record: Factory) -> None:
    for task in ("sst", "cr"):
        write(record("sru2", task=task), tmp_path / task / RunRecord.FILE)
        write(record("sru4", task=task), tmp_path / task / "replaced" / RunRecord.FILE)
    assert [(part.task, len(part.entries)) for part in read_folder(tmp_path).parts] == [("cr", 1), ("sst", 1)]


def test_the_committed_records_differ_in_their_rows() -> None:
    (part,) = read_folder(ROOT / "results/runs/sst").parts
    ranking = ranked(part)
    assert [one.key for one in ranking.settings] == ["experiment"]
    assert len(ranking.groups) == 8 and all(len(group.figures) == 3 for group in ranking.groups)


def test_settings_are_what_was_swept_and_what_does_not_follow_from_it(sweep: Sweeper) -> None:
    members = [
        (["model=sru", "optim.lr=0.1", "model.layer_norm=null"], 0.8, {}),
        (["model=cnn", "optim.lr=0.2", "model.layer_norm=pre", "logger=csv"], 0.7, {}),
        (["model=sru", "optim.lr=0.2", "model.layer_norm=null", "seed=2"], 0.7, {"run": False}),
    ]
    found = differing(read_folder(sweep(members)).entries)
    assert {one.key: list(one.values) for one in found} == {
        "model": ["sru", "cnn", "sru"],
        "optim.lr": [0.1, 0.2, 0.2],
        "model.layer_norm": ["null", "pre", "null"],
    }
    assert short_names(found) == ["model", "lr", "layer_norm"]
    assert label(found, ["sru", 0.1, "null"]) == "model=sru with optim.lr=0.1, model.layer_norm=null"
    assert short_names([Setting("model.dropout", [0, 1]), Setting("task.dropout", [0, 1])]) == [
        "model.dropout",
        "task.dropout",
    ]


def test_a_setting_that_nobody_gave_is_found_in_the_configurations(tmp_path: Path, record: Factory) -> None:
    for name, lr, shape in (("a", 0.1, {}), ("b", 0.1, {"window": 3}), ("c", 0.2, {})):
        config = {"optim": {"lr": lr}, "model": {"name": "sru", **shape}}
        write(record("sru2", config=config), tmp_path / name / RunRecord.FILE)
    # A key that only one has is its model's, or younger than the other records: no difference of its own.
    assert [one.key for one in differing(read_folder(tmp_path).entries)] == ["optim.lr"]


def test_a_callback_is_a_setting_where_it_changes_the_run(tmp_path: Path, record: Factory) -> None:
    stopping = {"early_stopping": {"patience": 3, "min_delta": 0.0}}
    shown = {"rich_progress": {"show": "bar"}, "lr_monitor": {}}
    for name, seed, callbacks in (("a", 1, None), ("b", 2, stopping), ("c", 3, shown)):
        run = record("sru2", seed, config={"seed": seed, "callbacks": callbacks}, overrides=["callbacks=x"])
        write(run, tmp_path / name / RunRecord.FILE)
    (found,) = differing(read_folder(tmp_path).entries)
    assert (found.key, list(found.values)) == ("callbacks", ["none", "early_stopping", "none"])


@pytest.mark.parametrize(
    ("values", "log", "named"),
    [
        ([1e-5, 1e-3, 1e-1], True, False),
        ([16, 32, 64, 128], True, False),
        ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], False, False),
        ([0.0, 0.1, 0.5], False, False),
        ([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], False, False),
        ([0.003, 0.2, 0.35, 0.5, 0.61, 0.8, 0.9], False, False),
        ([-1.0, 1.0, 10.0, 100.0], False, True),
        ([0.0, 1e-5, 1e-2], False, True),
        (["sru", "qrnn"], False, True),
        ([True, False], False, True),
        ([0.5, "null"], False, True),
    ],
)
def test_axes(values: list[Any], log: bool, named: bool) -> None:
    scale = scale_of(Setting("key", values))
    assert (scale.log, scale.named) == (log, named)
    places = [scale.at(value) for value in values]
    assert all(0 <= place <= 1 for place in places) and len(set(places)) == len(values)
    assert 2 <= len(scale.ticks) <= 8


def test_importance_finds_the_setting_that_matters(sweep: Sweeper) -> None:
    rates = [10 ** (-5 + 4 * place / 15) for place in range(16)]
    members: Members = [
        (
            [f"optim.lr={rate}", f"model.num_layers={1 + 7 * place % 4}"],
            0.8 - abs(math.log10(rate) + 3) / 50,
            {},
        )
        for place, rate in enumerate(rates)
    ]
    found = read_folder(sweep(members, search=True))
    told = importance(found.parts[0], differing(found.parts[0].entries))
    assert list(told.parts) == ["optim.lr", "model.num_layers"] and told.parts["optim.lr"] > 0.7
    assert math.isclose(sum(told.parts.values()), 1.0) and "of 16 members" in told.basis


def test_importance_is_not_made_of_few_members_nor_without_optuna(
    sweep: Sweeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    members: Members = [([f"optim.lr={place}", f"model.dropout={place}"], 0.8, {}) for place in range(7)]
    (part,) = read_folder(sweep(members)).parts
    assert "7 finished members are too few (8 at least)" in importance(part, differing(part.entries)).basis
    (part,) = read_folder(sweep([*members, (["optim.lr=8", "model.dropout=0"], 0.9, {})])).parts
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    assert "sru-repro[sweeps]" in importance(part, differing(part.entries)).why_not


def test_the_mean_over_seeds_is_the_mean(sweep: Sweeper) -> None:
    (part,) = read_folder(sweep(GRID)).parts
    for group in ranked(part).groups:
        assert math.isclose(group.mean, fmean(100 * (entry.value or 0) for entry in group.entries))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["max_epochs=12", "max_epochs=12"], ""),
        (
            ["max_epochs=12", "max_steps=500"],
            "max_steps and trainer.max_epochs differ: 500 steps (run 1); 12",
        ),
        (
            ["max_seconds=60", "max_seconds=300"],
            "max_seconds differs: 5 minutes (run 1); 60 seconds (run 0).",
        ),
    ],
)
def test_runs_of_one_row_with_several_budgets_are_told(sweep: Sweeper, given: list[str], said: str) -> None:
    (part,) = read_folder(sweep([([f"trainer.{word}"], 0.8, {}) for word in given])).parts
    found = budgets(ranked(part))
    assert found.startswith("Not comparable, as trainer.") and said in found if said else not found


def test_only_the_named_records_are_read(sweep: Sweeper) -> None:
    folder = sweep(GRID)
    found = read_folder(folder, [folder / "01" / RunRecord.FILE, folder / "04" / RunRecord.FILE])
    assert [entry.number for entry in found.entries] == [1, 4]
