"""The CUDA ledger as tables of text: what was run on which card, how fast, how it is cut, what trainings came to."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..bench.speed_tables import MODES, SpeedTable, ratio, seconds, significant, spread
from ..runs.cells import NONE, count, number
from ..runs.records import metric_head, metric_of
from .claims import PASSES, claims, columns, copy_share, error_of, recurrences
from .plan import PIECES, SECTIONS
from .record import STATES, Ledger, Page

NOT_RUN = "not run yet"
RATES = (
    ("copy, GB/s", "copy_bytes_per_s", 1e9),
    ("float32 products, TFLOP/s", "float32_flop_per_s", 1e12),
    ("bfloat16 products, TFLOP/s", "bfloat16_flop_per_s", 1e12),
)
"""What the card does by itself: head, key, unit."""
_TOKENS = ("lm-512", "bfloat16")
"""The shape at which the overview tells SRU's tokens/s."""

Row = Mapping[str, Any]


def purposes(stated: bool) -> SpeedTable:
    """Every section's pieces and what they are for; `stated`: that none of them was run."""
    body = [
        [section, pieces, purpose, *([NOT_RUN] if stated else [])]
        for section, found in PIECES.items()
        for pieces, purpose in found
    ]
    return SpeedTable("Pieces", ["section", "piece", "what for", *(["state"] if stated else [])], body)


def state_of(page: Page | None) -> str:
    """A section in a few words."""
    if page is None or not page["pieces"]:
        return NOT_RUN
    states, planned = [piece["state"] for piece in page["pieces"]], len(page["planned"])
    right, rest = f"{states.count('ok')} of {planned}", planned - len(states)
    words = [f"{states.count('failed')} failed"] if "failed" in states else []
    words.append(f"{right} ok" if words else right if rest else f"ok {right}")
    words += [f"{states.count('skipped')} skipped"] if "skipped" in states else []
    return ", ".join([*words, *([f"rest {NOT_RUN}"] if rest else [])])


def overview(ledgers: Sequence[Ledger]) -> SpeedTable:
    """Cards and dates side by side: states of the sections, verdicts, the numbers that matter most."""
    body = [[section, *(state_of(ledger.pages.get(section)) for ledger in ledgers)] for section in SECTIONS]
    for one in zip(*(claims(ledger) for ledger in ledgers), strict=True):
        cells = [f"{claim.verdict} ({claim.short})" if claim.short else claim.verdict for claim in one]
        body.append([one[0].asked, *cells])
    for head, key, unit in RATES:
        rates = [ledger.rates.get(key) for ledger in ledgers]
        body.append([head, *(NONE if rate is None else significant(rate / unit) for rate in rates)])
    body.append([f"SRU at {' in '.join(_TOKENS)}, forward+backward, tokens/s", *map(_sru_pace, ledgers)])
    return SpeedTable("Overview", ["", *(ledger.title for ledger in ledgers)], body)


def what_was_run(ledger: Ledger) -> SpeedTable:
    """A row a section."""
    heads = ["section", "state", *STATES, NOT_RUN, "when", "code", "seconds"]
    body = []
    for section in SECTIONS:
        page, pieces = ledger.pages.get(section), ledger.pieces(section)
        if page is None:
            body.append([section, NOT_RUN, *[NONE] * (len(heads) - 2)])
            continue
        states = [piece["state"] for piece in pieces]
        cells = [section, state_of(page), *(str(states.count(state)) for state in STATES)]
        cells += [str(len(page["planned"]) - len(pieces)), when(pieces) or NONE]
        cells += [", ".join(revisions(pieces)) or NONE, f"{sum(piece['seconds'] for piece in pieces):,.0f}"]
        body.append(cells)
    return SpeedTable("What was run", heads, body)


def troubles(ledger: Ledger) -> list[str]:
    """A line for each piece that failed or was skipped, and one for what a page says is still in progress."""
    lines = []
    for section, page in ledger.pages.items():
        for piece in page["pieces"]:
            if piece["state"] != "ok":
                why = " ".join((piece["error"] or "no reason given").split())
                lines.append(f"{section}, {piece['name']}: {piece['state']}: {why}")
        if page.get("running"):
            lines.append(f"{section}, {page['running']}: was begun, and its process ended there")
    return lines


def when(pieces: Sequence[Row]) -> str:
    """The first day and the last."""
    days = sorted(piece["measured"]["date"][:10] for piece in pieces)
    return " to ".join(dict.fromkeys((days[0], days[-1]))) if days else ""


def revisions(pieces: Sequence[Row]) -> list[str]:
    """The code that pieces were measured with."""
    stamps = [piece["measured"] for piece in pieces]
    changed = {True: " with local changes"}
    return sorted({f"{stamp['revision'] or 'unknown'}{changed.get(stamp['dirty'], '')}" for stamp in stamps})


def claims_table(ledger: Ledger | None) -> SpeedTable:
    """What is asked, what was measured, and the verdict."""
    body = [[claim.asked, claim.measured, claim.verdict] for claim in claims(ledger)]
    return SpeedTable("What is asked of the kernels", ["asked", "measured", "verdict"], body)


