"""Figures against counts by hand: accuracy and loss of a classifier, bits per byte of a language model.

Shapes: L time, B batch, C classes.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sru_repro.cli.compose import composed
from sru_repro.data.sentences.batches import ClassificationBatches
from sru_repro.data.sentences.examples import Example
from sru_repro.data.text.streams import StreamBatches
from sru_repro.tasks import Task, task_class
from sru_repro.training.config import RunConfig
from sru_repro.training.module import Totals

WORDS = ("<pad>", "<unk>", *(f"word{i}" for i in range(20)))

ENCODERS = [
    ("model=sru",),
    ("model=sru", "model.bidirectional=true"),
    ("model=lstm",),
    ("model=gru", "model.bidirectional=true"),
    ("model=qrnn",),
    ("model=qrnn", "model.window=2"),
    ("model=cnn", "model.filters=4"),
]


def figures(task: Task, batches: Any) -> dict[str, float]:
    """What the task makes of a split, batch by batch, the state handed on."""
    totals, carry = Totals(), None
    with torch.no_grad():
        for batch in batches:
            step = task.step(batch, carry)
            totals.add(step.totals)
            carry = step.carry
    return task.metrics(totals.values())


def classifier(*words: str) -> tuple[RunConfig, Any]:
    small = ("model.hidden_size=6",) if "model=cnn" not in words else ()
    config = composed(["task=sst", "task.vector_size=12", *small, *words])
    torch.manual_seed(3)
    weight_VD = torch.randn(len(WORDS), 12)
    build = {"classes": ("negative", "positive"), "words": WORDS, "weight_VD": weight_VD}
    return config, task_class("sst").create(config.task, config.model, **build).double().eval()


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    """101 sentences of one to nine words."""
    random = np.random.default_rng(5)
    return [
        Example(tuple(random.choice(WORDS[2:], random.integers(1, 10)).tolist()), int(random.integers(2)))
        for _ in range(101)
    ]


@pytest.mark.parametrize("words", ENCODERS, ids=" ".join)
def test_masked_figures_do_not_depend_on_the_cut(words: tuple[str, ...], examples: list[Example]) -> None:
    _, task = classifier("task.padding=masked", *words)
    found = [
        figures(task, ClassificationBatches(examples, task.vocabulary, size, padding="right"))
        for size in (1, 7, 32, 101)
    ]
    for other in found[1:]:
        assert other["accuracy"] == found[0]["accuracy"]
        assert other["loss"] == pytest.approx(found[0]["loss"], abs=1e-12)


@pytest.mark.parametrize("padding", ["left", "masked"])
def test_accuracy_and_loss_are_those_counted_by_hand(padding: str, examples: list[Example]) -> None:
    _, task = classifier(f"task.padding={padding}")
    batches = ClassificationBatches(
        examples, task.vocabulary, 32, padding="left" if padding == "left" else "right"
    )
    correct, nats = 0, 0.0
    with torch.no_grad():
        for batch in (batches[i] for i in range(len(batches))):
            for logits_C, label in zip(
                task.logits(batch.ids_LB, batch.padding_LB), batch.labels_B.tolist(), strict=True
            ):
                p_C = [math.exp(value) for value in logits_C.tolist()]
                nats -= math.log(p_C[label] / sum(p_C))
                correct += p_C[label] == max(p_C)
    found = figures(task, (batches[i] for i in range(len(batches))))
    assert found["accuracy"] == correct / 101 and 0.2 < correct / 101 < 0.8
    assert found["loss"] == pytest.approx(nats / 101, rel=1e-12)


def test_left_padding_is_read_as_words_as_the_authors_do(examples: list[Example]) -> None:
    _, task = classifier("task.padding=left")
    alone, together = (figures(task, ClassificationBatches(examples, task.vocabulary, n)) for n in (1, 101))
    assert alone["loss"] != pytest.approx(together["loss"], abs=1e-9)


def test_a_classifier_reads_the_last_step_and_going_backwards_the_first() -> None:
    _, task = classifier("task.padding=masked", "model.bidirectional=true", "model.num_layers=1")
    ids_LB = torch.tensor([[2, 5], [3, 6], [4, 0]])
    padding_LB = torch.tensor([[False, False], [False, False], [False, True]])
    with torch.no_grad():
        logits_BC = task.logits(ids_LB, padding_LB)
        for column, length in ((0, 3), (1, 2)):
            h_LBH, _ = task.encoder(task.embedding(ids_LB[:length, column : column + 1]))
            end_H = torch.cat([h_LBH[-1, 0, :6], h_LBH[0, 0, 6:]])
            torch.testing.assert_close(task.output(end_H), logits_BC[column])


def test_the_loss_to_minimise_is_the_mean_and_totals_are_sums(examples: list[Example]) -> None:
    _, task = classifier()
    batch = ClassificationBatches(examples, task.vocabulary, 32)[0]
    step = task.step(batch, None)
    assert step.loss.requires_grad and step.loss.item() == pytest.approx(float(step.totals["nats"]) / 32)
    assert float(step.totals["examples"]) == 32 and task.tokens(batch) >= 32
    assert not any(isinstance(total, Tensor) and total.requires_grad for total in step.totals.values())


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float32])
def test_sums_are_kept_in_double_precision(half: torch.dtype, examples: list[Example]) -> None:
    _, task = classifier()
    task.to(half)
    totals = task.step(ClassificationBatches(examples, task.vocabulary, 32)[0], None).totals
    assert all(isinstance(total, float) or total.dtype == torch.float64 for total in totals.values())


@pytest.mark.parametrize(
    "words", [("model=sru",), ("model=lstm",), ("model=gru",), ("model=qrnn",)], ids=" ".join
)
@pytest.mark.parametrize("unroll", [7, 64, 1000])
def test_bits_per_byte_are_those_of_the_whole_stream(words: tuple[str, ...], unroll: int) -> None:
    config = composed(["task=quickstart", "model.hidden_size=6", "task.embedding_size=5", *words])
    torch.manual_seed(3)
    task: Any = task_class("lm").create(config.task, config.model).double().eval()
    text = np.random.default_rng(1).integers(0, 256, 1003, dtype=np.uint8)
    columns = 4
    found = figures(task, map(StreamBatches(text, columns, unroll).__getitem__, range(-(-250 // unroll))))

    bits = 0.0
    for column in range(
        columns
    ):  # 250 bytes each, read in one go and then compared with the byte that follows
        start = 250 * column
        values = torch.from_numpy(text[start : start + 251].astype(np.int64))
        with torch.no_grad():
            h_LBH, _ = task.encoder(task.embedding(values[:-1, None]))
            p_LV = task.output(h_LBH[:, 0]).softmax(-1)
        bits -= p_LV[torch.arange(250), values[1:]].log2().sum().item()
    assert found["bpc"] == pytest.approx(bits / 1000, rel=1e-12)
    assert found["loss"] == pytest.approx(found["bpc"] * math.log(2), rel=1e-12)


def test_a_language_model_minimises_the_mean_over_a_segment() -> None:
    config = composed(["task=quickstart", "model.hidden_size=6", "task.embedding_size=5"])
    task: Any = task_class("lm").create(config.task, config.model)
    text = np.random.default_rng(1).integers(0, 256, 101, dtype=np.uint8)
    batch = StreamBatches(text, 4, 20)[0]
    step = task.step(batch, None)
    assert step.loss.requires_grad and step.totals["characters"] == task.tokens(batch) == 80
    assert step.loss.item() == pytest.approx(float(step.totals["nats"]) / 80)


def test_perplexity_is_the_number_of_words_that_are_alike() -> None:
    """A model that thinks 50 words equally likely has a perplexity of 50."""
    metrics = task_class("lm").metrics
    found = metrics({"nats": 7 * math.log(50), "words": 7.0})
    assert found == {"loss": pytest.approx(math.log(50)), "ppl": pytest.approx(50)}
    assert math.isfinite(metrics({"nats": 1e6, "words": 1.0})["ppl"])


def test_prediction_of_a_language_model_is_its_bits_per_byte() -> None:
    config = composed(["task=quickstart", "model.hidden_size=6", "task.embedding_size=5"])
    torch.manual_seed(3)
    task: Any = task_class("lm").create(config.task, config.model).eval()
    text = "for x in y: pass"
    stream = StreamBatches(np.frombuffer(text.encode(), dtype=np.uint8), 1, 100)
    assert task.predict(text)["bits_per_byte"] == pytest.approx(figures(task, [stream[0]])["bpc"], rel=1e-6)
    assert task.predict("a")["bits_per_byte"] is None
    following = task.predict(text)["next"]
    assert [p["probability"] for p in following] == sorted(
        (p["probability"] for p in following), reverse=True
    )


def test_a_task_is_found_by_its_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from sru_repro import tasks

    assert tasks.names() == ["lm", "sentences", "squad", "sst"]
    make: Callable[[str], Any] = tasks.task_class
    with pytest.raises(
        ValueError, match="unknown kind of task 'foo': expected one of lm, sentences, squad, sst"
    ):
        make("foo")
    (tmp_path / "two.py").write_text(
        "from sru_repro.tasks import Task\n\n\nclass One(Task):\n    pass\n\n\nclass Two(Task):\n    pass\n"
    )
    monkeypatch.setattr(tasks, "__path__", [*tasks.__path__, str(tmp_path)])
    with pytest.raises(ValueError, match=r"tasks/two\.py: expected one subclass of Task, found 2"):
        make("two")
