"""What the runs do not carry is not said: rows that have not run, single seeds, equal clocks, numbers of the paper's
that could not be checked or that its own seeds explain, missing folds, runs that failed."""

import math
from collections.abc import Callable, Sequence

import pytest

from sru_repro.records.run import RunRecord
from sru_repro.reporting.findings import answer, as_in_the_paper, standings
from sru_repro.reporting.findings.verdicts import KINDS, Compared
from sru_repro.reporting.runs.line import Row
from sru_repro.reporting.runs.sections import sections
from sru_repro.reporting.runs.table import render_table

Factory = Callable[..., RunRecord]
OWN = {"comparable": True, "why_not": None}
PAPER = {"cnn": 0.851, "lstm": 0.881, "qrnn": 0.882, "qrnn-highway": 0.889, "sru2": 0.892, "sru4": 0.896}


def compared(records: Sequence[RunRecord], rows: Sequence[Row], table: str = "sst") -> Compared:
    return next(iter(as_in_the_paper(table, sections(table, records, rows)[0]).values()))


def text(records: Sequence[RunRecord], rows: Sequence[Row], table: str = "sst") -> str:
    found = answer(table, records, rows)
    assert found is not None
    return " ".join((found.short, *found.sentences))


def trained(record: Factory, seeds: Sequence[int] = (1, 2, 3), /, **means: float) -> list[RunRecord]:
    """Runs of the paper's profile around means; `_` is a hyphen."""
    return [
        record(row.replace("_", "-"), seed, mean + 0.0005 * (seed - 2), profile="paper", data=OWN)
        for row, mean in means.items()
        for seed in seeds
    ]


def test_levels_are_the_papers_only_where_every_row_has_run(record: Factory, rows: list[Row]) -> None:
    found = compared(trained(record, lstm=0.881), rows)
    assert found.told == "levels: cannot say (1 of 7 rows run, which matches)" and found.kind == KINDS[3]
    every = {"cnn": 0.851, "lstm": 0.881, "qrnn": 0.882, "qrnn_highway": 0.889}
    every |= {"sru2": 0.892, "sru4": 0.896, "sru8": 0.889}
    whole = compared(trained(record, **every), rows)
    assert whole.level == "yes" and whole.kind == KINDS[0]
    runs = trained(record, lstm=0.881, sru2=0.892) + trained(record, (1,), sru4=math.nan)
    found = compared(runs, rows)
    assert (found.level, found.why) == ("no", "1 of 3 rows differs, 4 not run") and found.kind == KINDS[2]
    assert "Levels differ from the paper's for SRU (4 layers) (diverged)." in text(runs, rows)


def test_rows_that_can_be_compared_come_before_a_single_one_of_the_papers_profile(
    record: Factory, rows: list[Row]
) -> None:
    runs = [*trained(record, lstm=0.881), *(record(row, seed) for row in ("lstm", "sru4") for seed in (1, 2))]
    assert text(runs, rows).startswith("Not told apart: SRU (4 layers)")


def test_an_order_of_few_rows_or_single_seeds_is_not_the_papers(record: Factory, rows: list[Row]) -> None:
    single = [record(row, 1, PAPER[row]) for row in ("lstm", "qrnn-highway", "sru4")]
    found = compared(single, rows)
    assert (found.order, found.detail) == ("cannot say", "3 of 7 rows, one seed, p = 0.33")
    several = [record(row, seed, PAPER[row]) for row in ("lstm", "sru4") for seed in (1, 2, 3, 4)]
    assert compared(several, rows).detail == "2 of 7 rows, p = 1"
    assert "all 1 pairs" not in text(several, rows)
    five = [record(row, seed, PAPER[row] + 0.0002 * seed) for row in list(PAPER)[1:] for seed in (1, 2, 3)]
    found = compared(five, rows)
    assert (found.order, found.detail, found.note) == ("yes", "5 of 7 rows", "5 of 7 rows")
    assert compared([run for run in five if run.row != "sru4" or run.seed == 1], rows).note.endswith(
        "by one seed"
    )


