"""What a sweep found, in sentences: who leads and by how much, what did not come to its end, what it rests on."""

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence

from ...records.sweep import SweepRecord
from .. import facts
from ..numbers import listed, significant
from ..runs.budget import Budget, not_comparable
from ..runs.cells import number
from ..runs.costs import clock
from ..statistics import LEVEL
from .entries import Entry, Part, Sweep
from .importance import Importance
from .ranking import Group, Ranking
from .settings import differing, short_names, shown

_ONLY_HERE = ("sweep", "search", "resume", "hydra")
"""Keys of a command line that belong to the sweep, not to the run."""
_WIDE = 76
_MOST = 3
"""Settings that a sentence tells; of more it names the runs."""


def finding(ranking: Ranking) -> str:
    """The first sentence of a report."""
    first, *others = ranking.groups
    part, many = ranking.part, len(first.figures) > 1
    over = "; ".join(filter(None, ("" if many else "one run", part.caveat)))
    figure = _figure(first) + (f" over {first.repeats}" if many else "") + (f" ({over})" if over else "")
    if not others and not ranking.settings:
        low, high = (number(of(first.figures), None, part.metric) for of in (min, max))
        return (
            f"Only the seed differs: {figure}, from {low} to {high}." if many else f"{first.label}: {figure}."
        )
    name = _named(first)
    leads = f"{name if '=' in name else name.capitalize()} leads: {figure}"
    if not others:
        return f"{leads}; no other configuration has finished."
    return f"{leads}; the next, {_named(others[0])}, is {_behind(ranking)}, {_judgement(first, others[0])}."


def alike(ranking: Ranking) -> str:
    """How many lines the seeds do not tell from the first, where there are several."""
    first, *others = ranking.groups
    chances = [p for other in others if (p := first.against(other).p) is not None]
    close = sum(p > LEVEL for p in chances)
    if len(chances) < 2 or not close:
        return ""
    return f"The seeds tell {len(chances) - close or 'none'} of the other {len(others)} configurations from the first."


def budgets(ranking: Ranking) -> str:
    """Which of the ranked runs were trained for longer, where not all for the same; each by its row, or by its number
    where a row has several budgets."""
    told = [
        (entry, entry.run) for group in ranking.groups for entry in group.entries if entry.run is not None
    ]
    of_rows: dict[str, set[Budget]] = {}
    for _, run in told:
        of_rows.setdefault(run.row, set()).add(Budget.of(run))
    several = any(len(found) > 1 for found in of_rows.values())
    return not_comparable((f"run {entry.number}" if several else run.row, run) for entry, run in told)


def _named(group: Group) -> str:
    if len(group.settings) <= _MOST:
        return group.label
    numbers = [entry.number for entry in group.entries]
    return f"run {numbers[0]}" if len(numbers) == 1 else group.label


def _figure(group: Group) -> str:
    """The mean with its interval and unit: "84.1 ± 0.4 %", "2.021 ± 0.004 bits per byte"."""
    metric = group.part.metric
    name, _, unit = metric.name.partition(", ")
    return f"{number(group.mean, group.half, metric)} {unit or name}"


def _behind(ranking: Ranking) -> str:
    metric, behind = ranking.part.metric, ranking.behind
    if not behind:
        return "level with it"
    least, unit = 10.0**-metric.decimals, " points" if metric.scale == 100 else ""
    by = number(max(behind, least), None, metric)
    return f"{'less than ' if behind < least / 2 else ''}{by}{unit} behind"


def _judgement(first: Group, second: Group) -> str:
    p = first.against(second).p
    if p is None and min(len(first.figures), len(second.figures)) < 2:
        return "and a single run does not tell whether that is chance"
    if p is None:
        return "without any spread of that difference, which leaves nothing to test"
    told = "p < 0.001" if p < 0.001 else f"p = {p:.2g}"
    who = "folds" if any(entry.drawn()[1] is not None for entry in first.entries) else "seeds"
    verb = f"which the {who} do not tell apart" if p > LEVEL else f"more than the {who} scatter"
    return f"{verb} ({told})"


def again(sweep: Sweep, ranking: Ranking) -> str:
    """The command line that trains the best configuration again, broken for a shell where it is long."""
    best = ranking.groups[0].entries[0]
    words = [*(sweep.record.words if sweep.record else ()), *best.overrides]
    words = best.run.overrides if best.run is not None else words
    flags = _of_hydra(sweep.record) if sweep.record else []
    kept = {
        (word if word.startswith("~") else _key(word)): word
        for word in words
        if word.startswith("~")
        or ("=" in word and _key(word).replace("/", ".").split(".")[0] not in _ONLY_HERE)
    }
    hardware = None if best.run is None else best.run.hardware
    if hardware is not None and hardware.device == "cpu" and hardware.threads not in (None, hardware.cores):
        # Of a run that had its share of the cores: with another number of threads the last digits differ.
        kept.setdefault("trainer.threads", f"trainer.threads={hardware.threads}")
    lines = ["sru-repro train"]
    for word in map(_for_a_shell, [*flags, *kept.values()]):
        if len(lines[-1]) + len(word) < _WIDE:
            lines[-1] += f" {word}"
        else:
            lines.append(f"    {word}")
    return " \\\n".join(lines)


