"""The command line: `sru-repro VERB [key=value ...]`. One file a verb: parse, call, print."""

import importlib
import sys
from collections.abc import Sequence

from ..core.errors import ConfigError, SuiteError
from ..core.interrupt import Interrupted

VERBS = {
    "train": "train one model on one task, or sweep with -m",
    "evaluate": "measure a run's best checkpoint again: run=FOLDER",
    "predict": 'use a run\'s model: run=FOLDER text="...", prompt="..." or passage=@FILE, or lines from a pipe',
    "reproduce": "run all rows of a table of the papers, restartable: table=sst",
    "fetch": "find or download the data of a task and check it: task=sst",
    "list": "models, tasks and rows of the tables with their parameters: task=sst",
    "report": "write the tables and figures of results/ again from the run records",
    "bench": "measure speed against LSTM, GRU, convolutions and the authors' package: shapes=sst; task=decode",
    "gpu-check": "prove and measure everything on a CUDA GPU, section by section: sections=correct,speed",
    "pack": "the data that gpu-check needs where there is no network: out=FOLDER (see scripts/pack_offline.sh)",
    "compare": "what differs between two runs: a=FOLDER b=FOLDER",
    "backends": "which back ends of the recurrences there are, and which one runs",
}


def main(argv: Sequence[str] | None = None) -> None:
    """Runs a verb and exits: 0 done, 1 a run failed, 2 the call cannot be carried out, 130 Ctrl-C, 143 SIGTERM."""
    args = [*(sys.argv[1:] if argv is None else argv)]  # `list` is a verb in this folder
    if not args or args[0] in ("-h", "--help", "help"):
        print("usage: sru-repro VERB [key=value ...]      sru-repro VERB --help tells more\n")
        print("\n".join(f"  {name:<10} {text}" for name, text in VERBS.items()))
        sys.exit(0)
    try:
        sys.exit(_run(args[0], args[1:]))
    except SuiteError as error:
        print(f"sru-repro: {error}", file=sys.stderr)
        sys.exit(error.status)
    except Interrupted as stop:
        print(f"sru-repro: {stop}", file=sys.stderr)
        sys.exit(stop.status)
    except KeyboardInterrupt:
        print("sru-repro: interrupted", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(1)


def _run(verb: str, args: list[str]) -> int:
    if verb not in VERBS:
        raise ConfigError(f"unknown verb {verb!r}: expected one of {', '.join(VERBS)}")
    module = importlib.import_module(f"{__name__}.{verb.replace('-', '_')}")
    if not {"-h", "--help"}.isdisjoint(args):
        print((module.__doc__ or "").strip())
        if verb != "train":  # whose help Hydra completes: groups and keys
            return 0
    return int(module.run(args))