def test_an_order_after_equal_time_is_not_the_papers(record: Factory, rows: list[Row]) -> None:
    runs = [
        record(row, seed, mean + 0.0002 * seed, config={"trainer": {"max_seconds": 240}})
        for row, mean in PAPER.items()
        for seed in (1, 2, 3)
    ]
    assert compared(runs, rows).order == "yes", "all had 8 epochs"
    for run in runs[:3]:
        run.throughput.seconds_per_epoch = 60.0
    found = compared(runs, rows)
    assert (found.order, found.detail) == (
        "cannot say",
        "6 of 7 rows, unequal epochs, p = 0.0028",
    )
    assert "equal time, not equal training (1.9 to 8.0 epochs)" in text(runs, rows)


def test_numbers_that_could_not_be_checked_are_marked(record: Factory, rows: list[Row]) -> None:
    for row in rows:
        assert row.paper is not None
        row.paper.unconfirmed = ["metric"]
    runs = [record(row, seed, mean + 0.0002 * seed) for row, mean in PAPER.items() for seed in (1, 2, 3)]
    found = compared(runs, rows)
    assert found.order == "cannot say" and "unconfirmed numbers" in found.detail
    assert "in all 15 pairs, of which some numbers are unconfirmed" in text(runs, rows)
    far = trained(record, lstm=0.80, sru2=0.892)
    assert "LSTM (2 layers) (−8.1, unconfirmed)" in text(far, rows)
    assert "by unconfirmed numbers" in compared(far, rows).told
    single = text([record("sru2", 1, 0.85), record("lstm", 1)], rows)
    assert single.startswith("Yes, by one seed: ") and "by the paper's unconfirmed deviation" in single
    turned = [
        record(row, seed, 0.9 - mean / 10 + 0.0002 * seed) for row, mean in PAPER.items() for seed in (1, 2)
    ]
    assert "points (unconfirmed)" in text(turned, rows)


def test_a_pair_that_the_papers_seeds_do_not_tell_apart_contradicts_nothing(
    record: Factory, rows: list[Row]
) -> None:
    runs = trained(record, lstm=0.886, qrnn=0.880, sru4=0.896, sru2=0.892)
    found = compared(runs, rows)
    assert found.order == "cannot say" and "here LSTM (2 layers) ahead of QRNN (k=1)" in found.detail
    five = compared(trained(record, cnn=0.851, lstm=0.883, qrnn=0.881, sru4=0.896, sru2=0.892), rows)
    assert five.order == "cannot say" and "5 of 7 rows, p = 0.083" in five.detail, (
        "all but one pair, by chance"
    )
    assert compared(trained(record, lstm=0.90, qrnn=0.88, sru4=0.896, sru2=0.892), rows).order == "no"


def test_an_order_that_is_wholly_the_other_way_round_is_not_the_papers(
    record: Factory, rows: list[Row]
) -> None:
    for row in rows:
        assert row.paper is not None
        row.paper.metric = {"sst": [PAPER.get(row.name, 0.9) * 1000 - 800, 60.0]}
    runs = trained(record, **{name.replace("-", "_"): 1.5 - value for name, value in PAPER.items()})
    assert compared(runs, rows).order == "cannot say", "by the paper's own deviation any order may be"
    for row in rows:
        assert row.paper is not None
        row.paper.metric = {"sst": [PAPER.get(row.name, 0.9) * 100, 0.01]}
    runs = [
        record(row, seed, 0.84 - 0.005 * place + 0.008 * (seed - 2))
        for place, row in enumerate(PAPER)
        for seed in (1, 2, 3)
    ]
    found = compared(runs, rows)
    assert (found.order, found.detail) == ("no", "6 of 7 rows, p = 0.0028"), (
        "no pair by itself, but all together"
    )
    assert "None of these reversals is significant" in text(runs, rows)
    assert "Together they are: the whole interval lies below 0." in text(runs, rows)


