"""Sections `train-sst`, `train-enwik8`, `train-squad`: short real trainings in bfloat16, of fixed seconds. Small models
run side by side and share the card, as in a sweep; the papers' sizes run alone.

A run is `sru-repro train` in a process of its own; the page keeps its figures, its curve, and what it made of the card.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..core import machine
from ..core.errors import DataError
from ..core.interrupt import Interrupted
from ..record import Record, read_record
from ..reporting.gpu.record import read_page
from .plan import Failed, Options, Piece
from .speed import rates

RUNS = Path("runs/gpu-check")
PATIENCE_S = 8.0
"""How long a group may go on beyond its time: the section is ended a little later."""
ALONE_S = 8.0
"""Seconds of training of a row that runs alone: enough for its pace, the same for all."""


@dataclass(frozen=True)
class Group:
    """Runs side by side.

    rows        places in conf/experiment
    changes     what is changed in all of them
    around_s    seconds of a run besides its training, on a card's machine
    """

    name: str
    rows: tuple[str, ...]
    changes: tuple[str, ...]
    weight: float
    around_s: float


# One stream of millions of symbols would take longer to evaluate than the training takes.
_STREAMS = ("task.eval_batch_size=32", "trainer.log_every=25")
_SHORT_RATE = ("optim.schedule=constant", "optim.lr=0.0005", "optim.warmup_steps=50")
_SST = ("cnn", "lstm", "qrnn", "qrnn-highway", "sru2", "sru4", "sru8")
_SMALL = ("sru", "srupp", "lstm", "gru", "qrnn", "mingru", "transformer_xl")
_PAPER = ("sru6", "lstm6", "srupp-base", "qrnn6", "transformer-xl")
_SQUAD = ("sru3", "sru6", "qrnn4-highway", "lstm3")

GROUPS: dict[str, tuple[Group, ...]] = {
    "train-sst": (
        Group("table", tuple(f"sst/{row}" for row in _SST), ("trainer.validate_every=600",), 1.0, 22.0),
    ),
    "train-enwik8": (
        Group(
            "small",
            tuple(f"small/{row}" for row in _SMALL),
            ("trainer.validate_every=500", *_STREAMS),
            3.0,
            22.0,
        ),
        *(
            Group(
                f"paper/{row}",
                (f"enwik8/{row}",),
                # The papers' rates take hours to warm up: a short run needs one that is there at once.
                ("trainer.validate_every=100", *_SHORT_RATE, *_STREAMS),
                0.9,
                18.0,
            )
            for row in _PAPER
        ),
    ),
    "train-squad": (
        Group(
            "table",
            tuple(f"squad/{row}" for row in _SQUAD),
            ("trainer.validate_every=400", "task.val_limit=1000"),
            1.0,
            40.0,
        ),
    ),
}


def pieces(options: Options) -> list[Piece]:
    """The card's rates, then a piece for each group."""
    groups = GROUPS[options.section]
    if options.rehearse:
        groups = groups[:1]
    found = [Piece("rates", lambda seconds: {"rates": rates(options)}, weight=0.03)]
    return found + [
        Piece(
            group.name,
            partial(_train, options, group),
            group.weight,
            0.0 if options.rehearse else _least_s(group),
        )
        for group in groups
    ]


def _least_s(group: Group) -> float:
    """Seconds without which a group is better left for the next call."""
    return group.around_s + (ALONE_S if len(group.rows) == 1 else 10.0)


def overrides(options: Options, group: Group, row: str, seconds: float) -> list[str]:
    """What `sru-repro train` is told of a run."""
    words = [
        f"experiment={row}",
        f"trainer={options.device}",
        "logger=csv",
        "seed=1",
        f"data_dir={options.data_dir}",
    ]
    if options.rehearse:
        return [*words, "profile=smoke"]
    limits = ["trainer.max_epochs=1000000", "trainer.max_steps=0", f"trainer.max_seconds={seconds:.1f}"]
    return [*words, "profile=short", "trainer.precision=bf16-mixed", *limits, *group.changes]


