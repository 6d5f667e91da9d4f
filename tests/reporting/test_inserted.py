"""Blocks that `report` writes into pages of people."""

from pathlib import Path

import pytest

from sru_repro.core.errors import DataError
from sru_repro.records.run import RunRecord
from sru_repro.reporting.document import Text
from sru_repro.reporting.inserted import insert, keys_of

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
