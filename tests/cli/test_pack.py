"""`sru-repro pack`, training on a pack without the packages that stay at home, and the two scripts around it."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from sru_repro.cli.pack import run
from sru_repro.core.errors import ConfigError, DataError
from sru_repro.data.sentences.sst import load_sst
from sru_repro.data.squad.dataset import load_squad

SCRIPTS = Path(__file__).parents[2] / "scripts"
AT_HOME = (
    *("spacy", "gensim", "datasets", "wandb", "safetensors"),
    *(
        "optuna",
        "plotly",
        "tensorboard",
        "trackio",
        "submitit",
        "joblib",
    ),  # torchmetrics looks for matplotlib, SciPy
)
TRAIN = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {AT_HOME}:
            raise ModuleNotFoundError(name + " stays at home")

data = "data_dir=" + sys.argv[1]
sys.meta_path.insert(0, Absent())
from sru_repro.cli import main

small = ["profile=smoke", "trainer=cpu", "logger=csv", "task.batch_size=8", "model.hidden_size=8", "model.num_layers=1"]
for name, words in {{
    "sst": ["task=sst", "task.train_on=sentences"],
    "squad": ["task=squad", "model.bidirectional=true"],
}}.items():
    try:
        main(["train", "model=sru", *words, *small, data, "hydra.run.dir=" + name])
    except SystemExit as stop:
        assert not stop.code, (name, stop.code)
"""


