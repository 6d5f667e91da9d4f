"""Trees in brackets: what is read from a good one, and one line about a bad one."""

import pytest

from sru_repro.core.errors import DataError
from sru_repro.data.sentences.trees import parse_tree


def test_children_come_before_parents() -> None:
    tree = parse_tree("(3 (2 A) (4 (3 Fine) (2 film)))", "x:1")
    assert tree.tokens == ("a", "fine", "film")
    assert tree.phrases == [(0, 1, 2), (1, 2, 3), (2, 3, 2), (1, 3, 4), (0, 3, 3)]


def test_other_white_space_stays_in_a_leaf() -> None:
    assert parse_tree("(2 (2 2\u00a01\\/2) (2 hours\u2003))", "x:1").tokens == ("2\u00a01\\/2", "hours\u2003")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("", "an empty line"),
        ("   ", "an empty line"),
        ("a film", "text before the tree"),
        ("x (2 film)", "text before the tree"),
        ("(5 film)", "the label '5'"),
        ("(12 film)", "the label '12'"),
        ("( film)", "the label ''"),
        ("(2film)", "the label '2film'"),
        ("(2)", "the label '2'"),
        ("(2 )", "a phrase without words"),
        ("(2 (2 ) (2 film))", "a phrase without words"),
        ("(3 (2 a) (4 (3 fi", "an unfinished leaf 'fi'"),
        ("(3 (2 a) (4 (3 fine)", "2 brackets still open"),
        ("(3 (2 a) (4 film)))", "a '\\)' too many"),
        ("(3 (2 a) film)", "text outside the brackets: ' film'"),
        ("(2 a) (2 b)", "text after the tree"),
    ],
)
def test_bad_tree(line: str, found: str) -> None:
    with pytest.raises(DataError, match=rf"^dev.txt:7: expected one tree .*, found {found}") as caught:
        parse_tree(line, "dev.txt:7")
    assert "\n" not in str(caught.value)