def _of_hydra(record: SweepRecord) -> list[str]:
    """Where a sweep's configuration comes from beside the suite's own: --config-dir, and what else Hydra was told."""
    return [*record.flags, *(word for word in record.words if _key(word) == "hydra.searchpath")]


def _key(word: str) -> str:
    return word.partition("=")[0].lstrip("+-~")


def _for_a_shell(word: str) -> str:
    """Records hold `~` for a home folder, which a shell does not look for behind a sign of equality."""
    key, home, below = word.partition("=~/")
    return f'{key}="$HOME"/{shlex.quote(below)}' if home else shlex.quote(word)


def all_unfinished(sweep: Sweep) -> list[str]:
    """A line for each member that is not ranked."""
    return [line for part in sweep.parts for line in _unfinished(part)]


def _unfinished(part: Part) -> list[str]:
    """What it was, how far it came, why it ended."""
    settings = differing(part.entries)
    names = short_names(settings)
    lines = []
    for place, entry in enumerate(part.entries):
        values = (f"{name}={shown(one.values[place])}" for name, one in zip(names, settings, strict=True))
        what = " ".join(values) or entry.name
        if not entry.finished:
            told = _how(part, entry)
            lines.append(f"{entry.state}, run {entry.number} ({what})" + (f": {told}" if told else ""))
    return lines


def _how(part: Part, entry: Entry) -> str:
    metric, progress = part.metric, entry.run.progress if entry.run is not None else None
    if entry.state == "running":
        return "" if progress is None else f"{100 * progress.fraction:.0f} % of its budget"
    if entry.state == "diverged":
        return "no finite figure on the validation set"
    at = "" if entry.value is None else f"at {number(entry.value * metric.scale, None, metric)}"
    return "; ".join(filter(None, (at, entry.error)))


def basis(ranking: Ranking, found: Importance) -> list[str]:
    """What the figures rest on, and what has to be known of them."""
    part, many = ranking.part, any(len(group.figures) > 1 for group in ranking.groups)
    rule = "Ranked by the figure on the validation set; the test figure beside it was not used to choose."
    lines = [rule] if ranking.settings else []
    if many:
        lines.append("± is half the 95 % interval of the mean over n runs (Student's t).")
    if many and len(ranking.groups) > 1:
        lines.append(
            "p: against the first, pair by pair where both have the same seeds and folds, else by Welch's test; "
            f"that the first was chosen among {len(ranking.groups)} is left aside."
        )
    if any(group.overlap for group in ranking.groups):
        lines.append("± and p allow for the data that folds share (Nadeau and Bengio, 2003).")
    seeds = {frozenset(entry.drawn() for entry in group.entries) for group in ranking.groups}
    if many and len(seeds) > 1:
        lines.append("Not all configurations have finished with the same seeds and folds.")
    if ranking.repeated:
        lines.append(f"{ranking.repeated} runs repeat another with its seed; the later one counts.")
    return [*lines, *_apart(part), *([found.basis] if len(ranking.settings) > 1 else [])]


def _apart(part: Part) -> list[str]:
    """Data, machines and code that are not the same for all."""
    lines, runs = [], part.runs
    machines = Counter(run.hardware.name for run in runs)
    if len({run.hardware.slug for run in runs}) > 1:
        named = listed([f"{name} ({count} runs)" for name, count in machines.items()])
        lines.append(f"On {named}: speeds and times of different machines are not compared.")
    states: dict[int | None, Counter[str]] = {}
    for run in runs:
        words = f"{run.data.description} ({run.data.fingerprint[:8] or 'of unknown state'})"
        states.setdefault(run.fold, Counter())[words] += 1
    differ = next((state for state in states.values() if len(state) > 1), None)
    if differ is not None:
        named = listed([f"{name} in {count}" for name, count in differ.items()])
        lines.append(f"Not all runs had the same data: {named}. Their figures answer different questions.")
    codes = facts.revisions([run.stamp for run in runs])
    if len(codes) > 1:
        lines.append(f"Code: {', '.join(codes)}")
    return lines


def cost(entries: Iterable[Entry], record: SweepRecord | None) -> str:
    """Time of all members together, also of those that are not ranked."""
    entries = list(entries)
    runs = [entry.run for entry in entries if entry.run is not None]
    if not runs:
        return ""
    training = sum(run.epochs[-1].wall_s for run in runs if run.epochs)
    whole = sum(run.wall_s for run in runs)
    unit, seconds = clock(max(training, whole))
    times = [f"{significant(of / seconds)} {unit}" for of in (training, whole)]
    starts = sorted(filter(None, [record.started if record else "", *(run.started for run in runs)]))
    ends = sorted(filter(None, (entry.ended for entry in entries)))
    between = f", {_minute(starts[0])} to {_minute(ends[-1])} UTC" if starts and ends else ""
    return f"Cost: {times[0]} of training, {times[1]} with data and tests, {len(runs)} runs{between}"


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")


def values_told(ranking: Ranking) -> list[tuple[str, str]]:
    """Each setting that differs, and its values."""
    return [(one.key, _values(one.known, one.numeric)) for one in ranking.settings]


def _values(known: Sequence[object], numeric: bool) -> str:
    texts = list(dict.fromkeys(shown(value) for value in known))  # type: ignore[arg-type]
    if len(texts) <= 8:
        return ", ".join(texts)
    return f"{texts[0]} to {texts[-1]}, {len(known)} values" if numeric else f"{len(texts)} values"
