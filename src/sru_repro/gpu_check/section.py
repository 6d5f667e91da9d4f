"""Carries out a section, in a process of its own: piece after piece within its time, each on its page at once.

python -m sru_repro.gpu_check '{"section": "correct", ...}'
"""

import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping

from ..core.errors import RunError, SuiteError
from ..core.interrupt import signals
from ..ops import dispatch
from . import gpu
from .page import Page
from .plan import Failed, SectionOptions, Skipped, pieces

DONE, FAILED, UNFINISHED, AGAIN = 0, 1, 3, 4
"""Exit statuses: all pieces done; one failed; time ran out; the GPU is of no use to this process any more."""

LONGEST_S = 90.0
"""A piece that takes longer than this, and than three times its share, hangs."""


def carry_out(options: SectionOptions) -> int:
    """Runs what is open; an exit status."""
    with signals():
        page = Page(options)
        plan = pieces(options)
        page.plan([piece.name for piece in plan])
        budget_s = options.until - time.time() if options.until else options.budget_s
        deadline = time.monotonic() + budget_s
        # What failed before may hang again, and comes last.
        failed = page.content.named("failed")
        todo = sorted(
            (piece for piece in plan if not page.has(piece.name)), key=lambda piece: piece.name in failed
        )
        say(options, f"{len(plan)} pieces, {len(plan) - len(todo)} of them done, {budget_s:.0f} s")
        for place, piece in enumerate(todo):
            left_s = deadline - time.monotonic()
            if left_s <= piece.least_s:
                say(options, f"no time left for {len(todo) - place} pieces, from {piece.name} on; call again")
                return UNFINISHED
            weights = sum(other.weight for other in todo[place:])
            page.begin(piece.name)
            values: Mapping[str, object] = {}
            state, error = "ok", None
            try:
                share_s = left_s * piece.weight / weights
                _alarm(min(left_s + 15.0, max(LONGEST_S, 3.0 * share_s)))
                values = piece.run(share_s)
                gpu.synchronize(options.torch_device)
                _require_fused(options)
            except Skipped as reason:
                state, error = "skipped", str(reason)
            except Failed as part:
                state, values, error = "failed", part.values, str(part)
            except Exception as problem:
                state, error = "failed", one_line(problem)
                if not isinstance(problem, SuiteError):
                    traceback.print_exc()
            _alarm(0.0)
            seconds = page.end(piece.name, state, values, error)
            left_s = max(0.0, deadline - time.monotonic())
            told = f"{piece.name}: {state}" + (f": {error}" if error else f" {summary(values)}".rstrip())
            say(options, f"{told}  {seconds:.1f} s, {left_s:.0f} s left")
            if gpu.broken(options.torch_device) or dispatch.fallen(options.device):
                return AGAIN
            gpu.release(options.torch_device)
        return FAILED if page.content.named("failed") else DONE


def _alarm(seconds: float) -> None:
    """Ends this process in so many seconds, whatever it is waiting for then; 0: no more. `run` tells the piece."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _require_fused(options: SectionOptions) -> None:
    """Raises RunError where a kernel could not be built and the loop in PyTorch took its place, also in backward."""
    why = dispatch.fallen(options.device) if options.on_gpu else None
    if why is not None:
        raise RunError(f"a recurrence fell back to the loop in PyTorch: {why}")


def one_line(error: BaseException) -> str:
    """Kind and first line of an error; of the suite's own, the line."""
    line = next(iter(str(error).strip().splitlines()), "")[:300]
    return line if isinstance(error, SuiteError) and line else f"{type(error).__name__}: {line}".rstrip(": ")


def summary(values: Mapping[str, object]) -> str:
    """What a person watching wants to see of a piece."""
    said = [f"{values['cases']} cases"] if "cases" in values else []
    said += [str(values["note"])] if values.get("note") else []
    return ", ".join(said)


def say(options: SectionOptions, text: str) -> None:
    """One line."""
    print(f"{options.section}: {text}", file=sys.stderr, flush=True)
