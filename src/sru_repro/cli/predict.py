"""sru-repro predict run=FOLDER text="..." [--json]       what a run's model says about a text

Without text= it reads a line at a time from standard input: cat lines.txt | sru-repro predict run=FOLDER
"""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import ConfigError, SuiteError
from .words import need, only


def run(words: Sequence[str]) -> int:
    """Prints one answer a text."""
    found, flags = only(words, ("run", "text"), ("--json",))
    folder = Path(need(found, "run", "runs/TASK/ROW/PROFILE/seedN"))
    if "text" in found and not found["text"].strip():
        raise ConfigError("text: expected a sentence, found an empty text")
    from ..training.load import run_config, trained_task

    task = trained_task(run_config(folder)[0], folder)
    show = _json if "--json" in flags else _plain
    if "text" in found:
        print(show(task.predict(found["text"])))
        return 0
    failed = 0
    for line in _lines():
        try:
            answer = task.predict(line)
        except SuiteError as error:  # one answer a line, so that answers can be laid beside the lines
            failed, answer = 1, {"error": str(error)}
        print(show(answer), flush=True)
    return failed


def _json(answer: dict[str, Any]) -> str:
    return json.dumps(answer, ensure_ascii=False, allow_nan=False)


def _lines() -> Iterator[str]:
    if sys.stdin.isatty():
        print("a sentence a line, Ctrl-D ends", file=sys.stderr)
    yield from sys.stdin


def _plain(answer: dict[str, Any]) -> str:
    if "label" not in answer:
        return _json(answer)
    unknown = answer["unknown_words"]
    note = f"   (no vector for: {', '.join(unknown)})" if unknown else ""
    return f"{answer['label']} {answer['probabilities'][answer['label']]:.3f}{note}"
