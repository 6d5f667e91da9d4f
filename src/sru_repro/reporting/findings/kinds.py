"""The questions that tables of runs ask, and their answers: does SRU reach LSTM, which row gets furthest in the same
time, which part of SRU earns its cost."""

from collections.abc import Sequence

from ..answer import Answer
from ..runs.line import Line
from ..runs.records import metric_of
from ..runs.sections import TableSection
from . import clocks, costs, curves, rows, validation, words
from .standing import Pair, Standing

NAMES = {
    "sst": "SST",
    "squad": "SQuAD",
    "wikitext2": "WikiText-2",
    "wikitext103": "WikiText-103",
    "ablation": "the ablation of SRU",
}
"""What data sets and tables are called in a sentence."""


def data_name(section: TableSection) -> str:
    """The data set as people call it; of a text of one's own, what it is."""
    task = section.tasks[0]
    size = section.descriptions[0].rpartition(", ")[2].replace(".0 MB", " MB")
    return f"a text of {size}" if task == "text" else NAMES.get(task, task)


def reach(section: TableSection, standing: Standing, data: str) -> Answer | None:
    """Does SRU reach LSTM? None where one of them has no mean."""
    sru, lstm = standing.best_of("sru"), standing.best_of("lstm")
    if sru is None or lstm is None:
        return None
    measure = standing.metric.name.partition(", ")[0]
    pair = standing.pair(sru, lstm)
    per_epoch = not any(line.by_clock for line in standing.ranked)
    question = f"Does SRU reach LSTM's {measure} on {data}?"
    if section.budget and not per_epoch:
        question = f"Does SRU reach LSTM's {measure} on {data} in {section.budget}?"
    *orders, levels = rows.papers(standing)
    return Answer.of(
        question,
        verdict(sru, lstm, pair),
        [claim(sru, lstm, pair), *orders],
        [levels, *rows.leader(standing, section.budget)],
        curves.told(sru, lstm, per_epoch),
        [*costs.told(standing, sru), *rows.caveats(standing)],
    )


def verdict(sru: Line, lstm: Line, pair: Pair) -> str:
    """The answer in one sentence."""
    ours, its = f"{words.name(sru)} {words.of(sru)}", f"{words.name(lstm)} {words.of(lstm)}"
    behind = pair.behind is sru
    if pair.differs is None:
        n = min(len(sru.runs), len(lstm.runs))
        seeds = "one seed each, no test" if n == 1 else "not testable"
        seeds = "folds are missing" if words.missing_folds(pair) else seeds
        return words.fitting(
            f"{'Behind' if behind else 'Ahead'} by {words.gap(pair.gap, sru.metric)}, but {seeds}: {ours}, {its}."
        )
    if pair.differs is False:
        if other := curves.contradicted(sru, lstm):
            lead = f"{ours}, {its}; {other}."
            return words.fitting(f"Not told apart in test: {lead}", f"Test: {lead}")
        return words.fitting(
            f"Not told apart: {ours}, {its} ({words.certainty(pair)}).", f"Not told apart: {ours}, {its}."
        )
    far, side = words.gap(pair.gap, sru.metric), "behind" if behind else "ahead of"
    word, sure = "No" if behind else "Yes", words.certainty(pair)
    if pair.borrowed:
        word, sure = f"{word}, by one seed", sure.removeprefix("one seed, ")
    return words.fitting(
        f"{word}: {ours}, {far} {side} {its} ({sure}).",
        f"{word}: {ours}, {far} {side} {its}.",
    )


