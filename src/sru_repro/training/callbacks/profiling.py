"""`trainer.profiler`: where the time of a training goes, by Lightning's profilers, into the run's folder.

profile.txt          what took longest, then all that the profiler has to say
profile.trace.json   pytorch: a few steps in the format of Chrome's about:tracing and of ui.perfetto.dev
"""

import os
import pstats
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.profilers import AdvancedProfiler, Profiler, SimpleProfiler

from ...core.home import without_home
from ...records.run import RunRecord
from ..console import Console
from ..screen import WIDTH, shortened

FILE, TRACE = "profile.txt", "profile.trace.json"
SHOWN, KEPT = 8, 40
"""Lines on the screen and in the file's first table."""
Row = tuple[str, int, float]
"""What ran, how often, seconds in all."""
STEP = "run_training_batch"
"""What Lightning calls a whole step of one batch, recorded or not."""


class Simple(SimpleProfiler):
    """Seconds of each part of the loop."""

    per = "part of the loop"

    def __init__(self) -> None:
        super().__init__(extended=True)
        self.text = ""

    def describe(self) -> None:
        self.text = self.summary().expandtabs()

    def rows(self) -> list[Row]:
        """Each part; some are parts of others."""
        return [(name, len(took), sum(took)) for name, took in self.recorded_durations.items()]


class Advanced(AdvancedProfiler):
    """Python's own profiler on each part of the loop."""

    per = "function, with its own time"

    def __init__(self) -> None:
        super().__init__(line_count_restriction=30)
        self.text = ""
        self._rows: list[Row] = []

    def describe(self) -> None:
        self.text = self.summary()
        stats: Any = pstats.Stats(*self.profiled_actions.values())
        for (file, line, function), (_, calls, own, _, _) in stats.stats.items():
            place = f" ({os.path.basename(file)}:{line})" if line else ""
            self._rows.append((f"{function}{place}", calls, own))

    def rows(self) -> list[Row]:
        """Each function with the seconds of its own."""
        return self._rows


class Operators(Profiler):
    """PyTorch's profiler on a few training batches, replayed CUDA graphs included: the trainer names each batch,
    whether it runs as it is or is replayed, where Lightning's own class waits for calls of `training_step`, of which a
    replay has none."""

    per = "operator or kernel, with its own time"

    def __init__(self) -> None:
        super().__init__()
        self.text, self._rows = "", list[Row]()
        self._trace: Path | None = None
        self._profile: Any = None

    def begin(self, trace: Path) -> None:
        """From the next batch on: one is passed over, one warms up, five are recorded, the trace goes to this file."""
        self._trace = trace
        os.environ.setdefault(
            "KINETO_LOG_LEVEL", "99"
        )  # or it says on standard error when it starts and stops
        kinds = [torch.profiler.ProfilerActivity.CPU]
        if torch.cuda.is_available():
            kinds.append(torch.profiler.ProfilerActivity.CUDA)
        self._profile = torch.profiler.profile(
            activities=kinds,
            schedule=torch.profiler.schedule(wait=1, warmup=1, active=5, repeat=1),
            on_trace_ready=self._ready,
        )
        self._profile.start()

    def start(self, action_name: str) -> None:
        """Of everything in the loop; nothing is begun here."""

    def stop(self, action_name: str) -> None:
        if action_name == STEP and self._profile is not None:
            self._profile.step()

    def describe(self) -> None:
        self._end()

    def teardown(self, stage: str | None) -> None:
        self._end()
        super().teardown(stage)

    def _end(self) -> None:
        profile, self._profile = self._profile, None
        if profile is not None:
            profile.stop()

    def _ready(self, profile: Any) -> None:
        if self._local_rank:  # of several processes the first one tells
            return
        profile.export_chrome_trace(str(self._trace))
        found = profile.key_averages()
        on_cuda = any(event.self_device_time_total for event in found)
        order = "self_device_time_total" if on_cuda else "self_cpu_time_total"
        self._rows = [(event.key, event.count, getattr(event, order) * 1e-6) for event in found]
        self.text = found.table(sort_by=order, row_limit=KEPT, max_name_column_width=60)

    def rows(self) -> list[Row]:
        """Each operator (on CUDA: each kernel) with the seconds of its own."""
        return [row for row in self._rows if not row[0].startswith("ProfilerStep")]


Profilers = Simple | Advanced | Operators


def profiler_of(name: str | None, folder: Path) -> Profilers | None:
    """The profiler of that name; None of none."""
    for old in (FILE, TRACE):
        (folder / old).unlink(missing_ok=True)
    if name == "pytorch":
        operators = Operators()
        operators.begin(folder / TRACE)
        return operators
    if name == "advanced":
        return Advanced()
    return Simple() if name else None


def profiled(profiler: Profilers, folder: Path, content: RunRecord, console: Console) -> None:
    """Writes what was found, shows the head of it, and notes that it cost time."""
    content.notes.append(
        f"trained under a profiler ({content.config['trainer']['profiler']}): its paces are lower"
    )
    rows = sorted(profiler.rows(), key=lambda row: -row[2])
    if not rows:
        console.say("profile: fewer than three batches were trained, nothing was recorded")
        return
    (folder / FILE).write_text(
        without_home("\n".join([*table(profiler.per, rows[:KEPT]), "", profiler.text, ""])), encoding="utf-8"
    )
    for line in table(profiler.per, rows[:SHOWN]):
        console.say(line)
    names = [FILE, *([TRACE] if (folder / TRACE).is_file() else [])]
    console.say(f"profile: {', '.join(names)} in {os.path.relpath(folder)}")


def table(per: str, rows: Sequence[Row], width: int = WIDTH) -> list[str]:
    """The rows in 80 columns: what, calls, seconds, milliseconds a call."""
    room = width - 8 - 10 - 11
    lines = [f"{per:<{room}}{'calls':>8}{'seconds':>10}{'ms a call':>11}"]
    for name, calls, seconds in rows:
        name = shortened(name.replace("[Callback]", "").replace("[Strategy]", ""), room - 1)
        lines.append(f"{name:<{room}}{calls:>8,}{seconds:>10.3f}{1e3 * seconds / max(1, calls):>11.3f}")
    return lines
