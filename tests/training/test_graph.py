"""Recorded steps leave what plain ones leave, bit by bit, in all models and tasks, and when a run is taken up again."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from sru_repro.cli.compose import composed
from sru_repro.core import replay
from sru_repro.core.errors import ConfigError
from sru_repro.core.interrupt import Interrupted
from sru_repro.records.run import Graphs, RunRecord
from sru_repro.training import fit, graph, step_state
from sru_repro.training.config import RunConfig
from sru_repro.training.module import TaskModule
from sru_repro.training.run import train
from sru_repro.training.run_folder import identity
from sru_repro.training.weights import LAST

Configured = Callable[..., RunConfig]
Happening = Callable[..., AbstractContextManager[None]]

MODELS = {
    "sru": (),
    "srupp": ("model.projection_size=8",),
    "lstm": (),
    "gru": (),
    "qrnn": (),
    "mingru": (),
    "transformer_xl": ("model.num_heads=2", "model.inner_size=16"),
}
CASES = [
    *(
        (task, f"model={model}", "model.hidden_size=8", *more)
        for task in ("sst", "lm")
        for model, more in MODELS.items()
    ),
    ("sst", "model=cnn", "~model.hidden_size"),
    ("sst", "task.padding=masked", "task.reshuffle=true"),
    ("sst", "model.bidirectional=true"),
    ("lm", "trainer.accumulate=3", "optim.schedule=cosine", "optim.warmup_steps=2"),
    ("lm", "trainer.accumulate=2", "trainer.validate_every=2", "optim.clip_norm=0.5"),
    ("lm", "model=srupp", "model.projection_size=8", "task.memory=300", "optim.name=sgd"),
    ("lm", "trainer.precision=bf16-mixed"),
]


Ended = tuple[RunRecord, dict[str, torch.Tensor]]


def ended(config: RunConfig, folder: Path) -> Ended:
    """The record of a run and the weights it ended with."""
    record = train(config, folder, [], resume=True)
    state = torch.load(folder / LAST, weights_only=True)["state_dict"]
    return record, {key: value for key, value in state.items() if isinstance(value, torch.Tensor)}


def graphs(record: RunRecord) -> Graphs:
    assert record.graphs is not None
    return record.graphs


def require_same(
    one: tuple[RunRecord, dict[str, torch.Tensor]], other: tuple[RunRecord, dict[str, torch.Tensor]]
) -> None:
    """The same weights and figures, bit by bit."""
    assert one[1].keys() == other[1].keys()
    for key, value in one[1].items():
        assert torch.equal(value, other[1][key]), key
    assert [entry.figures for entry in one[0].epochs] == [entry.figures for entry in other[0].epochs]
    assert [entry.tokens for entry in one[0].epochs] == [entry.tokens for entry in other[0].epochs]


@pytest.fixture
def never(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Afterwards no step is recorded: what `trainer.graph=true` then trains are its own batches, step by step."""
    return lambda: monkeypatch.setattr(graph, "WARM_UP", 10**9)


@pytest.mark.parametrize("words", CASES, ids=" ".join)
def test_replays_equal_plain_steps(
    words: tuple[str, ...], configured: Configured, never: Callable[[], None], tmp_path: Path
) -> None:
    config = configured(*words, "trainer.graph=true", "trainer.max_epochs=5")
    replayed = ended(config, tmp_path / "graph")
    told = graphs(replayed[0])
    assert (
        told.shapes >= 1 and told.replayed > told.shapes and told.largest_difference == 0 and not told.notes
    )
    never()
    plain = ended(config, tmp_path / "plain")
    assert graphs(plain[0]).replayed == 0
    require_same(replayed, plain)


TINY = ("logger=csv", "profile=smoke", "trainer=cpu")
READER = (*TINY, "task=squad", "task.vectors=random", "task.vector_size=12", "task.batch_size=4")
ADAPTIVE = (
    *(*TINY, "task=text", "task.level=words", "task.cutoffs=[8,20]", "task.div_value=2", "task.limit=0"),
    *("task.tie_weights=true", "task.tie_projections=true", "task.embedding_size=8", "model.hidden_size=8"),
    *("task.batch_size=8", "task.unroll=32", "model.dropout=0.2", "task.dropout=0.2"),
    *("trainer.max_epochs=3", "trainer.max_steps=0"),
)


