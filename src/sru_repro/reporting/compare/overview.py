"""Many runs on one screen: what was found, rows ranked with tests of their differences, figures, what differs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ...records.run import RunRecord
from ..document import NONE
from ..marks import DAGGER, LEGEND
from ..numbers import listed
from .curves import sparklines
from .differences import PARTS, Difference, by_size, differences, line_of
from .gather import Found
from .groups import Section
from .judged import Judged, alike, base_of, change, finding, judged
from .measures import Measure, head_of, headline, measures
from .pair import described
from .screen import LEAST, NAME, grid, words

if TYPE_CHECKING:
    from rich.console import RenderableType

_KEYS = 12
"""Keys of a part that are told."""
_VALUES = 10
"""Values of a key that are told one by one."""
_LONGEST = 60
"""Signs of a value."""
_TOGETHER = 3
"""Keys that the same rows lack, from which on they are told in one line."""


def overview(
    found: Sequence[Found], sections: Sequence[Section], against: str, width: int
) -> list["RenderableType"]:
    """What a terminal of that width shows of any number of runs."""
    shown: list[RenderableType] = []
    if len(sections) > 1:
        shown.append(words(kinds(sections)))
    first = 1
    for section in sections:
        base = base_of(section, against)
        shown.append(words("\n".join([said_of(section), *finding(section, base, against)])))
        if base is not None:
            rows = judged(section, base)
            shown.append(_ranking(section, rows, first, width))
            shown.append(_figures(section, first, width))
            shown += [words("\n".join(lines)) for lines in [legend(section, rows, first)] if lines]
        if len(found) > 1:
            shown.append(_differences(section, first))
        shown += [words("\n".join(lines)) for lines in [unfinished(section, first)] if lines]
        first += len(section.groups)
    return shown


def kinds(sections: Sequence[Section]) -> str:
    """Why not all runs stand in one table."""
    named = listed([f"{line_of(section.task)} ({section.head or 'no figure'})" for section in sections])
    return f"Figures of {named} are of different kinds: compared within each, not with each other."


def said_of(section: Section) -> str:
    """What all runs of a section share, in a line."""
    runs = [run for group in section.groups for run in group.runs]
    seeds = sorted({run.seed for run in runs})
    facts = [
        f"{len(runs)} run{'s' * (len(runs) > 1)} in {len(section.groups)} row{'s' * (len(section.groups) > 1)}: "
        f"{section.task}",
        "profile " + ", ".join(dict.fromkeys(run.caveat or run.profile for run in runs)),
        f"seed{'s' * (len(seeds) > 1)} {ranges([str(seed) for seed in seeds])}",
        *list(dict.fromkeys(run.hardware.name for run in runs if run.hardware.name))[:3],
    ]
    return line_of("; ".join(facts))


def _ranking(section: Section, rows: Sequence[Judged], first: int, width: int) -> "RenderableType":
    metric = section.metric
    base = next(place for place, line in enumerate(rows, first) if line.test is None)
    heads = ["", "row", section.head, "n", f"minus\nrow {base}", "95 % interval", "p", "Holm", "differs"]
    body = []
    for place, (line, text) in enumerate(zip(rows, headline(section).texts, strict=False), first):
        test, n = line.test, len(line.group.figures(section.headline))
        tests = [""] * 5 if test is None else [change(test.effect, metric), *_tests(line, section)]
        body.append([str(place), line.group.name, text, str(n), *tests])

    kept = [column for column in range(9) if column < 4 or any(row[column] not in ("", NONE) for row in body)]
    if sum(line.corrected is not None for line in rows) == 1:
        kept.remove(heads.index("Holm"))  # of one test p is the same

    def room() -> int:
        """Letters that are left for the names."""
        others = [
            [*_in_two(heads[place]).split("\n"), *(row[place] for row in body)]
            for place in kept
            if place != 1
        ]
        return width - 2 * len(others) - sum(max(map(len, texts)) for texts in others)

    names = min(NAME, max(len(line.group.name) for line in rows))
    if len(kept) == 9 and room() < names:
        kept.remove(heads.index("p"))
    return grid(
        "",
        [_in_two(heads[column]) for column in kept],
        [[row[column] for column in kept] for row in body],
        right=[place for place, column in enumerate(kept) if column not in (1, 8)],
        names=max(LEAST, min(names, room())),
    )


def _in_two(head: str) -> str:
    """A head of several words in two lines."""
    return head if "\n" in head or head[:1].isdigit() else head.replace(" ", "\n", 1)


def _tests(line: Judged, section: Section) -> list[str]:
    """Interval, p, corrected p, verdict."""
    test = line.test
    assert test is not None
    if test.low is None or test.high is None:
        return [NONE] * 4
    between = f"{change(test.low, section.metric)} to {change(test.high, section.metric)}"
    verdict = {True: "yes", False: "no", None: NONE}[line.differs]
    return [between, chance(test.p), chance(line.corrected), verdict]


def chance(p: float | None) -> str:
    """A p value."""
    if p is None:
        return NONE
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _figures(section: Section, first: int, width: int) -> "RenderableType":
    """As many columns as fit."""
    groups = section.ranked
    lines = sparklines(groups)
    curve = Measure("validation\ncurve", [None] * len(groups), lines) if any(lines) else None
    columns = {measure.head: measure for measure in measures(section)}
    validated = head_of(groups[0].first.validated)
    near = [ranges([str(first + other) for other in places]) for places in alike(section)]
    same = Measure("alike", [None] * len(groups), near) if any(near) and len(groups) > 2 else None
    wanted = [columns.pop(validated, None), same, curve, columns.pop("parameters", None), *_by_use(columns)]
    heads, body = ["", "row"], [[str(place), group.name] for place, group in enumerate(groups, first)]
    names = min(NAME, max(len(group.name) for group in groups))
    left = width - 2 - len(str(first + len(groups))) - names
    for measure in wanted:
        if measure is None:
            continue
        head = _in_two(measure.head)
        needed = 2 + max(map(len, (*head.split("\n"), *measure.texts[: len(groups)])))
        if needed <= left:
            left -= needed
            heads.append(head)
            for row, text in zip(body, measure.texts, strict=False):
                row.append(text)
    right = [
        place for place, head in enumerate(heads) if place != 1 and (curve is None or head != curve.head)
    ]
    return grid("", heads, body, right=right, names=names)


def _by_use(columns: Mapping[str, Measure]) -> Iterator[Measure]:
    """Speeds first, then memory, then further figures."""
    order = {"tokens/s": 0, "memory": 2, "GPU memory": 3, "ms a step": 9}
    yield from sorted(columns.values(), key=lambda one: order.get(one.head, 1 if one.speed else 4))


def legend(section: Section, rows: Sequence[Judged], first: int) -> list[str]:
    """What the signs of the tables mean."""
    lines = []
    if any(len(group.counted) > 1 for group in section.ranked):
        lines.append("±: half of the 95 % interval of the mean (Student's t over n runs)")
    hows: dict[str, list[int]] = {}
    for place, line in enumerate(rows, first):
        if line.test is not None and line.test.p is not None:
            hows.setdefault(line.test.how, []).append(place)
    if hows:
        how = "; ".join(
            name if len(hows) == 1 else f"{name}: rows {ranges([str(place) for place in places])}"
            for name, places in hows.items()
        )
        tests = sum(map(len, hows.values()))
        lines.append(f"p: t-test ({how})" + f"; Holm: p corrected for {tests} tests" * (tests > 1))
    if hows and rows[0].test is None and len(rows) > 2:
        lines.append(f"row {first} was chosen by these very figures, which flatters it a little")
    if len(section.ranked) > 2 and hows and any(alike(section)):
        lines.append("alike: rows that do not differ from this one, p ≥ 0.05 even without correction")
    if any(group.overlap for group in section.ranked):
        lines.append(
            "folds share training data: intervals and tests are widened for that (Nadeau and Bengio, 2003)"
        )
    if not section.one_machine:
        lines.append("the hardware differs: speeds are not compared")
    if len({run.data.fingerprint for group in section.groups for run in group.runs if run.fold is None}) > 1:
        lines.append("the data differ: a difference may be theirs")
    if any(DAGGER in text for measure in measures(section) for text in measure.texts):
        lines.append(LEGEND)
    return lines


def _differences(section: Section, first: int) -> "RenderableType":
    from rich.console import Group

    apart, names = apart_of(section, first)
    found = differences(apart)
    rows: list[list[str]] = []
    said = (
        "row",
        "fold",
        *["seed"] * (len(section.groups) < 2),
    )  # the rows' names, or the runs', tell as much
    for part in PARTS:
        own = [line for line in found if line.part == part and not line.implied and line.key not in said]
        own, lacking = _apart(own)
        told = [[line.key, by_value(line, names)] for line in own][:_KEYS]
        if len(own) > _KEYS:
            told.append([f"and {len(own) - _KEYS} more", "html=FILE shows all"])
        told += [[f"{len(keys)} keys", _lacked(keys, names)] for keys in lacking]
        rows += [[part if not place else "", *line] for place, line in enumerate(told)]
    same = [part for part in PARTS if part not in {row[0] for row in rows}]
    what = "rows" if len(section.groups) > 1 else "runs"
    shown = [grid("", ["differs", "key", f"value: {what}"], rows)] if rows else []
    shown += [words(f"{', '.join(same)}: the same")] if same else []
    return Group(*shown)


def _apart(found: Sequence[Difference]) -> tuple[list[Difference], list[list[Difference]]]:
    """What is told key by key, and sets of keys that the same rows lack while all others agree: of settings that came
    after those rows there are many, and they say the same."""
    sets: dict[tuple[bool, ...], list[Difference]] = {}
    for line in found:
        if NONE in line.values and len(set(line.values)) == 2:
            sets.setdefault(tuple(value == NONE for value in line.values), []).append(line)
    together = [keys for keys in sets.values() if len(keys) >= _TOGETHER]
    return [line for line in found if not any(line in keys for keys in together)], together


def _lacked(keys: Sequence[Difference], names: Sequence[str]) -> str:
    """ "not in 1, 6–8: optim.betas, optim.decay_steps"."""
    lacking = ranges([name for name, value in zip(names, keys[0].values, strict=True) if value == NONE])
    return f"not in {lacking}: {', '.join(line.key for line in keys)}"


def apart_of(section: Section, first: int = 1) -> tuple[list[list[RunRecord]], list[str]]:
    """What is looked at for differences, and how each is called: rows by their numbers; of one row its runs."""
    if len(section.groups) > 1:
        return [group.runs for group in section.groups], [
            str(first + place) for place in range(len(section.groups))
        ]
    runs = section.groups[0].runs
    return [[run] for run in runs], [
        f"seed {run.seed}" + f" fold {run.fold}" * (run.fold is not None) for run in runs
    ]


def by_value(line: Difference, names: Sequence[str]) -> str:
    """ "128: 1–3; 256: 4", long values cut."""
    found = line.by_value()
    values = [value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…" for value, _ in found]
    if len(found) == 1:
        return f"{values[0]} in each"
    if len(found) > _VALUES:
        ordered = sorted((value for value, _ in found), key=by_size)
        numbers = all(by_size(value)[0] < float("inf") for value in ordered)
        return f"{len(found)} values" + f", {ordered[0]} to {ordered[-1]}" * numbers
    return "; ".join(
        f"{value}: {ranges([names[place] for place in places])}"
        for value, (_, places) in zip(values, found, strict=True)
    )


def ranges(names: Sequence[str]) -> str:
    """ "1, 2, 4–8"."""
    runs: list[list[str]] = []
    for name in names:
        if runs and name.isdecimal() and int(name) == int(runs[-1][-1]) + 1:
            runs[-1].append(name)
        else:
            runs.append([name])
    return ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 2 else ", ".join(run) for run in runs)


def unfinished(section: Section, first: int) -> list[str]:
    """A line a run that does not count: not finished, without the figure, or overtaken by a later one of its seed."""
    lines = []
    for place, group in enumerate(section.groups, first):
        row = f"row {place}, " * (len(section.groups) > 1)
        for one in group.found:
            lacks = one.run.finished and section.headline not in one.run.metrics
            if lacks or not one.run.finished:
                why = f" without {section.headline or 'a figure'}" * lacks
                lines.append(f"not counted: {row}{described(one.run)}{line_of(why)}; {line_of(one.name)}")
        for seed, fold in group.repeated:
            which = f"seed {seed}" + ("" if fold is None else f", fold {fold}")
            lines.append(f"{group.name}: {which} finished several times; the last one counts")
    return lines
