"""Runs put together in rows, rows tested, and what a terminal shows of them."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from sru_repro.records.base import write
from sru_repro.records.run import RunRecord
from sru_repro.reporting.compare import compared, page
from sru_repro.reporting.compare.gather import Found
from sru_repro.reporting.compare.groups import sections
from sru_repro.reporting.compare.judged import alike, base_of, finding, judged
from sru_repro.reporting.compare.overview import ranges

Factory = Callable[..., RunRecord]


def found(records: Sequence[RunRecord]) -> list[Found]:
    return [Found(Path(f"runs/{place}/run.json"), run) for place, run in enumerate(records)]


def shown(records: Sequence[RunRecord], against: str = "") -> str:
    return compared(found(records), against)


@pytest.fixture
def three(record: Factory) -> list[RunRecord]:
    """Three learning rates of one row with three seeds: the second apart from the first, the third not."""
    rates = {0.1: (0.81, 0.82, 0.83), 0.01: (0.70, 0.712, 0.721), 0.001: (0.815, 0.80, 0.83)}
    return [
        record("sru2", seed, figure, config={"optim": {"lr": rate}, "seed": seed})
        for rate, figures in rates.items()
        for seed, figure in enumerate(figures, 1)
    ]


def test_rows_are_what_differs_in_more_than_the_seed(three: list[RunRecord]) -> None:
    (section,) = sections(found(three))
    assert [group.name for group in section.groups] == ["sru2 lr=0.1", "sru2 lr=0.001", "sru2 lr=0.01"]
    assert [len(group.counted) for group in section.groups] == [3, 3, 3]
    base = base_of(section)
    assert base is section.groups[0]
    lines = judged(section, base)
    assert [line.differs for line in lines] == [None, False, True]
    assert lines[2].test is not None and lines[2].test.how == "paired, n=3"
    assert lines[2].test.effect == pytest.approx(-10.9) and lines[2].corrected == 2 * (lines[2].test.p or 0)
    assert alike(section) == [[1], [0], []]


def test_one_screen_says_which_rows_differ(three: list[RunRecord]) -> None:
    text = shown(three)
    assert max(map(len, text.splitlines())) <= 80
    assert "sru2 lr=0.1 has the best figure: test accuracy 82.0 % (n=3)." in text
    assert "sru2 lr=0.01 (−10.9) differs from it at 5 %, by Holm's correction." in text
    assert "sru2 lr=0.001 (−0.5) does not differ from it" in text
    lines = [line.split() for line in text.splitlines()]
    assert any(line[:5] == ["3", "sru2", "lr=0.01", "71.1", "±"] and line[-1] == "yes" for line in lines)
    assert ["config", "optim.lr", "0.1:", "1;", "0.001:", "2;", "0.01:", "3"] in lines
    assert "data, code, packages, hardware: the same" in text


def test_another_row_to_compare_with(three: list[RunRecord]) -> None:
    text = shown(three, "sru2 lr=0.01")
    assert "The others are compared with sru2 lr=0.01" in text and "sru2 lr=0.1 (+10.9)" in text


def test_a_row_to_compare_with_that_not_all_tasks_have(
    three: list[RunRecord], small_models: list[RunRecord]
) -> None:
    runs = [*three, *small_models]
    for wanted, said in (
        ("lstm", "No row with a figure here is called lstm: the others are compared with sru2 lr=0.1."),
        ("sru2", "3 rows here are called sru2: the others are compared with sru2 lr=0.1."),
    ):
        text, html = shown(runs, wanted), page(found(runs), wanted)
        for seen in (text.replace("\n", " "), html):
            assert said in seen and "No run has finished" not in seen
        assert html.count("<h3>Which rows differ</h3>") == 2
    text = shown(runs, "lstm")
    assert "The others are compared with lstm: test bits per byte 2.141 (n=1)." in text


def test_one_run_a_row_cannot_be_tested(record: Factory) -> None:
    text = shown([record("sru2", 1, 0.8), record("lstm", 1, 0.79), record("cnn", 1, 0.7)])
    assert "Not tested: lstm (−1.0) and cnn (−10.0); n=1 and 1: nothing can be tested." in text
    assert "Holm" not in text and "±" not in text
    alone = shown([record("sru2", 1, 0.8)])
    assert "There is nothing to compare it with." in alone and "the same" not in alone


def test_a_single_run_ahead_is_not_what_the_others_are_tested_against(
    three: list[RunRecord], record: Factory
) -> None:
    (section,) = sections(found([*three, record("lstm", 1, 0.9)]))
    base = base_of(section)
    assert base is not None and base.name == "sru2 lr=0.1" and section.groups[0].name == "lstm"
    assert finding(section, base)[0].startswith("lstm has the best figure: test accuracy 90.0 % (n=1)")


def test_what_did_not_finish_is_listed_and_not_counted(three: list[RunRecord], record: Factory) -> None:
    failed = record("sru2", 4, 0.1, state="failed", error="no memory\nleft", config={"optim": {"lr": 0.1}})
    (section,) = sections(found([*three, failed]))
    assert len(section.groups) == 3 and len(section.groups[0].counted) == 3
    text = shown([*three, failed])
    assert "not counted: row 1, sst, sru2, profile short, seed 4, failed: no memory\\nleft" in text.replace(
        "\n", " "
    )
    assert "row 1, sst" not in shown([failed.model_copy(update={"seed": seed}) for seed in (4, 5, 6)])
    silent = shown([*three, record("cnn", 1, metrics={"test/loss": 0.4}).model_copy(update={"metrics": {}})])
    assert "not counted: row 4, sst, cnn, profile short, seed 1, finished without\ntest/accuracy" in silent
    early = RunRecord(state="running", task="sst", row="lstm", profile="short", seed=1)
    assert "No run has finished" in shown([early, failed.model_copy(update={"headline": ""}), early])


def test_a_run_that_diverged_comes_last_and_is_not_tested(three: list[RunRecord], record: Factory) -> None:
    lost = [record("lstm", seed, math.nan if seed == 2 else 0.8) for seed in (1, 2, 3)]
    text = shown([*three, *lost])
    assert "Not tested: lstm (+nan); paired, n=3: a run diverged." in text
    assert any(line.split()[:3] == ["4", "lstm", "nan"] for line in text.splitlines())
    assert 'data-v="nan"' not in page(found(lost))


def test_other_code_under_the_same_seeds_is_another_row(record: Factory) -> None:
    def of(revision: str, figure: float) -> list[RunRecord]:
        code = {"revision": revision, "dirty": False}
        return [record("sru2", seed, figure + seed / 100, code=code) for seed in (1, 2, 3)]

    old, new = of("abc1234", 0.7), of("def5678", 0.8)
    (section,) = sections(found([*old, *new]))
    assert [group.name for group in section.groups] == ["sru2 def5678", "sru2 abc1234"]
    assert "revision" in shown([*old, *new])
    mixed = [*old[:2], new[2]]  # each seed once: one row, by two revisions
    (section,) = sections(found(mixed))
    assert len(section.groups) == 1 and "abc1234: seed 1, seed 2; def5678: seed 3" in shown(mixed)


def test_a_seed_that_ran_twice_counts_once(record: Factory) -> None:
    again = record("sru2", 1, 0.9, started="2026-11-29T09:00:00Z")
    runs = [record("sru2", 1, 0.8), record("sru2", 2, 0.81), again]
    (section,) = sections(found(runs))
    assert section.groups[0].figures("test/accuracy") == {(1, None): 90.0, (2, None): 81.0}
    assert "seed 1 finished several times; the last one counts" in shown(runs)


def test_folds_are_paired_and_their_interval_is_wider(cross_validation: list[RunRecord]) -> None:
    (section,) = sections(found(cross_validation))
    base = base_of(section)
    assert base is not None and base.name == "sru2" and len(base.counted) == 20
    _, line = judged(section, base)
    assert line.test is not None and line.test.effect == pytest.approx(-1.0)
    text = shown(cross_validation)
    assert "folds share training data" in text and "fingerprint" not in text


def test_tasks_are_compared_each_for_itself(three: list[RunRecord], small_models: list[RunRecord]) -> None:
    text = shown([*three, *small_models])
    assert text.startswith("Figures of sst (test accuracy, %) and enwik8 (test bits per byte)")
    assert "srupp has the best figure: test bits per byte 1.985 (n=1)" in text
    assert " 4  srupp" in text and "10  transformer_xl" in text, "rows are numbered through"


def test_speeds_of_other_machines_are_not_compared(record: Factory) -> None:
    card = {"name": "H100", "slug": "h100", "device": "cuda"}
    runs = [record("sru2", 1), record("sru2", 2), *(record("sru2", seed, hardware=card) for seed in (1, 2))]
    text = shown(runs)
    assert "the hardware differs: speeds are not compared" in text and "tokens/s" not in text
    assert "sru2 h100" in text and "hardware  device" in text
    pair = shown([runs[0], runs[2]])
    assert pair.count("other machine") == 4 and "+0.0" not in pair


def test_a_slow_machine_is_marked(record: Factory) -> None:
    slow = {"throughput": {"processor": 0.5}}
    text = shown([record("sru2", 1), record("sru2", 2, **slow), record("lstm", 1)])
    assert "†50 %" in text and "other work took the processor away" in text


def test_old_records_lack_keys_that_say_nothing(record: Factory) -> None:
    new = {"trainer": {"devices": 1, "num_nodes": 1, "profiler": None}, "sweep": "here", "debug": None}
    (section,) = sections(found([record("sru2", 1), record("sru2", 2, config=new)]))
    assert len(section.groups) == 1
    (section,) = sections(found([record("sru2", 1), record("sru2", 2, config={"trainer": {"devices": 2}})]))
    assert [group.name for group in section.groups] == ["sru2 devices=—", "sru2 devices=2"]


def test_settings_that_came_after_some_rows_are_told_in_one_line(record: Factory) -> None:
    """Where the rows that have them agree; a key in which they differ, too, is told by itself."""
    later = {"lr": 0.1, "schedule": "cosine", "warmup_steps": 300}
    optims: dict[str, dict[str, object]] = {
        "lstm": {},
        "sru2": {"eps": 1, **later},
        "sru4": {"eps": 2, **later},
    }
    runs = [
        record(row, seed, config={"optim": {"name": "adam", **optim}})
        for row, optim in optims.items()
        for seed in (1, 2)
    ]
    text = " ".join(shown(runs).split())
    place = text.split(" lstm 8", 1)[0].split()[-1]
    assert f"3 keys not in {place}: optim.lr, optim.schedule, optim.warmup_steps" in text, text
    assert "optim.eps" in text and text.count("optim.lr") == 1


def test_what_changes_a_run_makes_a_row_of_its_own_and_what_is_beside_it_does_not(record: Factory) -> None:
    stopping = {"monitor": "auto", "mode": "auto", "min_delta": 0.0}
    configs: list[dict[str, object]] = [
        {"callbacks": {"rich_progress": {"show": "bar"}, "early_stopping": None}, "search": {"name": "sst"}},
        {"callbacks": {"early_stopping": {**stopping, "patience": 3}}},
        {"callbacks": {"early_stopping": {**stopping, "patience": 5}, "model_summary": {"max_depth": 2}}},
        {"debug": {"name": "limit", "batches": 3}},
        {"debug": {"name": "limit", "batches": 5}, "trainer": {"profiler": "simple"}},
    ]
    runs = [record("sru2", 1, 0.9), *(record("sru2", 2, 0.8, config=config) for config in configs)]
    (section,) = sections(found(runs))
    assert [(group.name, len(group.runs)) for group in section.groups] == [
        ("sru2", 2),
        ("sru2 early_stopping patience=3", 1),
        ("sru2 early_stopping patience=5", 1),
        ("sru2 debug=limit batches=3", 1),
        ("sru2 debug=limit batches=5", 1),
    ]
    of = "sru2 debug=limit batches=3 and sru2 debug=limit batches=5"
    assert f"Debug: not a result ({of})." in finding(section, base_of(section))
    (only,) = sections(found(runs[-2:]))
    assert "Debug: not a result." in finding(only, base_of(only))


def test_rows_of_a_random_search_have_names_of_their_own(record: Factory) -> None:
    configs = [{"lr": 0.00023529411764705883}, {"lr": 0.0078125123456789}, {"lr": 0.0078125987654321}]
    runs = [record("sru2", 1, 0.8, config={"optim": config}) for config in configs]
    wide = [record("sru2", 1, 0.7, row="w" * 30, config={"optim": config}) for config in configs[:2]]
    (section,) = sections(found([*runs, *wide]))
    assert [group.name for group in section.groups] == [
        *("sru2 lr=0.0002353", "sru2 lr=0.007813 #1", "sru2 lr=0.007813 #2"),
        *(f"{'w' * 30} #1", f"{'w' * 30} #2"),
    ]


def test_long_names_and_hostile_texts_fit_and_are_literal(record: Factory) -> None:
    odd = "\x1b[31m[bold]" + "w" * 60
    runs = [record("sru2", seed, row=row, config={"row": row}) for row in (odd, "b") for seed in (1, 2)]
    text = shown(runs)
    assert (
        "\x1b" not in text and "[bold]" in text.replace("\n", "") and max(map(len, text.splitlines())) <= 80
    )


def test_many_values_are_told_in_short(record: Factory) -> None:
    runs = [record("sru2", 1, 0.7 + rate / 100, config={"optim": {"lr": rate}}) for rate in range(1, 14)]
    assert "optim.lr  13 values, 1 to 13" in shown(runs)


def test_ranges() -> None:
    assert ranges(["1", "2", "4", "5", "6", "9"]) == "1, 2, 4–6, 9"
    assert ranges(["seed 1", "seed 2"]) == "seed 1, seed 2"


def test_a_record_and_its_copy_are_one_run(record: Factory, tmp_path: Path) -> None:
    from sru_repro.reporting.compare import gather

    for place in ("copy.json", "run/run.json"):
        write(record("sru2"), tmp_path / place)
    (only,) = gather([tmp_path / "copy.json", tmp_path / "run", tmp_path / "run/run.json"])
    assert only.place == tmp_path / "run/run.json", "beside it may lie finer curves"


def test_rows_of_several_budgets_are_called_not_comparable(record: Factory) -> None:
    def runs(*epochs: int, seconds: int = 0) -> list[RunRecord]:
        trainers = [{"max_epochs": most, "max_seconds": seconds} for most in epochs]
        return [
            record(row, 1, 0.8, config={"seed": 1, "trainer": trainer})
            for row, trainer in zip(("sru2", "lstm", "cnn"), trainers, strict=True)
        ]

    said = " ".join(shown(runs(12, 4, 12)).split())
    assert "Not comparable, as trainer.max_epochs differs: 12 epochs (sru2, cnn); 4 epochs (lstm)." in said
    assert "Not comparable" not in shown(runs(12, 12, 12))
    assert "Not comparable" not in shown(runs(12, 4, 12, seconds=60)), "seconds end them all"
