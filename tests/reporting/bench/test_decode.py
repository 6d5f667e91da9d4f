"""From a measurement of generation to its file, the tables, the answers and the picture."""

import json
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sru_repro.core.errors import DataError
from sru_repro.records.base import parse, read
from sru_repro.records.decode import Comparison, DecodeRecord
from sru_repro.reporting.answer import Answer
from sru_repro.reporting.bench import decode
from sru_repro.reporting.bench.decode import publish_decode, report_decode
from sru_repro.reporting.bench.decode_figure import draw_decode_figure
from sru_repro.reporting.bench.decode_findings import decode_answer, decode_beside, decode_findings
from sru_repro.reporting.bench.decode_tables import against_lstm, answers, decode_tables
from sru_repro.reporting.document import markdown
from sru_repro.reporting.marks import DAGGER
from sru_repro.reporting.numbers import size

from ..drawn import colliding

Record = dict[str, Any]
PICTURES = ("decode-cpu-a-2c.svg", "decode-cpu-a-2c.png")
Factory = Callable[..., DecodeRecord]
CONTEXTS = (16, 1024)
# Milliseconds a token of one stream, after either context; bytes of state after either.
ONE: dict[str, tuple[str, int, tuple[float, float], tuple[int, int]]] = {
    "sru-2": ("SRU, 2 layers", 2, (0.5, 0.5), (3200, 3200)),
    "sru-4": ("SRU, 4 layers", 4, (0.8, 0.8), (4800, 4800)),
    "sru-16": ("SRU, 16 layers", 16, (2.0, 2.0), (19_200, 19_200)),
    "lstm": ("nn.LSTM", 2, (4.0, 4.0), (8192, 8192)),
    "lstm-cells": ("nn.LSTMCell", 2, (1.0, 1.0), (8192, 8192)),
    "transformer-xl": ("Transformer-XL", 4, (2.0, 10.0), (65_536, 4_194_304)),
}


def rows(**changed: tuple[float, float]) -> list[Record]:
    """Rows of six models; 32 streams take eight times as long as one. Changed: milliseconds of one stream."""
    made = []
    for name, (label, layers, ms, state) in ONE.items():
        for place, context in enumerate(CONTEXTS):
            for batch in (1, 32):
                middle = changed.get(name.replace("-", "_"), ms)[place] * (1 if batch == 1 else 8) / 1e3
                row = {"contender": name, "label": label, "layers": layers, "width": 512, "batch": batch}
                row |= {"attends": name == "transformer-xl", "parameters": 4_500_000, "context": context}
                row |= {"state_bytes": state[place], "median_s": middle, "repeats": 5}
                made.append(row | {"q1_s": round(0.9 * middle, 9), "q3_s": round(1.1 * middle, 9)})
    return made


@pytest.fixture
def measured() -> Factory:
    """A factory of records as `decode.measure` makes them."""

    def make(slug: str = "cpu-a-2c", own: list[Record] | None = None, **changes: Any) -> DecodeRecord:
        own = rows() if own is None else own
        groups = [
            {"name": "parameters", "label": "About 4.5 million parameters each", "rows": own},
            {"name": "width", "label": "Width 512 each", "rows": own},
        ]
        record: Record = {
            "schema": 1,
            "date": "2026-11-21T15:00:00Z",
            "device": "cpu",
            "backend": {"name": "cpp", "why": "built"},
            "correctness": {"cases": 11},
            "contexts": list(CONTEXTS),
            "batches": [1, 32],
            "groups": groups,
            "hardware": {"name": f"machine {slug}", "slug": slug, "threads": 2},
            "code": {"revision": "abc1234", "dirty": True},
            "packages": {"torch": "2.13.0"},
        }
        return parse(DecodeRecord, record | changes, slug)

    return make


