"""TAB: asked of bash, zsh and fish where they are, and of what answers them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from sru_repro import bench
from sru_repro.cli import VERBS, choices, completed, completion
from sru_repro.cli.bench import BenchOptions
from sru_repro.cli.compare import CompareOptions
from sru_repro.cli.completed import candidates
from sru_repro.cli.evaluate import EvaluateOptions
from sru_repro.cli.export import ExportOptions
from sru_repro.cli.gpu_check import CheckOptions
from sru_repro.cli.list import ListOptions
from sru_repro.cli.pack import PackOptions
from sru_repro.cli.predict import PredictOptions
from sru_repro.cli.report import ReportOptions
from sru_repro.cli.reproduce import ReproduceOptions
from sru_repro.cli.tables import load_table, table_names
from sru_repro.core.settings import keys
from sru_repro.data.pack import TASKS
from sru_repro.models import encoder_class
from sru_repro.models import names as model_names
from sru_repro.tasks import task_class
from sru_repro.training.config import LOGGERS, OptimConfig, TopConfig, TrainerConfig

Command = Callable[..., Any]

OPTIONS: dict[str, Any] = {
    **{
        "predict": PredictOptions,
        "evaluate": EvaluateOptions,
        "bench": BenchOptions,
        "compare": CompareOptions,
        "export": ExportOptions,
    },
    **{"gpu-check": CheckOptions, "list": ListOptions, "pack": PackOptions, "reproduce": ReproduceOptions},
    "report": ReportOptions,
}
ASKED = [
    ("sru-repro tra", {"train"}),
    ("sru-repro train model=srup", {"model=srupp"}),
    ("sru-repro train experiment=sst/qrnn-", {"experiment=sst/qrnn-highway"}),
    ("sru-repro train optim.na", {"optim.name="}),
    ("sru-repro train --model=cn", {"--model=cnn"}),
    ("sru-repro train -m model=lstm,qr", {"model=lstm,qrnn"}),
    ("sru-repro reproduce table=senten", {"table=sentences"}),
    ("sru-repro evaluate run=runs/sst/my", {"run=runs/sst/my run/seed1"}),
]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A working directory with two runs."""
    for name in ("runs/sst/my run/seed1", "runs/text/other/seed2"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "run.json").write_text("{}")
    return tmp_path


