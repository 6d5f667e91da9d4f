"""Every command of the README runs. A line that this file does not know how to try fails it."""

import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sru_repro.cli import VERBS, campaign

Command = Callable[..., Any]

ROOT = Path(__file__).parents[2]
README = re.sub(r"<!--.*?-->", "", (ROOT / "README.md").read_text(), flags=re.DOTALL)
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
LINES = [line for language, block in BLOCKS if not language for line in block.splitlines() if line.strip()]
INLINE = [
    text for text in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", README) if text.startswith(("sru-repro ", "make "))
]
SMALL = {
    "sst": ("task.train_on=sentences", "model.hidden_size=8"),
    "quickstart": ("task.max_bytes=20000", "model.hidden_size=8"),
    "sentences": ("model.hidden_size=8",),
    "squad": ("task.vectors=random", "task.vector_size=8", "model.hidden_size=4"),
    "enwik8": ("model.hidden_size=8",),
    "text": ("model.hidden_size=8",),
    "wikitext103": ("model.hidden_size=8", "task.cutoffs=[5,10]", "task.embedding_size=16"),
    "wikitext2": ("model.hidden_size=8", "task.cutoffs=[5,10]", "task.embedding_size=16"),
}


def words_of(line: str) -> list[str]:
    """A command line as `sru-repro` gets it; a make target is asked what it would call."""
    words = shlex.split(line, comments=True)
    if words[0] == "make":
        dry = ["make", "-n", "--no-print-directory", "-C", str(ROOT), *words[1:]]
        shown = subprocess.run(dry, capture_output=True, text=True)
        assert shown.returncode == 0, f"{line}: {shown.stderr}"
        words = shlex.split(shown.stdout.replace("\\\n", "").splitlines()[-1])
        assert words[0].endswith("/sru-repro"), f"{line}: calls {words}"
    else:
        assert words[0] == "sru-repro", f"{line}: neither make nor sru-repro"
    return words[1:]


def in_small(words: list[str], data: Path, run: Path) -> list[str]:
    """The same call on small data, for seconds, on a finished run."""
    verb, rest = words[0], words[1:]
    if verb in ("evaluate", "predict", "compare"):
        here = [word.replace("device=cuda", "device=cpu") for word in rest]
        here = [word.replace("=results/models/", f"={ROOT}/results/models/") for word in here]
        return [verb, *(re.sub(r"^((?:run|a|b)=)?runs/.*", rf"\1{run}", word) for word in here)]
    if verb in ("list", "backends"):
        return words
    if verb == "export":
        kept = [word for word in rest if not word.startswith(("run=", "out=", "data_dir="))]
        return [verb, *kept, f"run={run}", "out=model", f"data_dir={data}"]
    if verb == "bench":
        return [verb, *rest, "device=cpu", "repeats=1"]
    if verb == "gpu-check":
        kept = [word for word in rest if not word.startswith("sections=")]
        return [verb, *kept, "device=cpu", "rehearse=true", "sections=tune"]
    if verb == "report" and rest:
        return [verb, f"sweep={run.parent}"]
    rest = [word.replace("task.path=file", f"task.path={data / 'wiki2015/some.txt'}") for word in rest]
    kept = [word for word in rest if not word.startswith(("profile=", "seeds=", "data_dir="))]
    words = [verb, *kept, "profile=smoke", "logger=csv", "trainer=cpu", f"data_dir={data}"]
    if verb == "train":
        task = next((word.removeprefix("task=") for word in rest if word.startswith("task=")), "sst")
        return words if {"--cfg", "--help"} & set(rest) else [*_fewer(words), *SMALL[task]]
    if verb == "reproduce":
        table = next(word for word in rest if word.startswith("table=")).removeprefix("table=")
        return [*words, "seeds=1", f"rows={'lstm3' if table == 'squad' else 'lstm'}", *SMALL[table]]
    raise AssertionError(f"no test of `sru-repro {verb}`: add one here")