@pytest.fixture(scope="module")
def packed(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack of the three tasks."""
    out = tmp_path_factory.mktemp("pack")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SRU_REPRO_CACHE", str(out / "cache"))
        assert run([f"out={out}", f"data_dir={data}", "bytes=5000"]) == 0
    return out / "data"


def test_what_is_packed(packed: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {str(path.relative_to(packed)) for path in packed.rglob("*") if path.is_file()}
    assert files >= {
        *("sst/trees/train.txt", "sst/trees/dev.txt", "sst/trees/test.txt"),
        *("squad/prepared/meta.json", "vectors/three.300d.txt.cut.npz", "enwik8/enwik8.first5000"),
    }
    assert run([f"out={packed.parent}", f"data_dir={data}", "tasks=enwik8"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "enwik8: 9,000 bytes of enwik8/enwik8.first9000",
        "enwik8        0.0 MB",
        f"together      0.0 MB in {packed}",
    ]
    assert run([f"out={packed.parent}", f"data_dir={data}"]) == 0  # as other tests expect it


@pytest.mark.slow
def test_training_on_a_pack_needs_nothing_that_stays_at_home(
    packed: Path, data: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", TRAIN, str(packed)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    sst, squad = (json.loads((tmp_path / name / "run.json").read_text()) for name in ("sst", "squad"))
    assert sst["state"] == squad["state"] == "finished"

    trees, questions = load_sst(data, train_on="sentences", limit=64), load_squad(data)
    assert sst["data"]["fingerprint"].startswith(f"{trees.fingerprint}-")
    assert sst["data"]["source"] == f"{trees.source}; word vectors three.300d.txt.cut.npz"
    assert sst["data"]["notes"][:-1] == list(trees.notes)

    found = squad["data"]
    assert found["fingerprint"].startswith(f"{questions.fingerprint}-")
    assert found["source"] == f"{questions.source}; word vectors three.300d.txt.cut.npz"
    assert found["notes"][:-1] == list(questions.notes)
    assert (found["share"], found["comparable"]) == (questions.share, False)
    assert found["description"] == questions.description
    assert found["why_not"].startswith(f"{questions.why_not}; ")
    assert "cut to the most frequent words" in found["why_not"]
    assert found["counts"] == {"train": len(questions.train), "val": 8, "test": 8}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "out: missing; expected out=FOLDER"),
        (["out=x", "tasks=sst,mr"], "tasks: expected some of sst, squad, enwik8, found 'mr'"),
        (["out=x", "words=0"], "words: expected a whole number from 1 on, found '0'"),
        (["out=x", "questions=all"], "questions: expected a whole number from 0 on, found 'all'"),
        (
            ["out=x", "size=3"],
            "size=3: expected out=..., data_dir=..., tasks=..., words=..., questions=..., bytes=",
        ),
        (["out=x", "data_dir=x/data"], "out=x: expected another folder than that of the data, x/data"),
    ],
)
def test_words_that_are_refused(
    words: list[str], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        run(words)
    assert str(caught.value).startswith(line) and "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_data_that_are_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"enwik8/enwik8: file not found .* put it there") as caught:
        run([f"out={tmp_path / 'out'}", f"data_dir={tmp_path}", "tasks=enwik8"])
    assert "\n" not in str(caught.value)


def called(name: str, *words: str, **environment: str) -> tuple[int, str, str]:
    """Status, output and errors of a script."""
    command = ["bash", str(SCRIPTS / name), *words]
    path = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, env=path | environment, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.sh")), ids=lambda path: path.name)
def test_scripts_can_be_read_by_bash(script: Path) -> None:
    assert subprocess.run(["bash", "-n", str(script)], capture_output=True).stderr == b""
    assert script.stat().st_mode & 0o111


@pytest.mark.parametrize("name", ["pack_offline.sh", "gpu_check.sh", "rehearse_pack.sh"])
def test_scripts_tell_what_they_do(name: str) -> None:
    status, out, err = called(name, "--help")
    assert (status, err) == (0, "") and f"scripts/{name}" in out and "set -euo" not in out


def test_a_pack_is_not_begun_where_it_cannot_be_made(tmp_path: Path) -> None:
    out, data = str(tmp_path / "out"), str(tmp_path)
    for words, environment, line in (
        (("a", "b"), {}, "expected one folder, found 2: a b"),
        ((out,), {"DATA": f"{data}/none"}, f"DATA={data}/none: no such folder"),
        (
            (out,),
            {"DATA": data, "PYTHON_VERSION": "3.10"},
            "PYTHON_VERSION=3.10: expected 3.11, 3.12 or 3.13",
        ),
        (
            (out,),
            {"DATA": data, "VENV": f"{data}/none"},
            f"{data}/none/bin/python: not found; run make setup first",
        ),
    ):
        status, _, err = called("pack_offline.sh", *words, **environment)
        assert (status, err) == (2, f"scripts/pack_offline.sh: {line}\n")
    assert not list(tmp_path.iterdir())


def wheel(folder: Path, name: str, *needs: str) -> None:
    """A wheel without content."""
    folder.mkdir(parents=True, exist_ok=True)
    told = "".join(f"Requires-Dist: {need}\n" for need in needs)
    with zipfile.ZipFile(folder / f"{name}.whl", "w") as archive:
        project, version, *_ = name.split("-")
        archive.writestr(f"{project}-{version}.dist-info/METADATA", f"Name: {project}\n{told}")
        archive.writestr("inside/other-1.dist-info/METADATA", "Requires-Dist: nothing-of-ours\n")


def test_wheels_that_do_not_fit_are_named(tmp_path: Path) -> None:
    def called_with(version: str) -> tuple[int, list[str]]:
        command = [sys.executable, str(SCRIPTS / "wheels.py"), str(tmp_path), version]
        done = subprocess.run(command, capture_output=True, text=True)
        assert not done.stderr, done.stderr
        return done.returncode, done.stdout.splitlines()

    assert called_with("3.12") == (1, [f"{tmp_path}: expected wheels, found none"])
    wheel(tmp_path, "one-1.0-py3-none-any", "torch", "two_parts>=1.5", 'old; python_version < "3.11"')
    wheel(
        tmp_path / "if-missing",
        "two_parts-2.1-cp312-cp312-manylinux_2_17_x86_64",
        'rare; extra == "x"',
        "wandb",
    )
    assert called_with("3.12") == (0, ["2 wheels fit Python 3.12"])
    expected = "expected a wheel for Python 3.11 on Linux, x86-64"
    assert called_with("3.11") == (1, [f"two_parts-2.1-cp312-cp312-manylinux_2_17_x86_64.whl: {expected}"])
    wheel(tmp_path, "three-1-py3-none-macosx_11_0_arm64", "two-parts<2", "absent")
    wheel(tmp_path, "two_parts-2.2-py3-none-any")
    assert called_with("3.12") == (
        1,
        [
            "three-1-py3-none-macosx_11_0_arm64.whl: expected a wheel for Python 3.12 on Linux, x86-64",
            "two_parts-2.2-py3-none-any.whl: expected one two-parts, found 2.1 too",
            "three-1-py3-none-macosx_11_0_arm64.whl: needs two-parts<2, found 2.2",
            "three-1-py3-none-macosx_11_0_arm64.whl: needs absent, which is not among the wheels",
        ],
    )


def test_a_pack_is_not_rehearsed_where_it_is_none(tmp_path: Path) -> None:
    def refused(status: int = 2, **environment: str) -> str:
        found, _, err = called("rehearse_pack.sh", str(pack), PYTHON=sys.executable, **environment)
        assert found == status and "Traceback" not in err
        return err.removeprefix("scripts/rehearse_pack.sh: ").rstrip()

    pack = tmp_path / "pack"
    assert refused() == f"{pack}: no such folder; scripts/pack_offline.sh makes it"
    pack.mkdir()
    for name in ("PYTHON", "CUDA", "REVISION", "SOURCES"):
        (pack / name).write_text("3.10\n")
    assert refused().startswith(f"{pack}/pack.tar.xz: not found")
    (pack / "pack.tar.xz").write_text("none")
    assert "expected a whole archive, found a damaged one" in refused()
    wheel(tmp_path / "wheels", "one-1.0-py3-none-any")
    subprocess.run(["tar", "-C", str(tmp_path), "-cJf", str(pack / "pack.tar.xz"), "wheels"], check=True)
    assert refused(1).startswith("the pack is for Python 3.10, found 3.")
    wheel(tmp_path / "wheels", "two-1.0-cp313-cp313-manylinux_2_17_x86_64")
    subprocess.run(["tar", "-C", str(tmp_path), "-cJf", str(pack / "pack.tar.xz"), "wheels"], check=True)
    assert refused(1) == "wheels that do not fit (above)"


@pytest.mark.slow
def test_a_check_is_not_begun_without_a_pack_or_a_gpu(tmp_path: Path) -> None:
    def refused(*words: str, **environment: str) -> str:
        status, out, err = called("gpu_check.sh", *words, TMPDIR=str(tmp_path), **environment)
        assert (status, out, err.count("\n")) == (2, "", 1), err
        return err.removeprefix("scripts/gpu_check.sh: ").rstrip()

    pack, here = tmp_path / "pack", f"{sys.version_info.major}.{sys.version_info.minor}"
    assert refused().startswith("expected the folder of a pack, found none")
    assert refused(str(pack)) == f"{pack}: no such folder; scripts/pack_offline.sh makes it"
    pack.mkdir()
    assert refused(str(pack)).startswith(f"{pack}/pack.tar.xz: not found")
    for name in ("pack.tar.xz", "REVISION", "SOURCES"):
        (pack / name).write_text("none\n")
    (pack / "PYTHON").write_text("3.10\n")
    assert refused(str(pack), PYTHON=sys.executable).startswith(
        f"the pack is for Python 3.10, found {here}; "
    )
    assert refused(str(pack), PYTHON="no-python") == "PYTHON=no-python: no such program"
    (pack / "PYTHON").write_text(f"{here}\n")
    words = (str(pack), "device=cpu", "rehearse=true")
    assert "expected a whole archive, found a cut or damaged one" in refused(*words, PYTHON=sys.executable)
    old = tmp_path / "old-python"
    pretend = "import sys; sys.version_info = (3, 10, 2); exec(sys.stdin.read())"
    old.write_text(f"""#!/bin/sh\nshift\nexec '{sys.executable}' -c "{pretend}" "$@"\n""")
    old.chmod(0o755)
    assert refused(str(pack), PYTHON=str(old)).startswith(
        "expected Python 3.11 to 3.13, found 3.10; name another"
    )
    pretend = "import sys, torch; torch.version.cuda = '12.8'; torch.cuda.is_available = lambda: True; "
    (pack / "CUDA").write_text("13\n")
    old_python = f"""#!/bin/sh\nshift\nexec '{sys.executable}' -c "{pretend}exec(sys.stdin.read())" "$@"\n"""
    old.write_text(old_python)
    assert refused(str(pack), PYTHON=str(old)).startswith(
        "expected a PyTorch built for CUDA 13, whose compiler"
    )
    if (
        subprocess.run(
            [sys.executable, "-c", "import torch, sys; sys.exit(torch.cuda.is_available())"]
        ).returncode
        == 0
    ):
        assert refused(str(pack), PYTHON=sys.executable).startswith("expected a CUDA GPU that PyTorch ")
