"""Which rows differ, by how much, with which certainty: sentences that every kind of page has."""

from collections.abc import Callable, Sequence

from ...core.processor import ENOUGH
from ..runs.line import Line
from . import order, setbacks, validation, verdicts, words
from .standing import Pair, Standing, has_diverged


def apart(standing: Standing) -> tuple[list[Pair], list[Pair], list[Pair]]:
    """The others beside the best: told apart from it, not told apart, not testable."""
    best = standing.ranked[0]
    pairs = [standing.pair(best, line) for line in standing.ranked[1:]]
    return (
        [pair for pair in pairs if pair.differs],
        [pair for pair in pairs if pair.differs is False],
        [pair for pair in pairs if pair.differs is None],
    )


def leader(standing: Standing, budget: str) -> list[str]:
    """Who leads, who is told apart from it and who is not."""
    best, others = standing.ranked[0], standing.ranked[1:]
    after = f"after {budget} of training each, " if budget else ""
    mean, n = words.of(best), len(best.runs)
    if not others:
        return [
            words.sentence(f"{after}{words.name(best)} reaches {mean} (n = {n}), the only row that has run")
        ]
    second = f"{words.name(others[0])} with {words.of(others[0])}"
    place = (
        f"ahead of {second}"
        if len(others) == 1
        else f"the best of {len(others) + 1} rows, followed by {second}"
    )
    said = [words.sentence(f"{after}{words.name(best)} reaches {mean} (n = {n}), {place}")]
    told, alike, untested = apart(standing)
    family = len([pair for pair in standing.family if pair.p is not None])
    corrected = f", corrected by Holm over {family} pairs" if family > 1 else ""
    if told:
        how = "; ".join(
            dict.fromkeys(
                (pair.borrowed and f"one seed, by {pair.borrowed}") or pair.test.how for pair in told
            )
        )
        said.append(
            f"It is told apart from {words.names([p.behind for p in told], _by(told))} ({how}{corrected})."
        )
    if alike:
        said.append(f"It is not told apart from {words.names([p.behind for p in alike], _by(alike))}.")
    if untested and not (told or alike):
        said.append(
            "One seed a row and no deviation known: rows that lie close are not ordered by these runs."
        )
    elif untested:
        said.append(f"Nothing can be tested for {words.names([p.behind for p in untested])}.")
    return said + seeds(standing)


def seeds(standing: Standing) -> list[str]:
    """By whose deviation single runs are judged."""
    spread = standing.spread
    if standing.runs > 1 or spread is None or len(standing.ranked) < 2:
        return []
    size = words.gap(spread.deviation, standing.metric)
    single = sum(len(line.runs) == 1 for line in standing.ranked)
    whose = (
        "Every row has one seed"
        if single == len(standing.ranked)
        else f"{single} rows have one seed"
        if single > 1
        else "One row has one seed"
    )
    ours = "" if standing.seen else "; that of our own runs is not known and may be larger"
    return [f"{whose}, judged by {standing.spread_told}, {size}{ours}."]


def papers(standing: Standing) -> list[str]:
    """Order, then levels, against the paper's."""
    found = order.told(standing, order.order(standing))
    level, why = verdicts.of_levels(standing.asked, standing.lost)
    if not level:
        return ["The papers have no numbers for these rows."]
    if level == "yes":
        doubt = ", by unconfirmed numbers" if why else ""
        return [*found, f"Every level is the paper's within its own deviation{doubt}."]
    if level == "no":
        off = [line for line in standing.asked if _differs(standing, line)]
        return [*found, f"Levels differ from the paper's for {words.names(off, _off)}."]
    return [*found, f"Levels cannot be set against the paper's: {why}."]


def caveats(standing: Standing) -> list[str]:
    """Tests that validation contradicts, rows that were thrown back, rows without a mean, folds that are missing, and
    equal times in which not all had the same of the processor."""
    said = [*validation.told(standing), *setbacks.told(standing)]
    shares = [line.processor for line in standing.ranked if line.processor is not None]
    if any(line.by_clock for line in standing.ranked) and shares and min(shares) < ENOUGH:
        low, high = (f"{100 * share:.0f}" for share in (min(shares), max(shares)))
        had = low if low == high else f"{low} to {high}"
        said.append(f"All had the same time by the clock, and in it {had} % of the processor.")
    said += lost(standing)
    folds = [line for line in standing.ranked if line.missing_folds]
    if folds:
        told = words.names(folds, lambda line: f"{line.missing_folds} ({words.name(line)})")
        ranked = "; rows are ranked by the folds that all have" if len(standing.ranked) > 1 else ""
        said.append(f"Of the cross-validation there are only {told}{ranked}.")
    return said


def lost(standing: Standing) -> list[str]:
    """Rows of which runs diverged or failed, and how many of how many; last such as have no other figures."""
    said = {"diverged": list[str](), "failed": list[str]()}
    for line in standing.asked:
        gone = [run for run in standing.failed if run.row == line.name]
        by_error = [run for run in gone if has_diverged(run)]
        whole = len(line.runs) + len(gone)
        for what, count in (
            ("diverged", len(line.diverged) + len(by_error)),
            ("failed", len(gone) - len(by_error)),
        ):
            if count:
                unit = "folds" if line.folded else "seeds"
                of = f" ({count} of {whole} {unit})" if whole > 1 else ""
                said[what].append(f"{words.name(line)}{of}")
    return [words.sentence(f"{what}: {words.names_of(rows)}") for what, rows in said.items() if rows]


def _differs(standing: Standing, line: Line) -> bool:
    """Whether a row's level is not the paper's."""
    if line.paper_number is None or line.paper.deviation:
        return False
    return verdicts.of_line(line).startswith("no") or line.name in standing.lost


def _off(line: Line) -> str:
    answer = verdicts.of_line(line)
    far = answer.removeprefix("no (").rstrip(")") if answer.startswith("no") else "diverged"
    return f"{words.name(line)} ({far}{', unconfirmed' * line.paper.doubted('metric')})"


def _by(pairs: Sequence[Pair]) -> Callable[[Line], str]:
    """Names with the gap to the best, and its p."""
    found = {pair.behind.name: pair for pair in pairs}

    def tell(line: Line) -> str:
        pair = found[line.name]
        return f"{words.name(line)} ({words.gap(pair.gap, line.metric)}, {words.chance(pair.p or 0.0)})"

    return tell