def _fewer(words: list[str]) -> list[str]:
    """Two of all choices, two trials, and one process: launchers and ranks have tests of their own."""
    left_out = ("hydra/launcher=", "hydra.launcher.", "trainer.devices=")
    chosen = [word.replace("sst/cnn,", "") for word in words]  # it has no hidden size
    fewer = [re.sub(r"^([\w.]+=[\w/-]+,[\w/-]+),.*", r"\1", word) for word in chosen]
    searching = any(word.startswith("search=") for word in words)
    return [*(w for w in fewer if not w.startswith(left_out)), *["hydra.sweeper.n_trials=2"] * searching]


@pytest.fixture
def no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables and pictures are tried in test_reproduce.py."""
    monkeypatch.setattr(campaign, "_write", lambda *_: [])


@pytest.mark.slow
@pytest.mark.usefixtures("runs_made", "members_here", "no_files", "tiny_bench", "tiny_decode")
@pytest.mark.parametrize("line", [*LINES, *INLINE])
def test_a_command_of_the_readme(
    line: str,
    sru_repro: Command,
    sst_run: Path,
    language_run: Path,
    squad_run: Path,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if line.split("#")[0].split() == ["make", "test"]:
        shown = subprocess.run(["make", "-n", "-C", str(ROOT), "test"], capture_output=True, text=True)
        assert shown.returncode == 0 and all(tool in shown.stdout for tool in ("ruff", "mypy", "pytest"))
        return
    elsewhere = {"make torture": "/python -m sru_repro.torture", "make docs": "/mkdocs build --strict"}
    if line in elsewhere:  # tests/torture and tests/docs try them in small
        shown = subprocess.run(["make", "-n", "-C", str(ROOT), line[5:]], capture_output=True, text=True)
        assert shown.returncode == 0 and elsewhere[line] in shown.stdout
        return
    if line.split("#")[0].split() == [
        "sru-repro",
        "dashboard",
    ]:  # tests/cli/test_dashboard.py looks at the pages
        assert "expected" in sru_repro("dashboard", cwd=tmp_path).err
        return
    if "sentences" in line:
        from sru_repro.data.sentences.sst import load_sst
        from sru_repro.tasks import sentences

        def load(name: str, folder: Path, fold: int, limit: int) -> Any:
            return load_sst(data, "binary", "sentences", limit)

        monkeypatch.setattr(sentences, "load_sentences", load)
    if "VERB" in line:
        for verb in VERBS:
            called = sru_repro(verb, "--help", cwd=tmp_path)
            assert called.status == 0 and called.out.startswith(f"sru-repro {verb}"), verb
        return
    if line.split("#")[0].split() == ["make", "demo"]:
        command, file = " ".join(words_of(line)).split(" < ")
        called = sru_repro(*command.split(), cwd=ROOT, stdin=(ROOT / file).read_text())
        assert called.status == 0 and "share of the last state" in called.out
        return
    (tmp_path / "article.txt").write_text("The bridge of Arles was built in 1923 by Ada.")
    run = {"runs/enwik8": language_run, "runs/squad": squad_run}.get(
        "".join(re.findall("runs/enwik8|runs/squad", line)), sst_run
    )
    called = sru_repro(*in_small(words_of(line), data, run), cwd=tmp_path)
    assert called.status == 0, called.err
    assert called.out or "test/" in called.err


def test_the_readme_starts_with_what_needs_no_data() -> None:
    assert [line.split("#")[0].strip() for line in LINES[:2]] == ["make demo", "make quickstart"]
    assert "make test" in INLINE


def test_every_verb_and_target_of_the_readme_exists() -> None:
    targets = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    targets += [f"reproduce-{path.stem}" for path in (ROOT / "conf" / "table").glob("*.yaml")]
    assert set(re.findall(r"\bmake ([a-z][a-z0-9-]+)", " ".join([*LINES, *INLINE]))) <= set(targets)
    assert set(re.findall(r"\bsru-repro ([a-z]+)", README)) <= VERBS.keys()


def test_every_link_of_the_readme_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    here = [link for link in links if not link.startswith("../../actions/")]  # the badge is GitHub's
    assert here and not [link for link in here if not (ROOT / link).exists()]
