"""trainer.compile: the same numbers from the same names, or one line that says how to do without."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from sru_repro.core.errors import RunError
from sru_repro.records.run import read_record
from sru_repro.training.config import RunConfig
from sru_repro.training.load import evaluate, run_config, trained_task
from sru_repro.training.run import train
from sru_repro.training.weights import BEST

# torch's compiler imports what torch deprecates, and silences a second warning itself, which pytest turns on again.
pytestmark = [
    pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning"),
]

Configured = Callable[..., RunConfig]
WORDS = ("model=sru", "model.hidden_size=8", "model.num_layers=1", "model.dropout=0", "trainer.max_epochs=0")
STEPS = ("trainer.max_steps=2", "trainer.log_every=1", "task.max_bytes=20000")


def graphs() -> int:
    """How many pieces of code torch has compiled so far."""
    return int(torch._dynamo.utils.counters["stats"]["unique_graphs"])


def losses(folder: Path) -> list[float]:
    last = torch.load(folder / "checkpoints/last.ckpt", weights_only=True)
    points = last["callbacks"]["Recorder"]["points"]
    return [point[key] for point in points for key in ("train/loss", "val/loss") if key in point]


@pytest.mark.slow
def test_two_steps_give_the_losses_of_the_uncompiled_run(configured: Configured, tmp_path: Path) -> None:
    plain = train(configured("lm", *WORDS, *STEPS), tmp_path / "plain", [])
    before = graphs()
    compiled = train(configured("lm", *WORDS, *STEPS, "trainer.compile=true"), tmp_path / "compiled", [])
    assert graphs() > before, "nothing was compiled"
    found, expected = losses(tmp_path / "compiled"), losses(tmp_path / "plain")
    assert len(expected) == 3 and found == pytest.approx(expected, abs=1e-5)
    assert compiled.metrics["test/loss"] == pytest.approx(plain.metrics["test/loss"], abs=1e-5)

    one, other = (
        torch.load(tmp_path / name / BEST, weights_only=True)["state_dict"] for name in ("plain", "compiled")
    )
    assert one.keys() == other.keys()
    config, record = run_config(tmp_path / "compiled")
    assert trained_task(config, tmp_path / "compiled").published_parameters() == compiled.parameters
    torch.compiler.reset()
    before = graphs()
    figures, _, _ = evaluate(config, tmp_path / "compiled")
    assert graphs() > before, "evaluation did not compile as the run did"
    assert figures == pytest.approx({name: record.metrics[name] for name in figures}, rel=1e-6)


def test_a_compiler_that_is_missing_is_told_in_one_line(configured: Configured, tmp_path: Path) -> None:
    import torch._inductor.config as inductor

    words = (*WORDS, *STEPS, "model.hidden_size=12")
    train(configured("lm", *words), tmp_path / "plain", [])
    config = configured("lm", *words, "trainer.compile=true")
    missing = {"cpp.cxx": ("no-such-compiler",), "force_disable_caches": True}
    start = "trainer.compile=true: expected torch.compile to build the encoder, found: "
    torch.compiler.reset()
    with inductor.patch(missing), pytest.raises(RunError) as failure:
        train(config, tmp_path / "compiled", [])
    line = str(failure.value)
    assert line.startswith(start) and line.endswith("; set trainer.compile=false") and "\n" not in line
    record = read_record(tmp_path / "compiled").plain()
    assert record["state"] == "failed" and line in record["error"]
    with inductor.patch(missing), pytest.raises(RunError, match=f"^{start}"):
        evaluate(config, tmp_path / "plain")
