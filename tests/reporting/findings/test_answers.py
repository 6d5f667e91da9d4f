"""Sentences of the pages: they follow from the records, whatever these are, and say no more than the runs can."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from sru_repro.records.run import RunRecord
from sru_repro.reporting.answer import Answer
from sru_repro.reporting.findings import answer
from sru_repro.reporting.findings.words import LONGEST
from sru_repro.reporting.runs import table
from sru_repro.reporting.runs.line import Row
from sru_repro.reporting.runs.table import render_table

Factory = Callable[..., RunRecord]
SEEDS = (1, 2, 3)


def said(name: str, records: Sequence[RunRecord], rows: Sequence[Row]) -> Answer:
    """The answer, its short form checked."""
    found = answer(name, records, rows)
    assert found is not None
    assert len(found.short) <= LONGEST, found.short
    assert all(
        text.endswith((".", ")")) and "nan" not in text and "None" not in text for text in found.sentences
    )
    return found


def seeded(
    record: Factory, row: str, mean: float, spread: float = 0.002, **changes: object
) -> list[RunRecord]:
    """Three seeds around a mean."""
    return [record(row, seed, mean + spread * (seed - 2), **changes) for seed in SEEDS]


def test_a_record_changes_sentence_table_and_what_the_figure_is_given(
    record: Factory, rows: list[Row], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    drawn: list[Answer | None] = []

    def write_figure(*args: Any) -> list[Path]:
        drawn.append(args[-1])
        return []

    monkeypatch.setattr(table, "write_figure", write_figure)
    runs = [*seeded(record, "sru2", 0.83), *seeded(record, "lstm", 0.81)]
    pages = []
    for place in range(2):
        table.write_table("sst", runs, rows, tmp_path)
        pages.append((tmp_path / "sst.md").read_text(encoding="utf-8"))
        if not place:
            for run in runs[:3]:
                run.metrics["test/accuracy"] -= 0.05
    before, after = drawn
    assert before is not None and after is not None
    assert (
        before.short
        == "Yes: SRU (2 layers) 83.0 %, 2.0 points ahead of LSTM (2 layers) 81.0 % (p < 0.001, n = 3)."
    )
    assert (
        after.short
        == "No: SRU (2 layers) 78.0 %, 3.0 points behind LSTM (2 layers) 81.0 % (p < 0.001, n = 3)."
    )
    assert "| **83.0 ± 0.2 (n=3)** |" in pages[0] and "| 78.0 ± 0.2 (n=3) |" in pages[1]
    assert all(found.sentences[0] in page for found, page in zip(drawn, pages, strict=True) if found)


def test_rows_that_seeds_do_not_separate_are_not_ranked(record: Factory, rows: list[Row]) -> None:
    close = [*seeded(record, "sru2", 0.812, 0.01), *seeded(record, "lstm", 0.81, 0.01)]
    found = said("sst", close, rows)
    assert found.short.startswith("Not told apart: SRU (2 layers) 81.2 %, LSTM (2 layers) 81.0 % (p = 0.8")
    assert "these runs do not tell the two apart" in found.sentences[0]
    page = render_table("sst", close, rows)
    assert "| 81.0 ± 1.0 (n=3) ≈ |" in page and "| **81.2 ± 1.0 (n=3)** |" in page
    assert "≈ not told apart from the best at 5 %, by Welch's test over seeds" in page
    apart = [*seeded(record, "sru2", 0.85, 0.01), *seeded(record, "lstm", 0.81, 0.01)]
    assert "≈" not in render_table("sst", apart, rows)


def test_several_comparisons_make_each_of_them_harder(record: Factory, rows: list[Row]) -> None:
    pair = [*seeded(record, "sru2", 0.83, 0.008), *seeded(record, "lstm", 0.81, 0.008)]
    assert (
        said("sst", pair, rows).short.startswith("Yes: ")
        and "(p = 0.038, n = 3)" in said("sst", pair, rows).short
    )
    third = [*pair, *seeded(record, "cnn", 0.8095, 0.008)]  # p = 0.035 by itself
    found = said("sst", third, rows)
    assert found.short.startswith("Not told apart in test: ")
    assert "p = 0.07, n = 3" in found.sentences[0], "Holm: twice the smaller of the two"


def test_one_seed_orders_nothing_where_no_deviation_is_known(small_models: list[RunRecord]) -> None:
    found = said("enwik8", small_models, [])
    assert found.short.endswith("one seed a row does not order rows that lie close.")
    text = " ".join(found.sentences)
    assert (
        "no deviation known" in text and "p =" not in text and "p <" not in text and "told apart" not in text
    )
    assert "≈" not in render_table("enwik8", small_models, [])


def test_one_seed_is_judged_by_a_deviation_that_is_named(record: Factory, rows: list[Row]) -> None:
    single = [record("sru2", 1, 0.83), record("lstm", 1, 0.81)]
    found = said("sst", single, rows)
    assert found.short.startswith("Yes, by one seed: ") and "by the paper's deviation" in found.short
    assert any("that of our own runs is not known and may be larger" in text for text in found.sentences)
    beside = [*single, *seeded(record, "cnn", 0.8, 0.02)]
    found = said("sst", beside, rows)
    assert "by our own deviation" in found.short, "ours comes before the paper's"
    assert "2 rows have one seed, judged by our own deviation, 2.0 points." in found.sentences


def test_the_order_is_compared_where_levels_cannot_be(record: Factory, rows: list[Row]) -> None:
    names = ("cnn", "lstm", "qrnn", "qrnn-highway", "sru2", "sru4")  # the paper's order
    same = [
        run for place, name in enumerate(names) for run in seeded(record, name, 0.79 + 0.01 * place, 0.001)
    ]
    text = " ".join(said("sst", same, rows).sentences)
    assert (
        "The 6 rows stand in the paper's order in all 15 pairs (Kendall's tau 1.00, 95 % interval 0." in text
    )
    assert "; p = 0.0028)" in text, "2/6! of all orders"
    assert "Levels cannot be set against the paper's: other word vectors, shorter training." in text
    turned = [
        run for place, name in enumerate(names) for run in seeded(record, name, 0.84 - 0.01 * place, 0.001)
    ]
    text = " ".join(said("sst", turned, rows).sentences)
    assert (
        "Of the 15 pairs of 6 rows 15 stand the other way round than in the paper (Kendall's tau −1.00"
        in text
    )
    assert "15 of 15 are significant: CNN ahead of SRU (4 layers) by 5.0 points (p < 0.001, n = 3)" in text
    assert "in the paper behind by 4.5 points" in text and "; and 13 more." in text


def test_levels_that_can_be_compared_are(record: Factory, rows: list[Row]) -> None:
    own = {"comparable": True, "why_not": None}
    runs = [
        *seeded(record, "sru2", 0.892, 0.001, profile="paper", data=own),
        *seeded(record, "lstm", 0.80, 0.001, profile="paper", data=own),
    ]
    text = " ".join(said("sst", runs, rows).sentences)
    assert "Levels differ from the paper's for LSTM (2 layers) (−8.1)." in text
    text = " ".join(said("sst", runs[:3], rows).sentences)
    assert "Levels cannot be set against the paper's: 1 of 7 rows run, which matches." in text
    text = " ".join(said("sst", runs[:3], [row for row in rows if row.name == "sru2"]).sentences)
    assert "Every level is the paper's within its own deviation." in text


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_run_that_diverged_is_named_and_ranks_nowhere(
    record: Factory, rows: list[Row], value: float
) -> None:
    runs = [*seeded(record, "sru2", 0.83), *seeded(record, "lstm", 0.81), *seeded(record, "cnn", 0.8)]
    runs[-1].metrics["test/accuracy"] = value
    runs[0].epochs[-1] = runs[0].epochs[-1].model_copy(update={"val/accuracy": value})
    found = answer("sst", runs, rows)
    assert found is not None and "Diverged: CNN (1 of 3 seeds)." in found.sentences
    assert "the best of 2 rows" in " ".join(found.sentences) or "ahead of LSTM" in " ".join(found.sentences)
    assert answer("sst", runs[-1:], rows) is None, "nothing to say"
    assert "| CNN |" in render_table("sst", runs[-1:], rows)


def test_tables_of_one_row_without_lstm_and_without_runs(record: Factory, rows: list[Row]) -> None:
    alone = said("sst", [record("sru2")], rows)
    assert alone.short == "SRU (2 layers): 81.5 %; no other row has run."
    assert "is best on SST?" in alone.question, "no LSTM to reach"
    assert said("sst", [record("sru2"), record("cnn", 1, 0.7)], []).question == "Which model is best on SST?"
    assert answer("sst", [], rows) is None
    assert answer("sst", [record("sru2", state="failed", error="x")], rows) is None


def test_curves_say_who_leads_from_when_on(record: Factory, rows: list[Row]) -> None:
    runs = [*seeded(record, "sru2", 0.83), *seeded(record, "lstm", 0.81)]
    for run in runs:  # LSTM leads for three epochs of 31 s, SRU's are of 25 s
        for place, entry in enumerate(run.epochs):
            figure = (
                0.70 + 0.02 * place if run.row == "sru2" else 0.75 + (0.005 * place if place < 5 else 0.0)
            )
            run.epochs[place] = entry.model_copy(update={"val/accuracy": figure})
    text = " ".join(said("sst", runs, rows).sentences)
    assert (
        "By validation SRU (2 layers) leads LSTM (2 layers) from epoch 5 of 8 on; before, LSTM (2 layers) led at 4 "
        "epochs." in text
    )
    assert "At equal time SRU (2 layers) leads LSTM (2 layers) from 102 seconds of training on" in text
    assert "SRU (2 layers) validates best at the last epoch" in text
    assert "LSTM (2 layers) (epoch 5 of 8, 2.0 points better than at the end)" in text


def test_the_best_epoch_is_that_of_each_run(record: Factory, rows: list[Row]) -> None:
    """The mean over runs is best at the last of 8 epochs, one run only is."""
    runs = [*seeded(record, "sru2", 0.83), *seeded(record, "lstm", 0.81)]
    for run in runs:
        for place, entry in enumerate(run.epochs):
            figure = (0.80 if run.row == "sru2" else 0.85) + 0.001 * run.seed
            if place == 7:
                figure += 0.03 * (run.seed == 1)
            elif place == 7 - run.seed and run.row == "lstm":
                figure += 0.009
            run.epochs[place] = entry.model_copy(update={"val/accuracy": figure})
    text = " ".join(said("sst", runs, rows).sentences)
    assert "Best at the last epoch: 1 of 3 runs of SRU (2 layers)." in text and "may still help" not in text
    assert "with its weights tested: LSTM (2 layers) (epochs 5, 6 and 8 of 8, 0.6 points better than" in text
    assert (
        "Each run's best validation is 81.2 % for SRU (2 layers) and 86.8 % for LSTM (2 layers) in the mean: "
        "5.6 points apart (p = 0.011 by Welch's test, uncorrected)."
    ) in text


def test_what_validation_says_against_the_test_heads_the_page(record: Factory, rows: list[Row]) -> None:
    """Test figures level, LSTM's validation 5 points ahead; without that lead nothing is said of it."""
    runs = [*seeded(record, "sru2", 0.812), *seeded(record, "lstm", 0.81)]
    for ahead, short in (
        (0.85, "; in validation LSTM (2 layers) leads by 5.0 points (p < 0.001)."),
        (0.801, "Not told apart: SRU"),
    ):
        for run in runs:
            figure = (0.80 if run.row == "sru2" else ahead) + 0.001 * run.seed
            run.epochs[:] = [entry.model_copy(update={"val/accuracy": figure}) for entry in run.epochs]
        assert short in said("sst", runs, rows).short


