"""Keys that are given twice in `train`: the last one counts, as in Hydra; wrapper scripts add to what they have."""

import pytest

from sru_repro.cli.words import last_ones


@pytest.mark.parametrize(
    ("words", "kept", "said"),
    [
        (["seed=1", "row=a", "seed=3"], ["row=a", "seed=3"], ["seed=3"]),
        (["seed=1", "seed=1"], ["seed=1"], []),
        (["seed=1,2", "seed=3"], ["seed=3"], ["seed=3"]),
        (["model=sru", "model=gru", "model=lstm"], ["model=lstm"], ["model=lstm"]),
        (["optim.lr=1", "++optim.lr=2"], ["++optim.lr=2"], ["++optim.lr=2"]),
        (
            ["optim.lr=1", "optim={lr: 2, name: sgd}"],
            ["optim={lr: 2, name: sgd}"],
            ["optim={lr: 2, name: sgd}"],
        ),
        (["optim={lr: 1, name: sgd}", "optim.lr=2"], ["optim={lr: 1, name: sgd}", "optim.lr=2"], []),
        (["+new=1", "new=2"], ["+new=1", "new=2"], []),
    ],
)
def test_the_last_one_counts(words: list[str], kept: list[str], said: list[str]) -> None:
    assert last_ones(words) == (kept, said)
