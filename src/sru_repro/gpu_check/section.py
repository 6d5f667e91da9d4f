"""Carries out a section, in a process of its own: piece after piece within its time, each on its page at once.

python -m sru_repro.gpu_check '{"section": "correct", ...}'
"""

import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence

from ..core.errors import RunError, SuiteError
from ..core.interrupt import signals
from ..ops import dispatch
from . import gpu
from .page import Page
from .plan import Failed, Planned, SectionOptions, Skipped, Unfinished, pieces

DONE, FAILED, UNFINISHED, AGAIN = 0, 1, 3, 4
"""Exit statuses: all pieces done; one failed; time ran out; the GPU is of no use to this process any more."""

LONGEST_S, LONGEST_REHEARSED_S = 90.0, 900.0
"""A piece that takes longer than this, and than three times its share, hangs. A rehearsal is carried out on whatever
machine there is, beside whatever else it does: there the authors' package alone may take minutes to build."""


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
        left_out: list[str] = []
        for place, piece in enumerate(todo):
            left_s = deadline - time.monotonic()
            if left_s <= piece.needs_s:  # another, further on, may need less
                left_out.append(piece.name)
                continue
            page.begin(piece.name)
            values: Mapping[str, object] = {}
            state, error = "ok", None
            try:
                share_s = share(todo[place:], left_s)
                longest_s = LONGEST_REHEARSED_S if options.rehearse else LONGEST_S
                _alarm(min(left_s + 15.0, max(longest_s, 3.0 * share_s)))
                values = piece.run(share_s)
                gpu.synchronize(options.torch_device)
                _require_fused(options)
            except Skipped as reason:
                state, error = "skipped", str(reason)
            except Unfinished as part:
                state, values, error = "unfinished", part.values, str(part)
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
        if left_out:
            say(options, f"no time left for {len(left_out)} pieces, from {left_out[0]} on; call again")
        if page.content.named("failed"):
            return FAILED
        return UNFINISHED if left_out or page.content.named("unfinished") else DONE


def share(todo: Sequence[Planned], left_s: float) -> float:
    """Seconds for the first of these pieces: by weight, but no less than it needs, and without those that later ones
    need, as long as these ask for no more than half of what is left."""
    piece, later = todo[0], sum(need for other in todo[1:] if (need := other.needs_s) < left_s)
    free_s = left_s - (later if later <= 0.5 * left_s else 0.0)
    by_weight = left_s * piece.weight / sum(other.weight for other in todo)
    return max(piece.needs_s, min(by_weight, free_s))


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