def test_interval_and_p_say_the_same(record: Factory, rows: list[Row]) -> None:
    """p of LSTM against SRU is 0.02 by itself and above 0.05 among several; then the interval holds 0."""
    runs = [
        record(row, seed, mean + 0.008 * (seed - 2))
        for row, mean in {"sru2": 0.81, "lstm": 0.83, "cnn": 0.8095}.items()
        for seed in (1, 2, 3)
    ]
    section = sections("sst", runs, rows)[0]
    found = standings("sst", section)[0]
    sru, lstm = found.best_of("sru"), found.best_of("lstm")
    assert sru is not None and lstm is not None
    pair = found.pair(sru, lstm)
    interval = pair.interval(sru)
    assert interval is not None and pair.test.p is not None and pair.p is not None
    assert (
        pair.test.p < 0.05 < pair.p and interval[0] == pytest.approx(-2.0) and interval[1] < 0 < interval[2]
    )
    assert pair.test.high is not None and pair.test.low is not None and pair.test.low > 0
    assert "SRU − LSTM = −2.0 points (95 % interval −" in text(runs, rows)
    assert "both corrected for 2 pairs" in text(runs, rows)


def test_only_common_folds_are_compared_and_tested_when_none_is_missing(
    record: Factory, rows: list[Row]
) -> None:
    def folds(row: str, count: int, mean: float, first: int = 0) -> list[RunRecord]:
        return [
            record(row, 1, mean + 0.02 * fold + 0.001 * (fold % 3), task="cr", fold=fold)
            for fold in range(first, first + count)
        ]

    runs = folds("sru2", 3, 0.80) + folds("lstm", 10, 0.79)  # LSTM's other folds are easier
    told = text(runs, rows, "sentences")
    assert "SRU against LSTM: not tested on CR." in told
    assert "over the 3 folds that both have, SRU − LSTM = +1.0 points; while folds are missing" in told
    assert "p =" not in told and "p <" not in told.partition("Kendall")[0]
    assert standings("sentences", sections("sentences", runs, rows)[0])[0].ranked[0].name == "sru2"


def test_parts_without_a_second_seed_are_not_tested(language_model: Factory) -> None:
    labels = {"sru-full": "SRU", "sru-no-highway": "SRU, no highway", "sru-no-rescale": "SRU, no rescaling"}
    rows = [Row.model_validate({"name": name, "label": label}) for name, label in labels.items()]
    runs = [language_model(name, 1, 2 - 0.1 * at, table="ablation") for at, name in enumerate(labels)]
    found = answer("ablation", runs, rows)
    assert found is not None and found.short.startswith("Not tested (one seed) without the ")
    assert "told apart" not in found.short


def test_runs_that_failed_stand_beside_those_that_did_not(record: Factory, rows: list[Row]) -> None:
    lost = {"state": "failed", "metrics": {}, "data": {"fingerprint": ""}}
    runs = [*trained(record, (1, 2), lstm=0.881), *trained(record, (1,), sru2=0.892)]
    runs += [record("sru2", 2, profile="paper", error="step 70: the loss is nan", **lost)]
    runs += [record("sru2", 3, profile="paper", error="out of memory", **lost)]
    runs += [record("sru4", 1, profile="paper", error="step 7: the gradients' norm is inf", **lost)]
    runs += [record("lstm", 2, profile="paper", error="step 7: the loss is nan", **lost)]  # and was run again
    told = text(runs, rows)
    assert "Diverged: SRU (2 layers) (1 of 3 seeds) and SRU (4 layers)." in told
    assert "Failed: SRU (2 layers) (1 of 3 seeds)." in told
    assert compared(runs, rows).why == "1 of 3 rows differs, 4 not run", (
        "a row without a figure, as it diverged"
    )


def test_one_diverged_seed_of_three_leaves_the_page(record: Factory, rows: list[Row]) -> None:
    runs = [*trained(record, lstm=0.881), *trained(record, sru2=0.892)]
    runs[-1].metrics["test/accuracy"] = math.nan
    assert "nan ± nan" in render_table("sst", runs, rows)
    assert "Diverged: SRU (2 layers) (1 of 3 seeds)." in text(runs, rows)