def test_clocks_of_a_busy_machine_compare_nothing(record: Factory, rows: list[Row]) -> None:
    runs = [*seeded(record, "sru2", 0.83), *seeded(record, "lstm", 0.81)]
    for (
        run
    ) in runs:  # 8 epochs of 25 and 31 s by the clock; half of the processor is left to SRU, all to LSTM
        run.throughput.processor = 0.5 if run.row == "sru2" else 1.0
    text = " ".join(said("sst", runs, rows).sentences)
    assert "times as fast" not in text and "seconds of training" not in text
    assert (
        "in time of the processor training took 1.7 minutes for SRU (2 layers) and 4.1 minutes for LSTM"
        in text
    )
    assert "At equal processor time SRU (2 layers) leads LSTM (2 layers) all along." in text
    heads, _, best, *_ = render_table("sst", runs, rows).partition("\n| model")[2].splitlines()
    assert (
        "| processor seconds per epoch | speed against LSTM, by processor time | training, processor minutes |"
        in heads
    )
    assert "| 12.5 | 2.48× (reference loop) | 1.7 |" in best, (
        "25 s of the clock, 12.5 s of the processor, LSTM 31 s"
    )
    runs[0].throughput.processor = None
    assert "speed against LSTM" not in render_table("sst", runs, rows).partition("<details>")[0]
    text = " ".join(said("sst", runs, rows).sentences)
    assert "Other work had a part of the processor, so speeds are not compared here." in text
    assert "At equal" not in text