@pytest.mark.parametrize("model", MODELS)
def test_a_reader_is_replayed(
    model: str, squad_folder: Path, never: Callable[[], None], tmp_path: Path
) -> None:
    both = () if model == "transformer_xl" else ("model.bidirectional=true",)
    more = (f"model={model}", "model.hidden_size=8", *MODELS[model], *both, "trainer.max_epochs=4")
    config = composed([*READER, *more, "trainer.graph=true", f"data_dir={squad_folder}"])
    replayed = ended(config, tmp_path / "graph")
    told = graphs(replayed[0])
    assert told.replayed > 0 and told.largest_difference == 0 and not told.notes
    never()
    require_same(replayed, ended(config, tmp_path / "plain"))


def test_an_adaptive_softmax_is_replayed(never: Callable[[], None], tmp_path: Path) -> None:
    """Segments differ in how many words lie in each cluster."""
    random = np.random.default_rng(1)
    words = [f"word{n}" for n in random.geometric(0.05, 12_000)]
    (tmp_path / "some.txt").write_text(
        "\n".join(" ".join(words[i : i + 20]) for i in range(0, len(words), 20))
    )
    config = composed([*ADAPTIVE, f"task.path={tmp_path / 'some.txt'}", "trainer.graph=true"])
    replayed = ended(config, tmp_path / "graph")
    told = graphs(replayed[0])
    assert told.shapes >= 2 and told.replayed > 20 and told.largest_difference == 0 and not told.notes
    never()
    require_same(replayed, ended(config, tmp_path / "plain"))


