"""Batches padded up to a few lengths: the loss, every gradient and all figures are those of the batches as they were.

Shapes: L time, B batch.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from sru_repro import models
from sru_repro.cli.compose import composed
from sru_repro.data.batches import Sizes, rounded_up
from sru_repro.data.sentences.batches import ClassificationBatches
from sru_repro.data.sentences.examples import Example
from sru_repro.data.squad.batches import ReaderBatches
from sru_repro.tasks import Batches, Step, task_class
from sru_repro.tasks._adaptive import AdaptiveEmbedding, AdaptiveSoftmax
from sru_repro.training.module import Totals
from sru_repro.training.prepare import build_task, load_data

WORDS = ("<pad>", "<unk>", *(f"word{i}" for i in range(20)))
SIZES = {
    "cnn": ("model.filters=4",),
    "srupp": ("model.hidden_size=8", "model.projection_size=4"),
    "transformer_xl": ("model.hidden_size=8", "model.num_heads=2", "model.inner_size=12"),
}
PADS = [name for name in models.names() if name not in ("lstm", "gru")]
BOTH = [name for name in PADS if name not in ("cnn", "transformer_xl")]
CLASSIFIERS = [
    *((f"model={name}", f"task.padding={padding}") for name in PADS for padding in ("left", "masked")),
    *((f"model={name}", "model.bidirectional=true", "task.padding=left") for name in BOTH),
    ("model=qrnn", "model.window=2", "task.padding=left"),
]


def require_same_gradients(module: nn.Module, one: Step, other: Step) -> None:
    """The same loss, sums and gradients to rounding, and some that are not zero."""
    torch.testing.assert_close(other.loss, one.loss, rtol=1e-12, atol=1e-12)
    assert {key: float(value) for key, value in other.totals.items()} == pytest.approx(
        {key: float(value) for key, value in one.totals.items()}, rel=1e-12
    )
    weights = {name: weight for name, weight in module.named_parameters() if weight.requires_grad}
    found, expected = (
        torch.autograd.grad(step.loss, list(weights.values()), allow_unused=True) for step in (other, one)
    )
    assert any(gradient is not None and gradient.any() for gradient in expected)
    for name, a, b in zip(weights, found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12, msg=name)


def listed(batches: Batches) -> list[Any]:
    """All batches of a split."""
    return [batches[i] for i in range(len(batches))]


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    """40 sentences of one to eleven words."""
    random = np.random.default_rng(5)
    lengths = random.integers(1, 12, 40)
    return [
        Example(tuple(f"word{w}" for w in random.integers(0, 20, n)), i % 2) for i, n in enumerate(lengths)
    ]


def classifier(*words: str) -> Any:
    name = words[0].partition("=")[2]
    sizes = SIZES.get(name, ("model.hidden_size=6",))
    config = composed(
        ["task=sst", "task.vector_size=12", "task.dropout=0", "model.dropout=0", *sizes, *words]
    )
    torch.manual_seed(3)
    build = {"classes": ("negative", "positive"), "words": WORDS, "weight_VD": torch.randn(len(WORDS), 12)}
    return task_class("sst").create(config.task, config.model, **build).double().train()


@pytest.mark.parametrize("words", CLASSIFIERS, ids=" ".join)
def test_a_classifier_learns_the_same(words: tuple[str, ...], examples: list[Example]) -> None:
    task = classifier(*words)
    side: Any = "left" if words[-1].endswith("left") else "right"
    batches = ClassificationBatches(examples, task.vocabulary, 8, padding=side)
    fitted = task.fitted(batches)
    assert {len(batch.ids_LB) for batch in listed(fitted)} == {8, 16}
    longer = 0
    for batch, other in zip(listed(batches), listed(fitted), strict=True):
        longer += len(other.ids_LB) > len(batch.ids_LB)
        assert task.tokens(batch) == task.tokens(other)
        require_same_gradients(task, task.step(batch, None), task.step(other, None))
    assert longer


@pytest.mark.parametrize("words", CLASSIFIERS, ids=" ".join)
def test_an_evaluation_in_one_call_gives_the_same(words: tuple[str, ...], examples: list[Example]) -> None:
    """Also where the paper's protocol reads the padding that a sentence has in its own batch."""
    task = classifier(*words).eval()
    side: Any = "left" if words[-1].endswith("left") else "right"
    batches = ClassificationBatches(examples, task.vocabulary, 8, padding=side)
    whole = task.together(batches)
    assert len(whole) == 1 and len(batches) == 5
    found = []
    for split in (batches, whole):
        totals = Totals()
        with torch.no_grad():
            for batch in listed(split):
                totals.add(task.step(batch, None).totals)
        found.append(task.metrics(totals.values()))
    assert found[0] == pytest.approx(found[1], rel=1e-12)


