"""Blocks that `report` writes into pages of people, and the few lines of results among them."""

import re
from pathlib import Path

import pytest

from sru_repro.core.errors import DataError
from sru_repro.records.run import RunRecord
from sru_repro.reporting.document import Text, markdown
from sru_repro.reporting.inserted import insert, keys_of
from sru_repro.reporting.runs.line import Row
from sru_repro.reporting.runs.overview import overview

from .conftest import Factory

MODELS = {"sru2": "sru", "sru4": "sru", "sru8": "sru", "sru2-tuned": "sru"}
"""Of the rows whose name is not that of their model."""

PAGE = "before\n<!-- some keys: written by `sru-repro report` -->\nold\n<!-- end of some keys -->\nbehind\n"


def test_a_block_is_replaced_and_the_rest_of_the_page_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    for _ in range(2):  # again, on what was written before
        assert insert(page, "some keys", [Text(r"new \1")]) == page
        assert page.read_text() == PAGE.replace("old\n", "\nnew \\1\n\n")


@pytest.mark.parametrize(("text", "times"), [("no block\n", 0), (PAGE * 2, 2)])
def test_a_page_without_its_block_or_with_two_is_named_and_left(
    tmp_path: Path, text: str, times: int
) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(
        DataError, match=rf"page\.md: expected the lines .*some keys.* found them {times} times"
    ):
        insert(page, "some keys", [Text("new")])
    assert page.read_text() == text


def test_every_key_of_a_run_is_told_with_what_it_holds() -> None:
    table = keys_of(RunRecord)
    assert [row[0] for row in table.body][:3] == ["`state`", "`task`", "`table`"]
    assert "`gpu/peak_bytes`" in [row[0] for row in table.body], "as the file calls it"
    assert not [key for key, holds in table.body if not holds], "a field of RunRecord has no docstring"


def of_their_models(runs: list[RunRecord]) -> list[RunRecord]:
    """The runs with the model that their row is built of in the configuration."""
    for run in runs:
        run.config["model"] = {"name": MODELS.get(run.row, run.row)}
    return runs


def test_the_overview_sets_sru_beside_lstm_and_says_what_is_not_comparable(
    sst: list[RunRecord], rows: list[Row]
) -> None:
    text = markdown(overview(of_their_models(sst), {"sst": rows}))
    (line,) = re.findall(r"^\| \[sst\].*$", text, re.MULTILINE)
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[0] == "[sst](results/sst.md), test accuracy, %"
    assert cells[1].startswith("81.5 ± 0.4"), (
        "the first row of SRU in the table, sru2: not the best, not the tuned"
    )
    assert (cells[2], cells[3][:10]) == ("—", "80.3 ± 0.4"), "no SRU++ here; LSTM"
    assert cells[4] == "1.24×", "seconds per epoch: 31 of LSTM over 25"
    assert cells[6] == "89.2 ± 0.3, 88.1 ± 0.8"
    assert "Comparable with the papers' numbers: none yet." in text
    assert "profile short instead of paper (all)" in text


def test_the_overview_says_what_is_comparable(record: Factory, rows: list[Row]) -> None:
    runs = [
        record(row, profile="paper", data={"comparable": True, "why_not": None}) for row in ("sru2", "lstm")
    ]
    assert "Comparable with the papers' numbers: sst.\n" in markdown(
        overview(of_their_models(runs), {"sst": rows})
    )


def test_a_table_without_sru_or_lstm_is_left_out(record: Factory, rows: list[Row]) -> None:
    assert "[sst]" not in markdown(overview(of_their_models([record("sru2"), record("cnn")]), {"sst": rows}))
