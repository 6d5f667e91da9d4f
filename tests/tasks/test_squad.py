"""The reader on SQuAD: sizes, padding, spans, what is trained, figures and answers, for every model that can.

Shapes: L tokens of a passage, Q tokens of a question, B batch, V vocabulary.
"""

import json
import re
import string
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sru_repro import models
from sru_repro.cli.compose import composed
from sru_repro.core.errors import ConfigError, DataError
from sru_repro.data.squad.batches import make_reader_batch
from sru_repro.records.run import read_record
from sru_repro.tasks._reader import Alignment, Pooling, look_up
from sru_repro.training.config import RunConfig
from sru_repro.training.load import trained_task
from sru_repro.training.module import Totals
from sru_repro.training.prepare import build_task, load_data

Command = Callable[..., Any]

MODELS = [name for name in models.names() if name != "cnn"]
SMALL = {
    "srupp": ("model.hidden_size=8", "model.projection_size=4"),
    "transformer_xl": ("model.hidden_size=16", "model.num_heads=2", "model.inner_size=24"),
}
VECTORS = ("task.vectors=random", "task.vector_size=12", "logger=csv")


def words_of(model: str, folder: Path) -> list[str]:
    """A small reader with this model."""
    sizes = SMALL.get(model, ("model.hidden_size=6",))
    both = () if model == "transformer_xl" else ("model.bidirectional=true",)
    return ["task=squad", f"model={model}", *sizes, *both, *VECTORS, f"data_dir={folder}", "profile=smoke"]


def reader(model: str, folder: Path, *more: str) -> tuple[RunConfig, Any, Any]:
    """Configuration, data and task."""
    config = composed([*words_of(model, folder), *more])
    data = load_data(config)
    return config, data, build_task(config, data)


def test_parameters_are_those_of_the_paper(sru_repro: Command, tmp_path: Path) -> None:
    rows = json.loads(sru_repro("list", "task=squad", "--json", cwd=tmp_path).out)["rows"]
    assert {row["name"]: row["parameters"] for row in rows} == {
        "lstm3": 4_125_542,
        "qrnn4-highway": 2_413_926,
        "qrnn6-highway": 3_203_430,
        "sru3": 2_020_710,
        "sru4": 2_415_974,
        "sru6": 3_206_502,
    }


@pytest.mark.parametrize("model", MODELS)
def test_padding_changes_no_answer(model: str, squad_folder: Path) -> None:
    """Each question alone, and all in one batch of passages of very different lengths."""
    _, data, task = reader(model, squad_folder)
    task.eval()
    examples = [example for i in range(len(data.test)) for example in data.test[i].examples.items]
    number_of = data.test._number_of
    assert len({len(example.passage) for example in examples}) > 3
    with torch.no_grad():
        together = task(make_reader_batch(examples, number_of))
        outputs = dict(task.step(make_reader_batch(examples, number_of), None).outputs)
        for b, example in enumerate(examples):
            batch = make_reader_batch([example], number_of)
            assert batch.padding_LB is None and batch.question_padding_QB is None
            for all_LB, one_LB in zip(together, task(batch), strict=True):
                torch.testing.assert_close(
                    all_LB[: len(example.passage), b], one_LB[:, 0], atol=2e-5, rtol=1e-5
                )
                assert torch.all(all_LB[len(example.passage) :, b] == -torch.inf)
            assert task.step(batch, None).outputs[example.id] == outputs[example.id]


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.filterwarnings("ignore:.*lr_scheduler.*")
def test_two_steps_of_every_model(model: str, squad_folder: Path, sru_repro: Command, tmp_path: Path) -> None:
    words = [*words_of(model, squad_folder), "trainer.max_steps=2", f"hydra.run.dir={tmp_path}/run"]
    assert sru_repro("train", *words, cwd=tmp_path).status == 0
    record = read_record(tmp_path / "run").plain()
    assert record["state"] == "finished" and 0 <= record["metrics"]["test/f1"] <= 1
    assert record["throughput"]["encoder_seconds_per_epoch"] > 0
    predictions = json.loads((tmp_path / "run/predictions.json").read_text())
    assert set(predictions) == {f"dev{i}" for i in range(record["data"]["counts"]["test"])}


def test_a_model_without_steps_or_with_one_direction_is_refused(sru_repro: Command, tmp_path: Path) -> None:
    """Before any data are looked for."""
    with pytest.raises(ConfigError, match="expected a model with an output for each, found model=cnn"):
        composed(["task=squad", "model=cnn"])
    called = sru_repro("train", "task=squad", "model=sru", "data_dir=nowhere", cwd=tmp_path)
    expected = "sru-repro: task=squad reads both ways: expected model.bidirectional=true, found false\n"
    assert (called.status, called.err, list(tmp_path.iterdir())) == (2, expected, [])
    assert composed(["task=squad"]).task.table == "squad", "to be listed and fetched, a task needs no model"


def test_a_row_learns_its_questions_by_heart(squad_folder: Path) -> None:
    _, data, task = reader("sru", squad_folder, "task.vector_size=32", "model.hidden_size=32")
    for name in ("dropout", "output_dropout"):
        getattr(task, name).p = 0.0
    for stack in (task.encoder, task.question_encoder):
        stack.dropout = 0.0
        for layer in stack.layers:
            layer.layers[0].dropout = 0.0
    optimizer = torch.optim.Adamax(task.parameters(), lr=0.02)
    batches = [data.train[i] for i in range(len(data.train))]
    task.train()
    for _ in range(60):
        for batch in batches:
            optimizer.zero_grad()
            task.step(batch, None).loss.backward()
            optimizer.step()
    totals = Totals()
    task.eval()
    with torch.no_grad():
        for batch in batches:
            totals.add(task.step(batch, None).totals)
    figures = task.metrics(totals.values())
    assert figures["loss"] < 0.1 and figures["em"] > 0.95 and figures["f1"] > 0.95