def claim(sru: Line, lstm: Line, pair: Pair) -> str:
    """The answer with its interval."""
    text = f"{words.name(sru)} reaches {words.of(sru)}, {words.name(lstm)} {words.of(lstm)}: "
    if pair.common and pair.common < max(len(sru.runs), len(lstm.runs)):
        text += f"over the {pair.common} folds that both have, "
    size = pair.gap if (pair.ahead is sru) != sru.metric.lower_is_better else -pair.gap
    text += f"SRU − LSTM = {words.difference(size, sru.metric)}"
    if (found := pair.interval(sru)) is not None:
        low, high = (words.signed(value, sru.metric) for value in found[1:])
        corrected = f"; both corrected for {pair.family} pairs" if pair.family > 1 else ""
        text += f" (95 % interval {low} to {high}, {words.certainty(pair)}{corrected})"
    if words.missing_folds(pair):
        return f"{text}; while folds are missing that is not tested."
    if pair.differs is None:
        with_what = "one seed" if min(len(sru.runs), len(lstm.runs)) == 1 else "such runs"
        return f"{text}; with {with_what} that is not tested."
    if pair.differs is False:
        return f"{text}; these runs do not tell the two apart."
    return f"{text}; {words.name(pair.ahead)} leads by more than {pair.borrowed or 'seeds'} can explain."


def race(section: TableSection, standing: Standing, data: str) -> Answer:
    """Which row gets furthest?"""
    budget = section.budget
    by_clock = any(line.by_clock for line in standing.ranked)
    sizes = [line.parameters for line in standing.ranked if line.parameters]
    alike = len(sizes) > 1 and max(sizes) <= 1.1 * min(sizes)
    size = f" of {sum(sizes) / len(sizes) / 1e6:.2g} million parameters" if alike and min(sizes) > 1e6 else ""
    limit = f" in {budget}" if by_clock and budget else ""
    verb = "gets furthest" if by_clock else "is best"
    sru, lstm = standing.best_of("sru"), standing.best_of("lstm")
    duel: list[str] = []
    if sru and lstm and standing.ranked[0] not in (sru, lstm):
        duel = [claim(sru, lstm, standing.pair(sru, lstm))]
    return Answer.of(
        f"Which model{size} {verb} on {data}{limit}?",
        furthest(standing),
        [*rows.leader(standing, budget), *duel],
        [*rows.papers(standing), *costs.told(standing, sru), *rows.caveats(standing)],
    )


def furthest(standing: Standing) -> str:
    """The answer in one sentence."""
    best, others = standing.ranked[0], standing.ranked[1:]
    lead = f"{words.name(best)}: {words.of(best)}"
    if not others:
        return words.fitting(f"{lead}; no other row has run.")
    told, alike, untested = rows.apart(standing)
    second = f"{words.name(others[0])} {words.of(others[0])}"
    if (doubtful := validation.odd(standing)) and doubtful[0].line is best:
        return words.fitting(
            f"{lead}, but {doubtful[0].validated}; then {second}.", f"{lead}, but {doubtful[0].validated}."
        )
    if not told and not alike:
        return words.fitting(
            f"{lead}, then {second}; one seed a row does not order rows that lie close.",
            f"{lead}; one seed a row does not order rows that lie close.",
        )
    if not alike and not untested:
        if len(told) == 1:
            return words.fitting(f"{lead}, told apart from {second}.")
        return words.fitting(
            f"{lead}, told apart from all {len(told)} others; second: {second}.",
            f"{lead}, told apart from all {len(told)} others.",
        )
    rest = [pair.behind for pair in (*alike, *untested)]
    some = f"{len(told)} of {len(others)} rows"
    named = f"{words.names([pair.behind for pair in told])}, {some}" if told else some
    return words.fitting(
        f"{lead}; told apart from {some}, not from {words.names(rest)}.",
        f"{lead}; told apart from {named}.",
        f"{lead}; told apart from {some}.",
    )


