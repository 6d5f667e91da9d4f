"""The GPU check as tables: what was run on which GPU, how fast, launch configurations, what trainings came to."""

from collections.abc import Sequence

from ...records.gpu_manifest import SECTIONS
from ...records.gpu_page import STATES, FoundLaunch, FoundRuns, FoundSteps, GPUPage
from .. import facts
from ..bench.speed_tables import MODES, spread
from ..document import NONE, Table
from ..marks import marked
from ..numbers import ratio, shown, significant, times
from ..runs.cells import count, number
from ..runs.records import metric_head, metric_of
from .aims import reached, still_open
from .claims import OPEN, PASSES, against_authors, claims, copy_share, recurrences
from .pages import GPUCheck

NOT_RUN = "not run yet"
_TOKENS = ("lm-512", "bfloat16")
"""The shape at which the overview tells SRU's tokens/s."""


def not_run() -> Table:
    """All sections, none of which was run."""
    body = [[name, section.question, NOT_RUN] for name, section in SECTIONS.items()]
    return Table("", ["section", "what for", "state"], body, words=("what for", "state"))


def purposes(stated: bool) -> Table:
    """Every section's pieces and what they are for; `stated`: that none of them was run."""
    body = [
        [name, piece.name, piece.purpose, *[NOT_RUN] * stated]
        for name, section in SECTIONS.items()
        for piece in section.pieces
    ]
    heads = ["section", "piece", "what for", *["state"] * stated]
    return Table("Pieces", heads, body, words=heads)


def state_of(page: GPUPage | None) -> str:
    """A section in a few words."""
    if page is None or not page.pieces:
        return NOT_RUN
    counts = {state: len(page.named(state)) for state in STATES}
    planned, rest = len(page.planned), len(page.planned) - len(page.pieces)
    right = f"{counts['ok']} of {planned}"
    words = [f"{counts['failed']} failed"] if counts["failed"] else []
    words.append(f"{right} ok" if words else right if rest else f"ok {right}")
    words += [f"{counts['skipped']} skipped"] if counts["skipped"] else []
    return ", ".join([*words, *[f"rest {NOT_RUN}"] * bool(rest)])


def overview(checks: Sequence[GPUCheck]) -> Table:
    """GPUs and dates side by side: states of the sections, verdicts, the numbers that matter most."""
    body = [[section, *(state_of(check.pages.get(section)) for check in checks)] for section in SECTIONS]
    for one in zip(*(claims(check) for check in checks), strict=True):
        cells = [f"{claim.verdict} ({claim.short})" if claim.short else claim.verdict for claim in one]
        body.append([one[0].asked, *cells])
    for name, key, unit, of in facts.RATES:
        rates = [ratio(getattr(check.rates, key), unit) for check in checks]
        body.append([f"{name}, {of}", *map(significant, rates)])
    body.append([f"SRU at {' in '.join(_TOKENS)}, forward+backward, tokens/s", *map(_sru_pace, checks)])
    return Table("GPUs", ["", *(check.title for check in checks)], body)


def what_was_run(check: GPUCheck) -> Table:
    """A row a section."""
    heads = ["section", "state", *STATES, NOT_RUN, "when", "code", "seconds"]
    body = []
    for section in SECTIONS:
        page = check.pages.get(section)
        if page is None:
            body.append([section, NOT_RUN, *[NONE] * (len(heads) - 2)])
            continue
        stamps = [piece.measured for piece in page.pieces]
        cells = [section, state_of(page), *(str(len(page.named(state))) for state in STATES)]
        cells += [str(len(page.planned) - len(page.pieces)), facts.days(stamps)]
        cells += [", ".join(facts.revisions(stamps)), shown(sum(piece.seconds for piece in page.pieces))]
        body.append(cells)
    return Table("What was run", heads, body, words=("state", "when", "code"))


def troubles(check: GPUCheck) -> list[str]:
    """A line for each piece that failed or was skipped, and one for what a page says is still in progress."""
    lines = []
    for section, page in check.pages.items():
        for piece in page.pieces:
            if piece.state != "ok":
                why = " ".join((piece.error or "no reason given").split())
                lines.append(f"{section}, {piece.name}: {piece.state}: {why}")
        if page.running:
            lines.append(f"{section}, {page.running}: was begun, and its process ended there")
    return lines


