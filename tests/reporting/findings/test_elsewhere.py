"""Rows that another section of a page has, too: with another budget or other data, one difference at a time."""

from collections.abc import Callable

import pytest

from sru_repro.records.run import RunRecord
from sru_repro.reporting.findings import answer
from sru_repro.reporting.runs.line import Row
from sru_repro.reporting.runs.table import render_table

Factory = Callable[..., RunRecord]
WHOLE = "word vectors trained on 79 M words"
FEWER = f"{WHOLE}; without lemmas, parts of speech and named entities"


def test_another_budget_is_told_beside_and_not_mixed(record: Factory, rows: list[Row]) -> None:
    long, short = {"trainer": {"max_epochs": 12}}, {"trainer": {"max_epochs": 4}}
    runs = [record(name, 1, 0.84 - 0.01 * at, config=long) for at, name in enumerate(("sru2", "lstm"))]
    runs += [record(name, 1, 0.80, config=short) for name in ("sru2", "lstm", "cnn")]
    found = answer("sst", runs, rows)
    assert found is not None
    assert any("After 12 epochs of training each" in text for text in found.sentences)
    assert (
        "After 4 epochs: SRU (2 layers) 80.0 % (−4.0) and LSTM (2 layers) 80.0 % (−3.0)." in found.sentences
    )
    page = render_table("sst", runs, rows)
    assert "n=2" not in page and page.index("12 epochs") < page.index("Profile short, 4 epochs")


def reader(record: Factory, row: str, accuracy: float, features: str, epochs: float) -> RunRecord:
    """A run of ten minutes that got through so many epochs, with all features or with fewer."""
    data = {"fingerprint": features, "why_not": features, "comparable": False}
    pace = {"seconds_per_epoch": 600 / epochs}
    ran = [{"epoch": 0, "step": 9, "tokens": 9, "wall_s": 600.0, "val/accuracy": accuracy}]
    budget = {"trainer": {"max_seconds": 600}}
    return record(row, 1, accuracy, config=budget, data=data, throughput=pace, epochs=ran)


@pytest.mark.parametrize(
    ("epochs", "lstm"),
    [
        (0.68, "LSTM (2 layers) 80.0 % (−3.0)"),
        (0.60, "LSTM (2 layers) 80.0 % (−3.0, 0.60 epochs instead of 0.71)"),
    ],
)
def test_fewer_features_in_equal_time(record: Factory, rows: list[Row], epochs: float, lstm: str) -> None:
    runs = [reader(record, "sru2", 0.84, WHOLE, 1.7), reader(record, "lstm", 0.83, WHOLE, 0.71)]
    runs += [reader(record, "sru2", 0.80, FEWER, 1.7), reader(record, "lstm", 0.80, FEWER, epochs)]
    runs.append(reader(record, "cnn", 0.79, FEWER, 9.0))  # more rows, and still not what the page is about
    found = answer("sst", runs, rows)
    assert found is not None
    assert f"With fewer features: SRU (2 layers) 80.0 % (−4.0) and {lstm}." in found.sentences
    heads = [line for line in render_table("sst", runs, rows).splitlines() if "<summary>Profile" in line]
    assert len(heads) == 1 and heads[0].endswith("; with fewer features</summary>")


def test_two_differences_at_once_say_nothing(record: Factory, rows: list[Row]) -> None:
    runs = [reader(record, "sru2", 0.84, WHOLE, 1.7), reader(record, "sru2", 0.80, FEWER, 1.7)]
    runs[1].config["trainer"]["max_seconds"] = 300
    found = answer("sst", runs, rows)
    assert found is not None and not any("features" in text for text in found.sentences)
    assert "with fewer features" not in render_table("sst", runs, rows)


def test_fewer_features_on_another_machine_are_said_to_be_both(record: Factory, rows: list[Row]) -> None:
    runs = [reader(record, "sru2", 0.84, WHOLE, 1.7), reader(record, "lstm", 0.83, WHOLE, 0.7)]
    runs += [reader(record, "sru2", 0.80, FEWER, 2.0), reader(record, "lstm", 0.80, FEWER, 0.7)]
    for run in runs[2:]:
        run.hardware.name, run.hardware.slug = "8-core Chip, 24 GB", "cpu-chip-8c"
    found = answer("sst", runs, rows)
    assert found is not None and (
        "With fewer features, on another machine: SRU (2 layers) 80.0 % (−4.0, 2.00 epochs instead of 1.70) and LSTM "
        "(2 layers) 80.0 % (−3.0)." in found.sentences
    )
    for run in runs[2:]:
        run.data.fingerprint, run.data.why_not = WHOLE, WHOLE
        run.config["trainer"]["max_seconds"] = 300
    found = answer("sst", runs, rows)
    assert found is not None and not any("After 5 minutes: " in text for text in found.sentences)


def test_minutes_of_another_machine_are_told_beside_the_features(record: Factory, rows: list[Row]) -> None:
    runs = [reader(record, "sru2", 0.84, WHOLE, 1.3), reader(record, "sru2", 0.80, FEWER, 1.7)]
    runs[0].config["trainer"]["max_seconds"] = 2100
    runs[0].changed = ["task.tagger=en", "trainer.max_seconds=2100"]
    runs[0].data.why_not = f"{WHOLE}; changed by hand: {', '.join(runs[0].changed)}"
    runs[0].throughput.seconds_per_epoch = 600 / 1.3
    runs[1].hardware.name, runs[1].hardware.slug = "8-core Chip, 24 GB", "cpu-chip-8c"
    found = answer("sst", runs, rows)
    said = "With fewer features, after 10 minutes on another machine: "
    assert found is not None and (
        f"{said}SRU (2 layers) 80.0 % (−4.0, 1.70 epochs instead of 1.30)." in found.sentences
    )
    assert not any("task.tagger" in text for text in found.sentences)
    page = render_table("sst", runs, rows)
    assert "changed by hand: task.tagger=en, trainer.max_seconds=2100" in page
    runs[0].changed.append("optim.lr=1")
    found = answer("sst", runs, rows)
    assert found is not None and not any("features" in text for text in found.sentences)


def test_other_hardware_is_told_with_the_rows_that_lead_there(record: Factory, rows: list[Row]) -> None:
    names = ("sru2", "cnn", "lstm", "qrnn", "sru4")
    runs = [reader(record, name, 0.84 - 0.01 * at, WHOLE, 0.25) for at, name in enumerate(names)]
    runs += [run.model_copy(update={"seed": 2}, deep=True) for run in runs]
    there = dict(zip(names, (0.89, 0.88, 0.90, 0.87, 0.86), strict=True))
    runs += [reader(record, name, accuracy, WHOLE, 1.25) for name, accuracy in there.items()]
    for run in runs[10:]:
        run.hardware.name, run.hardware.slug = "8-core Chip, 24 GB", "cpu-chip-8c"
    found = answer("sst", runs, rows)
    said = [text for text in found.sentences if "On 8-core Chip" in text] if found else []
    (told,) = said
    assert told.startswith("On 8-core Chip, 24 GB, one seed a row: SRU (2 layers) 89.0 % (+5.0, 1.25")
    assert "LSTM (2 layers) 90.0 %" in told and "QRNN" not in told and "SRU (4 layers)" not in told
    for run in runs[10:]:
        run.config["optim"] = {"clip_norm": 1.0}  # another training is no answer about the machine
    found = answer("sst", runs, rows)
    assert found is not None and not any("8-core Chip" in text for text in found.sentences)
