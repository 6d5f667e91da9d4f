"""What is asked of the GPU, and whether one has shown it. Each claim is judged by the figure that it means: of a
kernel by the time that the GPU takes, of a call by the host's, of models by both, as a plain loop and as a graph.

Shapes: B batch, D columns of a row (both directions); a recurrence has B·D columns.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from ...records.bench import Entry, Rates, Timed
from ...records.gpu_page import WORTH, FoundLaunch
from ..bench.speed_tables import MODES, against_lstm, fastest_lstm
from ..document import NONE
from ..numbers import ratio, shown, significant, times
from .pages import GPUCheck

COLUMNS, COPY_SHARE = 1 << 16, 0.8
"""From so many columns on, a kernel must reach this share of the speed of a copy."""
LAYER_S = 300e-6
"""What a layer may cost the host, forward and backward."""
AUTHORS_TIMES, LSTM_TIMES = 3.0, 5.0
"""Times as fast as the authors' kernel, and as the fastest nn.LSTM."""
LSTM_SHAPES = {"figure-256": "paper's figure, L32 B32 d256", "figure-512": "paper's figure, L128 B32 d512"}
GRAPH_TIMES = {
    "figure-256": 4.4,
    "figure-512": 7.4,
    "sst": 2.4,
    "reader": 10.0,
    "reader-both": 16.0,
    "lm-512": 7.0,
    "lm-1024": 10.0,
}
"""Times as fast as the fastest nn.LSTM, both as graphs: what probes have shown, the check is to show by itself."""
DTYPES = ("bfloat16", "float32")
KERNELS = {"forward": "forward for training", "backward": "backward"}
PASSES = {"inference": "forward", "training": "forward+backward"}
WAYS = {"training": "in a plain loop", "graph_training": "as graphs"}

MET, MISSED, OPEN = "met", "missed", "not measured yet"


@dataclass(frozen=True)
class Claim:
    """What is asked, what was measured in full and in a word, and the verdict."""

    asked: str
    measured: str
    short: str
    verdict: str


def claims(check: GPUCheck | None) -> list[Claim]:
    """All of them, in order; without a check none is measured."""
    found = [_correct(check)]
    found += [_bandwidth(check, kernel, dtype) for kernel in KERNELS for dtype in DTYPES]
    found += [_authors(check, mode) for mode in MODES]
    found += [_launch(check)]
    found += [_lstm(check, shape, mode) for mode in WAYS for shape in LSTM_SHAPES]
    return [*found, _graphs(check)]


def recurrences(check: GPUCheck | None, dtype: str = "") -> Iterator[tuple[Entry, Timed, Timed | None]]:
    """Every recurrence that was timed: its entry, our kernel's row, and the authors', where there is one."""
    for entry in check.speed.recurrence if check and check.speed else ():
        rows = {row.backend: row for row in entry.rows}
        if "cuda" in rows and dtype in ("", entry.dtype):
            yield entry, rows["cuda"], rows.get("authors")


def kernels(
    check: GPUCheck | None, kernel: str = "", dtype: str = ""
) -> Iterator[tuple[FoundLaunch, float, float]]:
    """Every size that section `tune` timed: what was found, and the shares of the speed of a copy that are reached as
    the suite launches it (where the best gains little, by the rule) and at best. Copies are those of that section."""
    found = check.found(FoundLaunch, "tune") if check else ()
    copied = check.rates_of("tune").copy_bytes_per_s if check else None
    for row in found:
        taken = row.best if row.gain >= WORTH else row.rule
        shares = [ratio(ratio(row.moved_bytes, row.seconds(one)), copied) for one in (taken, row.best)]
        if kernel in ("", row.kernel) and dtype in ("", row.dtype) and shares[0] and shares[1]:
            yield row, shares[0], shares[1]


def copy_share(row: Timed, mode: str, rates: Rates) -> float | None:
    """The bytes that a recurrence must move, in its time, against the speed of a copy."""
    return ratio(ratio(row.moved_bytes(mode), row.seconds(mode)), rates.copy_bytes_per_s)


