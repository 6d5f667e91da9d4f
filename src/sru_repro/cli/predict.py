"""sru-repro predict run=FOLDER text="..." [--json]       what a run's model says about a text
sru-repro predict run=FOLDER prompt="..." [length=200] [temperature=1.0] [top_k=0] [seed=1] [--json]
sru-repro predict run=FOLDER passage=@FILE [question="..."] [top=3] [--json]

Without text= it reads a line at a time from standard input: cat lines.txt | sru-repro predict run=FOLDER
prompt= is for language models, which go on from it (it may be empty) by `length` symbols, printed one by one as they
are drawn; with --json all at once, with symbols a second, the prompt's reading counted in. temperature=0 takes the
likeliest symbol each time; top_k=N draws among the N likeliest. A seed always continues alike.
passage= is for readers, which answer from it: the text itself, or @FILE (@@ begins a text with an @). The answer and
its confidence come first, then the next likeliest, `top` in all, one a line; --json tells places in the passage too.
Without question= it reads questions, one a line, from standard input until Ctrl-D, and prints one answer a line.
"""

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import ConfigError
from .answer import ASKING, answer, asked_for, each_line, printed, readable
from .words import need, only

if TYPE_CHECKING:
    from ..tasks import Task

DRAWING = ("length", "temperature", "top_k", "seed")


def run(words: Sequence[str]) -> int:
    """Prints one answer a text, the text that follows a prompt, or answers from a passage."""
    found, flags = only(words, ("run", "text", "prompt", "passage", *ASKING, *DRAWING), ("--json",))
    folder = Path(need(found, "run", "runs/TASK/ROW/PROFILE/seedN"))
    if "prompt" in found and "text" in found:
        raise ConfigError("prompt: expected either text= or prompt=, found both")
    if "text" in found and not found["text"].strip():
        raise ConfigError("text: expected a sentence, found an empty text")
    drawing = _drawing(found)
    asked = asked_for(found, _whole("top", found.get("top", "3"), 1))
    from ..training.load import run_config, trained_task

    # On the CPU, wherever the run was trained: a card of its own is not worth its start.
    config = run_config(folder, ("trainer.accelerator=cpu", "trainer.precision=32-true"))[0]
    _suits(config.task.kind, found)
    task = trained_task(config, folder)
    if asked:
        return answer(task, asked, "--json" in flags)
    if "prompt" in found:
        return _continue(task, found["prompt"], drawing, "--json" in flags)
    show = printed if "--json" in flags else _plain
    if "text" in found:
        print(show(task.predict(found["text"])))
        return 0
    return each_line("a sentence a line, Ctrl-D ends", task.predict, show)


def _suits(kind: str, found: dict[str, str]) -> None:
    """Raises ConfigError where the words are those for another kind of task."""
    from ..tasks import Task, task_class

    task = task_class(kind)
    given = next((key for key in ("prompt", "passage", "text") if key in found), "")
    if task.answer is not Task.answer:
        if given != "passage":
            problem = f"{given}: this run answers questions" if given else "passage: missing"
            raise ConfigError(f"{problem}; use passage=@FILE question=")
    elif task.generate is not Task.generate:
        if given == "passage":
            raise ConfigError("passage: this run is a language model; use prompt= or text=")
    elif given in ("prompt", "passage"):
        raise ConfigError(f"{given}: this run classifies; use text=")


def _drawing(found: dict[str, str]) -> dict[str, Any]:
    """How a text is continued, checked before a checkpoint is read."""
    if "prompt" not in found:
        for key in DRAWING:
            if key in found:
                raise ConfigError(f'{key}: expected it beside prompt="...", found no prompt')
        return {}
    heat = found.get("temperature", "1.0")
    try:
        temperature = float(heat)
    except ValueError:
        temperature = math.nan
    if not (math.isfinite(temperature) and temperature >= 0):
        raise ConfigError(f"temperature: expected a number from 0 on, found {heat!r}")
    return {
        "length": _whole("length", found.get("length", "200"), 1),
        "temperature": temperature,
        "top_k": _whole("top_k", found.get("top_k", "0"), 0),
        "seed": _whole("seed", found.get("seed", "1"), 0),
    }


def _whole(key: str, text: str, least: int) -> int:
    """A whole number of up to 18 digits: a generator's seed has 63 bits."""
    if not text.isdecimal() or len(text) > 18 or int(text) < least:
        raise ConfigError(f"{key}: expected a whole number from {least} on, found {text!r:.60}")
    return int(text)


def _continue(task: "Task", prompt: str, drawing: dict[str, Any], as_json: bool) -> int:
    """Prints what follows the prompt, each piece as it comes, or one object at the end."""
    started, pieces = time.perf_counter(), []
    for piece in task.generate(prompt, **drawing):
        pieces.append(piece)
        if not as_json:
            print(piece, end="", flush=True)
    if not as_json:
        print()
        return 0
    tokens = drawing["length"]
    pace = tokens / (time.perf_counter() - started)
    print(printed({"prompt": prompt, "text": "".join(pieces), "tokens": tokens, "tokens_per_s": pace}))
    return 0


def _plain(said: dict[str, Any]) -> str:
    if "label" not in said:
        return printed(said)
    unknown = said["unknown_words"]
    note = f"   (no vector for: {', '.join(unknown)})" if unknown else ""
    return readable(f"{said['label']} {said['probabilities'][said['label']]:.3f}{note}")
