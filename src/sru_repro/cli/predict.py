"""sru-repro predict run=FOLDER text="..." [--json]       what a run's model says about a text
sru-repro predict run=FOLDER prompt="..." [length=200] [temperature=1.0] [top_k=0] [seed=1] [device=cpu|cuda] [--json]
sru-repro predict run=FOLDER passage=@FILE [question="..."] [top=3] [--json]

Without text= it reads a line at a time from standard input: cat lines.txt | sru-repro predict run=FOLDER
An empty line stays an empty line; what cannot be answered is a line "error: ...", with --json {"error": "..."}.
Of a classifier with gates (SRU, SRU++) the answer to text= shows them word by word: which share of the last state each
word has brought, and how open forget and reset gate (f, r) were, means over the units of the last layer; of all layers
with --json. Of lines, an answer each, they are shown with --gates.
prompt= is for language models, which go on from it (it may be empty) by `length` symbols, printed one by one as they
are drawn; with --json all at once, with symbols a second, the prompt's reading counted in. temperature=0 takes the
likeliest symbol each time; top_k=N draws among the N likeliest. A seed always continues alike. device=cuda makes every
step a replay of one CUDA graph, which pays for long texts.
passage= is for readers, which answer from it: the text itself, or @FILE (@@ begins a text with an @). The answer and
its confidence come first, then the next likeliest, `top` in all, one a line; --json tells places in the passage too.
Without question= it reads questions, one a line, from standard input until Ctrl-D, and prints one answer a line.
"""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from ..core.errors import ConfigError
from .answer import answer, asked_for, each_line, printed, readable
from .gates import gate_lines
from .options import Options, Real, available_device, existing_run, whole

if TYPE_CHECKING:
    from ..tasks import Task

BESIDE = {
    "passage=@FILE": ("question", "top"),
    'prompt="..."': ("length", "temperature", "top_k", "seed", "device"),
}
"""What goes with what."""


class PredictOptions(Options):
    """Which run, what it is told, and how its answer is made and printed. Texts are None where none is given."""

    run: str = Field(examples=["runs/TASK/ROW/PROFILE/seedN"])
    text: str | None = None
    prompt: str | None = None
    passage: str | None = None
    question: str | None = None
    top: Annotated[int, whole(1)] = 3
    length: Annotated[int, whole(1)] = 200
    temperature: Real = 1.0
    top_k: Annotated[int, whole(0)] = 0
    seed: Annotated[int, whole(0)] = 1
    device: Literal["cpu", "cuda"] = "cpu"
    as_json: bool = Field(default=False, alias="--json")
    gates: bool = Field(default=False, alias="--gates")

    @model_validator(mode="after")
    def _clashes(self) -> "PredictOptions":
        given = self.model_fields_set
        if {"prompt", "text"} <= given:
            raise ValueError("prompt: expected either text= or prompt=, found both")
        for key in ("text", "prompt"):
            if {"passage", key} <= given:
                raise ValueError(f"passage: expected either passage= or {key}=, found both")
        if self.text is not None and not self.text.strip():
            raise ValueError("text: expected a sentence, found an empty text")
        for place, options in BESIDE.items():
            what = place.partition("=")[0]
            for key in options:
                if key in given and what not in given:
                    raise ValueError(f"{key}: expected it beside {place}, found no {what}")
        return self

    @property
    def given(self) -> str:
        """The key of what the model is told, "" where it comes from standard input."""
        return next((key for key in ("prompt", "passage", "text") if key in self.model_fields_set), "")


def run(args: Sequence[str]) -> int:
    """Prints one answer a text, the text that follows a prompt, or answers from a passage."""
    options = PredictOptions.parse(args)
    asked = None
    if options.passage is not None:
        asked = asked_for(options.passage, options.question, options.top)
    folder = existing_run("run", options.run)
    from ..training.load import run_config, trained_task

    device = available_device(options.device, "device=cpu generates here")
    # On the CPU, wherever the run was trained: for a few answers a GPU is not worth its start.
    config = run_config(folder, ("trainer.accelerator=cpu", "trainer.precision=32-true"))[0]
    _suits(config.task.kind, options.given)
    task = trained_task(config, folder)
    if asked:
        return answer(task, asked, options.as_json)
    if options.prompt is not None:
        return _continue(task.to(device), options.prompt, options)
    show = printed if options.as_json else _with_gates if options.gates or options.text else _plain
    if options.gates and options.text is None and not options.as_json:  # several blocks: a line between them

        def show(said: Mapping[str, Any]) -> str:
            return f"{_with_gates(said)}\n"

    if options.text is not None:
        print(show(task.predict(options.text)))
        return 0
    return each_line("a sentence a line, Ctrl-D ends", task.predict, show, options.as_json)


def _suits(kind: str, given: str) -> None:
    """Raises ConfigError where what is given is for another kind of task."""
    from ..tasks import Task, task_class

    task = task_class(kind)
    if task.answer is not Task.answer:
        if given != "passage":
            problem = f"{given}: this run answers questions" if given else "passage: missing"
            raise ConfigError(f"{problem}; use passage=@FILE question=")
    elif task.generate is not Task.generate:
        if given == "passage":
            raise ConfigError("passage: this run is a language model; use prompt= or text=")
    elif given in ("prompt", "passage"):
        raise ConfigError(f"{given}: this run classifies; use text=")


def _continue(task: "Task", prompt: str, options: PredictOptions) -> int:
    """Prints what follows the prompt, each symbol as it comes, or one object at the end."""
    started, symbols = time.perf_counter(), []
    drawing = options.model_dump(include={"length", "temperature", "top_k", "seed"})
    for symbol in task.generate(prompt, **drawing):
        symbols.append(symbol)
        if not options.as_json:
            print(symbol, end="", flush=True)
    if not options.as_json:
        print()
        return 0
    tokens = options.length
    pace = tokens / (time.perf_counter() - started)
    print(printed({"prompt": prompt, "text": "".join(symbols), "tokens": tokens, "tokens_per_s": pace}))
    return 0


def _with_gates(said: Mapping[str, Any]) -> str:
    """The answer, and below it a line a word where the model has gates."""
    return "\n".join([_plain(said), *gate_lines(said.get("words", ()))])


def _plain(said: Mapping[str, Any]) -> str:
    if "label" not in said:
        return printed(said)
    unknown = said["unknown_words"]
    note = f"   (no vector for: {', '.join(unknown)})" if unknown else ""
    return readable(f"{said['label']} {said['probabilities'][said['label']]:.3f}{note}")
