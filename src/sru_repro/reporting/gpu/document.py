"""What CUDA cards have shown, `results/cuda.md`, and for each of them a picture and its tables of speed in full."""

from collections.abc import Sequence
from pathlib import Path

from ...core.files import write_text
from ...record import Record
from ..bench.decode_tables import answers, decode_tables
from ..bench.speed_figure import write_speed_figure
from ..bench.speed_tables import NONE, SpeedTable, overview, significant, speed_tables
from . import tables
from .figure import write_cuda_figure
from .plan import SECTIONS
from .record import Ledger, load_ledgers

__all__ = ["render_cuda", "report_cuda"]

GENERATED = "<!-- Generated from cuda/*/*.json by `sru-repro report`; edits are lost. -->"
LEGEND = """\
`make gpu-check` proves and measures the suite on a CUDA card, section by section and piece by piece. A time is the \
median over interleaved rounds in one process (lower to upper quartile). *Of a copy*: the bytes that a recurrence \
must move, in its time, against the speed at which the same card copies a large tensor. *Columns*: features of all \
sequences of a batch, B·D. *Against nn.LSTM* and *against the authors'*: how many times as fast as cuDNN's LSTM, and \
as the kernel of the authors' package, in the same process. *Forward* is inference, which keeps no states. Runs side \
by side share the card. What failed, was skipped or was not run says so."""
HOW = """\
On a machine with a card, from the checkout, with the data of the trainings in `data/` (`sru-repro fetch task=sst`, \
`squad`, `enwik8`):

```
make gpu-check                              # all sections, ten minutes
make gpu-check SECTIONS=correct,speed       # some of them
```

It goes on where it stopped when it is called again. Then `make report` writes this file anew, and the folder that \
`gpu-check` names below `results/cuda` is committed with it. Without a network, and step by step: \
[cuda/README.md](cuda/README.md)."""
_WORDS = {
    *(
        "section",
        "state",
        "when",
        "code",
        "asked",
        "measured",
        "verdict",
        "piece",
        "what for",
        "type",
        "pass",
    ),
    *("shape, one layer", "model", "precision"),
}
"""Heads of columns of words, flush left."""


def report_cuda(results: Path) -> list[Path]:
    """Writes tables and pictures of all pages below `results/cuda`; the files written, none without that folder."""
    if not (results / "cuda").is_dir():
        return []
    ledgers = load_ledgers(results)
    written = [results / "cuda.md"]
    pictures = set()
    for ledger in ledgers:
        picture = results / f"{ledger.stem}.png"
        if write_cuda_figure(ledger, picture):
            pictures.add(picture.name)
            written.append(picture)
        written += _speed(ledger, results)
    write_text(written[0], render_cuda(ledgers, pictures))
    return written


def render_cuda(ledgers: Sequence[Ledger], pictures: set[str]) -> str:
    """The Markdown text: cards side by side, then each of them, then what the pieces are for."""
    blocks = ["# CUDA", GENERATED, LEGEND]
    if not ledgers:
        blocks += ["## Not measured yet", "No card has been measured yet: nothing here comes from one."]
        blocks += [_sections(), *_titled(tables.claims_table(None)), *_titled(tables.purposes(True))]
        return "\n\n".join([*blocks, "## How to run it", HOW]) + "\n"
    blocks += ["## Cards", _markdown(tables.overview(ledgers))]
    for ledger in ledgers:
        blocks += _card(ledger, pictures)
    return (
        "\n\n".join([*blocks, "## Pieces", _markdown(tables.purposes(False)), "## How to run it", HOW]) + "\n"
    )


