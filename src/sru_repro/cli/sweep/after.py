"""The end of a sweep: its report, what failed, and where to look further."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...core.errors import on_one_line
from ...core.home import shown, without_home
from ...records.sweep import Member, place_of
from .naming import called


def after_sweep(folder: Path) -> None:
    """Prints what a sweep has shown, as its report tells it, and the command that tells it again."""
    from rich.console import Console

    from ...reporting.sweeps import after_sweep as last_lines

    console = Console()
    for shown_part in last_lines(folder):
        console.print(shown_part)
    print(f"again by: sru-repro report {argument(folder)}", flush=True)


def say_failures(folder: Path, members: Sequence[Member]) -> None:
    """A line for each member that has not come to its end: why, and where to look."""
    for member in members:
        log = place_of(folder, member) / "log.txt"
        told = on_one_line(f"{called(member)}: {member.error or member.state}")
        see = f" (see {shown(log)})" if log.is_file() and on_one_line(shown(log)) not in told else ""
        print(without_home(f"sru-repro: {told}{see}"), file=sys.stderr)


def still_running(members: Sequence[Member], left: Mapping[str, str]) -> str:
    """What is said of members that somebody else trains; `left`: to whom they were left, by their names."""
    told = [f"{m.name} (left to {left[m.name]})" if m.name in left else m.name for m in members]
    then = "it has ended" if len(told) == 1 else "they have ended"
    return on_one_line(f"still running elsewhere: {'; '.join(told)}; call again when {then}") if told else ""


def argument(folder: Path) -> str:
    """A sweep's folder as an argument, for a shell."""
    home, _, below = shown(folder).partition("~/")
    if home or not below:
        return shlex.quote(f"sweep={shown(folder)}")
    return f'sweep="$HOME"/{shlex.quote(below)}'
