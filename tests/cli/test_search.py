"""A search by Optuna: its space, its study on disk, trials taken up again, trials ended early, presets."""

import json
import math
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from sru_repro.cli import choices
from sru_repro.cli.flags import flags_of
from sru_repro.cli.plan import planned
from sru_repro.cli.search.drive import search
from sru_repro.cli.search.settings import settings_of
from sru_repro.cli.search.space import space_of
from sru_repro.cli.search.trials import Drawn, Trials
from sru_repro.core.errors import ConfigError
from sru_repro.records.study import TRIAL, Reports

SETTINGS = {
    **{
        "n_trials": 12,
        "n_jobs": None,
        "sampler": "tpe",
        "seed": None,
        "startup_trials": 4,
        "pruner": "median",
    },
    **{"warmup": 0.25, "params": {}},
}
PARAMS = {
    "optim.lr": "tag(log, interval(1e-4,1e-2))",
    "model.num_layers": "range(1,5)",
    "task.dropout": "range(0.1,0.8,0.1)",
    "model.rescale": "choice(true,false)",
}
WORDS = ["task=sst", "seed=3"]


class Killed(BaseException):
    """The process ends here."""


def begun(folder: Path, higher: bool = True, words: Sequence[str] = WORDS, **changed: object) -> Trials:
    """The trials of a search in that folder."""
    settings = settings_of({**SETTINGS, **changed})
    fixed, space = space_of(PARAMS, words, {"model": ["sru", "lstm"]})
    return Trials(folder / "study.log", space, fixed, settings, higher, seed=1)


def figure(trial: Drawn) -> float:
    """The best rate is 0.001."""
    return -abs(math.log10(float(trial.words[0].partition("=")[2])) + 3)


def run_until(number: int, seen: list[Drawn]) -> Callable[[Sequence[Drawn]], list[float | None]]:
    """A training that takes no time; the process is killed in the trial of that number."""

    def run(batch: Sequence[Drawn]) -> list[float | None]:
        for trial in batch:
            seen.append(trial)
            if trial.number == number:
                raise Killed
        return [figure(trial) for trial in batch]

    return run


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_killed_anywhere_and_started_again_it_draws_what_it_would_have_drawn(
    tmp_path: Path, sampler: str
) -> None:
    whole: list[Drawn] = []
    (tmp_path / "whole").mkdir()
    search(begun(tmp_path / "whole", sampler=sampler), 1, run_until(-1, whole))
    parts: list[Drawn] = []
    (tmp_path / "parts").mkdir()
    for number in (0, 5, 11):
        with pytest.raises(Killed):
            search(begun(tmp_path / "parts", sampler=sampler), 1, run_until(number, parts))
        parts.pop()  # it is taken up again
    trials = begun(tmp_path / "parts", sampler=sampler)
    search(trials, 1, run_until(-1, parts))
    assert parts == whole
    assert [trial.number for trial in whole] == list(range(12))
    assert trials.counts() == {"finished": 12}
    best = trials.best()
    assert best is not None and best[0] == max(whole, key=figure) and best[1] == figure(best[0])
    search(begun(tmp_path / "parts", sampler=sampler, n_trials=14), 1, run_until(-1, parts))
    assert len(parts) == 14


def test_several_at_a_time_are_twelve_in_all(tmp_path: Path) -> None:
    seen: list[Drawn] = []
    with pytest.raises(Killed):
        search(begun(tmp_path), 5, run_until(7, seen))
    trials = begun(tmp_path)
    assert trials.begun == 10
    again: list[Drawn] = []
    search(trials, 5, run_until(-1, again))
    assert [trial.number for trial in again] == [5, 6, 7, 8, 9, 10, 11]
    assert trials.counts() == {"finished": 12} and len({trial.words for trial in again}) == 7


