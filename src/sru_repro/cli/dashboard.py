"""sru-repro dashboard [logger=tensorboard|trackio|wandb] [runs=FOLDER] [port=N]

Looks at the curves of the runs below a folder (default: runs), without an
account. Without logger= it is the dashboard that the newest run has. Those of a
training under way grow.

tensorboard, trackio   a page on this machine until Ctrl-C, at the address that is
                       printed; from elsewhere: ssh -L 6006:127.0.0.1:6006 MACHINE
wandb                  runs that were kept offline, in this terminal, by `wandb leet`;
                       how to send them to wandb is said behind it
"""

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote as quoted
from typing import Annotated, Literal

from pydantic import Field

from ..core.errors import DataError
from ..core.home import shown
from ..core.interrupt import Interrupted
from ..reporting import dashboards
from ..reporting.dashboards import Watched
from .options import Options, whole


class DashboardOptions(Options):
    """Which dashboard, of which runs."""

    logger: Literal["tensorboard", "trackio", "wandb"] | None = None
    runs: str = "runs"
    port: Annotated[int, whole(1), Field(le=65535)] | None = None


def run(args: Sequence[str]) -> int:
    """Opens a dashboard, and keeps it until it is interrupted."""
    options = DashboardOptions.parse(args)
    folder = Path(options.runs)
    if not folder.is_dir():
        raise DataError(
            f"runs={folder}: expected a folder of runs, found none; `sru-repro train` makes runs/"
        )
    found = dashboards.watched(folder)
    logger = options.logger or found.newest()
    if logger is None or not found.runs[logger]:
        raise DataError(_nothing(folder, options.logger, found))
    runs, others = found.runs[logger], [name for name in found.runs if name != logger and found.runs[name]]
    if others:
        print(f"also there: {', '.join(f'logger={name} ({len(found.runs[name])})' for name in others)}")
    if logger == "wandb":
        return _wandb(folder, runs, found.offline)
    with _until_interrupted():
        if logger == "tensorboard":
            with dashboards.by_tensorboard(folder, options.port) as address:
                _serve(f"TensorBoard of {_many(runs)} below {shown(folder)}", address)
        else:
            store, *rest = found.stores
            for place in rest:
                print(f"trackio keeps others in {shown(place)}: TRACKIO_DIR={shown(place)} shows those")
            with dashboards.by_trackio(store, found.project, options.port) as address:
                _serve(f"trackio, of what is in {shown(store)}", address)
    return 0


def _serve(what: str, address: str) -> None:
    print(f"{what}: {address}\nCtrl-C ends it", flush=True)
    threading.Event().wait()


@contextmanager
def _until_interrupted() -> Iterator[None]:
    """Ctrl-C is how a dashboard ends, and no failure."""
    try:
        yield
    except (Interrupted, KeyboardInterrupt) as stop:
        if getattr(stop, "status", 130) != 130:
            raise


def _wandb(folder: Path, runs: Sequence[Path], offline: Sequence[Path]) -> int:
    status = 0
    print(f"{_many(runs)} of wandb below {shown(folder)}, offline; the newest: {shown(runs[0])}")
    if sys.stdin.isatty() and sys.stdout.isatty():
        status = dashboards.by_wandb(offline)
    else:
        print(f"in a terminal this shows them all; one of them:\n  wandb leet {_typed(offline[0].parent)}")
    print(f"to send them to wandb, for those who have an account:\n  wandb login\n  {_sync(folder, offline)}")
    return status


def _sync(folder: Path, offline: Sequence[Path]) -> str:
    """The command, which names those, too, that `find` does not come to: behind links, or elsewhere."""
    inside, here = folder.resolve(), folder.absolute()
    others = [
        kept
        for kept in map(Path.absolute, offline)
        if not kept.is_relative_to(here) or kept.resolve() != inside / kept.relative_to(here)
    ]
    places = " ".join(map(_typed, (folder, *others)))
    return f"find {places} -type d -name 'offline-run-*' -exec wandb sync {{}} +"


def _typed(place: Path) -> str:
    """A path as a shell takes it, which knows the home folder by a bare `~/` alone."""
    said = shown(place)
    return f"~/{quoted(said[2:])}" if said.startswith("~/") else quoted(said)


def _many(runs: Sequence[Path]) -> str:
    return f"{len(runs)} run{'s' * (len(runs) != 1)}"


def _nothing(folder: Path, logger: str | None, found: Watched) -> str:
    wanted = f"runs with logger={logger}" if logger else "runs with a dashboard"
    there = [f"{len(runs)} with logger={name}" for name, runs in found.runs.items() if runs]
    there += [f"{found.others} without a dashboard"] if found.others else []
    return (
        f"runs={folder}: expected {wanted}, found {', '.join(there) or 'no run'}; "
        f"`sru-repro train logger={logger or 'tensorboard'}` makes one"
    )
