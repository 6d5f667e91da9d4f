"""Language models: figures that do not depend on the cut, against closed forms, for every model; generation; pairs.

Shapes: L time, B batch, N symbols.
"""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from sru_repro import models
from sru_repro.cli.compose import composed
from sru_repro.core.errors import ConfigError
from sru_repro.data.text.streams import StreamBatches
from sru_repro.data.text.symbols import Symbols
from sru_repro.records.run import read_record
from sru_repro.tasks import task_class
from sru_repro.training.module import Totals

Command = Callable[..., Any]

MODELS = [name for name in models.names() if name != "cnn"]
SMALL = {
    "srupp": ("model.hidden_size=16", "model.projection_size=8", "model.num_heads=2"),
    "transformer_xl": ("model.hidden_size=16", "model.num_heads=2", "model.inner_size=24"),
}
TEXT = np.random.default_rng(1).integers(0, 256, 4101, dtype=np.uint8)


def small(model: str) -> tuple[str, ...]:
    """Overrides that make a model small and free of dropout."""
    dropout = ("model.dropout=0",)
    return (f"model={model}", *SMALL.get(model, ("model.hidden_size=12",)), *dropout)


def language_model(model: str, *words: str) -> Any:
    """A byte-level model in evaluation, its parameters away from constants such as an alpha of 0."""
    config = composed(["task=enwik8", "task.level=bytes", "task.embedding_size=8", *small(model), *words])
    torch.manual_seed(3)
    task = task_class("lm").create(config.task, config.model).eval()
    for parameter in task.parameters():
        if parameter.numel() == 1 or parameter.dim() == 1:
            nn.init.normal_(parameter, std=0.5)
    return task


def figures(task: Any, text: Any, batch_size: int, unroll: int) -> dict[str, float]:
    """What the task makes of a text, cut so and so, the state handed on."""
    totals, carry = Totals(), None
    batches = StreamBatches(text, batch_size, unroll)
    with torch.no_grad():
        for i in range(len(batches)):
            step = task.step(batches[i], carry)
            totals.add(step.totals)
            carry = step.carry
    return dict(task.metrics(totals.values()))