def test_less_is_better_where_the_task_says_so_and_failures_are_counted(tmp_path: Path) -> None:
    trials = begun(tmp_path, higher=False, n_trials=5)
    figures = iter([1.2, None, 1.1, math.nan, 1.3])
    search(trials, 1, lambda batch: [next(figures)])
    best = trials.best()
    assert best is not None and (best[0].number, best[1]) == (2, 1.1)
    assert trials.counts() == {"finished": 3, "failed": 2}

    again: list[Drawn] = []  # failed ones are tried again, and take the same places
    figures = iter([None, 1.0])
    trials = begun(tmp_path, higher=False, n_trials=5)

    def run(batch: Sequence[Drawn]) -> list[float | None]:
        again.extend(batch)
        return [next(figures) for _ in batch]

    search(trials, 2, run)
    assert [trial.number for trial in again] == [1, 3] and trials.counts() == {"finished": 4, "failed": 1}
    best = trials.best()
    assert best is not None and (best[0], best[1]) == (again[1], 1.0)
    next_ones = begun(tmp_path, higher=False, n_trials=6).draw(9)
    assert [trial.number for trial in next_ones] == [1, 5] and next_ones[0].words == again[0].words


def test_what_a_killed_process_left_half_written_is_no_trial(tmp_path: Path) -> None:
    trials = begun(tmp_path, n_trials=3)
    search(trials, 1, run_until(-1, []))
    path = tmp_path / "study.log"
    whole = path.read_bytes()
    trials = begun(tmp_path, n_trials=4)
    trials.draw(1)
    drawing = path.read_bytes()[len(whole) :].splitlines(keepends=True)
    operations = [json.loads(line)["op_code"] for line in drawing]
    for kept in range(1, len(drawing)):
        path.write_bytes(whole + b"".join(drawing[:kept]) + drawing[kept][:20])
        again: list[Drawn] = []
        trials = begun(tmp_path, n_trials=4)
        search(trials, 1, run_until(-1, again))
        assert trials.begun == 4 and trials.counts() == {"finished": 4}, operations[:kept]
        assert len(again) == 1 and len(again[0].words) == len(PARAMS)


def test_another_search_is_refused_in_the_same_folder(tmp_path: Path) -> None:
    begun(tmp_path)
    with pytest.raises(ConfigError, match=r"expected the search that lies there.*seed=3 there, seed=4 asked"):
        begun(tmp_path, words=["task=sst", "seed=4"])
    with pytest.raises(ConfigError, match=r"optim.lr: tag.* there, interval\(0.1,0.2\) asked for"):
        begun(tmp_path, words=[*WORDS, "optim.lr=interval(0.1,0.2)"])
    with pytest.raises(ConfigError, match="maximize there, minimize asked for"):
        begun(tmp_path, higher=False)
    (tmp_path / "study.log").write_text("no journal\nat all\n")
    with pytest.raises(ConfigError, match=r"study.log: expected the journal of a search"):
        begun(tmp_path)


