"""All sections one after the other, each in a process of its own and within its share of the time.

A section that fails, hangs or takes the GPU's context with it stops nobody else: its page says at which piece, and it
goes on with the next one in a fresh process.
"""

import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError, DataError, data_key
from ..core.interrupt import Signals
from ..core.process import Process, stop
from ..ops import launch_config
from ..records.base import read
from ..records.gpu_manifest import SECTIONS
from ..records.gpu_page import GPUPage
from . import page as pages
from .plan import SectionOptions
from .section import AGAIN, DONE, UNFINISHED

GRACE_S = 20.0
"""How long a section may go on beyond its time: its pieces end by themselves, but for one that hangs."""
LEAST_S = 5.0
"""Less is not worth the start of a process."""
HUNG = -1000
"""What stands for the status of a process that had to be ended."""


@dataclass
class Outcome:
    """How a section ended: `state` is "done", "failed" or "unfinished"; numbers of its pieces by state."""

    section: str
    state: str
    counts: dict[str, int]
    seconds: float


def carry_out(
    names: Sequence[str],
    options: SectionOptions,
    budget_s: float,
    caught: Signals,
    fresh: bool = False,
    tables: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[Outcome]:
    """Runs the sections; `options` are those of each, but for its name and its time. `fresh` pages are begun anew.
    `tables` says of sections that run rows of a table which.

    What a section leaves of its share goes to those behind it.

    Raises:
        SuiteError: a page in the folder is broken or of another GPU, the folder cannot be written to, or there are no
            data; nothing was run then.
    """
    _prepared(names, options)
    deadline = time.monotonic() + budget_s
    outcomes = []
    with _authors_built_aside(names, options):
        for place, name in enumerate(names):
            weights = [SECTIONS[other].weight for other in names[place:]]
            left_s = max(0.0, deadline - time.monotonic())
            mine = replace(options, section=name, since=pages.now(), table=(tables or {}).get(name))
            if fresh:
                mine.page.unlink(missing_ok=True)
            outcomes.append(_section(mine, left_s * weights[0] / sum(weights), caught))
    return outcomes


def _prepared(names: Sequence[str], options: SectionOptions) -> None:
    """Everything that would stop a section minutes from now."""
    out = Path(options.out)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise ConfigError(
            f"out={out}: expected a folder to write to, found: {error.strerror or error}"
        ) from None
    for name in SECTIONS:
        pages.require_same(replace(options, section=name))
    if options.launch_configs.exists():
        try:
            launch_config.read(options.launch_configs)
        except ValueError as error:
            raise DataError(
                f"{options.launch_configs}: expected a table of launch configurations, found {error}; delete it"
            ) from None
    if any(SECTIONS[name].trains for name in names) and not Path(options.data_dir).is_dir():
        raise DataError(
            f"{data_key()}{options.data_dir}: expected a folder of data for the trainings, found none"
        )


def _section(options: SectionOptions, budget_s: float, caught: Signals) -> Outcome:
    started = time.monotonic()
    deadline = started + budget_s
    status = UNFINISHED
    while (left_s := deadline - time.monotonic()) >= min(LEAST_S, 0.9 * budget_s) > 0:
        status = _process(replace(options, budget_s=left_s, until=time.time() + left_s), caught)
        if status in (DONE, UNFINISHED):
            break
        buried = _bury(options, status, time.monotonic() - started)
        if status != AGAIN and buried is None:
            break  # it has ended by itself, at none of its pieces
        status = UNFINISHED
    counts = count(options.page)
    failed = counts.get("failed", 0) or status not in (DONE, UNFINISHED)
    complete = status == DONE and not counts.get("not run yet", 1)
    state = "failed" if failed else "done" if complete else "unfinished"
    return Outcome(options.section, state, counts, time.monotonic() - started)


def _process(options: SectionOptions, caught: Signals) -> int:
    """A section's process: its exit status, negative for the signal that ended it, or `HUNG`."""
    args = [sys.executable, "-m", "sru_repro.gpu_check", json.dumps(options.plain())]
    process = Process(args, environment=_environment(options), own_group=True)
    end = time.monotonic() + options.budget_s + GRACE_S
    try:
        while time.monotonic() < end:
            if (status := process.wait(0.2)) is not None:
                return status
            caught.raise_if_any()
        return HUNG
    finally:
        stop([process], 10.0)


def _bury(options: SectionOptions, status: int, seconds: float) -> str | None:
    if status in (HUNG, -signal.SIGALRM):  # the alarm of section.py, or this process's patience
        why = "hung: it was ended long after its time"
    elif status < 0:
        why = f"the process was ended by {signal.Signals(-status).name}"
        why += " (was there memory enough?)" if status == -signal.SIGKILL else ""
    else:
        why = f"the process ended with status {status}"
    try:
        return pages.bury(options.page, why, seconds)
    except DataError:
        return None


def _environment(options: SectionOptions) -> dict[str, str]:
    """Pieces that compare bits want products of one and the same size of workspace."""
    found = {}
    if options.launch_configs.exists():
        found[launch_config.VARIABLE] = str(options.launch_configs.resolve())
    if options.section == "correct":
        found["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    return found


@contextmanager
def _authors_built_aside(names: Sequence[str], options: SectionOptions) -> Iterator[None]:
    """The authors' kernels take nvcc a minute: begun while other sections run, done when `speed` comes to them."""
    started = []
    if options.on_gpu and not options.rehearse and "speed" in names:
        code = "from sru_repro.bench.authors import authors_package; authors_package('cuda')"
        # Why it does not build is told where it is timed.
        started.append(Process([sys.executable, "-c", code], Path(os.devnull), own_group=True))
    try:
        yield
    finally:
        stop(started, 10.0)


def count(path: Path) -> dict[str, int]:
    """Pieces of a page by state, "not run yet" among them; empty where there is no page."""
    try:
        content = read(GPUPage, path)
    except DataError:
        return {}
    found: dict[str, int] = {}
    for piece in content.pieces:
        found[piece.state] = found.get(piece.state, 0) + 1
    found["not run yet"] = len(content.planned) - len(content.pieces)
    return found
