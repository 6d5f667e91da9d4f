"""README's ten lines: a question, an answer and a verdict for each page; what was reproduced and what was not."""

import re
from collections.abc import Callable

from sru_repro.records.run import RunRecord
from sru_repro.reporting.answer import Answer
from sru_repro.reporting.document import markdown
from sru_repro.reporting.runs.line import Row
from sru_repro.reporting.runs.overview import MOST, Finding, findings, overview

Factory = Callable[..., RunRecord]
OWN = {"comparable": True, "why_not": None}


def lines(
    records: list[RunRecord], rows: list[Row], machines: tuple[Finding, ...] = ()
) -> tuple[str, list[list[str]]]:
    """The block, and the cells of its rows."""
    text = markdown(overview(findings(records, {"sst": rows}, machines), "results/"))
    found = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| [")]
    return text, found


def test_a_line_says_question_answer_and_verdict(sst: list[RunRecord], rows: list[Row]) -> None:
    text, ((question, told, beside),) = lines(sst, rows)
    assert question == "[Does SRU reach LSTM's accuracy on SST?](results/sst.md)"
    assert told.startswith("Yes: SRU (4 layers) 81.8 %, 1.5 points ahead of LSTM (2 layers) 80.3 % (p = 0.0")
    assert beside == "order: yes; levels: cannot say (other word vectors, shorter training)"
    assert text.startswith(
        "Reproduced, levels and all: nothing yet. Reproduced in the order of the rows: SST."
    )
    assert "- Trained with the budget of profile short on 2-core AMD EPYC, 24 GB." in text


def test_what_was_reproduced_and_what_was_not(
    record: Factory, rows: list[Row], small_models: list[RunRecord]
) -> None:
    def runs(sru: float, lstm: float) -> list[RunRecord]:
        return [
            record(row, seed, mean + 0.0005 * seed, profile="paper", data=OWN)
            for row, mean in (("sru2", sru), ("lstm", lstm))
            for seed in (1, 2, 3)
        ]

    two = [row for row in rows if row.name in ("sru2", "lstm")]
    assert "Reproduced, levels and all: SST." in lines(runs(0.891, 0.880), two)[0]
    few = lines(runs(0.891, 0.880), rows)
    assert (
        "Cannot be said yet: SST." in few[0] and "cannot say (2 of 7 rows run, which match)" in few[1][0][2]
    )
    assert "Not as in the papers: SST." in lines(runs(0.891, 0.80), rows)[0], "a level"
    turned = lines(runs(0.870, 0.895), rows)
    assert "Not as in the papers: SST." in turned[0]
    assert "order: no (2 of 7 rows, 1 of 1 pairs reversed)" in turned[1][0][2]
    short = [
        record(row, seed, mean + 0.0005 * seed)
        for row, mean in (("sru2", 0.80), ("lstm", 0.83))
        for seed in (1, 2, 3)
    ]
    assert "Not as in the papers: SST." in lines(short, rows)[0], "an order, where levels cannot be compared"
    single = lines([record("sru2", 1, 0.83), record("lstm", 1, 0.81)], rows)
    assert single[1][0][2].startswith("order: cannot say (2 of 7 rows, one seed, p = 1)")
    assert "Cannot be said yet: SST." in single[0]
    assert "Not in the papers: enwik8." in lines(small_models, rows)[0]


def test_ten_lines_at_most_and_the_machines_among_them(sst: list[RunRecord], rows: list[Row]) -> None:
    machines = tuple(Finding(f"{name}.md", Answer(f"{name}?", "so.", ())) for name in ("speed", "cuda"))
    many = [
        run.model_copy(update={"table": f"{letter}{run.table}" if letter else run.table})
        for letter in ("", *"abcdefghij")
        for run in sst[:6]
    ]
    _, found = lines(many, rows, machines)
    assert len(found) == MOST and [cells[0] for cells in found[-2:]] == [
        "[speed?](results/speed.md)",
        "[cuda?](results/cuda.md)",
    ]
    assert re.match(r"\[Which|\[Does", found[0][0]) and "(results/sst.md)" in found[0][0], (
        "the papers' tables first"
    )
