"""Standard streams that are closed, full, unread or cannot show a letter."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPT = r"""
import os, sys
from sru_repro import cli
from sru_repro.core.streams import steady_streams

def run(verb, args):
    for i in range(3000):
        print("line", i, "caf\u00e9 \u2192 \udcff")
        print("note", i, "\u2192", file=sys.stderr)
    sys.stdout.flush()
    with open("done", "w") as file:
        file.write(str(file.fileno()))
    os.write(2, b"from a C library\n")
    return 3

cli._run = run
cli.main(os.environ["VERB"].split())
"""


@pytest.fixture
def shell(tmp_path: Path) -> Callable[[str, str], tuple[int, str]]:
    """Carries out a line of bash in which $RUN is a verb that writes much; its status, and what it left in `out`."""

    def call(line: str, verb: str) -> tuple[int, str]:
        environment = {**os.environ, "RUN": f"{sys.executable} {tmp_path / 'script.py'}", "VERB": verb}
        (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            timeout=60,
        )
        said = (done.stderr + done.stdout).decode(errors="replace")
        assert "Traceback" not in said and "Exception ignored" not in said, said
        return done.returncode, said

    return call


@pytest.mark.parametrize(
    "line",
    [
        "$RUN 2>&-",
        "$RUN >&-",
        "$RUN >&- 2>&- <&-",
        "$RUN 2>&1 | head -n 1",
        "$RUN 2>/dev/full",
        "$RUN >/dev/full",
        "$RUN >/dev/full 2>/dev/full",
        "LC_ALL=C PYTHONCOERCECLOCALE=0 PYTHONUTF8=0 $RUN",
        "PYTHONIOENCODING=ascii $RUN",
        "PYTHONIOENCODING=utf-16 $RUN",
    ],
)
def test_work_goes_on_whoever_listens(
    line: str, shell: Callable[[str, str], tuple[int, str]], tmp_path: Path
) -> None:
    status, _ = shell(line, "train")
    assert status == 3
    assert int((tmp_path / "done").read_text()) > 2, "a file got the number of a standard stream"


@pytest.mark.parametrize("verb", ["evaluate", "fetch"])
def test_what_has_work_to_do_does_it_unread(
    verb: str, shell: Callable[[str, str], tuple[int, str]], tmp_path: Path
) -> None:
    status, _ = shell("$RUN 2>/dev/null | head -n 1", verb)
    assert status == 3 and (tmp_path / "done").exists()


def test_an_answer_that_nobody_reads_to_its_end_stops_quietly(
    shell: Callable[[str, str], tuple[int, str]], tmp_path: Path
) -> None:
    status, said = shell("$RUN 2>/dev/null | head -n 1", "list")
    assert (status, said.count("\n")) == (0, 1) and not (tmp_path / "done").exists()


def test_hydras_help_without_room_is_a_failure_too() -> None:
    """It ends the process by itself."""
    line = f"{sys.executable} -m sru_repro train --hydra-help >/dev/full"
    called = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60)
    assert called.returncode == 1 and called.stderr.startswith("sru-repro: standard output: expected")


@pytest.mark.parametrize(
    "words", ["predict", "evaluate", "fetch", "completion", "train --cfg job", "train --info=all", "train -h"]
)
def test_an_answer_without_room_is_a_failure_of_one_line(
    words: str, shell: Callable[[str, str], tuple[int, str]]
) -> None:
    status, said = shell("$RUN 2>err >/dev/full; status=$?; tail -n 1 err; exit $status", words)
    assert status == 1
    assert (
        said == "sru-repro: standard output: expected a place to write to, found: No space left on device\n"
    )
