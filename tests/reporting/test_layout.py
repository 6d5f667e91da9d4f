"""The order of a page: question and answer, the notes that say why, what is folded away."""

import re
from pathlib import Path

import pytest

from sru_repro.reporting.answer import SHORT, Answer, shortened
from sru_repro.reporting.document import Bullets, Paragraph, markdown
from sru_repro.reporting.layout import bold, folded, lead, why

RESULTS = Path(__file__).parents[2] / "results"
LOGS = sorted(RESULTS.glob("*-log.md"))


def test_a_page_begins_with_its_question_then_three_sentences_then_the_rest() -> None:
    told = Answer("Which?", "a", ("A.", "B <b>.", "C.", "D.", "E."))
    assert markdown(lead(told)) == "**Which?**\n\nA. B &lt;b>. C.\n\nD. E.\n"
    assert markdown(lead(Answer("Which?", "a", ("A.",)))) == "**Which?**\n\nA.\n"
    assert list(lead(None)) == []


def test_a_paragraph_for_each_subject() -> None:
    told = Answer.of("Which?", "a", ["A.", "B."], [], ["C."], ["D.", "E.", "F.", "G."])
    assert told.sentences == ("A.", "B.", "C.", "D.", "E.", "F.", "G.")
    assert told.paragraphs == ["A. B.", "C.", "D. E. F. G."]
    assert Answer.of("Which?", "a", ["A."]).paragraphs == ["A."] and Answer.of("Which?", "a").paragraphs == []


def test_what_is_folded_away_is_markdown_and_nothing_is_folded_of_nothing() -> None:
    text = markdown(folded("More", [Bullets(["a"]), Paragraph(bold("b"))]))
    assert text == "<details><summary>More</summary>\n\n- a\n\n**b**\n\n</details>\n"
    assert list(folded("More", [])) == []


def test_notes_are_linked_from_the_pages_that_they_name(tmp_path: Path) -> None:
    for name, pages in (("b", "sst, squad"), ("a", "squad-two squad"), ("c", "sst")):
        (tmp_path / f"{name}-log.md").write_text(f"# Notes {name}\n\n<!-- explains: {pages} -->\n\ntext\n")
    (tmp_path / "d-log.md").write_text("# Notes d\n")
    assert markdown(why(tmp_path, "squad")) == "Why: [Notes a](a-log.md); [Notes b](b-log.md).\n"
    assert list(why(tmp_path, "two")) == []


def test_a_short_answer_is_short() -> None:
    assert shortened("a " * 60) == ("a " * 60).strip()
    assert len(shortened("word " * 60)) <= SHORT and shortened("word " * 60).endswith(" …")


@pytest.mark.parametrize("log", LOGS, ids=lambda path: path.stem)
def test_committed_notes_begin_with_a_finding_and_its_date_and_are_linked(log: Path) -> None:
    text = log.read_text()
    title, explains, finding = text.split("\n\n")[:3]
    assert title.startswith("# ") and finding.startswith("**"), "what was found comes first"
    assert re.search(r"\b20\d\d-\d\d-\d\d\b", finding), "figures in it have a date"
    pages = explains.removeprefix("<!-- explains: ").removesuffix(" -->").split(", ")
    for page in pages:
        assert (RESULTS / f"{page}.md").is_file(), page
        assert f"({log.name})" in markdown(why(RESULTS, page))


def test_of_several_machines_the_first_answers_and_each_other_adds_a_sentence() -> None:
    one = Answer.of("How fast?", "Twice.", ["a.", "b."], ["c."])
    other = Answer.of("How fast?", "Thrice.", ["d.", "e."])
    found = Answer.together([None, one, None, other])
    assert found is not None and (found.short, found.sentences) == ("Twice.", ("a.", "b.", "c.", "d."))
    assert found.paragraphs == ["a. b.", "c. d."] and Answer.together([one]) == one
    assert Answer.together([None]) is Answer.together([]) is None