@pytest.fixture
def no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes a second, and is tried elsewhere."""
    monkeypatch.setattr(decode, "write_decode_figure", lambda record, out, *_: [out])


def table(record: DecodeRecord, title: str) -> dict[str, dict[str, str]]:
    """{model: {head: cell}} of the table with that title."""
    (found,) = [one for one in decode_tables(record) if one.title == title]
    return {row[0]: dict(zip(found.heads, row, strict=True)) for row in found.body}


def test_what_other_work_disturbed_is_marked(measured: Factory) -> None:
    record = measured()
    assert DAGGER not in markdown(decode_tables(record)) + "".join(answers(record))
    row = record.groups[0].rows[0]
    row.processor = 0.33
    told = [line for line in answers(record) if DAGGER in line]
    assert told and all(line.endswith(" †33 %.") and record.groups[0].label in line for line in told)
    marked = [cells for one in decode_tables(record) for cells in one.body if DAGGER in "".join(cells)]
    assert [cells[0] for cells in marked] == [row.label]
    assert sum("†33 %" in cell for cell in marked[0]) >= 2, "its pace, and what is told against LSTM"


def test_a_table_for_each_comparison_and_batch(measured: Factory) -> None:
    titles = [one.title for one in decode_tables(measured())]
    assert titles == [
        f"{group}, {streams}"
        for group in ("About 4.5 million parameters each", "Width 512 each")
        for streams in ("one stream", "32 streams at once")
    ]
    one = table(measured(), titles[0])
    assert list(one) == [label for label, *_ in ONE.values()]
    assert one["SRU, 4 layers"] == {
        "model": "SRU, 4 layers",
        "layers": "4",
        "width": "512",
        "parameters": "4,500,000",
        "tokens/s after 16": "1,250",
        "tokens/s after 1,024": "1,250",
        "against LSTM": "1.25×",
        "ms/token of a stream after 1,024": "0.800 (0.720–0.880)",
        "state after 16": "4.80 KB",
        "state after 1,024": "4.80 KB",
    }
    xl = one["Transformer-XL"]
    assert (xl["tokens/s after 16"], xl["tokens/s after 1,024"], xl["against LSTM"]) == (
        "500",
        "100",
        "0.30×",
    )
    assert (xl["state after 16"], xl["state after 1,024"]) == ("65.5 KB", "4.19 MB")
    many = table(measured(), titles[1])["SRU, 4 layers"]
    assert many["tokens/s after 16"] == "5,000", "tokens of all streams together"
    assert many["ms/token of a stream after 1,024"] == "6.40 (5.76–7.04)"


def test_graphs_have_columns_where_they_were_measured(measured: Factory) -> None:
    """Eight times as fast as plain steps with 2 layers of SRU, twice with all else; one was refused."""
    own = rows()
    for row in own:
        faster = 8 if row["contender"] == "sru-2" else 2
        row["graph"] = {"median_s": row["median_s"] / faster, "repeats": 5}
        if row["contender"] == "transformer-xl":
            row["graph"] = {"error": "RuntimeError: no graph of this"}
    record = measured(own=own)
    one = table(record, "Width 512 each, one stream")
    assert one["SRU, 2 layers"]["as a graph, tokens/s after 1,024"] == "16,000"
    assert (one["SRU, 2 layers"]["against LSTM"], one["SRU, 2 layers"]["graph against LSTM's"]) == (
        "2.00×",
        "8.00×",
    )
    assert one["SRU, 16 layers"]["graph against LSTM's"] == "0.50×"
    assert one["Transformer-XL"]["as a graph, tokens/s after 16"] == "RuntimeError: no graph of this"
    assert one["Transformer-XL"]["graph against LSTM's"] == "—"
    assert answers(record)[1] == (
        "About 4.5 million parameters each, one stream: SRU of 2, 4 and 16 layers generates 8.00, 1.25 and 0.50 times "
        "as many tokens/s as the faster LSTM, both as CUDA graphs; it is ahead up to 4 layers, and with 16 no longer."
    )
    speed = draw_decode_figure(record).axes[0]
    assert speed.get_title("left").endswith("tokens/s, one stream, as a CUDA graph")
    assert np.array_equal(speed.lines[0].get_ydata(), [16_000.0, 16_000.0])
    without = table(measured(), "Width 512 each, one stream")
    assert not [head for head in without["SRU, 2 layers"] if "graph" in head]


def compared(own: list[Record]) -> Comparison:
    return Comparison.model_validate({"name": "width", "label": "Width 512 each", "rows": own})


def test_the_faster_lstm_of_each_context_is_the_measure() -> None:
    group = compared(rows(lstm=(0.5, 4.0), lstm_cells=(1.0, 2.0), sru_2=(0.5, 0.5), sru_4=(0.1, 4.0)))
    assert against_lstm(group, "sru-2", 1) == pytest.approx((1.0 + 4.0) / 2)
    assert against_lstm(group, "sru-4", 1) == pytest.approx((5.0 + 0.5) / 2)
    without = compared([row for row in rows() if "lstm" not in row["contender"]])
    assert against_lstm(without, "sru-2", 1) is None


@pytest.mark.parametrize(
    ("changed", "times", "verdict"),
    [
        ({}, "2.00, 1.25 and 0.50", "it is ahead up to 4 layers, and with 16 no longer"),
        ({"sru_16": (0.9, 0.9)}, "2.00, 1.25 and 1.11", "it is ahead at every depth"),
        ({"lstm": (0.4, 0.4)}, "0.80, 0.50 and 0.20", "it is ahead at no depth"),
        ({"lstm": (0.52, 0.52)}, "1.04, 0.65 and 0.26", "it is ahead at no depth"),
        ({"sru_4": (1.0, 1.0), "sru_16": (0.5, 0.5)}, "2.00, 1.00 and 2.00", "it is ahead with 2 and 16 layers only"),
    ],
)  # fmt: skip
def test_the_answer_follows_from_the_numbers(
    changed: dict[str, tuple[float, float]], times: str, verdict: str, measured: Factory
) -> None:
    depth, length, *rest = answers(measured(own=rows(**changed)))
    assert depth == (
        "About 4.5 million parameters each, one stream: SRU of 2, 4 and 16 layers generates "
        f"{times} times as many tokens/s as the faster LSTM; {verdict}."
    )
    assert length == (
        "About 4.5 million parameters each, one stream: after 1,024 tokens instead of 16: Transformer-XL 0.2 times "
        "as fast, keeping 4.19 MB a stream (recurrences keep at most 19.2 KB after any)."
    )
    assert len(rest) == 6 and rest[-1].startswith("Width 512 each, 32 streams at once: after ")


@pytest.mark.usefixtures("no_picture")
def test_the_page_answers_first_and_shows_one_table(measured: Factory, tmp_path: Path) -> None:
    publish_decode(measured(), tmp_path)
    text = (tmp_path / "decode.md").read_text()
    question, first, second, head = text.split("\n\n")[2:6]
    assert question == "**Does SRU generate faster than an LSTM, and how many layers may it have?**"
    depths = "SRU of 2, 4 and 16 layers generates 2.00, 1.25 and 0.50 times as many tokens/s as the faster LSTM; it is "
    depths += "ahead up to 4 layers, and with 16 no longer."
    assert first == (
        f"One stream, about 4.5 million parameters each, on a machine cpu-a-2c: {depths} 32 streams at once, about 4.5 "
        f"million parameters each: {depths} After 1,024 tokens instead of 16: Transformer-XL 0.2 times as fast, "
        "keeping 4.19 MB a stream (recurrences keep at most 19.2 KB after any)."
    )
    assert second.startswith("One stream, width 512 each: SRU of 2, 4") and head == "## machine cpu-a-2c"
    shown = text.partition("<details>")[0]
    assert shown.count("\n| --- |") == 1 and text.count("<details>") == text.count("</details>") == 2
    assert (
        "| SRU, 2 layers | 2 × 512 | **2,000** | 2.00× (2.00–2.00) | **8,000** | 2.00× (2.00–2.00) | 3.20 KB |"
        in shown
    )
    told = decode_answer(tmp_path)
    assert told is not None and told.short == (
        "On a machine cpu-a-2c SRU of 2 layers generates 2.0× an LSTM's tokens/s at equal parameters; it is ahead up "
        "to 4 layers."
    )
    assert decode_answer(tmp_path / "nothing") is None
    assert decode_beside(tmp_path) == "cannot say: no such claim", "here SRU++ was not timed"


@pytest.mark.usefixtures("no_picture")
def test_models_are_ranked_and_set_beside_the_papers(measured: Factory, tmp_path: Path) -> None:
    """SRU++ three times as fast as Transformer-XL after the longest context, slower, level; the LSTM first or last."""
    for pace, verdict in (
        (10.0 / 3, "yes, the order: 3.0× Transformer-XL (there 4.7×)"),
        (20.0, "no, the order: 0.5× Tr"),
        (9.96, "cannot say: 1.00× Transformer-XL (0."),
    ):
        own = rows(sru_2=(0.3, 0.3))
        for row in [one for one in own if one["contender"] == "transformer-xl"]:
            middle = row["median_s"] * (pace / 10.0 if row["context"] == 1024 else 1.0)
            changes = {"contender": "srupp-all", "label": "SRU++", "median_s": middle}
            own.append(row | changes)
        shown = decode_findings(measured(own=own))
        publish_decode(measured(own=own), tmp_path)
        word = re.split("[,:]", verdict)[0]
        assert decode_beside(tmp_path).startswith(f"order of the SRU++ paper's Table 7: {word}")
        assert f"({10 / pace:.1f}× here, 4.7× there)" in decode_beside(tmp_path)
        assert shown is not None and len(shown.heads) == 8
        cells = {row[0]: row for row in shown.body}
        assert shown.body[0][0] == "SRU, 2 layers" and cells["SRU++"][-1].startswith(verdict)
        assert cells["SRU, 4 layers"][-1] == "cannot say: no such claim" and cells["nn.LSTM"][-1] == "—"
    fast = decode_findings(measured(own=rows(lstm=(0.1, 0.1))))
    assert fast is not None and fast.body[0][0] == "nn.LSTM" and fast.body[0][2].startswith("**")


def test_without_numbers_nothing_is_answered(measured: Factory) -> None:
    bare = [
        {key: value for key, value in row.items() if not key.endswith(("_s", "_bytes", "repeats"))}
        | {"error": "RuntimeError: no room in /opt/someone/lib"}
        for row in rows()
    ]
    record = measured(own=bare)
    assert answers(record) == [] and decode_findings(record) is None
    cells = table(record, "Width 512 each, one stream")["SRU, 2 layers"]
    assert cells["ms/token of a stream after 1,024"].startswith("RuntimeError: no room")
    assert cells["tokens/s after 16"] == cells["against LSTM"] == cells["state after 16"] == "—"
    draw_decode_figure(record)


def test_one_context_is_a_table_without_a_comparison_of_lengths(measured: Factory) -> None:
    record = measured(own=[row for row in rows() if row["context"] == 16], contexts=[16])
    assert len(answers(record)) == 4 and not [text for text in answers(record) if "instead of" in text]
    heads = next(iter(decode_tables(record))).heads
    assert [head for head in heads if "after" in head] == [
        "tokens/s after 16", "ms/token of a stream after 16", "state after 16",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("count", "text"),
    [(12, "12 B"), (999, "999 B"), (1000, "1.00 KB"), (65_536, "65.5 KB"), (33_554_432, "33.6 MB")],
)
def test_bytes_for_people(count: int, text: str) -> None:
    assert size(count) == text


def test_publishing_writes_file_table_and_picture(tmp_path: Path, measured: Factory) -> None:
    record = measured()
    written = publish_decode(record, tmp_path)
    assert [path.name for path in written] == ["decode-cpu-a-2c.json", "decode.md", *PICTURES]
    text = written[1].read_text()
    for part in (
        "## machine cpu-a-2c",
        "](decode-cpu-a-2c.svg)",
        "- About 4.5 million parameters each, one stream: SRU of 2, 4 and 16 layers",
        "| SRU, 2 layers | 2 | 512 | 4,500,000 | 2,000 | 2,000 | 2.00× | 0.500 (0.450–0.550) | 3.20 KB | 3.20 KB |",
        "Code: abc1234 with local changes; torch 2.13.0",
        "of 11 models, steps equal one call",
    ):
        assert part in text, part
    assert struct.unpack(">II", written[3].read_bytes()[16:24]) == (1400, 700)
    assert read(DecodeRecord, written[0]) == record, "these numbers have no more than four digits"
    assert len(written[0].read_text().splitlines()) < len(rows()) * 2 + 60, "a row a line"
    before = {path: path.read_bytes() for path in written[1:]}
    for path in before:
        path.unlink()
    assert {path: path.read_bytes() for path in report_decode(tmp_path)} == before


@pytest.mark.usefixtures("no_picture")
def test_a_measurement_replaces_the_earlier_one_and_leaves_other_machines(
    tmp_path: Path, measured: Factory
) -> None:
    publish_decode(measured("b"), tmp_path)
    publish_decode(measured("a"), tmp_path)
    again = measured("a", own=[row for row in rows() if row["context"] == 16], contexts=[16])
    path, *written = publish_decode(again, tmp_path)
    assert [one.name for one in written] == ["decode.md", "decode-a.svg", "decode-b.svg"]
    assert {row.context for group in read(DecodeRecord, path).groups for row in group.rows} == {16}
    text = (tmp_path / "decode.md").read_text()
    assert text.index("## machine a") < text.index("## machine b")


@pytest.mark.usefixtures("no_picture")
def test_numbers_have_four_digits_and_no_folder_is_told(tmp_path: Path, measured: Factory) -> None:
    own = rows()
    own[0] |= {"median_s": 0.000123456789}
    own[1]["error"] = "RuntimeError: no room in /opt/someone/lib"
    path, *_ = publish_decode(measured(own=own), tmp_path)
    text = path.read_text()
    assert '"median_s": 0.0001235' in text and "someone" not in text


@pytest.mark.usefixtures("no_picture")
@pytest.mark.parametrize(
    ("change", "line"),
    [
        ("{", "expected JSON of `sru-repro bench task=decode`"),
        ("[]", "expected a mapping, found list"),
        ({"schema": 2}, "key 'schema': expected 1, found 2"),
        ({"contexts": None}, "key 'contexts': expected list, found None"),
        ({"groups": [{"name": "x"}]}, "key 'groups[0].label' is missing"),
        (
            {"groups": [{"name": "x", "label": "", "rows": [{}]}]},
            "key 'groups[0].rows[0].contender' is missing",
        ),
    ],
)
def test_a_broken_file_is_named(change: Any, line: str, tmp_path: Path, measured: Factory) -> None:
    path, *_ = publish_decode(measured(), tmp_path)
    content = change if isinstance(change, str) else json.dumps(json.loads(path.read_text()) | change)
    path.write_text(content)
    with pytest.raises(DataError, match="run") as error:
        report_decode(tmp_path)
    text = str(error.value)
    assert line in text and text.startswith(str(path)) and "\n" not in text


def test_without_measurements_nothing_is_written(tmp_path: Path) -> None:
    assert report_decode(tmp_path) == [] and list(tmp_path.iterdir()) == []


def test_the_picture_names_every_model_at_its_curve_for_one_stream_and_for_many(measured: Factory) -> None:
    answer = Answer("Does depth cost?", "No.", ())
    figure = draw_decode_figure(measured(), answer)
    one, many = figure.axes
    assert one.get_title(loc="left") == "tokens/s, one stream"
    assert many.get_title(loc="left") == "tokens/s, 32 streams at once"
    for axes in (one, many):
        named = [text for text in axes.texts if text.get_text() in {label for label, *_ in ONE.values()}]
        assert len(axes.lines) == len(named) == len(ONE) and axes.get_xscale() == axes.get_yscale() == "log"
    assert np.array_equal(one.lines[0].get_ydata(), [2000.0, 2000.0])
    assert [text.get_text() for text in figure.texts][:2] == ["Does depth cost?", "No."]
    assert colliding(figure) == []
