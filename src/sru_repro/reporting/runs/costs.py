"""What a row cost, as the columns of a table: speed, also against the LSTM and as the paper tells it, time, memory."""

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

from ...records.run import RunRecord
from ..document import NONE
from ..marks import marked
from ..numbers import median_interval, ratio, times
from .cells import count, unconfirmed
from .line import REFERENCE, Line

TRAINING, EPOCHS = "training", "epochs"
GPU_HOURS, EPOCH_MINUTES = "paper's GPU hours", "paper's minutes per epoch"
ENCODER_SECONDS = "encoder alone, seconds per epoch"
PAPER_SPEEDS = ("paper's speed", "paper's encoder speed")
ENCODER = "encoder_seconds_per_epoch"
"""Field of `Throughput`."""


def speeds(lines: Sequence[Line], with_paper: bool) -> dict[str, list[str]]:
    """Pace, then speed against the LSTM and the paper's; again for the encoder alone, where it was measured."""
    lstm = reference(lines)
    per_epoch = next(line.metric.per_epoch for line in lines if line.runs)
    whole, alone = ([paper_speed(line, lstm, part) for line in lines] for part in ("total", "encoder"))
    measured = any(line.throughput(ENCODER) for line in lines)
    encoder = {
        ENCODER_SECONDS: [seconds(line, ENCODER) for line in lines],
        "encoder against LSTM": [speed(line, lstm, ENCODER) for line in lines],
    }
    return {
        "seconds per epoch" if per_epoch else "tokens/s": [pace(line) for line in lines],
        "speed against LSTM": [speed(line, lstm) for line in lines],
        **(filled({PAPER_SPEEDS[0]: whole}) if with_paper else {}),
        **(filled(encoder) if measured else {}),
        **(filled({PAPER_SPEEDS[1]: alone}) if with_paper else {}),
    }


def pace(line: Line) -> str:
    """Seconds per epoch, or tokens per second, as mean over the runs."""
    if not line.runs:
        return NONE
    if line.metric.per_epoch:
        return seconds(line, "seconds_per_epoch")
    return marked(count(line.pace), line.processor)


def seconds(line: Line, measure: str) -> str:
    """A time of throughput, as mean over the runs."""
    found = line.throughput(measure)
    return NONE if found is None else marked(f"{found:.1f}", line.processor)


def speed(line: Line, lstm: Line | None, measure: str = "") -> str:
    """Times as fast as the section's LSTM, of rows in turns with the interval of the median; the reference loop is
    named, as it is not meant to be fast."""
    found = line.speed_against(lstm, measure)
    if found is None or lstm is None:
        return NONE
    slow = f" ({REFERENCE})" if REFERENCE in line.backends else ""
    turns = [] if measure or line is lstm else line.in_turns(lstm)
    between = "" if not turns else " ({:.2f}–{:.2f})".format(*median_interval(turns))
    return marked(f"{found:.2f}×{between}{slow}", line.processor, lstm.processor)


def paper_speed(line: Line, lstm: Line | None, part: str = "total") -> str:
    """Times as fast as the LSTM by the paper's own times, on the paper's GPU: in all, or in the "encoder" alone."""
    for key in ("seconds", "minutes_per_epoch", "seconds_per_epoch"):
        own, base = (_paper_time(one, key, part) for one in (line, lstm))
        if lstm and own and base:
            return f"{base / own:.1f}×" + (unconfirmed(line, key) or unconfirmed(lstm, key))
    return NONE


def _paper_time(line: Line | None, key: str, part: str) -> float | None:
    """A time as the paper tells it: a number is the total, else each part has one."""
    found = getattr(line.paper, key) if line else None
    return found.get(part) if isinstance(found, Mapping) else found if part == "total" else None


def memory(line: Line) -> str:
    """Peak memory in MiB."""
    return NONE if line.peak_bytes is None else f"{line.peak_bytes / 2**20:,.0f} MiB"