@pytest.mark.parametrize("model", MODELS)
def test_the_figure_does_not_depend_on_the_cut(model: str) -> None:
    task = language_model(model, "task.eval_window=70")
    found = [figures(task, TEXT[:1501], 1, cut)["bpc"] for cut in (64, 100, 512, 1500)]
    assert found == pytest.approx([found[0]] * 4, rel=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_eight_streams_equal_eight_evaluations_of_one(model: str) -> None:
    task, steps = language_model(model, "task.eval_window=50"), 4100 // 8
    together = figures(task, TEXT, 8, 64)["loss"]
    alone = [figures(task, TEXT[i * steps : (i + 1) * steps + 1], 1, 64)["loss"] for i in range(8)]
    assert together == pytest.approx(sum(alone) / 8, rel=1e-6)


@pytest.mark.parametrize("cutoffs", ["[]", "[20,100]"])
def test_a_model_that_ignores_its_input_has_a_closed_form(cutoffs: str) -> None:
    """All weights of the output zero: the figure is the cross-entropy with the biases' distribution."""
    words = [f"task.cutoffs={cutoffs}", "task.div_value=2"]
    task = language_model("sru", *words).double()
    for name, parameter in task.output.named_parameters():
        nn.init.zeros_(parameter) if "bias" not in name else nn.init.normal_(parameter)
    log_p = task.log_probabilities(torch.zeros(1, 12, dtype=torch.float64))[0].detach()
    assert float(log_p.exp().sum()) == pytest.approx(1.0, rel=1e-12)
    counts = np.bincount(TEXT[1:], minlength=256)
    bits = -(counts * log_p.numpy()).sum() / math.log(2) / counts.sum()
    assert figures(task, TEXT, 1, 100)["bpc"] == pytest.approx(bits, rel=1e-10)
    nn.init.zeros_(next(p for n, p in task.output.named_parameters() if "bias" in n))
    if cutoffs == "[]":
        assert figures(task, TEXT, 1, 77)["bpc"] == pytest.approx(8.0, rel=1e-12)


def test_tied_weights_are_one_matrix_of_embedding_and_output() -> None:
    width = language_model("sru").encoder.output_size
    tied, apart = (
        language_model("sru", f"task.embedding_size={width}", f"task.tie_weights={tie}")
        for tie in ("true", "false")
    )
    assert tied.output.weight is tied.embedding.weight and apart.output.weight is not apart.embedding.weight
    tied_count, count = (sum(p.numel() for p in task.parameters()) for task in (tied, apart))
    assert count - tied_count == 256 * width == apart.published_parameters() - tied.published_parameters()


@pytest.mark.parametrize(
    ("words", "width"),
    [((), 8), (("task.cutoffs=[20,100]", "task.div_value=2"), 12)],
    ids=["plain", "adaptive"],
)
def test_a_scaled_embedding_is_larger_by_the_root_of_its_width(words: tuple[str, ...], width: int) -> None:
    ids = torch.from_numpy(TEXT[:30].astype(np.int64)).unsqueeze(1)
    plain, scaled = (
        language_model("sru", *words, f"task.scale_embedding={scale}").embed(ids)
        for scale in ("false", "true")
    )
    assert plain.size(-1) == width and plain.abs().max() > 0
    torch.testing.assert_close(scaled, plain * math.sqrt(width))


@pytest.mark.parametrize("model", MODELS)
def test_stepwise_generation_equals_the_whole_pass(model: str) -> None:
    task = language_model(model, "task.eval_window=9").double()
    ids = torch.from_numpy(TEXT[:30].astype(np.int64)).unsqueeze(1)
    with torch.no_grad():
        h_LBH, _ = task.encoder(task.embed(ids))
        whole = task.log_probabilities(h_LBH[:, 0])
        state, steps = None, []
        for symbol in ids.split(1):
            h_1BH, state = task.encoder(task.embed(symbol), state)
            steps.append(task.log_probabilities(h_1BH[-1]))
    torch.testing.assert_close(torch.cat(steps), whole, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("model", MODELS)
def test_the_likeliest_text_is_what_argmax_over_the_whole_says(model: str) -> None:
    task = language_model(model, "task.eval_window=40").double()
    said = "".join(task.generate("ab", length=12, temperature=0.0, top_k=0, seed=1))
    ids = [97, 98]
    for _ in range(12):
        with torch.no_grad():
            h, _ = task.encoder(task.embed(torch.tensor(ids).unsqueeze(1)))
        ids.append(int(task.output(h[-1, 0]).argmax()))
    assert said == Symbols.all_bytes().decode(ids[2:])


def test_training_of_a_part_of_the_vocabulary_keeps_the_papers_count() -> None:
    config = composed(["task=enwik8", *small("sru"), "task.embedding_size=205"])
    task = task_class("lm").create(config.task, config.model, symbols=Symbols(tuple(range(60))))
    assert sum(p.numel() for p in task.parameters()) < task.published_parameters()
    assert (
        task.published_parameters()
        == task_class("lm").create(config.task, config.model).published_parameters()
    )


def test_words_of_ones_own_are_counted_as_they_are() -> None:
    words = (
        "task=text",
        "task.level=words",
        "task.embedding_size=8",
        "task.cutoffs=[100,300]",
        "task.div_value=2",
    )
    config = composed([*words, *small("sru")])
    symbols = Symbols(("<unk>", "<eos>", *(f"w{i}" for i in range(498))))
    task = task_class("lm").create(config.task, config.model, symbols=symbols)
    assert task.published_parameters() == sum(p.numel() for p in task.parameters()) > 500 * 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("task=enwik8 task.level=words", "corpus=enwik8 needs level=bytes or symbols"),
        ("task=wikitext2 task.level=bytes", "corpus=wikitext2 needs level=words"),
        ("task=enwik8 task.path=x", "path=x needs corpus=text"),
        ("task=enwik8 task.cutoffs=[5,5]", "need to rise"),
        ("task=enwik8 task.tie_projections=true", "tie_projections=true needs cutoffs"),
        ("task=enwik8 task.unroll=0", "task.unroll: expected"),
        ("task=enwik8 model=srupp model.bidirectional=true", "expected a causal model"),
        ("task=enwik8 model=cnn", "expected a causal model, found model=cnn"),
        ("task=enwik8 model=srupp model.projection_size=6 model.num_heads=4", "multiple of num_heads=4"),
    ],
)
def test_what_does_not_go_together_is_refused(words: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        composed(words.split())


def test_sizes_that_need_the_vocabulary_are_refused_when_it_is_known() -> None:
    with pytest.raises(ConfigError, match=r"task\.cutoffs: expected all below the 256 symbols"):
        language_model("sru", "task.cutoffs=[300]")
    with pytest.raises(ConfigError, match=r"task\.tie_weights=true: expected task\.embedding_size=12"):
        language_model("sru", "task.tie_weights=true")


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory, treebank: Path) -> Path:
    """A data folder with a beginning of an enwik8, a WikiText-103 and the treebank, all made up."""
    folder = tmp_path_factory.mktemp("corpora")
    (folder / "sst").symlink_to(treebank / "sst")
    (folder / "enwik8").mkdir()
    (folder / "enwik8/enwik8.first6000").write_bytes(
        (b"<page> some text, and more of it </page>\n" * 200)[:6000]
    )
    (folder / "wikitext-103").mkdir()
    words = np.random.default_rng(2).integers(0, 60, (900,))
    for split, count in (("train", 900), ("valid", 300), ("test", 300)):
        lines = [" ".join(f"w{i}" for i in words[j : j + 9]) for j in range(0, count, 9)]
        (folder / f"wikitext-103/wiki.{split}.tokens").write_text(" \n".join(lines) + " <unk> \n")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("task", ["sst", "enwik8", "wikitext103"])
