"""Runs that were thrown back on their way: told with when and how far, and only where it is no noise."""

from collections.abc import Callable, Sequence

from sru_repro.records.run import RunRecord
from sru_repro.reporting.findings import answer
from sru_repro.reporting.findings.setbacks import setback

Factory = Callable[..., RunRecord]


def told(runs: Sequence[RunRecord]) -> str:
    """All sentences of the page."""
    found = answer("enwik8", runs, [])
    assert found is not None
    return " ".join(found.sentences)


def test_a_run_that_was_thrown_back_is_told(language_model: Factory) -> None:
    """As its validation rose by more than half; with several seeds also in how many runs."""

    def run(seed: int, *bits: float) -> RunRecord:
        curve = [
            {"epoch": 0, "step": k, "tokens": k, "wall_s": 60.0 * k, "val/bpc": value}
            for k, value in enumerate(bits, 1)
        ]
        return language_model("sru", seed, 2.0, epochs=curve)

    steady, thrown, lost = (2.6, 2.4, 3.5, 2.2), (2.6, 2.4, 10.2, 2.5, 2.3), (2.4, 5.0, 4.0)
    text = told([run(1, *thrown), language_model("lstm", 1, 2.1)])
    assert (
        "sru was thrown back: its validation rose from 2.400 bits per byte to 10.200 bits per byte at 3.0 minutes and "
        "was back at 5.0. Its figure says as much of its learning rate as of the model."
    ) in text
    text = told([run(1, *steady), run(2, *lost)])
    assert "sru was thrown back in 1 of 2 runs: its validation rose from 2.400 bits per byte to 5.000" in text
    assert "at 2.0 minutes and did not come back." in text
    assert "thrown back" not in told([run(1, *steady)])


def test_a_setback_of_perplexity_is_one_of_its_logarithm() -> None:
    assert setback([(0, 400.0), (1, 250.0), (2, 600.0)], perplexity=True) is None
    assert setback([(0, 400.0), (1, 250.0), (2, 9_000.0)], perplexity=True) == (250.0, 9_000.0, 2, None)
    assert setback([], perplexity=True) is None
