"""Words of the command line: values as the shell gave them, flags anywhere, sweep agents' spelling, no word without an
effect."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sru_repro.cli.compose import composed
from sru_repro.cli.flags import flags_of
from sru_repro.cli.quoting import TEXTS
from sru_repro.cli.words import dotlist
from sru_repro.core.errors import ConfigError
from sru_repro.records.run import Paper, read_record
from sru_repro.tasks import task_class
from sru_repro.training.config import LOGGERS, TopConfig

Command = Callable[..., Any]

QUICK = (
    *("task=quickstart", "profile=smoke", "logger=csv", "trainer=cpu"),
    *("task.max_bytes=20000", "task.unroll=300", "task.embedding_size=8", "model.hidden_size=8"),
)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("--model={'dropout': 0.1, 'tie': None}", "model.dropout=0.1 model.tie=null"),
        ("--optim={'schedule': {'warmup': 3}, 'name': 'adam'}", "optim.name=adam optim.schedule.warmup=3"),
        ('task={"dropout": 0.1, "reshuffle": true}', "task.dropout=0.1 task.reshuffle=true"),
    ],
)
def test_what_is_nested_in_a_sweep_of_wandbs_is_named_with_dots(
    sru_repro: Command, tmp_path: Path, word: str, meant: str
) -> None:
    called = sru_repro("train", "model=sru", "task=quickstart", word, cwd=tmp_path)
    told = f"{word.lstrip('-')}: expected keys with dots, {meant}; so are a sweep's parameters named, too"
    assert (called.status, called.err) == (2, f"sru-repro: {told}\n")
    noted = composed([*QUICK, "logger=wandb", "logger.notes={'a': 1}"])  # free text stays what it is
    assert noted.logger.model_dump()["notes"] == "{'a': 1}"


def test_keys_as_sweep_agents_write_them(sru_repro: Command, tmp_path: Path) -> None:
    assert composed(["--optim.lr=0.25", "--model=gru", "--row=a"]).optim.lr == 0.25
    assert flags_of(["--optim.lr=0.25", "-m", "--seed=1,2"]).words == ["optim.lr=0.25", "seed=1,2"]
    called = sru_repro("list", "--task=sst", "--json", cwd=tmp_path)
    assert called.status == 0 and json.loads(called.out)["rows"]
    for verb in ("train", "fetch", "reproduce"):
        table = ["--table=sst"] if verb == "reproduce" else []
        called = sru_repro(verb, *table, "--optim.lr=fast", cwd=tmp_path)
        assert called.err == "sru-repro: optim.lr: expected number, found 'fast'\n"
    called = sru_repro("evaluate", "--run=nowhere", cwd=tmp_path)
    assert called.err.startswith("sru-repro: nowhere: expected a run record")


@pytest.mark.parametrize(
    ("args", "words", "hydra"),
    [
        (["model=sru", "-m", "seed=1,2"], ["model=sru", "seed=1,2"], ["--multirun"]),
        (["a=1", "--cfg", "job", "--resolve", "b=2"], ["a=1", "b=2"], ["--cfg=job", "--resolve"]),
        (["-cd", "mine", "a=1", "-cn", "other"], ["a=1"], ["--config-name=other", "--config-dir=mine"]),
        (["--info", "model=sru"], ["model=sru"], ["--info=all"]),
        (["--info", "defaults", "model=sru"], ["model=sru"], ["--info=defaults"]),
        (["-c=all", "-p", "model", "--hydra-help"], [], ["--hydra-help", "--cfg=all", "--package=model"]),
        (["--config-dir=a b", "--", "x=1"], ["x=1"], ["--config-dir=a b"]),
        (["-sc", "install=fish"], ["install=fish"], ["--shell-completion"]),
    ],
)
def test_hydras_flags_stand_anywhere(args: list[str], words: list[str], hydra: list[str]) -> None:
    found = flags_of(args)
    assert (found.words, found.hydra) == (words, hydra)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--mutirun"], "--mutirun: no such flag; did you mean --multirun?"),
        (["-optim.lr=0.1"], "-optim.lr=0.1: no such flag; did you mean optim.lr=0.1?"),
        (["--optim.lr", "0.1"], "--optim.lr: no such flag; a key is given as key=value: optim.lr=VALUE"),
        (["--cfg", "jobs"], "--cfg/-c: invalid choice: 'jobs'"),
        (["--config-dir"], "--config-dir/-cd: expected one argument"),
        (["--package=model"], "--package: expected it beside --cfg, found no --cfg"),
        (["--experimental-rerun", "x.pickle"], "--experimental-rerun: expected key=value"),
        (["seed"], "seed: expected key=value, found no =; did you mean seed=VALUE?"),
        (["sede"], "sede: expected key=value, found no =; did you mean seed=VALUE?"),
        (["task.path=my", "file.txt"], "file.txt: expected key=value, found no =; is it the rest of a value"),
        (["=1"], "=1: expected key=value, found no key"),
        ([""], "'': expected key=value"),
        (["文本=1"], "文本: no such key"),
        (["hydra.run.dir=r\udcff"], "hydra.run.dir=r\\udcff: expected UTF-8, found byte 0xff"),
        (["modle=sru"], "modle: no such key; did you mean model?"),
        (["lr=1"], "lr: no such key; did you mean optim.lr?"),
        (
            ["model=srupp", "model.atention_every=2"],
            "model.atention_every: no such key; did you mean model.attention_",
        ),
        (
            ["model=sruu"],
            "model: expected one of cnn, gru, lstm, mingru, qrnn, sru, srupp, transformer_xl; found 'sruu'; ",
        ),
        (
            ["optim.name=adma"],
            "optim.name: expected 'adam', 'adamw', 'adamax', 'radam' or 'sgd', found 'adma'; did you",
        ),
        (
            ["experiment=sst/srru2"],
            "experiment: no such file conf/experiment/sst/srru2.yaml; did you mean sst/sru2?",
        ),
        (
            ["experiment=srupp-k10"],
            "experiment: no such file conf/experiment/srupp-k10.yaml; did you mean enwik8/srupp",
        ),
        (
            ["profile=smokes"],
            "profile: expected one of paper, short, smoke, found 'smokes'; did you mean smoke?",
        ),
        (
            ["model=[sru,lstm]"],
            "model: expected one of cnn, gru, lstm, mingru, qrnn, sru, srupp, transformer_xl, found [",
        ),
        (["model=null"], "Config group override must be a string or a list. Got NoneType (in model=null)"),
        (["+seed=1"], "seed: expected seed=VALUE, found +seed="),
        (["optim.lr=nan"], "optim.lr: expected finite number, found nan"),
        (["optim.lr=1e999"], "optim.lr: expected finite number, found inf"),
        (["trainer.max_seconds=inf"], "trainer.max_seconds: expected finite number, found inf"),
        (
            ["model.hidden_size=" + "9" * 30],
            "model.hidden_size: expected at most 9007199254740992, found a number of",
        ),
        (["model.hidden_size=" + "9" * 9000], "model.hidden_size: expected integer, found '9999"),
        (["trainer.threads=100000"], "trainer.threads: expected less than or equal to 1024"),
        (
            ["model.bidirectional=yes"],
            "model.bidirectional: expected boolean, found 'yes'; write true or false",
        ),
        (["logger.tags=a"], "logger.tags: expected list, found 'a'; write logger.tags=[a,b]"),
        (["seed=01"], "seed: expected integer, found '01'"),
        (["model.dropout={"], "model.dropout: expected number, found '{'"),
        (["model.dropout=${seed"], "Error merging override model.dropout="),
        (["model.dropout=${model.dropout}"], "Recursive interpolation detected (in model.dropout)"),
        (["~logger"], "logger: expected a group of settings, found none"),
        (["~task", "seed=1"], "task: expected a group of settings, found none"),
        (["~trainer.accelerator"], "trainer.accelerator: missing"),
        (["+budgets.short.foo=1"], "budgets.short.foo: no such key in every profile"),
        (["experiment=sst/sru2", "paper.metric=x"], "paper.metric: expected dict, found 'x'"),
        (
            ["experiment=sst/sru2", "paper.metric.sst=[a]"],
            "paper.metric.sst: expected int or float, found ['a']",
        ),
        (["paper={foo: 1}"], "paper.foo: no such key; expected one of label, line,"),
        (["hydra.run.dir="], "hydra.run.dir: expected a folder, found an empty text"),
        (
            ["hydra.sweep.dir=x"],
            "hydra.sweep.dir: expected hydra.run.dir= without -m, found hydra.sweep.dir=x",
        ),
        (
            ["-m", "hydra.run.dir=x"],
            "hydra.run.dir: expected hydra.sweep.dir= and hydra.sweep.subdir= with -m",
        ),
        (["-m", "modle=sru,lstm"], "modle: no such key; did you mean model?"),
        (["-m", "model=sru,lsmt"], "model: expected one of cnn, gru, lstm,"),
        (["-m", "optim.lr=x,y", "seed=1,2"], "optim.lr: expected number, found 'x'"),
        (["-m", "seed=range(2,1)"], "seed=range(2,1): expected something to sweep over, found nothing"),
        (["--config-dir=nowhere"], "--config-dir=nowhere: expected a folder of configurations, found none"),
        (
            ["hydra.searchpath=[file:///no where (2)]"],
            "hydra.searchpath: expected a folder of configurations, found none",
        ),
    ],
)
def test_what_a_word_cannot_be(words: list[str], said: str, sru_repro: Command, tmp_path: Path) -> None:
    called = sru_repro("train", *words, cwd=tmp_path)
    assert called.err.startswith(f"sru-repro: {said}"), called.err
    assert (called.status, called.out, called.err.count("\n")) == (2, "", 1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("evalute run=x", "evaluate"),
        ("trian model=sru", "train"),
        ("reproduce table=sqaud", "squad"),
        ("reproduce table=sst rows=sru22", "sru2"),
        ("gpu-check sections=corect", "correct"),
        ("bench shapes=lm512", "lm-512"),
        ("predict run=x txt=a", "text"),
        ("list tsk=sst", "task"),
        ("evaluate run=. task.batchsize=3", "task.batch_size"),
        ("evaluate run=runs/sst/sru/smoke/sed1", "runs/sst/sru/smoke/seed1"),
        ("predict run=seed1 text=a", "runs/sst/sru/smoke/seed1"),
        ("compare a=runs/sst/sru/smoke/seed2 b=x", "runs/sst/sru/smoke/seed1"),
    ],
)
def test_verbs_tables_sections_and_runs(words: str, meant: str, sru_repro: Command, tmp_path: Path) -> None:
    run = tmp_path / "runs/sst/sru/smoke/seed1"
    run.mkdir(parents=True)
    (run / "run.json").write_text("{}")
    called = sru_repro(*words.split(), cwd=tmp_path)
    assert called.status == 2 and called.err.endswith(f"; did you mean {meant}?\n"), called.err


def test_a_run_beside_the_one_that_was_meant(sru_repro: Command, tmp_path: Path) -> None:
    (tmp_path / "elsewhere/seed12").mkdir(parents=True)
    (tmp_path / "elsewhere/seed12/run.json").write_text("{}")
    called = sru_repro("evaluate", f"run={tmp_path}/elsewhere/seed21", cwd=tmp_path)
    assert called.err.endswith(f"did you mean {tmp_path}/elsewhere/seed12?\n")


def test_help_wherever_it_stands(sru_repro: Command, tmp_path: Path) -> None:
    for words in (["train", "foo=1", "-h"], ["train", "--help", "seed"], ["bench", "shapes=x", "--help"]):
        called = sru_repro(*words, cwd=tmp_path)
        assert called.status == 0 and not called.err and called.out.startswith(f"sru-repro {words[0]}")
    assert "SRU_REPRO_BACKEND" in sru_repro("--help", cwd=tmp_path).out


def test_a_class_of_ones_own_without_a_file(sru_repro: Command, tmp_path: Path) -> None:
    called = sru_repro("train", "model._class_=nowhere.Mean", cwd=tmp_path)
    assert called.err.startswith(
        "sru-repro: model._class_: expected nowhere.Mean to be there, found ModuleNotFound"
    )
    config = composed(["model=sru", "model._class_=sru_repro.models.sru.SRU"])
    assert config.plain["model"]["_class_"] == "sru_repro.models.sru.SRU"


def test_a_pack_that_fails_leaves_no_folder(sru_repro: Command, tmp_path: Path) -> None:
    called = sru_repro("pack", "out=a/b", "data_dir=nowhere", cwd=tmp_path)
    assert called.status == 2 and not list(tmp_path.iterdir())
    (tmp_path / "a").mkdir()
    assert sru_repro("pack", "out=a", "data_dir=nowhere", cwd=tmp_path).status == 2
    assert [path.name for path in tmp_path.rglob("*")] == ["a"], "it was there before"


def test_changes_of_a_record_are_read_alike() -> None:
    assert dotlist(["data_dir=my (2) #1", "task.batch_size=3"]) == [
        'data_dir="my (2) #1"',
        "task.batch_size=3",
    ]
    assert dotlist(["data_dir=2024", "trainer.accelerator=cpu"]) == [
        'data_dir="2024"',
        'trainer.accelerator="cpu"',
    ]
    with pytest.raises(ConfigError, match=r"task\.batch_size=1,2: expected one value, found a sweep"):
        dotlist(["task.batch_size=1,2"])
    with pytest.raises(ConfigError, match="data_dir: expected once, found twice"):
        dotlist(["data_dir=a", "data_dir=b"])


@pytest.mark.usefixtures("members_here")
def test_a_sweep_of_which_no_member_began_leaves_nothing(sru_repro: Command, tmp_path: Path) -> None:
    called = sru_repro("train", "-m", "data_dir=nowhere", "seed=1,2", cwd=tmp_path)
    assert called.status == 1 and "2 of 2 runs failed" in called.err and not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_run_in_a_folder_with_a_strange_name(sru_repro: Command, tmp_path: Path) -> None:
    (tmp_path / "my texts (2)").mkdir()
    text = tmp_path / "my texts (2)/文本 #1, it's=x.txt"
    text.write_text("some words of a text, one after the other\n" * 300)
    words = [word for word in QUICK if not word.startswith(("task=", "task.max_bytes="))]
    where = ["task=text", f"task.path={text.relative_to(tmp_path)}", "hydra.run.dir=[runs], C:\\x/-m"]
    called = sru_repro("train", *where, "--optim.lr=0.01", *words, cwd=tmp_path)
    assert called.status == 0, called.err
    record = read_record(tmp_path / "[runs], C:\\x/-m")
    assert record.config["task"]["path"] == "my texts (2)/文本 #1, it's=x.txt"
    assert record.config["optim"]["lr"] == 0.01
    again = sru_repro("evaluate", "run=[runs], C:\\x/-m", "--data_dir=no (2) #where", cwd=tmp_path)
    assert again.status == 0, again.err


def test_every_free_text_of_the_settings_is_known() -> None:
    settings: dict[str, list[Any]] = {
        "task": [task_class(kind).Config for kind in ("sst", "lm")],
        "logger": [*LOGGERS.values()],
        "": [TopConfig],
        "paper": [Paper],
    }
    for key in TEXTS:
        group, _, name = key.rpartition(".")
        if group in settings:
            fields = [kind.model_fields[name] for kind in settings[group] if name in kind.model_fields]
            assert fields and all(field.annotation in (str, str | None) for field in fields), key


def test_quoted_elements_of_a_list_may_stand_anywhere() -> None:
    assert composed(["logger.tags=[a,'b, c',\"d\"]"]).plain["logger"]["tags"] == ["a", "b, c", "d"]
    with pytest.raises(ConfigError, match=r"^logger\.tags\.1: "):
        composed(["logger.tags=[a,'']"])