def parts(section: TableSection, standing: Standing, base: Line, data: str) -> Answer:
    """Which part earns its cost: the whole against each row that lacks one."""
    pairs = [standing.pair(base, line) for line in standing.ranked if line is not base]
    lacking = [pair.ahead if pair.behind is base else pair.behind for pair in pairs]
    said = [_part(base, line, pair) for line, pair in zip(lacking, pairs, strict=True)]
    earned = [line for line, pair in zip(lacking, pairs, strict=True) if pair.differs and pair.ahead is base]
    harmful = [
        line for line, pair in zip(lacking, pairs, strict=True) if pair.differs and pair.behind is base
    ]
    alike, untested = (
        [line for line, pair in zip(lacking, pairs, strict=True) if pair.differs is differs]
        for differs in (False, None)
    )
    gaps = {line.name: pair.gap for line, pair in zip(lacking, pairs, strict=True)}

    def cost(line: Line) -> str:
        return f"{part(line)} ({words.gap(gaps[line.name], line.metric)})"

    texts = []
    if earned:
        texts.append(f"worse without {words.names(earned, cost)}")
    if harmful:
        texts.append(f"better without {words.names(harmful, cost)}")
    if alike:
        texts.append(f"not told apart without {words.names(alike, part)}")
    if untested:
        texts.append(f"not tested (one seed) without {words.names(untested, part)}")
    n = min(len(line.runs) for line in standing.ranked)
    after = f"after {section.budget} of training each, " if section.budget else ""
    head = f"{after}{words.name(base)} with all its parts reaches {words.of(base)} (n = {len(base.runs)})"
    return Answer(
        f"Which part of SRU earns its cost on {data}?",
        words.fitting(
            words.sentence(f"{'; '.join(texts)} (n = {n})"),
            words.sentence("; ".join(texts)),
            words.sentence(
                f"{len(earned)} of {len(lacking) - len(untested)} parts do, as the row without each is worse"
                + f"; {len(untested)} not tested" * bool(untested)
                if len(untested) < len(lacking)
                else f"one seed a row tests none of {len(lacking)} parts"
            ),
        ),
        (words.sentence(head), *said, *rows.seeds(standing), *rows.caveats(standing)),
    )


def part(line: Line) -> str:
    """What a row lacks, by its label: "SRU, no highway", "SRU, gates without the state"."""
    rest = line.label.partition(", ")[2] or line.label
    place, without, what = rest.partition(" without ")
    return f"{what} in the {place}" if without else f"the {rest.removeprefix('no ')}"


def _part(base: Line, line: Line, pair: Pair) -> str:
    far = words.gap(pair.gap, line.metric)
    side = "worse" if pair.ahead is base else "better"
    text = f"{words.name(line)} ends at {words.of(line)}, {far} {side} ({words.certainty(pair)})"
    ratio = line.speed_against(base)
    if ratio and clocks.comparable([line, base]) == clocks.CLOCK:
        text += f", training {ratio:.2f} times as fast"
    meaning = {True: "", False: ": not told apart", None: ": not tested"}[pair.differs]
    return f"{text}{meaning}."


def several(section: TableSection, standings: Sequence[Standing]) -> Answer:
    """Does SRU reach LSTM on each of several data sets?"""
    said: list[str] = []
    sides: dict[str, list[str]] = {
        "ahead on": [],
        "behind on": [],
        "not told apart on": [],
        "not tested on": [],
    }
    for found in standings:
        task = found.ranked[0].task.upper()
        sru, lstm = found.best_of("sru"), found.best_of("lstm")
        if sru is None or lstm is None:
            said += [f"{task}: {text}" for text in (*rows.leader(found, ""), *rows.caveats(found))]
            continue
        pair = found.pair(sru, lstm)
        side = {None: "not tested on", False: "not told apart on"}.get(
            pair.differs, "ahead on" if pair.ahead is sru else "behind on"
        )
        sides[side].append(task)
        said += [
            f"{task}: {claim(sru, lstm, pair)}",
            *(f"{task}: {text}" for text in rows.papers(found)),
        ]
        said += [f"{task}: {text}" for text in rows.caveats(found)]
    tasks = [found.ranked[0].task.upper() for found in standings]
    told = [f"{side} {words.names_of(found)}" for side, found in sides.items() if found]
    measure = metric_of(section.runs[0].headline).name.partition(", ")[0]
    short = (
        f"SRU against LSTM: {'; '.join(told)}."
        if told
        else f"SRU and LSTM have not both run on {words.names_of(tasks)}."
    )
    return Answer(
        f"Does SRU reach LSTM's {measure} on {words.names_of(tasks)}?", words.fitting(short), tuple(said)
    )