def training(lines: Sequence[Line]) -> dict[str, list[str]]:
    """How long was trained, all rows in one unit."""
    found = [line.training_s for line in lines]
    unit, scale = clock(max((value for value in found if value), default=0.0))
    texts = [
        NONE if value is None else marked(f"{value / scale:.1f}", line.processor)
        for value, line in zip(found, lines, strict=True)
    ]
    return filled({f"{TRAINING}, {unit}": texts})


def processor_time(lines: Sequence[Line], *, trained: bool) -> dict[str, list[str]]:
    """Pace, speed against the LSTM and (`trained`) time of training as means in time of the processor: the clock's, by
    the part of the processor that each run had, which all of them know."""
    lstm = reference(lines)
    per_epoch = next(line.metric.per_epoch for line in lines if line.runs)
    paces = [_own_pace(line, per_epoch) for line in lines]
    base = next((pace for line, pace in zip(lines, paces, strict=True) if line is lstm), None)
    ratios = [ratio(base, pace) if per_epoch else ratio(pace, base) for pace in paces]
    told = {
        "processor seconds per epoch" if per_epoch else "tokens/s of the processor": [
            NONE if pace is None else f"{pace:.1f}" if per_epoch else count(pace) for pace in paces
        ],
        "speed against LSTM, by processor time": [
            times(found) + (f" ({REFERENCE})" if found and REFERENCE in line.backends else "")
            for line, found in zip(lines, ratios, strict=True)
        ],
    }
    if trained:
        spent = [_mean_of(line, lambda run: run.epochs[-1].wall_s if run.epochs else None) for line in lines]
        unit, scale = clock(max((value for value in spent if value), default=0.0))
        told[f"{TRAINING}, processor {unit}"] = [
            NONE if value is None else f"{value / scale:.1f}" for value in spent
        ]
    return filled(told)


def _own_pace(line: Line, per_epoch: bool) -> float | None:
    """Seconds of the processor an epoch, or tokens a second of it."""
    if per_epoch:
        return _mean_of(line, lambda run: run.throughput.seconds_per_epoch)
    seconds = _mean_of(line, lambda run: ratio(1.0, run.throughput.tokens_per_s))
    return ratio(1.0, seconds)


def _mean_of(line: Line, wall: Callable[[RunRecord], float | None]) -> float | None:
    """The mean over runs of seconds by the clock, as seconds of the processor; None where a run does not know them."""
    found = [
        None if (seconds := wall(run)) is None else seconds * (run.throughput.processor or 1.0)
        for run in line.runs
    ]
    known = [value for value in found if value is not None]
    return fmean(known) if known and len(known) == len(found) else None


def epochs(lines: Sequence[Line]) -> dict[str, list[str]]:
    """How often the training data were seen."""
    found = [line.epochs for line in lines]
    return filled({EPOCHS: [NONE if value is None else f"{value:.1f}" for value in found]})


def paper_cost(lines: Sequence[Line]) -> dict[str, list[str]]:
    """What a row cost the paper, where it says so."""
    found = {}
    for head, key in ((GPU_HOURS, "gpu_hours"), (EPOCH_MINUTES, "minutes_per_epoch")):
        costs = [getattr(line.paper, key) for line in lines]
        found[head] = [
            NONE if cost is None else f"{cost:,g}" + unconfirmed(line, key)
            for cost, line in zip(costs, lines, strict=True)
        ]
    return filled(found)


def filled(columns: dict[str, list[str]]) -> dict[str, list[str]]:
    """The columns in which anything stands."""
    return {head: found for head, found in columns.items() if set(found) != {NONE}}


def clock(longest: float) -> tuple[str, float]:
    """The unit in which to tell times up to so many seconds, and its seconds."""
    units = (("hours", 3600.0, 7200.0), ("minutes", 60.0, 200.0), ("seconds", 1.0, 0.0))
    return next((unit, seconds) for unit, seconds, least in units if longest >= least)


def reference(lines: Sequence[Line]) -> Line | None:
    """The LSTM that speeds are told against: the first that ran, in a table that may have several."""
    found = [line for line in lines if line.name.startswith("lstm")]
    return next((line for line in found if line.runs), found[0] if found else None)
