"""What a rank other than the first does: it waits to be told which run, trains its part of it, writes nothing down.

`python -m sru_repro.training.ranks.follow` is started by the first rank (children.py), with a line on standard input.
"""

import json
import os
import sys
import threading
import time
import traceback
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch

from ...core.alone import alone
from ...core.errors import ConfigError, DataError, SuiteError
from ...core.interrupt import Interrupted, Signals, signals
from ...records.run import RunRecord
from ..config import check
from ..prepare import load_data, set_threads
from .children import is_loss
from .quiet import Unwritten
from .world import FAILED, JOB, LOOK_S, OVER, READY, Ranks


def follow(ranks: Ranks) -> Path:
    """Trains this rank's part of the run that the first one names; its folder.

    Raises:
        SystemExit: the run has failed, which the first rank tells. Interrupted: a signal came.
    """
    try:
        with signals() as caught:
            return _follow(ranks, caught)
    except SystemExit:
        raise
    except BaseException as error:
        lost = is_loss(error) or ranks.look_up(OVER) is not None
        if not lost:
            number = error.status - 128 if isinstance(error, Interrupted) else None
            kind = "" if isinstance(error, SuiteError) else f"{type(error).__name__}: "
            said = (str(error).strip().splitlines() or [""])[0]
            with suppress(RuntimeError):
                ranks.post(f"{FAILED}/{ranks.rank}", {"error": f"{kind}{said}", "signal": number})
            if number is None and not isinstance(error, SuiteError):
                traceback.print_exc()
        if isinstance(error, Interrupted):
            raise
        raise SystemExit(1) from None
    finally:
        ranks.leave()


def _follow(ranks: Ranks, caught: Signals) -> Path:
    while (job := ranks.look_up(JOB)) is None:
        if (over := ranks.look_up(OVER)) is not None:
            return _over(over)
        time.sleep(LOOK_S)
    folder = Path(job["folder"])
    config = check(job["config"])
    with alone():
        from ..fit import fit  # imports Lightning

    set_threads(config)
    data = load_data(config, quiet=True)
    content = RunRecord.model_validate(job["content"])
    if data.fingerprint != content.data.fingerprint:
        raise DataError(
            f"data_dir={config.top.data_dir}: expected the data of the first process, {content.data.fingerprint}, "
            f"found others, {data.fingerprint}"
        )
    start = Path(job["start"]) if job["start"] else None
    if not folder.is_dir():
        raise ConfigError(f"{folder}: expected a folder that all machines of the run share, found none here")
    ranks.post(f"{READY}/{ranks.rank}", {})
    fit(config, Unwritten(folder, content), data, caught, start, ranks)
    with suppress(RuntimeError):  # the first one has gone with its store: it has written all there is
        while not ranks.store.check([OVER]):
            time.sleep(LOOK_S)
        return _over(json.loads(ranks.store.get(OVER)))
    return folder


def _over(told: Any) -> Path:
    """The folder of a run that has come to its end."""
    if told["failed"]:
        raise SystemExit(1)
    return Path(told["folder"])


def _end_with_the_parent() -> None:
    """Ends this process as soon as standard input is closed, whatever it is doing."""
    sys.stdin.read()
    os._exit(1)


def main() -> int:
    """A child's life."""
    told = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    store = torch.distributed.TCPStore(
        "127.0.0.1", told["port"], told["world"], is_master=False, timeout=timedelta(seconds=60)
    )
    try:
        follow(Ranks(told["rank"], told["world"], told["rank"], store))
    except Interrupted as stop:
        return stop.status
    return 0


if __name__ == "__main__":
    sys.exit(main())
