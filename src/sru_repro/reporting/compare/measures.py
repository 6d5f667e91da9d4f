"""What rows reached besides their headline, and what they cost, as columns."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from ...records.run import RunRecord
from ..document import NONE
from ..marks import least, marked
from ..numbers import size
from ..runs.costs import clock
from ..runs.records import Metric, metric_head, metric_of
from .groups import Group, Section
from .judged import number


@dataclass(frozen=True)
class Measure:
    """A column: a number and a text for each row."""

    head: str
    values: Sequence[float | None]
    texts: Sequence[str]
    speed: bool = False
    """Of one machine only."""

    @property
    def told(self) -> bool:
        """Whether any row has it."""
        return any(value is not None for value in self.values)


def headline(section: Section) -> Measure:
    """What the section is ranked by."""
    return _metric(section, section.headline)


def measures(section: Section) -> list[Measure]:
    """All other columns in which anything stands. Speeds only where all rows had the same hardware."""
    groups = section.groups
    longest = [_mean_of(group, _seconds) or 0.0 for group in groups]
    unit, scale = clock(max(longest, default=0.0))
    columns = [
        *(_metric(section, key) for key in section.metrics if key != section.headline),
        _plain("parameters", groups, lambda run: float(run.parameters) or None, "{:,.0f}".format),
        _speed("tokens/s", groups, lambda run: run.throughput.tokens_per_s, "{:,.0f}".format),
        _speed("ms a step", groups, lambda run: run.throughput.step_ms, "{:,.1f}".format),
        _speed(f"training, {unit}", groups, _seconds, lambda seconds: f"{seconds / scale:.1f}"),
        _plain("memory", groups, lambda run: run.peak_bytes, lambda value: size(round(value)), max),
        _plain("GPU memory", groups, lambda run: run.gpu_peak_bytes, lambda value: size(round(value)), max),
    ]
    return [column for column in columns if column.told and (section.one_machine or not column.speed)]


def head_of(key: str) -> str:
    """A figure's key as a head: only of what was tested by the name that its data set has for it."""
    split, _, name = key.rpartition("/")
    return metric_head(key) if split == "test" else f"{split} {metric_of(name).name}".strip()


def with_half(mean: float, half: float | None, metric: Metric) -> str:
    """ "81.2 ± 0.4"; of one run the figure alone."""
    return number(mean, metric) if half is None else f"{number(mean, metric)} ± {number(half, metric)}"


def _seconds(run: RunRecord) -> float | None:
    """Of training until the last validation."""
    return run.epochs[-1].wall_s if run.epochs else None


def _metric(section: Section, key: str) -> Measure:
    found = [group.mean(key) for group in section.groups]
    metric = metric_of(key)
    texts = [NONE if mean is None else with_half(*mean, metric) for mean in found]
    return Measure(head_of(key), [None if mean is None else mean[0] for mean in found], texts)


def _values(group: Group, of: Callable[[RunRecord], float | None]) -> list[float]:
    return [value for run in group.counted.values() if (value := of(run)) is not None]


def _mean_of(group: Group, of: Callable[[RunRecord], float | None]) -> float | None:
    values = _values(group, of)
    return fmean(values) if values else None


def _speed(
    head: str, groups: Sequence[Group], of: Callable[[RunRecord], float | None], form: Callable[[float], str]
) -> Measure:
    values = [_mean_of(group, of) for group in groups]
    texts = [
        NONE
        if value is None
        else marked(form(value), least(run.throughput.processor for run in group.counted.values()))
        for group, value in zip(groups, values, strict=True)
    ]
    return Measure(head, values, texts, speed=True)


def _plain(
    head: str,
    groups: Sequence[Group],
    of: Callable[[RunRecord], float | None],
    form: Callable[[float], str],
    over: Callable[[Iterable[float]], float] = fmean,
) -> Measure:
    values = [over(found) if (found := _values(group, of)) else None for group in groups]
    return Measure(head, values, [NONE if value is None else form(value) for value in values])
