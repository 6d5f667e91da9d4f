"""What cannot be carried out ends at once: one line, status 2, no traceback, nothing on disk."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ..pace import importing_torch

Command = Callable[..., Any]
Process = Callable[..., subprocess.Popen[str]]

TRAIN = [
    (
        "model=foo",
        "model: expected one of cnn, gru, lstm, mingru, qrnn, sru, srupp, transformer_xl; found 'foo'",
    ),
    (
        "task=foo",
        "task: expected one of cr, enwik8, mpqa, mr, quickstart, squad, sst, subj, text, trec, wikitext103, wikitext2; "
        "found 'foo'",
    ),
    ("trainer=foo", "trainer: expected one of auto, cpu, cuda; found 'foo'"),
    ("experiment=sst/foo", "experiment: no such file conf/experiment/sst/foo.yaml"),
    ("experiment=foo/bar", "experiment"),
    ("foo=1", "foo: no such key"),
    ("+foo=1", "foo: no such key"),
    ("model.foo=1", "model.foo: no such key"),
    ("+model.foo=1", "model.foo: no such key; expected one of name, _class_, hidden_size"),
    ("+task.foo=1", "task.foo: no such key"),
    ("~seed", "seed: missing"),
    ("model.name=foo", "model.name: unknown model 'foo': expected one of cnn,"),
    ("model.name=_base", "model.name: unknown model '_base'"),
    ("task.kind=foo", "task.kind: unknown kind of task 'foo'"),
    ("task.name=foo", "task.name: expected 'sst', found 'foo'"),
    ("task.vectors=", "task.vectors: expected"),
    ("task.labels=both", "task.labels: expected 'binary' or 'fine', found 'both'"),
    ("logger.name=foo", "logger.name: expected wandb, tensorboard, trackio or csv, found 'foo'"),
    ("model=null", "Config group override must be a string"),
    ("model.hidden_size=many", "model.hidden_size: expected integer, found 'many'"),
    ("model.hidden_size=1.5", "model.hidden_size: expected integer, found 1.5"),
    ("model.hidden_size=true", "model.hidden_size: expected integer, found True"),
    ("model.bidirectional=1", "model.bidirectional: expected boolean, found 1"),
    ("optim.lr=-1", "optim.lr: expected greater than 0, found -1"),
    ("optim.lr=1e38", "optim.lr: expected at most 1e+30, as rates are in float32, found 1e+38"),
    ("optim.lr=fast", "optim.lr: expected number, found 'fast'"),
    ("optim.name=lion", "optim.name: expected 'adam', 'adamw', 'adamax', 'radam' or 'sgd', found 'lion'"),
    ("model.dropout=1.5", "model.dropout: expected less than 1, found 1.5"),
    ("model.num_layers=0", "model.num_layers: expected greater than or equal to 1, found 0"),
    ("task.batch_size=0", "task.batch_size: expected greater than or equal to 1, found 0"),
    ("seed=-1", "seed: expected greater than or equal to 0, found -1"),
    ("seed=1.5", "seed: expected integer, found 1.5"),
    ("seed=1,2", "Ambiguous value for argument 'seed=1,2'"),
    ("seed=", "seed: expected integer, found ''"),
    ("profile=foo", "profile: expected one of paper, short, smoke, found 'foo'"),
    ("resume=maybe", "resume: expected true or false, found 'maybe'"),
    ("row=a/b", "row: expected"),
    ("trainer.max_epochs=0", "trainer: expected a limit in max_epochs, max_steps or max_seconds"),
    ("trainer.max_epochs=-1", "trainer.max_epochs: expected greater than or equal to 0, found -1"),
    ("model=qrnn model.window=2 model.bidirectional=true", "model: "),
    ("model=qrnn model.highway=true model.pooling=f", "model: "),
    (
        "task=quickstart model=cnn",
        "task=quickstart carries a state from batch to batch: expected a causal model",
    ),
    ("task=quickstart model.bidirectional=true", "task=quickstart carries a state"),
    ("seed", ""),
    ("=1", ""),
    ("model.dropout=${nowhere}", "Interpolation key 'nowhere' not found"),
    ("model.dropout={", ""),
    ("hydra.foo=1", "Could not override 'hydra.foo'"),
]
OTHERS = [
    ("frobnicate", "unknown verb 'frobnicate': expected one of train, evaluate,"),
    ("evaluate", "run: missing; expected run=runs/TASK/ROW/PROFILE/seedN"),
    ("evaluate run=", "run: missing"),
    ("evaluate run=nowhere", "nowhere: expected a run record, found none"),
    ("evaluate run=a run=b", "run: expected once, found twice"),
    ("predict text=hello", "run: missing"),
    ("predict run=nowhere text=hello", "nowhere: expected a run record, found none"),
    (
        "predict run=nowhere --jsn",
        "--jsn: expected run=..., text=..., prompt=..., passage=..., question=..., top=..., length=..., "
        "temperature=..., top_k=..., seed=..., device=..., --json, --gates here",
    ),
    ("reproduce", "table: missing; expected table=sst"),
    (
        "reproduce table=foo",
        "table: expected one of ablation, enwik8, quickstart, sentences, squad, sst, text, wikitext103, "
        "wikitext2, found 'foo'",
    ),
    ("reproduce table=sst rows=sru2,foo", "rows: expected some of cnn, lstm, qrnn, "),
    ("reproduce table=sst seeds=abc", "seeds: expected whole numbers from 0 on such as 1,2,3, found 'abc'"),
    ("reproduce table=sst seeds=-1", "seeds: expected whole numbers from 0 on such as 1,2,3, found '-1'"),
    ("reproduce table=sst seeds=1 seed=2", "seed: expected either seeds= or seed=, found both"),
    ("reproduce table=sst jobs=0", "jobs: expected a whole number from 1 on, found '0'"),
    ("reproduce table=sst profile=foo", "profile: expected one of paper, short, smoke, found 'foo'"),
    ("reproduce table=sst folds=0", "folds: table=sst has none"),
    ("reproduce table=sst foo=1", "foo: no such key"),
    ("reproduce table=sst --config-dir=mine", "--config-dir=mine: expected key=value here"),
    ("list task=foo", "task: expected one of cr, enwik8, mpqa,"),
    ("list foo", "foo: expected task=..., --json here"),
    ("fetch task=foo", "task: expected one of cr, enwik8, mpqa,"),
    ("compare a=nowhere", "b: missing; expected b=runs/..."),
    ("compare a=nowhere b=nowhere", "nowhere: expected a run record, found none"),
    ("backends foo", "foo: expected nothing here"),
]


def refused(called: Any, message: str, folder: Path) -> None:
    assert called.status == 2, called
    assert called.out == ""
    (line,) = called.err.splitlines()
    assert line.startswith(f"sru-repro: {message}"), line
    assert not list(folder.iterdir()), "something was left on disk"


@pytest.mark.parametrize(("words", "message"), TRAIN, ids=[words for words, _ in TRAIN])
def test_a_configuration_that_cannot_be(
    words: str, message: str, sru_repro: Command, data: Path, tmp_path: Path
) -> None:
    called = sru_repro("train", f"data_dir={data}", "logger=csv", *words.split(" "), cwd=tmp_path)
    refused(called, message, tmp_path)


@pytest.mark.parametrize(("words", "message"), OTHERS, ids=[words for words, _ in OTHERS])
def test_a_call_that_cannot_be(words: str, message: str, sru_repro: Command, tmp_path: Path) -> None:
    refused(sru_repro(*words.split(), cwd=tmp_path), message, tmp_path)


def test_cuda_without_a_gpu(sru_repro: Command, tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    called = sru_repro("train", "trainer=cuda", cwd=tmp_path)
    refused(called, "trainer.accelerator=cuda: expected a CUDA GPU, found none", tmp_path)


def test_data_that_are_not_there_leave_the_working_directory_alone(
    sru_repro: Command, tmp_path: Path
) -> None:
    for words in (
        ["train"],
        ["train", "hydra.run.dir=."],
        ["fetch", "task=trec"],
        ["reproduce", "table=sst"],
    ):
        called = sru_repro(*words, "data_dir=nowhere", cwd=tmp_path)
        refused(called, "nowhere/s", tmp_path)
        assert "file not found" in called.err and "by data_dir=" in called.err
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/mine").write_text("kept")
    assert sru_repro("train", "data_dir=nowhere", cwd=tmp_path).status == 2
    assert [path.name for path in tmp_path.rglob("*")] == ["runs", "mine"]


def test_under_make_the_key_is_that_of_make(
    sru_repro: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = subprocess.run(
        ["make", "-n", "-p"], cwd=Path(__file__).parents[2], capture_output=True, text=True
    )
    (line,) = [
        line for line in shown.stdout.splitlines() if line.startswith("export SRU_REPRO_DATA_KEY")
    ] or [line for line in shown.stdout.splitlines() if line.startswith("SRU_REPRO_DATA_KEY")]
    name, _, value = line.removeprefix("export ").partition(" := ")
    monkeypatch.setenv(name, value)
    called = sru_repro("fetch", "task=trec", "data_dir=nowhere", cwd=tmp_path)
    assert called.status == 2 and called.err.endswith("or name a folder that has it by DATA=\n")


def test_cut_data_name_the_file_and_the_count(
    sru_repro: Command, data: Path, tmp_path: Path, small: tuple[str, ...]
) -> None:
    shutil.copytree(data, tmp_path / "data")
    (tmp_path / "work").mkdir()
    trees = tmp_path / "data/sst/trees/train.txt"
    text = trees.read_text()
    lines = text.splitlines()
    words = [f"data_dir={tmp_path / 'data'}", *(word for word in small if not word.startswith("data_dir="))]
    for cut, message in (
        (text[: len(text) // 2], f"{trees}:"),
        ("\n".join(lines[:-1]), f"{trees}: expected 8,544"),
        ("", f"{trees}: expected 8,544"),
    ):
        trees.write_text(cut)
        refused(sru_repro("train", *words, cwd=tmp_path / "work"), message, tmp_path / "work")
    trees.write_text(text)
    (tmp_path / "data/vectors/three.300d.txt").write_text("awful 1.0 2.0\n")
    called = sru_repro("train", *words, cwd=tmp_path / "work")
    refused(called, f"{tmp_path / 'data/vectors/three.300d.txt'}", tmp_path / "work")
    called = sru_repro("train", *words, "task.vectors=nowhere.bin", cwd=tmp_path / "work")
    refused(called, "", tmp_path / "work")
    assert "nowhere.bin" in called.err


def test_a_folder_that_cannot_be_made(sru_repro: Command, small: tuple[str, ...], tmp_path: Path) -> None:
    called = sru_repro("train", *small, "hydra.run.dir=/dev/null/run", cwd=tmp_path)
    refused(called, "/dev/null/run: expected a folder that can be made, found: Not a directory", tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda record: record.clear(), "key 'schema'"),
        (lambda record: record["config"]["model"].update(name="foo"), "model.name: unknown model 'foo'"),
        (lambda record: record["config"]["model"].update(foo=1), "model.foo: no such key"),
        (lambda record: record["config"].pop("task"), "task: expected a group of settings"),
    ],
)
@pytest.mark.parametrize("verb", ["evaluate", "predict"])
def test_a_record_that_is_not_whole(
    verb: str,
    change: Callable[[dict[str, Any]], Any],
    message: str,
    sru_repro: Command,
    sst_run: Path,
    tmp_path: Path,
) -> None:
    run = tmp_path / "run"
    shutil.copytree(sst_run, run)
    (tmp_path / "work").mkdir()
    record = json.loads((run / "run.json").read_text())
    change(record)
    (run / "run.json").write_text(json.dumps(record))
    called = sru_repro(verb, f"run={run}", *(["text=a"] if verb == "predict" else []), cwd=tmp_path / "work")
    assert message in called.err
    refused(called, "", tmp_path / "work")


@pytest.mark.parametrize("verb", ["evaluate", "predict"])
def test_a_run_without_its_files(verb: str, sru_repro: Command, sst_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(sst_run, run)
    (tmp_path / "work").mkdir()
    words = (verb, f"run={run}", *(["text=a"] if verb == "predict" else []))
    best = run / "checkpoints/best.ckpt"
    content = best.read_bytes()
    best.write_bytes(content[: len(content) // 2])
    refused(sru_repro(*words, cwd=tmp_path / "work"), f"{best}: expected", tmp_path / "work")
    best.unlink()
    refused(
        sru_repro(*words, cwd=tmp_path / "work"),
        f"{best}: expected the run's best checkpoint, found no such file",
        tmp_path / "work",
    )
    text = (run / "run.json").read_text()
    (run / "run.json").write_text(text[: len(text) // 2])
    refused(sru_repro(*words, cwd=tmp_path / "work"), f"{run / 'run.json'}: expected JSON", tmp_path / "work")


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("task.batch_size=0", "task.batch_size: expected greater than or equal to 1, found 0"),
        ("trainer.foo=1", "trainer.foo: no such key"),
        ("foo", "foo: expected one of data_dir=..., trainer...., task.batch_size=..."),
        ("model.hidden_size=16", "model.hidden_size=16: expected one of data_dir=..."),
        ("task.batch_size=[", ""),
        ("trainer.log_every.a=1", "trainer.log_every: expected integer, found {'a': 1}"),
        ("data_dir=nowhere", "nowhere/sst/"),
    ],
)
def test_evaluation_changes_only_what_does_not_shape_the_weights(
    word: str, message: str, sru_repro: Command, sst_run: Path, tmp_path: Path
) -> None:
    refused(sru_repro("evaluate", f"run={sst_run}", word, cwd=tmp_path), message, tmp_path)


def test_weights_of_another_size_are_named(sru_repro: Command, sst_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(sst_run, run)
    (tmp_path / "work").mkdir()
    text = (run / "run.json").read_text()
    (run / "run.json").write_text(text.replace('"hidden_size": 8', '"hidden_size": 16'))
    called = sru_repro("predict", f"run={run}", "text=a", cwd=tmp_path / "work")
    message = (
        f"{run / 'checkpoints/best.ckpt'}: expected weights of this configuration, found: size mismatch for "
    )
    refused(called, message, tmp_path / "work")


@pytest.mark.slow
def test_each_answer_comes_in_seconds(process: Process, data: Path, tmp_path: Path) -> None:
    shutil.copytree(data, tmp_path / "cut")
    trees = tmp_path / "cut/sst/trees/test.txt"
    trees.write_text(trees.read_text()[:-1000])
    most = 3.5 * importing_torch()  # at most 2.1 times as much was measured
    for words in (
        ["train", "model=foo"],
        ["train", "data_dir=nowhere"],
        ["train", f"data_dir={tmp_path / 'cut'}"],
        ["predict", "run=nowhere", "text=a"],
    ):
        began = sum(os.times()[2:4])  # of the processor, which others do not share
        started = process(*words)
        out, err = started.communicate(timeout=30)
        spent = sum(os.times()[2:4]) - began
        assert started.returncode == 2 and out == "", err
        assert len(err.splitlines()) == 1 and err.startswith("sru-repro: "), err
        assert not list((tmp_path / "work").iterdir())
        assert spent < most, f"{' '.join(words)} took {spent:.1f} s"