def against_authors(ours: Timed, theirs: Timed | None, mode: str) -> float | None:
    """Times as fast as their kernel; None where one of them was not timed."""
    return ratio(theirs.seconds(mode), ours.seconds(mode)) if theirs else None


def host_seconds(check: GPUCheck | None, contender: str) -> dict[str, float]:
    """What a layer of a model costs the host, forward and backward, by type."""
    entries = check.speed.overhead if check and check.speed else ()
    rows = {entry.dtype: entry.row(contender) for entry in entries}
    return {dtype: found for dtype, row in rows.items() if row and (found := row.seconds("training"))}


def _judged(met: bool, check: GPUCheck, section: str, head: str) -> str:
    """The verdict on several pieces: "met" only when all that were planned were timed."""
    page = check.pages[section]
    planned = [name for name in page.planned if name.startswith(head)]
    timed = len(set(planned) & set(page.named("ok")))
    if not met:
        return MISSED
    return MET if timed == len(planned) else f"{MET} so far ({timed} of {len(planned)} timed)"


def _correct(check: GPUCheck | None) -> Claim:
    asked = "Correctness: every piece of `correct` is right"
    page = check.pages.get("correct") if check else None
    if page is None or not page.pieces:
        return _open(asked)
    cases = sum(piece.values.cases or 0 for piece in page.pieces if piece.state == "ok")
    right, planned = len(page.named("ok")), len(page.planned)
    named = {state: page.named(state) for state in ("failed", "skipped")}
    others = [f"{len(names)} {state} ({', '.join(names)})" for state, names in named.items() if names]
    rest = [name for name in page.planned if page.piece(name) is None]
    open_ones, left = [f"{len(rest)} not run yet ({', '.join(rest)})"] if rest else [], len(rest)
    counts = ", ".join([f"{right} of {planned} pieces ok ({cases:,} cases)", *others, *open_ones])
    so_far = f"{MET} so far ({planned - left} of {planned} run)" if left else MET
    verdict = MISSED if named["failed"] else so_far if right else OPEN
    return Claim(asked, counts, ", ".join([f"{cases:,} cases", *others]), verdict)


def _bandwidth(check: GPUCheck | None, kernel: str, dtype: str) -> Claim:
    asked = (
        f"Kernel, {KERNELS[kernel]}, {dtype}: {COPY_SHARE:.0%} of a copy's speed from {COLUMNS:,} columns on"
    )
    shares = [found for found in kernels(check, kernel, dtype) if found[0].columns >= COLUMNS]
    if check is None or not shares:
        return _open(asked)
    row, share, best = min(shares, key=lambda found: found[1])
    text = f"{share:.1%} at {row.columns:,} columns, the lowest of {len(shares)}"
    text += f"; its best launch configuration {best:.1%}" if best > share else ""
    return Claim(
        asked, text, f"{share:.1%}", _judged(share >= COPY_SHARE, check, "tune", f"{kernel}/{dtype}/")
    )


def _authors(check: GPUCheck | None, mode: str) -> Claim:
    asked = f"Kernel, {PASSES[mode]}: {AUTHORS_TIMES:g}× the speed of the authors' wherever that builds"
    found, called, errors = [], [], []
    for entry, ours, theirs in recurrences(check):
        if own := ours.why_not(mode):
            return _open(asked, f"ours, at {entry.label}: {own}", MISSED)
        found += [faster] if (faster := against_authors(ours, theirs, f"kernel_{mode}")) else []
        called += [faster] if (faster := against_authors(ours, theirs, mode)) else []
        errors += [error] if theirs and (error := theirs.why_not(mode)) else []
    if check is None or not called:
        return _open(asked, errors[0] if errors else "")
    if not found:
        text = f"the kernels were not timed apart from their calls (with them at least {times(min(called))}, "
        return Claim(asked, f"{text}median {times(median(called))}, of {len(called)})", "", OPEN)
    lowest = min(found)
    text = f"at least {times(lowest)}, median {times(median(found))}, of {len(found)} recurrences"
    text += f"; theirs does not run at {len(errors)} more: {errors[0]}" if errors else ""
    verdict = _judged(lowest >= AUTHORS_TIMES, check, "speed", "recurrence/")
    return Claim(asked, text, times(lowest), verdict)