def test_models_after_equal_time(language_model: Factory) -> None:
    budget = {"trainer": {"max_seconds": 240}}

    def runs(**means: float) -> list[RunRecord]:
        return [
            language_model(name, seed, mean + 0.002 * (seed - 2), config=budget | {"model": {"name": name}})
            for name, mean in means.items()
            for seed in SEEDS
        ]

    found = said("enwik8", runs(gru=2.2, sru=1.95, lstm=1.99, qrnn=1.951), [])
    assert found.question == "Which model gets furthest on enwik8 in 4 minutes?"
    assert found.short == "sru: 1.950 bits per byte; told apart from 2 of 3 rows, not from qrnn."
    close = {f"qrnn-of-a-name-that-leaves-no-room-{at}": 1.951 for at in range(3)}
    assert (
        said("enwik8", runs(gru=2.2, sru=1.95, lstm=1.99, **close), []).short
        == "sru: 1.950 bits per byte; told apart from lstm and gru, 2 of 5 rows."
    )
    text = " ".join(found.sentences)
    assert (
        "After 4 minutes of training each, sru reaches 1.950 bits per byte (n = 3), the best of 4 rows"
        in text
    )
    assert (
        "It is told apart from lstm (0.040 bits per byte, p < 0.001) and gru (0.250 bits per byte, p < 0.001)"
        in text
    )
    assert "The papers have no numbers for these rows." in text
    found = said("enwik8", runs(gru=1.9, sru=1.95, lstm=1.99), [])
    assert (
        found.short
        == "gru: 1.900 bits per byte, told apart from all 2 others; second: sru 1.950 bits per byte."
    )
    assert (
        "sru reaches 1.950 bits per byte, lstm 1.990 bits per byte: SRU − LSTM = −0.040 bits per byte (95 %"
        in " ".join(found.sentences)
    )


