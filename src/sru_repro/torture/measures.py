"""Fair measurement: what other work on the machine does to a speed is marked, and smoke runs quote nothing."""

import sys
from pathlib import Path

from ..core import machine
from ..core.process import Process, stop
from ..core.processor import ENOUGH
from ..records.run import NO_RESULT, RunRecord, read_record
from ..reporting.marks import DAGGER
from ..reporting.runs.line import Row
from ..reporting.runs.table import render_table
from ._promise import Cut, Promise, Skip, Tally

_TRAINING = (
    *("task=quickstart", "profile=smoke", "logger=csv", "trainer=cpu", "task.max_bytes=200000"),
    *("trainer.max_epochs=1000", "trainer.max_seconds=3"),
)
_BUSY = "while True: pass"
_PATIENCE_S = 300.0


def _trained(folder: Path, *words: str) -> RunRecord:
    """A training of a few seconds in a process of its own."""
    args = (sys.executable, "-m", "sru_repro", "train", *_TRAINING, *words, f"hydra.run.dir={folder}")
    process = Process(args, folder.with_suffix(".log"))
    try:
        status = process.wait(_PATIENCE_S)
    finally:
        stop([process], 5.0)
    assert status == 0, process.last_line()
    return read_record(folder)


def disturbed(tally: Tally, cut: Cut) -> None:
    """Trains beside busy loops on every core."""
    if not Path("/proc/self/schedstat").is_file():
        raise Skip("the system keeps no count of the time that threads wait")
    shares = []
    for place in range(cut.tries(5)):
        busy = [Process((sys.executable, "-c", _BUSY)) for _ in range(machine.cores())]
        try:
            with tally.trying(f"training {place} beside busy loops"):
                record = _trained(cut.folder / str(place), f"seed={place}")
                share = record.throughput.processor
                assert share is not None and share < ENOUGH, f"the record has {share} of the processor"
                shares.append(share)
                record.table = record.task
                page = render_table(record.task, [record], [Row(name=record.row)])
                assert f"{DAGGER}{100 * share:.0f} %" in page, "the table has no mark"
        finally:
            stop(busy, 0.0)
    if shares:
        tally.figure = f"such trainings had {100 * max(shares):.0f} % of the processor at most"


def smoke(tally: Tally, cut: Cut) -> None:
    """Looks at the table that a smoke run makes where its row has numbers of a paper's."""
    paper = {"label": "SRU", "metric": {"quickstart": [1.5, 0.1]}, "parameters": 204_000}
    for place in range(cut.tries(2)):
        with tally.trying(f"smoke run {place}"):
            record = _trained(cut.folder / f"smoke{place}", f"seed={place}", "trainer.max_steps=3")
            record.table = record.task
            row = Row.model_validate({"name": record.row, "label": "SRU", "paper": paper})
            page = render_table(record.task, [record], [row])
            assert page.count(NO_RESULT) >= 2, "a figure without its mark"
            assert "1.5" not in page.replace(f"{record.score:.3f}", ""), "the paper's number stands beside it"
            log = (cut.folder / f"smoke{place}" / "log.txt").read_text()
            assert all(NO_RESULT in line for line in log.splitlines() if "test/" in line), log


_TEST = "tests/torture/test_measures.py"
PROMISES = [
    Promise(
        "disturbed",
        "A speed measured while other work took a fifth of the processor is marked, with the part that it had.",
        f"{_TEST}::test_a_training_beside_busy_loops_is_marked",
        disturbed,
        headline=True,
    ),
    Promise(
        "smoke",
        "A figure of a smoke run says that it is none, and stands beside no paper's.",
        f"{_TEST}::test_smoke_runs_quote_nothing",
        smoke,
    ),
]