def test_hopeless_trials_end_early_and_are_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    validations = 4

    def run(batch: Sequence[Drawn]) -> list[float | None]:
        for trial in batch:
            monkeypatch.setenv(TRIAL, f"{trial.trial} {tmp_path / 'study.log'}")
            reports = Reports.asked_for()
            assert reports is not None and (reports.pruner, reports.warmup) == ("median", 0.25)
            for nth in range(1, validations + 1):
                worse = 1 if trial.number >= 6 else 0
                reports.report(nth, nth - 10 * worse)
                reports.report(nth, -1000.0)  # of a run that goes on from a checkpoint: the first one counts
                if reports.hopeless():
                    reports.note_pruned("pruned at epoch 1")
                    break
        return [float(validations)]

    trials = begun(tmp_path, n_trials=8)
    search(trials, 1, run)
    assert trials.counts() == {"finished": 6, "pruned": 2}
    assert begun(tmp_path, n_trials=8).draw(1) == []
    monkeypatch.setenv(TRIAL, f"8 {tmp_path / 'study.log'}")
    with pytest.raises(ConfigError, match=r"SRU_REPRO_TRIAL: expected a trial of .*study.log, found 8"):
        Reports.asked_for()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("interval(0.1,0.1)", "optim.lr: expected a lower and a higher end"),
        ("tag(log, interval(0,0.1))", "optim.lr: expected a lower end above 0 and no step beside log"),
        ("tag(log, range(0.1,0.9,0.1))", "optim.lr: expected a lower end above 0 and no step beside log"),
        ("tag(lin, interval(0.1,0.2))", r"optim.lr: expected tag\(log, "),
        ("choice(1,1)", "optim.lr: expected each choice once"),
        ("range(5,5)", "optim.lr: expected something to draw from"),
    ],
)
def test_what_cannot_be_drawn_from_is_said(value: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        space_of({"optim.lr": value}, [], {})


def test_words_of_the_command_line_overrule_and_extend_the_space() -> None:
    words = [
        "optim.lr=0.001",
        "model.num_layers=2,4",
        "model=glob(s*)",
        "model.hidden_size=int(interval(8,16))",
    ]
    fixed, space = space_of(PARAMS, words, {"model": ["lstm", "sru", "srupp"]})
    drawn = {each.key: each for each in space}
    assert fixed == ["optim.lr=0.001"]
    assert drawn["model.num_layers"].choices == ("2", "4") and drawn["model"].choices == ("sru", "srupp")
    assert drawn["model.rescale"].choices == ("true", "false")
    assert drawn["model.hidden_size"].ends == ("model.hidden_size=8", "model.hidden_size=16")
    assert drawn["task.dropout"].ends == ("task.dropout=0.1", "task.dropout=0.7")


def ask(*args: str) -> None:
    """As `sru-repro train` begins with these arguments."""
    planned(flags_of(args))


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["search=sst"], "search=sst: expected -m beside it, .*: sru-repro train -m search=sst"),
        (["-m", "search=ssst"], "search: expected one of .*found 'ssst'; did you mean sst"),
        (["-m", "search=sst", "optim.lr=interval(-1,1)"], "optim.lr: expected greater than 0, found -1.0"),
        (["-m", "search=sst", "optim.lrr=interval(1,2)"], "optim.lrr: no such key"),
        (["-m", "search=sst", "hydra.sweeper.n_trials=0"], "hydra.sweeper.n_trials: expected greater than"),
        (["-m", "search=sst", "hydra.sweeper.n_trials=x"], "hydra.sweeper.n_trials"),
        (["-m", "search=sst", "hydra.sweeper.sampler=tpee"], "hydra.sweeper.sampler: .*did you mean tpe"),
        (["-m", "search=sst", "hydra.sweeper.pruner=no"], "hydra.sweeper.pruner: expected 'median'"),
        (["-m", "search=sst,trec"], "search: expected one of them at a time, found search=sst, search=trec"),
        (["-m", "hydra/sweeper=optuna"], "hydra/sweeper=optuna: expected something to draw"),
        (["-m", "search=sst", "model=sru,lstmm"], "model: expected one of"),
    ],
)
def test_what_is_wrong_with_a_search_is_said_before_it_begins(args: list[str], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        ask(*args)


def test_every_task_has_a_search_that_can_be_drawn() -> None:
    groups = choices.groups()
    assert sorted(groups["search"]) == sorted(groups["task"])
    for name in ("sst", "squad", "enwik8"):
        ask("-m", f"search={name}")
    ask("-m", "search=enwik8", "model=srupp")


def test_a_setting_that_the_model_lacks_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    ask("-m", "search=sst", "model=sru,lstm")
    said = capsys.readouterr().err
    assert said.count("left out of the search") == 2 and "model.highway_bias: left out" in said


def test_without_optuna_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(
        ConfigError, match=r"expected the package optuna, found none; pip install 'sru-repro\["
    ):
        ask("-m", "search=sst")


def test_nothing_else_waits_for_optuna() -> None:
    script = (
        "import sys\nfrom sru_repro.cli import main\n"
        "try:\n    main(['train', '--cfg', 'job'])\nexcept SystemExit as end:\n"
        "    sys.exit(end.code or 'optuna' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True).returncode == 0
