"""Columns of speed and time: the whole and the encoder alone, ours and the paper's, runs by the clock."""

from collections.abc import Callable

from sru_repro.records.run import RunRecord, Throughput
from sru_repro.reporting.runs import costs
from sru_repro.reporting.runs.line import Line, Row
from sru_repro.reporting.runs.sections import sections

Factory = Callable[..., RunRecord]


def lines(records: list[RunRecord], rows: list[Row]) -> list[Line]:
    return sections("squad", records, rows)[0].lines("squad")


def test_the_encoder_has_columns_of_its_own(readers: list[RunRecord], reader_rows: list[Row]) -> None:
    assert costs.speeds(lines(readers, reader_rows), with_paper=True) == {
        "seconds per epoch": ["1500.0", "800.0", "750.0"],
        "speed against LSTM": ["1.00×", "1.88×", "2.00×"],
        "paper's speed": ["1.0×", "—", "2.7×"],
        "encoder alone, seconds per epoch": ["900.0", "320.0", "300.0"],
        "encoder against LSTM": ["1.00×", "2.81×", "3.00×"],
        "paper's encoder speed": ["1.0×", "—", "5.4×"],
    }
    assert not any("paper" in head for head in costs.speeds(lines(readers, reader_rows), with_paper=False))


def test_without_a_measured_encoder_there_is_no_such_column(
    readers: list[RunRecord], reader_rows: list[Row]
) -> None:
    readers[0].throughput.encoder_seconds_per_epoch = None
    found = costs.speeds(lines(readers, reader_rows), with_paper=False)
    assert found["encoder alone, seconds per epoch"] == ["—", "320.0", "300.0"]
    assert "encoder against LSTM" not in found, "against what?"
    for run in readers:
        run.throughput.encoder_seconds_per_epoch = None
    assert list(costs.speeds(lines(readers, reader_rows), with_paper=False)) == [
        "seconds per epoch",
        "speed against LSTM",
    ]


def test_a_time_of_the_papers_that_could_not_be_checked_marks_the_speed(
    readers: list[RunRecord], reader_rows: list[Row]
) -> None:
    paper = reader_rows[0].paper
    assert paper
    paper.unconfirmed = ["seconds_per_epoch"]
    found = costs.speeds(lines(readers, reader_rows), with_paper=True)
    assert found["paper's speed"][2] == "2.7× (unconfirmed)"
    assert found["paper's encoder speed"][2] == "5.4× (unconfirmed)"
    paper.seconds_per_epoch = {"total": 431}
    found = costs.speeds(lines(readers, reader_rows), with_paper=True)
    assert "paper's encoder speed" not in found and found["paper's speed"][2] == "2.7× (unconfirmed)"


def test_epochs_are_what_the_time_was_enough_for(readers: list[RunRecord], reader_rows: list[Row]) -> None:
    found = lines(readers, reader_rows)
    assert costs.epochs(found) == {"epochs": ["0.8", "1.5", "1.6"]}
    assert costs.training(found) == {"training, minutes": ["20.0", "20.0", "20.0"]}
    again = readers[2].model_copy(update={"seed": 2, "throughput": Throughput(seconds_per_epoch=600.0)})
    assert costs.epochs(lines([*readers, again], reader_rows))["epochs"][2] == "1.8", "a mean over the runs"
    for run in readers:
        run.epochs = []
    assert costs.epochs(lines(readers, reader_rows)) == {}


def test_only_a_budget_in_seconds_is_a_clock(readers: list[RunRecord], reader_rows: list[Row]) -> None:
    assert all(line.by_clock for line in lines(readers, reader_rows))
    readers[0].config = {"trainer": {"max_seconds": 0, "max_epochs": 50}}
    readers[1].config = {}
    assert [line.by_clock for line in lines(readers, reader_rows)] == [False, False, True]
