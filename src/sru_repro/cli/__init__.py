"""The command line: `sru-repro VERB [key=value ...]`. One file a verb: parse, call, print."""

import importlib
import os
import sys
from collections.abc import Sequence

from ..core import variables
from ..core.alone import require_alone
from ..core.closest import did_you_mean
from ..core.errors import ConfigError, SuiteError
from ..core.home import without_home
from ..core.interrupt import Interrupted, signals
from ..core.streams import steady_streams

VERBS = {
    "train": "train one model on one task, or sweep with -m",
    "evaluate": "measure a run's best checkpoint again: run=FOLDER",
    "predict": 'use a run\'s model: run=FOLDER text="...", prompt="..." or passage=@FILE, or lines from a pipe',
    "export": "take a classifier out of its run, in a few megabytes: run=FOLDER out=FOLDER",
    "reproduce": "run all rows of a table of the papers, restartable: table=sst",
    "fetch": "find or download the data of a task and check it: task=sst",
    "list": "models, tasks and rows of the tables with their parameters: task=sst",
    "report": "write the tables and figures of results/ again; rank a sweep or a folder of runs: sweep=FOLDER",
    "bench": "measure speed against LSTM, GRU, convolutions and the authors' package: shapes=sst; task=decode",
    "gpu-check": "prove and measure everything on a CUDA GPU, section by section: sections=correct,speed",
    "pack": "the data that gpu-check needs where there is no network: out=FOLDER (see scripts/pack_offline.sh)",
    "dashboard": "look at the curves of runs, without an account: logger=tensorboard, trackio or wandb; runs=FOLDER",
    "compare": "what differs between runs, and whether their figures do: RUN RUN ... html=FILE",
    "backends": "which back ends of the recurrences there are, and which one runs",
    "completion": "what makes TAB complete all of this: bash, zsh or fish",
}


ANSWERS = ("list", "predict", "compare", "backends", "completion")
"""Verbs of which the output is all that they are asked for; the others have work to do, whoever listens."""
TELLS = ("evaluate", "export", "fetch")
"""Verbs with work to do whose output is asked for, too: it may be left unread, and not be lost."""
TRAINS = ("train", "reproduce", "gpu-check")
"""Verbs that refuse to be one of several processes."""
_ASKING = ("-h", "--help", "help", "--hydra-help", "--version", "--cfg", "-c", "--info", "-i")
"""Arguments that ask for an answer, of any verb and of Hydra."""


def main(argv: Sequence[str] | None = None) -> None:
    """Runs a verb and exits: 0 done, 1 a run failed, 2 the call cannot be carried out, 128 and its number after a
    signal (130 Ctrl-C, 143 SIGTERM). A reader that goes away is no failure."""
    args = [*(sys.argv[1:] if argv is None else argv)]  # `list` is a verb in this folder
    answers = not args or args[0] in ANSWERS or any(arg.split("=")[0] in _ASKING for arg in args)
    try:
        with steady_streams(matters=answers or args[0] in TELLS, stops=answers):
            status = _status(args)
    except SuiteError as error:
        print(without_home(f"sru-repro: {error}"), file=sys.stderr)
        status = error.status
    sys.exit(status)


def _status(args: list[str]) -> int:
    """The exit status of a call, and a line that says why it is not 0."""
    if not args or args[0] in ("-h", "--help", "help"):
        print("usage: sru-repro VERB [key=value ...]      sru-repro VERB --help tells more\n")
        print("\n".join(f"  {name:<10} {text}" for name, text in VERBS.items()))
        print(f"\nVariables of the environment:\n{variables.explained()}")
        return 0
    try:
        with signals():
            return _run(args[0], args[1:])
    except SuiteError as error:
        print(without_home(f"sru-repro: {error}"), file=sys.stderr)
        return error.status
    except Interrupted as stop:
        print(f"sru-repro: {stop}", file=sys.stderr)
        return stop.status
    except KeyboardInterrupt:
        print("sru-repro: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 0
    except SystemExit as end:  # as Hydra ends after its answers
        if isinstance(end.code, str):
            raise
        return end.code or 0


def _run(verb: str, args: list[str]) -> int:
    variables.require_known()
    if verb not in VERBS:
        raise ConfigError(
            f"unknown verb {verb!r}: expected one of {', '.join(VERBS)}{did_you_mean(verb, VERBS)}"
        )
    module = importlib.import_module(f"{__name__}.{verb.replace('-', '_')}")
    if not {"-h", "--help"}.isdisjoint(args):
        print((module.__doc__ or "").strip())
        if verb != "train":  # whose help Hydra completes: groups and keys
            return 0
    elif verb == "train" and any(_asks_for_several(word) for word in args):
        # torch would say on every start that all parameters have been used; it reads this when it is imported.
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    elif verb in TRAINS:
        require_alone()
    return int(module.run(args))


def _asks_for_several(word: str) -> bool:
    """Whether an argument asks for one run on several devices: how many processes there are is compared then."""
    return word.lstrip("-+").startswith(("trainer.devices=", "trainer.num_nodes="))