def test_a_test_that_validation_contradicts_is_told(language_model: Factory) -> None:
    bits = {"sru": (2.0, 2.1), "lstm": (2.05, 2.1), "gru": (2.2, 2.2), "mingru": (1.99, 3.4)}
    runs = [
        language_model(name, 1, test, metrics={"test/bpc": test, "val/bpc": val})
        for name, (test, val) in bits.items()
    ]
    found = said("enwik8", runs, [])
    assert found.short == (
        "mingru: 1.990 bits per byte, but 3.400 bits per byte in validation, place 4 of 4; "
        "then sru 2.000 bits per byte."
    )
    assert (
        "Test and validation contradict each other for mingru: 1.990 bits per byte in the test, place 1 of 4, but "
        "3.400 bits per byte in validation, place 4 of 4; of the other rows they lie 0 to 5 % apart."
    ) in " ".join(found.sentences)
    runs[-1].metrics["val/bpc"] = 2.1
    found = said("enwik8", runs, [])
    assert "validation" not in " ".join((found.short, *found.sentences))


def test_the_parts_of_sru(language_model: Factory) -> None:
    bpc = {"sru-full": 1.95, "sru-no-highway": 2.1, "sru-no-rescale": 1.951, "sru-no-state": 1.949}
    labels = {"sru-full": "SRU", "sru-no-highway": "SRU, no highway", "sru-no-rescale": "SRU, no rescaling"}
    labels["sru-no-state"] = "SRU, gates without the state"
    runs = [
        language_model(
            name, seed, value + 0.004 * (seed - 1), table="ablation", config={"trainer": {"max_seconds": 240}}
        )
        for name, value in bpc.items()
        for seed in (1, 2)
    ]
    rows = [Row.model_validate({"name": name, "label": label}) for name, label in labels.items()]
    found = said("ablation", runs, rows)
    assert found.question == "Which part of SRU earns its cost on enwik8?"
    assert found.short.startswith("Worse without the highway (0.150 bits per byte); not told apart without ")
    assert (
        found.sentences[0]
        == "After 4 minutes of training each, SRU with all its parts reaches 1.952 bits per byte (n = 2)."
    )
    assert any(
        text.startswith("SRU (no highway) ends at 2.102 bits per byte, 0.150 bits per byte worse")
        for text in found.sentences
    )
    assert sum(text.endswith(": not told apart.") for text in found.sentences) == 2
    assert found.short.endswith(
        ("the state in the gates and the rescaling.", "the state in the gates and the rescaling (n = 2).")
    )
    for run in runs:
        run.throughput.processor = 0.6 if run.seed == 1 else 0.9
    text = " ".join(said("ablation", runs, rows).sentences)
    assert (
        "All had the same time by the clock, and in it 60 % of the processor." in text
        and "times as fast" not in text
    )


def test_each_data_set_of_a_cross_validation_is_told(
    cross_validation: list[RunRecord], rows: list[Row]
) -> None:
    for run in cross_validation[::3]:  # else all differ by the same
        run.metrics["test/accuracy"] += 0.001
    found = said("sentences", cross_validation, rows)
    assert found.question == "Does SRU reach LSTM's accuracy on CR?"
    assert found.short == "SRU against LSTM: ahead on CR."
    assert "p < 0.001, 20 folds" in found.sentences[0]
    assert found.sentences[0].startswith(
        "CR: SRU (2 layers) reaches 80.1 %, LSTM (2 layers) 79.1 %: SRU − LSTM = +1.0 points (95 % interval +0.9"
    )


def test_a_label_without_end_leaves_the_answer_short(record: Factory, rows: list[Row]) -> None:
    for row in rows:
        row.label = "a cell with a very long name " * 4
    said("sst", [*seeded(record, "sru2", 0.83), *seeded(record, "lstm", 0.81)], rows)
    said("sst", [record("sru2"), record("cnn")], rows)