@pytest.fixture
def shell(place: Path) -> Callable[..., list[str]]:
    """Runs a script by a shell in that directory, `sru-repro` on the path; the lines that it prints."""
    (place / "bin").mkdir()
    command = place / "bin/sru-repro"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sru_repro "$@"\n')
    command.chmod(0o755)

    def ask(name: str, *args: str) -> list[str]:
        if shutil.which(name) is None:
            pytest.skip(f"there is no {name}")
        done = subprocess.run(
            [name, *args],
            cwd=place,
            capture_output=True,
            text=True,
            env={**os.environ, "PATH": f"{place / 'bin'}:{os.environ['PATH']}", "HOME": str(place)},
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    return ask


@pytest.mark.slow
def test_bash_completes(shell: Callable[..., list[str]]) -> None:
    script = 'eval "$(sru-repro completion bash)"\n'
    for line, _ in ASKED:
        script += f'COMP_LINE="{line}"; COMP_POINT=${{#COMP_LINE}}; _sru_repro; echo "${{COMPREPLY[*]}}"\n'
    found = shell("bash", "--norc", "-c", script)
    assert found == [
        # behind the last of bash's word breaks, with what ends the word
        *("train ", "srupp ", "sst/qrnn-highway ", "optim.name=", "cnn ", "lstm,qrnn ", "sentences "),
        "runs/sst/my\\ run/seed1 ",
    ]


@pytest.mark.slow
def test_zsh_completes(shell: Callable[..., list[str]]) -> None:
    script = 'compdef() { :; }; eval "$(sru-repro completion zsh)"\n'
    script += 'compadd() { while [[ $1 != -- ]]; do shift; done; shift; print -l -- "$@"; }\n'
    for line, _ in ASKED:
        *ahead, last = line.split(" ")
        script += f"words=({' '.join(ahead)} '{last}'); CURRENT={len(ahead) + 1}; PREFIX='{last}'\n"
        script += "_sru_repro; echo @@\n"
    found = "\n".join(shell("zsh", "-f", "-c", script)).split("@@\n")
    answers = [set(filter(None, part.removesuffix("@@").splitlines())) for part in found]
    assert answers[: len(ASKED)] == [expected for _, expected in ASKED]


@pytest.mark.slow
def test_fish_completes(shell: Callable[..., list[str]]) -> None:
    script = "sru-repro completion fish | source\n"
    script += "".join(f'complete -C "{line}"; echo @@\n' for line, _ in ASKED)
    found = "\n".join(shell("fish", "--no-config", "-c", script)).split("@@\n")
    answers = [set(filter(None, part.removesuffix("@@").splitlines())) for part in found]
    assert answers[: len(ASKED)] == [expected for _, expected in ASKED]


@pytest.mark.parametrize(("line", "expected"), ASKED, ids=[line for line, _ in ASKED])
def test_what_answers_the_shells(
    line: str, expected: set[str], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    words = line.split(" ")
    assert set(candidates(words[1:-1], words[-1])) == expected


@pytest.mark.parametrize(
    ("line", "among"),
    [
        ("", {*VERBS, "--help"}),
        ("train ", {"model=", "task=", "model.", "optim.", "seed=", "data_dir=", "--config-dir"}),
        ("train model=qrnn model.", {"model.pooling=", "model.window="}),
        (
            "train model.layer_norm=",
            {"model.layer_norm=null", "model.layer_norm=pre", "model.layer_norm=post"},
        ),
        ("train --c", {"--cfg", "--config-dir"}),
        ("train profile=", {"profile=paper", "profile=short", "profile=smoke"}),
        ("train data_dir=ru", {"data_dir=runs/"}),
        ("train task.vectors=r", {"task.vectors=random", "task.vectors=runs/"}),
        ("fetch task=wiki", {"task=wikitext2", "task=wikitext103"}),
        ("reproduce table=sst rows=sru2,", {"rows=sru2,sru4", "rows=sru2,lstm"}),
        ("reproduce table=sst optim.l", {"optim.lr="}),
        ("predict ", {"run=", "text=", "--json"}),
        ("compare a=", {"a=runs/sst/my run/seed1", "a=runs/text/other/seed2"}),
        ("gpu-check sections=correct,ta", {"sections=correct,table1", "sections=correct,table2"}),
        ("compare a=r", {"a=runs/sst/my run/seed1"}),
        ("compare ", {"runs/sst/my run/seed1", "runs/text/other/seed2", "html=", "against="}),
        ("compare runs/x runs/t", {"runs/text/other/seed2"}),
        ("compare o", {"other/"}),
        ("compare html=o", {"html=other/"}),
        ("evaluate run=o", {"run=other/"}),
        ("train +optim.l", {"+optim.lr="}),
        ("train ~optim.cl", {"~optim.clip_norm"}),
        ("train --cfg ", {"job", "hydra", "all"}),
        ("train --config-dir o", {"other/"}),
        ("pack out=b", set()),
        ("bench shapes=lm-5", {"shapes=lm-512"}),
        ("completion ", {"bash", "zsh", "fish"}),
        ("nonsense ", set()),
    ],
)
def test_verbs_keys_values_rows_and_runs(
    line: str, among: set[str], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    (place / "other").mkdir()
    *words, last = line.split(" ")
    found = candidates(words, last)
    assert among <= set(found) and len(set(found)) == len(found)
    assert all(name.startswith(last) for name in found)


def test_what_was_given_is_not_offered_again() -> None:
    assert "seed=" not in candidates(["train", "--seed=1"], "se")
    assert "run=" not in candidates(["predict", "run=x"], "")


def test_every_verb_and_every_key_of_it_is_there() -> None:
    assert list(completed.KEYS) == list(VERBS)
    for verb, options in OPTIONS.items():
        assert set(keys(options)) <= set(completed.KEYS[verb]), verb
    assert tuple(bench.SHAPES) == completed.SHAPES and set(bench.PARTS) == set(completed.PARTS)
    assert tuple(TASKS) == completed.PACKED
    for name in table_names():
        table = load_table(name)
        assert set(choices.rows_of(name)) == {
            row for profile in table.seeds for row in table.row_names(profile)
        }


def test_the_files_of_conf_tell_every_value_that_there_is() -> None:
    """Names that a setting may have stand behind it in its file, where completion reads them."""
    groups: list[tuple[str, Any]] = [
        *(("optim", OptimConfig), ("trainer", TrainerConfig), ("", TopConfig)),
        *(("logger", settings) for settings in LOGGERS.values()),
        *(("model", encoder_class(name).Config) for name in model_names()),
        *(("task", task_class(kind).Config) for kind in ("sst", "squad")),
    ]
    for group, settings in groups:
        for name, field in settings.model_fields.items():
            allowed = [
                value for part in (field.annotation, *get_args(field.annotation)) for value in get_args(part)
            ]
            words = {str(value).lower() for value in allowed if isinstance(value, str | bool)}
            if name != "name" and words and "list" not in str(field.annotation):
                key = f"{group}.{name}".removeprefix(".")
                assert words <= set(choices.values(key)), key


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_hydras_way_of_asking_for_it(shell: str, sru_repro: Command, tmp_path: Path) -> None:
    plain = sru_repro("completion", shell, cwd=tmp_path)
    for flag in ("--shell-completion", "-sc"):
        assert sru_repro("train", flag, f"install={shell}", cwd=tmp_path) == plain
    assert plain.status == 0 and "sru-repro completion complete" in plain.out and not plain.err
    gone = sru_repro("train", "-sc", f"uninstall={shell}", cwd=tmp_path)
    assert gone.status == 0 and gone.out.strip() == completion.UNDONE[shell]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("completion", "completion: expected bash, zsh or fish, found nothing"),
        ("completion bsh", "completion: expected bash, zsh or fish, found bsh; did you mean bash?"),
        ("train -sc", "--shell-completion: expected install=bash"),
        ("train -sc install=tcsh", "--shell-completion: expected install=bash"),
    ],
)
def test_what_cannot_be_completed(words: str, said: str, sru_repro: Command, tmp_path: Path) -> None:
    called = sru_repro(*words.split(), cwd=tmp_path)
    assert called.status == 2 and called.err.startswith(f"sru-repro: {said}") and called.err.count("\n") == 1


@pytest.mark.slow
def test_an_answer_needs_no_torch() -> None:
    script = (
        "import sys\nfrom sru_repro.cli import main\n"
        "try: main(['completion', 'complete', 'bash', 'sru-repro train model=srupp model.'])\n"
        "except SystemExit: print(*sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "model.attention_every=" in done.stdout
    loaded = set(done.stderr.split())
    assert "hydra" in loaded and loaded.isdisjoint({"torch", "numpy", "pandas", "pytorch_lightning", "wandb"})


@pytest.mark.parametrize(
    ("typed", "replaced"),
    [
        (r"task.path=my\ d", r"my\ data/"),
        ('task.path="my d', "my data/"),
        ("task.path='my d", "my data/"),
        (r"--task.path=my\ data/a", r"my\ data/a\=b.txt "),
    ],
)
def test_bash_replaces_what_stands_behind_its_last_break(
    typed: str, replaced: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my data").mkdir()
    (tmp_path / "my data/a=b.txt").touch()
    monkeypatch.chdir(tmp_path)
    found = list(completion._completed("bash", f"sru-repro train {typed}", " \t\n\"'><=;|&(:"))
    assert [one.replace("a=", r"a\=") for one in found] == [replaced]