def _train(options: Options, group: Group, seconds: float) -> dict[str, Any]:
    """Runs a group; every run's figures, also when some of them failed."""
    rows = group.rows[:2] if options.rehearse else group.rows
    each_s = ALONE_S if len(rows) == 1 else max(4.0, seconds - group.around_s)
    started = {}
    try:
        for row in rows:
            folder = RUNS / options.section / group.name / row.split("/")[-1]
            shutil.rmtree(folder, ignore_errors=True)
            started[row] = folder, _start(options, overrides(options, group, row, each_s), folder, len(rows))
        _wait(
            [process for _, process in started.values()],
            (3600.0 if options.rehearse else seconds) + PATIENCE_S,
        )
    finally:
        for _, process in started.values():
            process.kill()
    peak = _bfloat16_rate(options)
    runs = [_told(row, folder, process.returncode, peak) for row, (folder, process) in started.items()]
    values = {
        "side_by_side": len(rows),
        "seconds_each": each_s,
        "bfloat16_flop_per_s": peak,
        "runs": runs,
        "note": "; ".join(_line(run) for run in runs),
    }
    if failed := [run for run in runs if run["state"] != "finished"]:
        told = f"{failed[0]['row']}: {failed[0]['error']}"
        raise Failed(f"{len(failed)} of {len(runs)} runs failed: {told}", values)
    return values


def _start(options: Options, words: Sequence[str], folder: Path, number: int) -> "subprocess.Popen[bytes]":
    folder.mkdir(parents=True)
    surroundings = os.environ | {"OMP_NUM_THREADS": str(max(1, machine.cores() // number))}
    if number > 1:
        surroundings[machine.SIDE_BY_SIDE] = str(number)
    command = [sys.executable, "-m", "sru_repro", "train", *words, f"hydra.run.dir={folder}"]
    with (folder / "log.txt").open("w") as log:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=surroundings
        )


def _wait(processes: Sequence["subprocess.Popen[bytes]"], seconds: float) -> None:
    """Until all are through; what is not by then is ended."""
    end = time.monotonic() + seconds
    try:
        while any(process.poll() is None for process in processes) and time.monotonic() < end:
            time.sleep(0.1)
    except (Interrupted, KeyboardInterrupt):
        for process in processes:
            process.terminate()
        raise
    for process in processes:
        if process.poll() is None:
            process.terminate()
    for process in processes:
        try:
            process.wait(timeout=4)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _told(row: str, folder: Path, status: int, peak: float | None) -> dict[str, Any]:
    """What the page keeps of a run."""
    name = row.split("/")[-1]
    try:
        record = read_record(folder)
    except DataError:
        record = {}
    if status or record.get("state") != "finished":
        lines = (folder / "log.txt").read_text(errors="replace").strip().splitlines()
        error = record.get("error") or (lines[-1] if lines else f"status {status}")
        return {"row": name, "label": name, "state": "failed", "error": str(error)[:300]}
    return {"row": name, "state": "finished", "error": None, **_figures(record, peak)}


def _figures(record: Record, peak: float | None) -> dict[str, Any]:
    throughput = record["throughput"]
    steps_a_second = 1e3 / throughput["step_ms"]
    flop = throughput.get("flop_per_step")
    return {
        "label": (record["paper"] or {}).get("label", record["row"]),
        "headline": record["headline"],
        "higher_is_better": record["higher_is_better"],
        "metrics": record["metrics"],
        "epochs": record["epochs"],
        "parameters": record["parameters"],
        "backend": record["backend"],
        "precision": record["config"]["trainer"]["precision"],
        "flop_per_step": flop,
        "flop_per_s": None if flop is None else flop * steps_a_second,
        "notes": record["notes"],
        "data": {key: record["data"][key] for key in ("description", "comparable", "why_not")},
    }


def _line(run: dict[str, Any]) -> str:
    """A run in a few words."""
    if run["state"] != "finished":
        return f"{run['row']} failed ({run['error']})"
    return f"{run['row']} {run['metrics'][run['headline']]:.4g}"


def _bfloat16_rate(options: Options) -> float | None:
    """What this card multiplies in bfloat16, as measured at the head of the page."""
    for piece in read_page(options.page)["pieces"]:
        if piece["name"] == "rates" and piece["state"] == "ok":
            rate: float | None = piece["values"]["rates"]["bfloat16_flop_per_s"]
            return rate
    return None
