"""The Markdown table of a task, `results/<task>.md`: a section per profile, data and hardware."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from . import columns, costs
from .records import FOLDS, Record, share
from .sections import TASKS, Row, Section, not_run, sections, unfinished

LEGEND = """\
A number is the mean over seeds ± the sample deviation over all n runs (in a cross-validation each fold is \
one); speed is a ratio of means, against the LSTM of the same section."""

VERDICTS = """\
The verdict compares our mean with the paper's by Welch's t-test at 95 %: *off* when they differ, *matches* \
when the difference is known to lie within two of the paper's deviations, *within noise* when there are too \
few runs to say so. A single run is judged by the paper's deviation."""

ENCODER_ALONE = """\
Encoder alone: its passes forwards and backwards over a sample of the training batches after the run, \
scaled to an epoch"""


def write_table(
    table: str, records: Sequence[Record], rows: Sequence[Row], out: Path, figure: str = ""
) -> None:
    """Write the table to `out`; `figure` is the file name of its picture. Same records, same bytes."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(render_table(table, records, rows, figure), encoding="utf-8", newline="\n")


def render_table(table: str, records: Sequence[Record], rows: Sequence[Row], figure: str = "") -> str:
    """The Markdown text: rows in the order of `rows`, also those without a run; rows only in records last."""
    blocks = [f"# {table}", "<!-- Generated from the run records by `sru-repro report`; edits are lost. -->"]
    found = sections(table, records, rows)
    if not found:
        blocks.append("No run has finished yet.")
    if found and figure:
        blocks.append(f"![{table}: results and learning curves]({figure})")
    for section in found:
        blocks.append(f"## Profile {section.profile}: {_title(table, section)}; {section.hardware}")
        notes = columns.shared_reasons(section)
        if table in TASKS:
            blocks.append(_markdown(*columns.wide(section, notes, "<br>")))
        else:
            blocks.append(_markdown(*columns.narrow(section, notes)))
        if notes:
            blocks.append("  \n".join(f"[{place}] {note}" for place, note in enumerate(notes, 1)))
        blocks.append(_footer(section))
    blocks += _waiting(table, records, rows)
    failures = unfinished(table, records)
    if failures:
        blocks.append("## Runs without a result\n\n" + "\n".join(f"- {_escape(line)}" for line in failures))
    if found:
        blocks.append(LEGEND)
    if any(map(columns.has_paper, found)):
        blocks.append(VERDICTS)
    return "\n\n".join(blocks) + "\n"


def _waiting(table: str, records: Sequence[Record], rows: Sequence[Row]) -> list[str]:
    """The paper's rows that nobody has run here: they are not hidden behind the small ones."""
    rest = not_run(table, records, rows)
    if not rest:
        return []
    headline = next((run["headline"] for run in records if run["table"] == table and run.get("headline")), "")
    sources = _unique(str((row.get("paper") or {}).get("source") or "") for row in rest)
    facts = "\n".join(f"- Paper's numbers: {_escape(source)}" for source in sources)
    shown = _markdown(*columns.waiting(table, rest, headline))
    return [block for block in ("## Profile paper: not run yet", shown, facts) if block]


def _title(table: str, section: Section) -> str:
    data = f"{FOLDS}-fold cross-validation" if table in TASKS else section.descriptions[0]
    return "; ".join([data, *section.vectors])


def _footer(section: Section) -> str:
    """Where the numbers of a section come from."""
    runs, lines = section.runs, [line for task in section.tasks for line in section.lines(task) if line.runs]
    facts = [f"Data: {text}" for text in _data(section)]
    if section.vectors:
        facts.append(f"Word vectors: {', '.join(section.vectors)}")
    facts += [f"Note: {note}" for note in _notes(section)]
    backends = sorted({backend for line in lines for backend in line.backends})
    for backend in backends:
        names = _unique(line.label for line in lines if backend in line.backends)
        facts.append(f"Back end {backend}: {'; '.join(names)}")
    if any(line.throughput(costs.ENCODER) for line in lines):
        facts.append(ENCODER_ALONE)
    facts += _unique(
        f"Deviation of {x.label}: {x.paper['deviation']}" for x in lines if x.paper.get("deviation")
    )
    for line in lines:
        if line.changed_settings:
            facts.append(f"Runs of {line.label} ({line.task}) differ in {', '.join(line.changed_settings)}")
    days = sorted({run["started"][:10] for run in runs})
    torch = ", ".join(sorted({str(run["packages"].get("torch", "unknown")) for run in runs}))
    facts.append(f"Code: {', '.join(sorted({_revision(run) for run in runs}))}; torch {torch}")
    when = " to ".join(dict.fromkeys((days[0], days[-1])))
    minutes = sum(run["wall_s"] for run in runs) / 60
    facts.append(f"Run: {when}, {minutes:,.0f} minutes in all; number of runs: {len(runs)}")
    sources = _unique(str((line.paper or {}).get("source") or "") for line in lines)
    facts += [f"Paper's numbers: {source}" for source in sources]
    return "\n".join(f"- {_escape(fact)}" for fact in facts)


def _data(section: Section) -> list[str]:
    texts = []
    for run in section.first_runs:
        data, part = run["data"], share(run)
        text = f"{data['description']}, from {data['source']}" if data.get("source") else data["description"]
        text += "" if part == 1 else f", {100 * part:.3g} % of it"
        which = "fingerprint" if run["fold"] is None else f"of fold {run['fold']}; fingerprint"
        texts.append(f"{text} ({which} {data['fingerprint']})")
    return texts


def _notes(section: Section) -> list[str]:
    """What the data's readers remark; of folds, only what holds for all of them; whom, where it is not all rows."""
    notes: list[str] = []
    for task in section.tasks:
        lines = [line for line in section.lines(task) if line.runs]
        runs = [run for line in lines for run in line.runs]
        each = [run["data"]["notes"] for run in runs]
        folded = any(run["fold"] is not None for run in runs)
        for note in _unique(note for own in each for note in own):
            whose = [line.label for line in lines if any(note in run["data"]["notes"] for run in line.runs)]
            if folded:
                notes += [note] if all(note in own for own in each) else []
            else:
                notes.append(note if len(whose) == len(lines) else f"{note} ({'; '.join(whose)})")
    return _unique(notes)


def _revision(run: Record) -> str:
    code = run["code"]
    return f"{code['revision'] or 'unknown'}{' with local changes' if code['dirty'] else ''}"


def _unique(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(text for text in texts if text))


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _markdown(heads: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---" if head in columns.LEFT else "--:" for head in heads]]
    lines += [[cell.replace("|", "\\|") for cell in row] for row in body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