@pytest.mark.parametrize(
    ("words", "stop"),
    [
        (("sst",), 12),
        (("lm",), 13),
        (("lm", "trainer.accumulate=2", "trainer.validate_every=2"), 13),
        (("lm", "model=srupp", "model.projection_size=8", "task.memory=300"), 17),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_a_run_that_is_taken_up_again_ends_the_same(
    words: tuple[str, ...],
    stop: int,
    configured: Configured,
    happening: Happening,
    sigterm: Callable[[], None],
    tmp_path: Path,
) -> None:
    config = configured(*words, "trainer.graph=true", "trainer.max_epochs=5")
    whole = ended(config, tmp_path / "whole")
    with happening("on_train_batch_start", stop, sigterm), pytest.raises(Interrupted):
        train(config, tmp_path / "parts", [])
    parts = ended(config, tmp_path / "parts")
    assert graphs(whole[0]).replayed > graphs(parts[0]).replayed > 0
    require_same(whole, parts)


def test_without_a_graph_batches_are_those_of_the_paper(configured: Configured, tmp_path: Path) -> None:
    """Language models need no padding, so the runner changes nothing at all."""
    words = ("lm", "trainer.max_epochs=4")
    plain = ended(configured(*words, "trainer.graph=false"), tmp_path / "plain")
    assert plain[0].graphs is None
    require_same(plain, ended(configured(*words, "trainer.graph=true"), tmp_path / "graph"))


class Refused(replay.Recorded[Any]):
    """A capture that CUDA breaks off."""

    def __init__(self, call: Callable[[], Any], device: torch.device, pool: Any = None) -> None:
        super().__init__(call, device, pool)
        raise RuntimeError("operation not permitted when stream is capturing\nmore")


class Drawing(replay.Recorded[Any]):
    """A replay that draws a random number more than the step."""

    def replay(self) -> Any:
        torch.rand(1)
        return super().replay()


@pytest.mark.parametrize("words", [("sst",), ("lm", "trainer.accumulate=2")], ids=" ".join)
@pytest.mark.parametrize(
    ("recorded", "note"),
    [
        (Refused, "not captured: operation not permitted when stream is capturing"),
        (Drawing, "a replay differed from the step by inf of what it changed"),
    ],
)
def test_what_cannot_be_captured_or_trusted_runs_as_it_is(
    recorded: type[replay.Recorded[Any]],
    note: str,
    words: tuple[str, ...],
    configured: Configured,
    never: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    config = configured(*words, "trainer.graph=true", "trainer.max_epochs=5")
    with monkeypatch.context() as patch:
        patch.setattr(graph, "Recorded", recorded)
        found = ended(config, tmp_path / "found")
    told = graphs(found[0])
    assert (told.shapes, told.replayed, told.notes) == (0, 0, [note])
    never()
    require_same(found, ended(config, tmp_path / "plain"))


def test_a_callback_inside_the_step_keeps_it_plain(
    configured: Configured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Norms(pl.Callback):
        calls = 0

        def on_after_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
            Norms.calls += 1

    build = fit.build_trainer
    monkeypatch.setattr(
        fit,
        "build_trainer",
        lambda config, callbacks=(), **options: build(config, [*callbacks, Norms()], **options),
    )
    record = train(configured("lm", "trainer.graph=true"), tmp_path, [])
    assert graphs(record).replayed == 0 and Norms.calls == graphs(record).unrecorded == 15
    assert graphs(record).notes == ["Norms has on_after_backward, which a replay would not call"]


def test_the_number_of_graphs_is_bounded(
    configured: Configured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(graph, "MOST", 1)
    record = train(configured("lm", "trainer.graph=true", "trainer.max_epochs=5"), tmp_path, [])
    assert graphs(record).shapes == 1 and graphs(record).notes == ["more than 1 shapes"]


def test_a_replay_that_hands_on_another_state_is_not_trusted(
    configured: Configured, never: Callable[[], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Weights, sums and random numbers are the same then: only the next step would go wrong."""
    config = configured("lm", "trainer.graph=true", "trainer.max_epochs=5")

    class Shifted(replay.Recorded[Any]):
        def replay(self) -> Any:
            found = super().replay()
            for leaf in step_state.tensors_of(modules[0].carry):
                leaf.add_(1.0)
            return found

    modules: list[TaskModule] = []
    start = TaskModule.on_train_epoch_start

    def known(module: TaskModule) -> None:
        modules.append(module)
        start(module)

    monkeypatch.setattr(TaskModule, "on_train_epoch_start", known)
    with monkeypatch.context() as patch:
        patch.setattr(graph, "Recorded", Shifted)
        wrong = ended(config, tmp_path / "wrong")
    told = graphs(
        wrong[0]
    )  # of the first segment, whose state is made anew; the others hand on what they hold
    assert told.shapes == 2 and len(told.notes) == 1 and told.notes[0].startswith("a replay differed")
    never()
    require_same(wrong, ended(config, tmp_path / "plain"))


def test_a_capture_that_fails_later_drops_the_graphs_before_it(
    configured: Configured, never: Callable[[], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Their random numbers would go on in a state that nothing else knows; they are recorded again."""
    config = configured("lm", "trainer.graph=true", "trainer.max_epochs=6")
    made: list[object] = []

    class Second(replay.Recorded[Any]):
        def __init__(self, call: Callable[[], Any], device: torch.device, pool: Any = None) -> None:
            super().__init__(call, device, pool)
            made.append(self)
            if len(made) == 2:
                raise RuntimeError("out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(graph, "Recorded", Second)
        found = ended(config, tmp_path / "found")
    told = graphs(found[0])
    assert told.notes == ["not captured: out of memory"] and told.replayed > 0 and len(made) >= 3
    never()
    require_same(found, ended(config, tmp_path / "plain"))


def test_differences_are_parts_of_what_a_step_changed() -> None:
    def snapshot(*values: float) -> step_state.Snapshot:
        return step_state.Snapshot([torch.tensor(values)], [torch.tensor([1])])

    start, step = snapshot(1.0, 1.0), snapshot(1.0, 3.0)
    assert step_state.difference(start, step, step) == 0
    assert step_state.difference(start, step, snapshot(1.0, 2.5)) == pytest.approx(0.25)
    assert step_state.difference(start, start, step) == float("inf")  # it changes what the step leaves alone
    one, other = [torch.tensor([2.0])], [torch.tensor([3.0])]
    assert step_state.difference(start, step, step, one, one) == 0
    assert step_state.difference(start, step, step, one, other) == pytest.approx(0.5)
    nan = float("nan")
    assert step_state.difference(start, snapshot(1.0, nan), snapshot(1.0, nan)) == 0
    assert step_state.difference(start, step, snapshot(1.0, nan)) == float("inf")


def test_auto_is_decided_before_anything_runs(
    configured: Configured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a CPU a run goes step by step; asked for a graph, it is another run than one without."""
    auto = configured("lm")
    assert auto.trainer.graph is False and auto.plain["trainer"]["graph"] is False
    with pytest.raises(
        ConfigError, match=r"^trainer\.graph: expected 'auto', True or False, found 'sometimes'$"
    ):
        configured("lm", "trainer.graph=sometimes")
    plain, graphs = (identity(configured("lm", f"trainer.graph={x}").plain) for x in ("false", "true"))
    assert plain == identity(auto.plain) != graphs
    before = dict(auto.plain["trainer"])
    del before["graph"]
    assert (
        identity({**auto.plain, "trainer": before}) == plain
    )  # a record from before there was such a setting
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    assert configured("lm", "trainer=cuda").trainer.graph is True
