"""The table on SQuAD: two metrics, named after the dev set, which is what the paper measures on."""

import io
from collections.abc import Callable

from rich.console import Console

from sru_repro.records.run import Paper, RunRecord
from sru_repro.reporting.runs import columns
from sru_repro.reporting.runs.line import Row
from sru_repro.reporting.runs.ranked import ranked_table
from sru_repro.reporting.runs.sections import sections
from sru_repro.reporting.runs.table import console_table, render_table

Factory = Callable[..., RunRecord]


def cells(records: list[RunRecord], rows: list[Row], label: str) -> dict[str, str]:
    found = columns.narrow(sections("squad", records, rows)[0])
    return {head: cells[found["model"].index(label)] for head, cells in found.items()}


def test_the_cells_of_a_reader(readers: list[RunRecord], reader_rows: list[Row]) -> None:
    found = cells(readers, reader_rows, "SRU, 3 layers")
    assert list(found.items()) == [
        ("model", "SRU, 3 layers"),
        ("parameters", "2,020,710"),
        ("paper's size", "2m"),
        ("dev F1, %", "68.1 (n=1)"),
        ("paper's F1, %", "79.3 ± 0.1"),
        ("dev exact match, %", "56.1"),
        ("paper's exact match, %", "70.2 ± 0.3 (unconfirmed)"),
        ("seconds per epoch", "750.0"),
        ("speed against LSTM", "2.00×"),
        ("paper's speed", "2.7×"),
        ("encoder alone, seconds per epoch", "300.0"),
        ("encoder against LSTM", "3.00×"),
        ("paper's encoder speed", "5.4×"),
        ("training, minutes", "20.0"),
        ("epochs", "1.6"),
        ("peak memory", "900 MiB"),
        ("seeds", "1"),
    ]


def test_seeds_have_a_mean_and_the_headline_the_verdict(
    readers: list[RunRecord], reader_rows: list[Row]
) -> None:
    large = []
    for seed, f1, em in ((1, 0.791, 0.70), (2, 0.793, 0.60), (3, 0.795, 0.50)):
        run = readers[2].model_copy(deep=True)
        run.seed, run.profile = seed, "paper"
        run.data.comparable, run.data.why_not = True, None
        run.metrics = {"test/f1": f1, "test/em": em}
        run.config = {"trainer": {"max_seconds": 0}}
        large.append(run)
    found = cells(large, reader_rows, "SRU, 3 layers")
    assert found["dev F1, %"] == "79.3 ± 0.2 (n=3)"
    told = ranked_table("squad", sections("squad", large, reader_rows)[0])
    assert told.body[0][:4] == (
        "SRU, 3 layers",
        "**79.3 ± 0.2 (n=3)**",
        "79.3 ± 0.1",
        "cannot say: too few runs",
    )
    assert found["dev exact match, %"] == "60.0 ± 10.0"
    assert not {"training, minutes", "training, seconds", "epochs"} & set(found), "a budget of epochs"
    absent = cells(large, reader_rows, "LSTM, 3 layers")
    assert absent["dev F1, %"] == "not run" and absent["dev exact match, %"] == "—"
    assert absent["paper's exact match, %"] == "69.5" and absent["speed against LSTM"] == "—"

    large[1].data.source = "another file"
    readers[0].profile = "paper"
    mixed = cells([*large, readers[0]], reader_rows, "SRU, 3 layers")
    assert mixed["dev F1, %"].startswith("—") and mixed["dev exact match, %"] == "—"


def test_without_the_papers_numbers_or_without_exact_match(
    readers: list[RunRecord], reader_rows: list[Row]
) -> None:
    for row in reader_rows:
        row.paper = Paper(label=row.label)
    found = cells(readers, reader_rows, "SRU, 3 layers")
    assert not any("paper" in head for head in found) and found["dev exact match, %"] == "56.1"
    for run in readers:
        del run.metrics["test/em"]
    assert "dev exact match, %" not in cells(readers, reader_rows, "SRU, 3 layers")


def test_what_waits_for_a_gpu_has_both_numbers(readers: list[RunRecord], reader_rows: list[Row]) -> None:
    found = columns.waiting("squad", reader_rows, "test/f1")
    assert dict(zip(found.heads, found.body[2], strict=True)) == {
        "model": "SRU, 3 layers",
        "parameters": "2,020,710",
        "paper's size": "2m",
        "paper, dev F1, %": "79.3 ± 0.1",
        "paper, dev exact match, %": "70.2 ± 0.3 (unconfirmed)",
    }


def test_what_the_encoders_time_is_stands_below(readers: list[RunRecord], reader_rows: list[Row]) -> None:
    told = "- Encoder alone: its passes forwards and backwards"
    assert told in render_table("squad", readers, reader_rows)
    for run in readers:
        run.throughput.encoder_seconds_per_epoch = None
    assert told not in render_table("squad", readers, reader_rows)


def test_the_terminal_keeps_what_matters(readers: list[RunRecord], reader_rows: list[Row]) -> None:
    _, shown = console_table("squad", readers, reader_rows)
    heads = [str(column.header) for column in shown.columns]  # type: ignore[union-attr]
    assert heads == [
        *("model", "dev F1, %", "paper", "as in the paper?"),
        *("seconds per epoch", "speed against LSTM"),
    ]
    terminal = Console(width=130, file=io.StringIO(), record=True)
    terminal.print(shown)
    text = terminal.export_text()
    assert "68.1 (n=1)" in text and "2.00×" in text and "cannot say" in text and "**" not in text