def claims_table(check: GPUCheck | None) -> Table:
    """What is asked, what was measured, and the verdict."""
    heads = ["asked", "measured", "verdict"]
    found = [*claims(check), *reached(check)]
    body = [[claim.asked, claim.measured, claim.verdict] for claim in found]
    return Table("What is asked, and what was found", heads, body, words=heads)


def open_claims(checks: Sequence[GPUCheck]) -> Table:
    """What is asked next, which no piece of the check has measured yet, and what is known of it."""
    heads = ["asked next", "what leads one to expect it", "state"]
    body = [
        [aim.asked, "; ".join(facts.unique(aim.known(check) for check in checks)), OPEN]
        for aim in still_open(checks)
    ]
    return Table("What a GPU has still to show", heads, body, words=heads)


def recurrence(check: GPUCheck) -> Table | None:
    """A row for every recurrence alone, by columns: as Python calls it, and where that was timed the GPU's own time,
    by which it is compared with the authors'."""
    found = sorted(recurrences(check), key=lambda one: (one[0].dtype, one[0].columns))
    apart = any(ours.kernel_inference or ours.kernel_training for _, ours, _ in found)
    body = []
    for entry, ours, theirs in found:
        cells = [entry.label, entry.dtype, f"{entry.columns:,}"]
        for mode in MODES:
            cells += [spread(ours, mode, 1e6), shown(copy_share(ours, mode, check.rates), "{:.1%}")]
        for mode in (f"kernel_{mode}" for mode in MODES if apart):
            faster = against_authors(ours, theirs, mode)
            fails = theirs is not None and (
                theirs.why_not(mode) or theirs.why_not(mode.removeprefix("kernel_"))
            )
            cells += [spread(ours, mode, 1e6), shown(copy_share(ours, mode, check.rates), "{:.1%}")]
            cells.append("theirs fails" if fails and not faster else times(faster))
        body.append(cells)
    heads = ["shape, one layer", "type", "columns"]
    for mode in MODES:
        heads += [f"call, {PASSES[mode]}, µs", "of a copy"]
    for mode in MODES if apart else ():
        heads += [f"kernel, {PASSES[mode]}, µs", "of a copy", "against the authors'"]
    return Table("The recurrence alone", heads, body, words=("type",)) if body else None


def tuning(check: GPUCheck) -> Table | None:
    """The best launch configurations: a row for each pass, type and number of columns."""
    body = []
    for row in check.found(FoundLaunch, "tune"):
        best = row.seconds(row.best)
        share = ratio(ratio(row.moved_bytes, best), check.rates_of("tune").copy_bytes_per_s)
        cells = [row.kernel, row.dtype, f"{row.columns:,}", _launch(row.rule), _launch(row.best)]
        cells += [times(row.gain), significant(None if best is None else 1e6 * best)]
        body.append(
            [*cells, shown(share, "{:.0%}"), str(sum(found.median_s is not None for found in row.variants))]
        )
    heads = ["pass", "type", "columns", "the rule's", "the best", "gain", "best, µs", "of a copy", "timed"]
    title = "Launch configurations (columns a thread × steps ahead × threads a block)"
    return Table(title, heads, body, words=("pass", "type")) if body else None


def steps(check: GPUCheck) -> Table | None:
    """A row for each model whose whole training steps were timed, as they are and as graphs."""
    body = []
    for piece in check.pieces("steps"):
        for step in piece.values.steps if isinstance(piece.values, FoundSteps) else ():
            paces = (step.plain_ms, step.graph_ms, step.gpu_ms)
            told = [marked(significant(pace), step.processor) for pace in paces]
            cells = [step.label, piece.name, *told, shown(step.busy, "{:.0%}")]
            cells += [
                marked(times(ratio(step.plain_ms, step.graph_ms)), step.processor),
                str(step.shapes),
                f"{step.replayed:,}",
            ]
            body.append(
                [
                    *cells,
                    shown(step.apart, "{:.1g}"),
                    "; ".join([*([step.wrong] * bool(step.wrong)), *step.notes]),
                ]
            )
    heads = ["a training step", "piece", "plain, ms", "as a graph, ms", "the GPU alone, ms", "busy", "gain"]
    heads += ["shapes", "replayed", "weights end apart", "remarks"]
    return Table("Whole training steps", heads, body, words=("piece", "remarks")) if body else None


