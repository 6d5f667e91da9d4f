"""A whole measurement on tiny shapes: what the record holds, and when there is none."""

from typing import Any

import pytest
import torch

from sru_repro.bench import PARTS, SHAPES, BenchPlan, Shape, budget_s, measure
from sru_repro.bench.authors import authors_recurrence
from sru_repro.bench.plan import plan
from sru_repro.core.errors import RunError
from sru_repro.verify import compare

pytestmark = pytest.mark.usefixtures("no_authors")
LINE = "RuntimeError: error: nothing compiles here"


@pytest.fixture
def settings(tiny: dict[str, Shape], one_check: None) -> BenchPlan:
    """Two rounds of everything, after a check of one cell."""
    return BenchPlan("cpu", repeats=2, budget_s=0.0, shapes=tiny, growth_shapes={"small": tiny["small"]})


@pytest.mark.slow
def test_a_record_holds_every_section(settings: BenchPlan) -> None:
    steps: list[tuple[float, str]] = []
    record = measure(settings, lambda share, what: steps.append((share, what))).plain()
    assert (
        record["correctness"]["cases"] > 0
        and record["shapes"][0]["measured"]["backend"]["name"] in record["correctness"]["backends"]
    )
    assert all(rate > 0 for rate in record["rates"].values())
    assert [len(record[section]) for section in (*PARTS, "graphs")] == [2, 1, 1, 1, 0]
    assert [share for share, _ in steps] == sorted(share for share, _ in steps) and steps[-1][0] == 1

    small, stepwise = record["shapes"]
    rows = {row["contender"]: row for row in small["rows"]}
    assert list(rows) == ["sru", "sru-v1", "qrnn", "lstm", "gru", "conv2", "conv3", "authors"]
    assert rows.pop("authors")["error"] == LINE
    for name, row in rows.items():
        assert row["inference"]["repeats"] == row["training"]["repeats"] == 2
        assert 0 < row["inference"]["q1_s"] < row["training"]["q3_s"], (
            "quartiles: a busy machine blurs medians of two"
        )
        assert ("ragged_training" in row) == (not name.startswith("conv"))
        assert ("floor_training" in row) == (name in ("sru", "sru-v1", "qrnn"))
        assert row["peak_training_bytes"] > row["peak_inference_bytes"] > 0
    assert rows["sru"]["floor_training"]["q1_s"] < rows["sru"]["training"]["q3_s"]

    rows = {row["contender"]: row for row in stepwise["rows"]}
    assert list(rows) == ["sru", "sru-v1", "qrnn", "lstm", "lstm-cells", "gru", "authors"]
    assert all("training" not in row and "floor_training" not in row for row in rows.values())

    recurrence = {row["backend"]: row for row in record["recurrence"][0]["rows"]}
    assert recurrence.pop("authors")["error"] == LINE
    assert set(recurrence) == set(record["correctness"]["backends"])
    assert all(row["training"]["median_s"] > 0 for row in recurrence.values())
    assert {row["contender"] for row in record["growth"][0]["rows"]} == {"sru", "lstm"}
    assert all(row["training"]["q1_s"] < 0.1 for row in record["overhead"][0]["rows"])


def test_nothing_is_timed_while_a_check_is_red(settings: BenchPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "failures", lambda *_: (9, ["back end x, sru: h is off", "another"]))
    monkeypatch.setattr("sru_repro.bench.run.machine_rates", pytest.fail)
    with pytest.raises(
        RunError, match=r"^bench: 2 of 9 correctness checks fail, so nothing is timed: back end x"
    ):
        measure(settings)


def test_a_selection_takes_its_share_of_the_time(tiny: dict[str, Shape]) -> None:
    full, sst = BenchPlan("cpu"), BenchPlan("cpu", sections=["shapes"], shapes={"sst": SHAPES["sst"]})
    assert budget_s(sst) < 0.1 * budget_s(full) <= 24
    assert budget_s(BenchPlan("cpu", budget_s=7)) == 7


def test_cuda_is_measured_in_both_types() -> None:
    units = list(plan(BenchPlan("cuda"), torch.device("cuda")))
    assert {unit.dtype for unit in units} == {torch.bfloat16, torch.float32}
    assert {unit.section for unit in units} == set(PARTS)


def test_the_authors_kernel_gets_the_same_problem(monkeypatch: pytest.MonkeyPatch, tiny: Any) -> None:
    """A stand-in for their package answers with the reference, from U in their layout."""
    from types import SimpleNamespace

    from sru_repro import ops
    from sru_repro.bench import alone, authors

    def naive(u: Any, x: Any, v: Any, b: Any, c0: Any, act: int, hidden: int, both: bool, skip: bool) -> Any:
        ways = 2 if both else 1
        theirs = u.view(*x.shape[:2], ways, hidden, 3).flatten(2, 3).transpose(2, 3)
        return ops.recurrence("sru", theirs, x, v.view(2, -1), b.view(2, -1), c0, bidirectional=both)

    monkeypatch.setattr(authors, "authors_package", lambda kind: SimpleNamespace(__name__="theirs"))
    module = SimpleNamespace(elementwise_recurrence_naive=naive)
    monkeypatch.setattr(authors.importlib, "import_module", lambda name: {"theirs.ops": module}[name])
    shape = Shape("", "", 5, 2, 4, 4, bidirectional=True)
    u, x, v, b, c0 = alone.inputs(shape, torch.device("cpu"), torch.float32)
    call, leaves = authors_recurrence(u, x, v, b, c0, True)
    expected = ops.recurrence("sru", u, x, v, b, c0, bidirectional=True)[0]
    torch.testing.assert_close(call(), expected)
    theirs = torch.autograd.grad(call().sum(), leaves)
    ours = torch.autograd.grad(expected.sum(), [u, x, v, b])
    torch.testing.assert_close(theirs[1], ours[1])
    torch.testing.assert_close(theirs[2].view(2, -1), ours[2])