@pytest.mark.parametrize("model", [*MODELS, "cnn"])
def test_every_model_trains_on_every_task_it_can(
    model: str, task: str, corpora: Path, sru_repro: Command, tmp_path: Path
) -> None:
    sizes = ("model=cnn", "model.filters=4") if model == "cnn" else small(model)
    words = [f"task={task}", *sizes, "profile=smoke", "logger=csv", "trainer=cpu", f"data_dir={corpora}"]
    if task == "sst":
        words += ["task.vectors=random", "task.vector_size=12"]
    else:
        words += ["task.batch_size=4", "task.unroll=20", "task.embedding_size=8", "task.eval_unroll=50"]
    if task == "wikitext103":
        words += ["task.cutoffs=[10,30]", "task.div_value=2"]
    called = sru_repro("train", *words, "trainer.max_steps=2", "hydra.run.dir=run", cwd=tmp_path)
    if model == "cnn" and task != "sst":
        assert called.status == 2 and "expected a causal model, found model=cnn" in called.err
        return
    assert called.status == 0, called.err
    record = read_record(tmp_path / "run").plain()
    key = {"sst": "accuracy", "enwik8": "bpc", "wikitext103": "ppl"}[task]
    assert record["headline"] == f"test/{key}" and math.isfinite(record["metrics"][f"test/{key}"])
    assert record["epochs"][-1]["step"] == 2


@pytest.fixture
def run(corpora: Path, sru_repro: Command, tmp_path: Path) -> Iterator[Path]:
    """A run of SRU++ on the beginning of enwik8."""
    words = [
        "task=enwik8",
        *small("srupp"),
        "profile=smoke",
        "logger=csv",
        "trainer=cpu",
        f"data_dir={corpora}",
    ]
    called = sru_repro("train", *words, "hydra.run.dir=run", cwd=tmp_path)
    assert called.status == 0, called.err
    yield tmp_path


def test_a_run_is_measured_again_with_another_cut_and_another_window(run: Path, sru_repro: Command) -> None:
    recorded = read_record(run / "run").plain()["metrics"]["test/bpc"]

    def test_bpc(*words: str) -> float:
        called = sru_repro("evaluate", "run=run", *words, cwd=run)
        assert called.status == 0, called.err
        (line,) = [line for line in called.out.splitlines() if line.startswith("test/bpc")]
        return float(line.split()[1])

    assert test_bpc() == recorded
    assert test_bpc("task.eval_unroll=33") == pytest.approx(recorded, rel=1e-6)
    assert test_bpc("task.eval_window=1") != recorded
    refused = sru_repro("evaluate", "run=run", "task.unroll=5", cwd=run)
    assert refused.status == 2 and "task.eval_window=..." in refused.err


def test_a_window_longer_than_the_data_is_the_whole_of_it(run: Path, sru_repro: Command) -> None:
    called = [sru_repro("evaluate", "run=run", f"task.eval_window={w}", cwd=run).out for w in (5000, 100_000)]
    assert called[0] == called[1]