def training(section: str, check: GPUCheck) -> Table | None:
    """A row for every run of a section: its figures, and what it made of the GPU."""
    done = [(group, run) for group in _groups(section, check).values() for run in group.finished]
    if not done:
        return None
    headline = done[0][1].headline
    name, metric = headline.rpartition("/")[2], metric_of(headline)
    figures = [f"val/{name}", headline, *(f"test/{other}" for other in metric.beside)]
    heads = ["model", "parameters", f"val {metric.name}", *map(metric_head, figures[1:])]
    heads += ["tokens/s", "ms/step", "of the GPU's bfloat16 rate", "GPU peak", "precision"]
    heads += ["side by side", "seconds"]
    timed = any(run.took_s is not None for _, run in done)
    heads[-1:] = ["seconds predicted", "seconds taken"] if timed else heads[-1:]
    body = []
    for group, run in done:
        metrics = run.metrics
        share = ratio(run.flop_per_s, group.bfloat16_flop_per_s)
        peak = ratio(metrics.get("gpu/peak_bytes"), 2**20)
        seed = "" if run.seed is None else f", seed {run.seed}"
        cells = [f"{run.label}{seed}", count(run.parameters)]
        cells += [_metric(metrics.get(key), key) for key in figures]
        paces = (
            count(metrics.get("throughput/tokens_per_s")),
            significant(metrics.get("throughput/step_ms")),
        )
        cells += [*(marked(pace, run.processor) for pace in paces), shown(share, "{:.1%}")]
        cells += [shown(peak, "{:,.0f} MiB"), run.precision]
        seconds = [run.predicted_s, run.took_s] if timed else [group.seconds_each]
        body.append([*cells, str(group.side_by_side), *map(shown, seconds)])
    return Table(f"{section}: {SECTIONS[section].question}", heads, body, words=("precision",))


def training_notes(section: str, check: GPUCheck) -> list[str]:
    """Which data, what several runs make of the GPU together, and which runs failed."""
    lines: list[str] = []
    for name, group in _groups(section, check).items():
        for run in group.finished:
            why = "" if run.data.comparable else f"; not comparable: {run.data.why_not or 'other data'}"
            lines.append(f"Data: {run.data.description}{why}")
        rates = [run.flop_per_s for run in group.finished if run.flop_per_s]
        together = ratio(sum(rates), group.bfloat16_flop_per_s)
        if together and len(rates) > 1:
            share = f"{together:.1%} of the GPU's bfloat16 rate"
            lines.append(f"{name}: {len(rates)} runs side by side make {share}")
        lines += [f"{run.label}: failed: {' '.join(run.error.split())}" for run in group.failed]
    return facts.unique(lines)


def _groups(section: str, check: GPUCheck) -> dict[str, FoundRuns]:
    """The trainings of a section by piece, also where one of them failed."""
    found = {piece.name: piece.values for piece in check.pieces(section)}
    return {name: values for name, values in found.items() if isinstance(values, FoundRuns)}


def _metric(value: float | None, key: str) -> str:
    metric = metric_of(key)
    return NONE if value is None else number(value * metric.scale, None, metric)


def _launch(configuration: Sequence[int]) -> str:
    return " × ".join(map(str, configuration))


def _sru_pace(check: GPUCheck) -> str:
    """Tokens/s of SRU, forward and backward, at one shape."""
    entries = check.speed.shapes if check.speed else ()
    entry = next((one for one in entries if (one.name, one.dtype) == _TOKENS), None)
    row = entry.row("sru") if entry else None
    return count(ratio(entry.tokens, row.seconds("training")) if entry and row else None)