def recurrence(ledger: Ledger) -> SpeedTable | None:
    """A row for every recurrence alone, by columns."""
    found = sorted(recurrences(ledger.speed), key=lambda one: (one[0]["dtype"], columns(one[0])))
    body = []
    for entry, ours, theirs in found:
        cells = [entry["label"], entry["dtype"], f"{columns(entry):,}"]
        for mode in MODES:
            share = copy_share(ours, mode, ledger.rates)
            times = ratio(seconds(theirs, mode), seconds(ours, mode))
            cells += [spread(ours, mode, 1e6), NONE if share is None else f"{share:.1%}"]
            cells.append(f"{times:.2f}×" if times else "theirs fails" if error_of(theirs, mode) else NONE)
        body.append(cells)
    heads = ["shape, one layer", "type", "columns"]
    for mode in MODES:
        heads += [f"{PASSES[mode]}, µs", "of a copy", "against the authors'"]
    return SpeedTable("The recurrence alone", heads, body) if body else None


def tuning(ledger: Ledger) -> SpeedTable | None:
    """How the work is best cut: a row for each pass, type and number of columns."""
    rows = [piece["values"] for piece in ledger.pieces("tune", "ok") if "kernel" in piece["values"]]
    body = []
    for row in rows:
        times = {tuple(found["tiling"]): found.get("median_s") for found in row["variants"]}
        best = times.get(tuple(row["best"]))
        share = ratio(ratio(row["moved_bytes"], best), ledger.rates.get("copy_bytes_per_s"))
        cells = [
            row["kernel"],
            row["dtype"],
            f"{row['columns']:,}",
            _cut(row["heuristic"]),
            _cut(row["best"]),
        ]
        cells += [f"{row['gain']:.2f}×", NONE if best is None else significant(1e6 * best)]
        cells += [NONE if share is None else f"{share:.0%}", str(sum(map(bool, times.values())))]
        body.append(cells)
    heads = [
        "pass",
        "type",
        "columns",
        "rule's cut",
        "best cut",
        "gain",
        "best, µs",
        "of a copy",
        "cuts timed",
    ]
    title = "How the work is cut (columns a thread × steps ahead × threads a block)"
    return SpeedTable(title, heads, body) if body else None


def training(section: str, ledger: Ledger) -> SpeedTable | None:
    """A row for every run of a section: its figures, and what it made of the card."""
    groups = [piece["values"] for piece in ledger.pieces(section) if "runs" in piece["values"]]
    done = [(group, run) for group in groups for run in group["runs"] if run["state"] == "finished"]
    if not done:
        return None
    headline = done[0][1]["headline"]
    name, metric = headline.rpartition("/")[2], metric_of(headline)
    shown = [f"val/{name}", headline, *(f"test/{other}" for other in metric.beside)]
    heads = ["model", "parameters", f"val {metric.name}", *map(metric_head, shown[1:])]
    heads += ["tokens/s", "ms/step", "of the card's bfloat16 rate", "GPU peak", "precision"]
    body = []
    for group, run in done:
        metrics = run["metrics"]
        step, peak = metrics.get("throughput/step_ms"), metrics.get("gpu/peak_bytes")
        share = ratio(run.get("flop_per_s"), group.get("bfloat16_flop_per_s"))
        cells = [run["label"], count(run["parameters"])]
        cells += [_metric(metrics.get(key), key) for key in shown]
        cells += [count(metrics.get("throughput/tokens_per_s")), NONE if step is None else significant(step)]
        cells += [NONE if share is None else f"{share:.1%}"]
        cells += [NONE if peak is None else f"{peak / 2**20:,.0f} MiB", run["precision"]]
        body.append([*cells, str(group["side_by_side"]), f"{group['seconds_each']:.0f}"])
    title = f"{section}: {SECTIONS[section]}"
    return SpeedTable(title, [*heads, "side by side", "seconds"], body)


def training_notes(section: str, ledger: Ledger) -> list[str]:
    """Which data, what several runs make of the card together, and which runs failed."""
    lines: dict[str, None] = {}
    for piece in ledger.pieces(section):
        group = piece["values"]
        runs = group.get("runs") or ()
        done = [run for run in runs if run["state"] == "finished"]
        for run in done:
            data = run["data"]
            why = "" if data["comparable"] else f"; not comparable: {data['why_not'] or 'other data'}"
            lines[f"Data: {data['description']}{why}"] = None
        rates = [run["flop_per_s"] for run in done if run.get("flop_per_s")]
        together = ratio(sum(rates), group.get("bfloat16_flop_per_s"))
        if together and len(rates) > 1:
            text = f"{piece['name']}: {len(rates)} runs side by side make {together:.1%} of the card's bfloat16 rate"
            lines[text] = None
        failed = [run for run in runs if run["state"] != "finished"]
        lines |= {f"{run['label']}: failed: {' '.join(str(run['error']).split())}": None for run in failed}
    return list(lines)


def _metric(value: float | None, key: str) -> str:
    metric = metric_of(key)
    return NONE if value is None else number(value * metric.scale, None, metric)


def _cut(tiling: Sequence[int]) -> str:
    return " × ".join(map(str, tiling))


def _sru_pace(ledger: Ledger) -> str:
    """Tokens/s of SRU, forward and backward, at one shape."""
    found = [
        ratio(entry["length"] * entry["batch"], seconds(row, "training"))
        for entry in (ledger.speed or {"shapes": []})["shapes"]
        if (entry["name"], entry["dtype"]) == _TOKENS
        for row in entry["rows"]
        if row["contender"] == "sru"
    ]
    return count(next(iter(found), None))
