"""What a process of `_runs` imports before it is forked, and does after."""

import os
import signal
from collections.abc import Sequence

from ..cli import main
from ..cli import train as _verb  # noqa: F401
from ..tasks import lm as _task  # noqa: F401
from ..training import checkpoints, fit  # noqa: F401


def train(words: Sequence[str], log: str, save_every_s: float) -> None:
    """`sru-repro train`, which says what it says into a file."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    checkpoints.SAVE_EVERY_S = save_every_s
    main(["train", *words])