def _card(ledger: Ledger, pictures: set[str]) -> list[str]:
    """One card on one date."""
    blocks = [f"## {ledger.title}"]
    if f"{ledger.stem}.png" in pictures:
        blocks.append(f"![{ledger.title}]({ledger.stem}.png)")
    blocks.append(_listed(_facts(ledger)))
    blocks += _titled(tables.what_was_run(ledger))
    if troubles := tables.troubles(ledger):
        blocks.append(_listed(troubles))
    blocks += [*_titled(tables.claims_table(ledger)), *_titled(tables.recurrence(ledger))]
    speed = ledger.speed
    if speed and any(not entry["stepwise"] for entry in speed["shapes"]):
        blocks += _titled(overview(speed))
    if ledger.decode:
        blocks += ["### Generation, token by token", _listed(answers(ledger.decode))]
    if speed or ledger.decode:
        blocks.append(f"All tables of speed: [{ledger.stem}-speed.md]({ledger.stem}-speed.md).")
    blocks += _titled(tables.tuning(ledger))
    for section in SECTIONS:
        blocks += _titled(tables.training(section, ledger))
        if notes := tables.training_notes(section, ledger):
            blocks.append(_listed(notes))
    return blocks


def _facts(ledger: Ledger) -> list[str]:
    """What the numbers follow from."""
    card, pieces = ledger.first["card"], ledger.pieces()
    torch = sorted({piece["measured"]["torch"] for piece in pieces})
    memory = card.get("memory_bytes")
    facts = [
        f"Card: {card['name']}, compute capability {card.get('capability') or 'unknown'}, "
        f"{card.get('multiprocessors') or 'unknown'} multiprocessors, "
        f"{significant(memory / 1e9) if memory else 'unknown'} GB, driver {card.get('driver') or 'unknown'}"
        + (f"; {card['devices']} cards in the machine" if (card.get("devices") or 1) > 1 else ""),
        f"Machine: {ledger.first['hardware']['name']}",
        f"Code: {', '.join(tables.revisions(pieces)) or 'unknown'}; torch {', '.join(torch) or 'unknown'}; "
        f"Python {ledger.first['packages'].get('python', 'unknown')}",
        f"Measured: {tables.when(pieces) or 'nothing'}",
    ]
    known = [
        f"{head.partition(',')[0]} {significant(ledger.rates[key] / unit)}{head.partition(',')[2]}"
        for head, key, unit in tables.RATES
        if key in ledger.rates
    ]
    return [*facts, f"This card: {', '.join(known)}"] if known else facts


def _speed(ledger: Ledger, results: Path) -> list[Path]:
    """The tables that are too long for cuda.md, and the picture of speed that every machine has."""
    speed, decode = ledger.speed, ledger.decode
    if not speed and not decode:
        return []
    place = results / f"{ledger.stem}-speed.md"
    written = [place]
    blocks = [f"# speed: {ledger.title}", GENERATED, f"Facts and claims: [cuda.md](cuda.md). {LEGEND}"]
    if speed:
        if _drawable(speed):
            picture = place.with_suffix(".png")
            write_speed_figure(speed, picture)
            written.append(picture)
            blocks.append(f"![speed on {ledger.title}]({picture.name})")
        for table in speed_tables(speed):
            blocks += [f"## {table.title}", _markdown(table)]
    for table in decode_tables(decode) if decode else ():
        blocks += [f"## Generation: {table.title}", _markdown(table)]
    write_text(place, "\n\n".join(blocks) + "\n")
    return written


def _drawable(record: Record) -> bool:
    """Whether the picture of speed has anything to show: it draws one type of number."""
    entries = [*record["shapes"], *record["growth"]]
    first = min((entry["dtype"] for entry in entries), default="")
    return any(entry["dtype"] == first and not entry["stepwise"] for entry in entries)


def _sections() -> str:
    """All sections, none of which was run."""
    body = [[section, what, tables.NOT_RUN] for section, what in SECTIONS.items()]
    return _markdown(SpeedTable("", ["section", "what for", "state"], body))


def _titled(table: SpeedTable | None) -> list[str]:
    return [] if table is None else [f"### {table.title}", _markdown(table)]


def _listed(lines: Sequence[str]) -> str:
    return "\n".join(f"- {_plain(line)}" for line in lines)


def _markdown(table: SpeedTable) -> str:
    left = [not place or head in _WORDS for place, head in enumerate(table.heads)]
    lines = [list(map(_plain, table.heads)), ["---" if words else "--:" for words in left]]
    lines += [[_plain(cell).replace("|", "\\|") or NONE for cell in row] for row in table.body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plain(text: str) -> str:
    """Nothing of an error is taken for markup."""
    return text.replace("<", "&lt;")