def test_only_the_first_rows_of_word_vectors_are_trained() -> None:
    torch.manual_seed(0)
    weight_VD = torch.randn(9, 4)
    weight_VD[0] = 0
    tuned = torch.nn.Embedding.from_pretrained(weight_VD[:5].clone(), freeze=False, padding_idx=0)
    fixed = torch.nn.Embedding.from_pretrained(weight_VD)
    found = look_up(torch.arange(9), tuned, fixed)
    assert torch.equal(found, weight_VD)
    found.sum().backward()
    expected = torch.tensor([0.0, 1, 1, 1, 1]).unsqueeze(1) * torch.ones(4)
    assert fixed.weight.grad is None
    assert tuned.weight.grad is not None and torch.equal(tuned.weight.grad, expected)


def test_every_counted_parameter_has_a_gradient(squad_folder: Path) -> None:
    _, data, task = reader("sru", squad_folder)
    batch = data.train[0]
    tagged = batch._replace(
        tags_LB=torch.randint(1, 60, batch.tags_LB.shape),
        entities_LB=torch.randint(1, 19, batch.tags_LB.shape),
    )
    task.train().step(tagged, None).loss.backward()
    without = [name for name, p in task.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert set(without) <= {"pooling.linear.bias"}, "a softmax does not see a constant; all else is learned"


def test_attention_against_loops() -> None:
    torch.manual_seed(1)
    aligned, pooling = Alignment(3).double(), Pooling(3).double()
    p, q = torch.randn(4, 2, 3, dtype=torch.float64), torch.randn(5, 2, 3, dtype=torch.float64)
    padding_QB = torch.zeros(5, 2, dtype=torch.bool)
    padding_QB[3:, 1] = True
    found, pooled = aligned(p, q, padding_QB), pooling(q, padding_QB)
    for b, length in ((0, 5), (1, 3)):
        for i in range(4):
            scores = [aligned.linear(p[i, b]).relu() @ aligned.linear(q[j, b]).relu() for j in range(length)]
            weights = torch.stack(scores).softmax(0)
            torch.testing.assert_close(found[i, b], sum(weights[j] * q[j, b] for j in range(length)))
        weights = torch.stack([pooling.linear(q[j, b])[0] for j in range(length)]).softmax(0)
        torch.testing.assert_close(pooled[b], sum(weights[j] * q[j, b] for j in range(length)))


def test_a_finished_run_answers_and_agrees_with_the_official_measure(
    squad_folder: Path, sru_repro: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    words = [*words_of("sru", squad_folder), "trainer.max_steps=3", f"hydra.run.dir={folder}"]
    assert sru_repro("train", *words, cwd=tmp_path).status == 0
    written = json.loads((folder / "predictions.json").read_text())
    record = read_record(folder).plain()
    em, f1 = official(json.loads((squad_folder / "squad/dev-v1.1.json").read_text()), written)
    assert abs(100 * record["metrics"]["test/em"] - em) < 1e-6
    assert abs(100 * record["metrics"]["test/f1"] - f1) < 1e-6

    (folder / "predictions.json").unlink()
    again = sru_repro("evaluate", f"run={folder}", "task.eval_batch_size=1", cwd=tmp_path)
    assert again.status == 0, again.err
    assert json.loads((folder / "predictions.json").read_text()) == written

    config = composed(words[:-1])
    task = trained_task(config, folder)
    passage = "The old bridge of Arles was built in 1923 by engineers.  Boats pass  below it."
    answer = task.answer(passage, "When was the bridge built?", top=3)
    for found in (answer, *answer["others"]):
        assert passage[found["start"] : found["end"]] == found["answer"] and 0 < found["confidence"] <= 1
    assert len(answer["others"]) == 2
    confidences = [answer["confidence"], *(other["confidence"] for other in answer["others"])]
    assert confidences == sorted(confidences, reverse=True)
    for bad in ((" \n", "Who?"), ("He did.", "\t")):
        with pytest.raises(DataError, match="expected a text, found no word in it"):
            task.answer(*bad)
    with pytest.raises(ConfigError, match="this run answers questions"):
        task.predict("a text")
    assert task.answer("长城很长。🙂", "什么很长?")["answer"], "other scripts have tokens, too"
    assert task.answer("word " * 3000, "What?")["answer"].startswith("word"), (
        "longer than any passage in training"
    )


def official(data: Any, predictions: dict[str, str]) -> tuple[float, float]:
    """Exact match and F1 of SQuAD 1.1 in per cent, by its definition: means over questions of the best answer's."""

    def plain(text: str) -> list[str]:
        kept = "".join(sign for sign in text.lower() if sign not in string.punctuation)
        return re.sub(r"\b(a|an|the)\b", " ", kept).split()

    def f1(said: list[str], true: list[str]) -> float:
        same = sum((Counter(said) & Counter(true)).values())
        return 2 * same / (len(said) + len(true)) if same else 0.0

    exact, overlap = [], []
    for article in data["data"]:
        for paragraph in article["paragraphs"]:
            for qa in paragraph["qas"]:
                said = plain(predictions[qa["id"]])
                answers = [plain(answer["text"]) for answer in qa["answers"]]
                exact.append(float(any(said == true for true in answers)))
                overlap.append(max(f1(said, true) for true in answers))
    return 100 * float(np.mean(exact)), 100 * float(np.mean(overlap))