@pytest.mark.parametrize("model", models.names())
def test_the_vector_of_padding_says_nothing_to_a_classifier(model: str, examples: list[Example]) -> None:
    found = []
    for poison in (0.0, torch.nan):
        task = classifier(f"model={model}", "task.padding=masked", "task.tune_vectors=true")
        task.embedding.weight.data[0] = poison
        batch = listed(ClassificationBatches(examples, task.vocabulary, 8, padding="right"))[0]
        assert batch.padding_LB.any()
        loss = task.step(batch, None).loss
        found.append([loss, *torch.autograd.grad(loss, list(task.parameters()))])
    for clean, dirty in zip(*found, strict=True):
        assert clean.isfinite().all() and torch.equal(clean, dirty)


@pytest.mark.parametrize("model", ["lstm", "gru"])
def test_what_packs_its_padding_keeps_its_batches(model: str, examples: list[Example]) -> None:
    task = classifier(f"model={model}", "task.padding=masked")
    batches = ClassificationBatches(examples, task.vocabulary, 8, padding="right")
    assert task.fitted(batches) is batches and task.together(batches) is batches


@pytest.mark.parametrize("model", BOTH)
def test_a_reader_learns_the_same(model: str, squad_folder: Path) -> None:
    none = ("task.dropout=0", "task.layer_dropout=0", "task.output_dropout=0", "model.dropout=0")
    small = ("task.vectors=random", "task.vector_size=12", "logger=csv", "profile=smoke", "task.batch_size=4")
    sizes = (*SIZES.get(model, ("model.hidden_size=6",)), "model.bidirectional=true")
    config = composed(["task=squad", f"model={model}", *sizes, *none, *small, f"data_dir={squad_folder}"])
    data = load_data(config)
    task: Any = build_task(config, data).double().train()
    fitted = task.fitted(data.train)
    assert isinstance(fitted, ReaderBatches)
    for i in range(len(fitted)):
        batch, other = data.train[i], fitted[i]
        assert [len(ids) % grain for ids, grain in ((other.passage_LB, 32), (other.question_QB, 16))] == [
            0,
            0,
        ]
        assert other.padding_LB is not None and other.question_padding_QB is not None
        require_same_gradients(task, task.step(batch, None), task.step(other, None))


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("targets", ["all", "the head", "one tail"])
def test_an_adaptive_softmax_with_room_gives_the_same(targets: str, tied: bool) -> None:
    torch.manual_seed(3)
    sizes: dict[str, Any] = {"vocabulary": 23, "embedding_size": 8, "cutoffs": [5, 9, 16], "div_value": 2}
    embedding = AdaptiveEmbedding(output_size=6, **sizes)
    softmax = AdaptiveSoftmax(6, tied_to=embedding if tied else None, tie_projections=tied, **sizes).double()
    low, high = {"all": (0, 23), "the head": (0, 5), "one tail": (9, 16)}[targets]
    h_NH, targets_N = torch.randn(70, 6, dtype=torch.float64), torch.randint(low, high, (70,))
    room = softmax.room(targets_N.numpy())
    counts = [int(((targets_N >= a) & (targets_N < b)).sum()) for a, b, _ in softmax.clusters[1:]]
    assert all(count <= rows <= count + 70 // 32 for count, rows in zip(counts, room.values, strict=True))
    steps = [
        Step(nats_N.mean(), {"nats": nats_N.detach().sum()})
        for nats_N in (
            softmax.nats(h_NH, targets_N),
            softmax.nats(h_NH, targets_N, room),
        )
    ]
    require_same_gradients(softmax, *steps)
    torch.testing.assert_close(softmax.nats(h_NH, targets_N, room), softmax.nats(h_NH, targets_N))
    wide = Sizes(
        *(min(70, rows + 9) for rows in room.values)
    )  # more room than targets: the rest does not count
    torch.testing.assert_close(softmax.nats(h_NH, targets_N, wide), softmax.nats(h_NH, targets_N))


def test_few_lengths() -> None:
    assert [rounded_up(n, 8) for n in (1, 8, 9, 64, 65, 80, 128, 129, 700)] == [
        8,
        8,
        16,
        64,
        80,
        80,
        128,
        160,
        768,
    ]
    lengths = {rounded_up(n, 32) for n in range(1, 800)}
    assert len(lengths) == 15 and all(rounded_up(n, 32) <= max(32 + n, 1.25 * n) for n in range(1, 800))