def _launch(check: GPUCheck | None) -> Claim:
    asked = f"Call, an SRU layer, forward+backward: at most {1e6 * LAYER_S:.0f} µs of the host's time"
    own, lstm = host_seconds(check, "sru"), host_seconds(check, "lstm")
    if not own:
        return _open(asked)
    micro = {
        dtype: (shown(1e6 * seconds), shown(1e6 * lstm[dtype] if dtype in lstm else None))
        for dtype, seconds in own.items()
    }
    told = [f"{dtype} {ours} µs (nn.LSTM {theirs})" for dtype, (ours, theirs) in micro.items()]
    slowest = max(own.values())
    return Claim(asked, ", ".join(told), f"{1e6 * slowest:.0f} µs", MET if slowest <= LAYER_S else MISSED)


def _lstm(check: GPUCheck | None, shape: str, mode: str) -> Claim:
    asked = f"SRU, forward+backward, bfloat16, {WAYS[mode]}: {LSTM_TIMES:g}× the fastest nn.LSTM"
    asked += f" at the {LSTM_SHAPES[shape]}"
    entry = _at(check, shape)
    if check is None or entry is None:
        return _open(asked)
    sru = entry.row("sru")
    faster = against_lstm(entry, sru, mode)
    if faster is not None:
        verdict = MET if faster >= LSTM_TIMES else MISSED
        by = ", by probes" if check.by_probes else ""
        return Claim(
            asked, f"{times(faster)} (against {fastest_lstm(entry, mode)}{by})", times(faster), verdict
        )
    own, other = (row.why_not(mode) if (row := entry.row(name)) else "" for name in ("sru", "lstm"))
    return _open(asked, own or other, MISSED if own else OPEN)


def _at(check: GPUCheck | None, shape: str) -> Entry | None:
    """What was measured there in bfloat16, plain and as a graph, or else at all."""
    plain = check.speed.shapes if check and check.speed else ()
    entries = [*(check.graphed if check else ()), *plain]
    return next((one for one in entries if (one.name, one.dtype) == (shape, "bfloat16")), None)


def _graphs(check: GPUCheck | None) -> Claim:
    """The ratios that the check is to show in its own rounds; until then what probes have shown stands beside them."""
    wanted = " / ".join(f"{value:g}" for value in GRAPH_TIMES.values())
    asked = f"SRU, forward+backward, bfloat16, as graphs: {wanted}× the fastest nn.LSTM at {', '.join(GRAPH_TIMES)}"
    found = {
        entry.name: faster
        for entry in (check.graphed if check else ())
        if entry.name in GRAPH_TIMES and (faster := against_lstm(entry, entry.row("sru"), "graph_training"))
    }
    if check is None or not found:
        return _open(asked)
    told = " / ".join(significant(found.get(name)) for name in GRAPH_TIMES)
    if check.by_probes:
        return Claim(asked, f"{told}×, by probes; not yet in the check's own rounds", "", OPEN)
    missed = [name for name, faster in found.items() if faster < GRAPH_TIMES[name]]
    all_of_them = (
        MET if len(found) == len(GRAPH_TIMES) else f"{MET} so far ({len(found)} of {len(GRAPH_TIMES)} timed)"
    )
    return Claim(asked, f"{told}×", ", ".join(missed), MISSED if missed else all_of_them)


def _open(asked: str, error: str = "", verdict: str = OPEN) -> Claim:
    """Nothing was measured, or nothing came of it: then why."""
    return Claim(asked, f"does not run: {error}" if error else NONE, "does not run" if error else "", verdict)
