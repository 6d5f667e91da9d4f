"""What was changed by hand in a row of a table is named, and keeps the row's name from being used."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sru_repro.training.config import RunConfig, changes
from sru_repro.training.run import train

PAPER = "paper={label: SRU, metric: {sst: [89.2, 0.3]}}"


def test_only_what_a_result_depends_on_counts() -> None:
    words = [
        "experiment=sst/sru2",
        "task=cr",
        "task.fold=3",
        "seed=2",
        "data_dir=x",
        "trainer=cpu",
        "logger=csv",
        "trainer.compile=true",
    ]
    assert changes(words) == []
    science = [
        "optim.lr=0.1",
        "optim.schedule=cosine",
        "trainer.accumulate=2",
        "+model.dropout=0",
        "task.labels=fine",
        "trainer.max_epochs=2",
        "model=lstm",
    ]
    assert changes([*words, *science]) == [word.lstrip("+") for word in science]


@pytest.mark.parametrize(
    ("overrides", "why"), [([], ""), (["optim.lr=0.1"], "changed by hand: optim.lr=0.1")]
)
def test_a_changed_row_is_not_compared_with_the_paper(
    overrides: list[str], why: str, configured: Callable[..., RunConfig], tmp_path: Path
) -> None:
    record = train(configured("sst", PAPER, "trainer.max_epochs=1"), tmp_path, ["seed=1", *overrides]).plain()
    assert record["changed"] == overrides
    assert record["data"]["comparable"] is False  # 40 examples
    assert record["data"]["why_not"].endswith(why or "as many of each class")
