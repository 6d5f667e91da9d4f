"""From a measurement to its file, the table and the picture."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sru_repro.core.errors import DataError
from sru_repro.records.base import parse, read
from sru_repro.records.bench import SpeedRecord, Timing
from sru_repro.reporting.bench import speed
from sru_repro.reporting.bench.speed import publish_speed, report_speed
from sru_repro.reporting.bench.speed_figure import draw_speed_figure
from sru_repro.reporting.bench.speed_findings import findings, speed_answer, speed_beside
from sru_repro.reporting.bench.speed_tables import speed_tables
from sru_repro.reporting.marks import DAGGER, LEGEND
from sru_repro.reporting.numbers import significant
from sru_repro.reporting.report import report

from ..drawn import colliding, words

Record = dict[str, Any]
PICTURES = ("speed-cpu-a-2c.svg", "speed-cpu-a-2c.png")
Factory = Callable[..., SpeedRecord]
MS = {"sru": (2.0, 5.0), "qrnn": (2.5, 6.0), "lstm": (4.0, 12.0), "gru": (5.0, 15.0), "conv2": (1.0, 3.0)}
LABELS = {"sru": "SRU", "qrnn": "QRNN", "lstm": "nn.LSTM", "gru": "nn.GRU", "conv2": "conv1d, k=2"}


STAMP: Record = {
    "date": "2026-11-21T15:00:00Z",
    "backend": {"name": "cpp", "why": "built"},
    "repeats": 9,
    "revision": "abc1234",
    "dirty": False,
    "torch": "2.13.0",
}


def timing(ms: float) -> Record:
    """Quartiles a tenth away from the median."""
    return {"median_s": ms / 1e3, "q1_s": 0.9 * ms / 1e3, "q3_s": 1.1 * ms / 1e3, "repeats": 9}


def entry(name: str, order: int, rows: list[Record], **changes: Any) -> Record:
    """A shape of 10 x 4 tokens with what was measured at it."""
    made: Record = {
        "name": name,
        "label": f"{name}, L10 B4 d8",
        "order": order,
        "dtype": "float32",
        "rows": rows,
        "measured": STAMP,
    }
    made |= {"length": 10, "batch": 4, "hidden_size": 8, "stepwise": False, "paper_ms": []}
    return made | changes


def models(scale: float = 1.0) -> list[Record]:
    """Rows of five models, and one that did not build."""
    rows: list[Record] = []
    for name, (forward, both) in MS.items():
        row = {"contender": name, "label": LABELS[name], "peak_training_bytes": 3_000_000}
        rows.append(row | {"inference": timing(scale * forward), "training": timing(scale * both)})
    floor = {"floor_inference": timing(1.0), "floor_training": timing(4.0)}
    rows[0] |= floor | {"ragged_inference": timing(2.2), "ragged_training": timing(5.5)}
    rows[0] |= {"bytes_inference": 10**6, "bytes_training": 3 * 10**6}
    rows.append(
        {"contender": "authors", "label": "theirs", "error": "RuntimeError: no compiler in /opt/someone/bin"}
    )
    return rows


@pytest.fixture
def measured() -> Factory:
    """A factory of records as `bench.measure` makes them."""

    def make(slug: str = "cpu-a-2c", **changes: Any) -> SpeedRecord:
        steps = [
            {"contender": name, "label": name, "inference": timing(ms)}
            for name, ms in (("sru", 1.0), ("lstm", 8.0), ("lstm-cells", 2.0))
        ]
        kernel: Record = {"backend": "cpp", "label": "cpp", "inference": timing(1.0), "training": timing(2.0)}
        kernel |= {"bytes_inference": 5 * 10**6, "bytes_training": 20 * 10**6}
        pair = [row for row in models() if row["contender"] in ("sru", "lstm")]
        sizes: list[dict[str, int]] = [{}, {"length": 20}, {"batch": 8}, {"hidden_size": 16}]
        growth = [entry(f"g{i}", 10 + i, pair, **size) for i, size in enumerate(sizes)]
        paper = [["lstm", 8.0, 30.0], ["sru", 2.0, 3.0]]
        record: Record = {
            "schema": 1,
            "device": "cpu",
            "correctness": {"cases": 90, "backends": ["cpp"]},
            "rates": {"copy_bytes_per_s": 2e10, "float32_flop_per_s": 2e11, "bfloat16_flop_per_s": None},
            "shapes": [
                entry("figure", 0, models(), paper_ms=paper),
                entry("sst", 1, models(2.0)),
                entry("decode", 2, steps, stepwise=True),
            ],
            "recurrence": [entry("figure", 0, [kernel])],
            "overhead": [
                entry("tiny", 20, [{"contender": "sru", "label": "SRU", "inference": timing(0.03)}])
            ],
            "graphs": [],
            "growth": growth,
            "hardware": {"name": f"machine {slug}", "slug": slug, "threads": 2},
            "packages": {"torch": "2.13.0"},
        }
        return parse(SpeedRecord, record | changes, slug)

    return make


@pytest.fixture
def no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes a second, and is tried elsewhere."""
    monkeypatch.setattr(speed, "write_speed_figure", lambda record, out, answer=None: [out])


def table(record: SpeedRecord, start: str) -> dict[str, dict[str, str]]:
    """{first cell: {head: cell}} of the table whose title starts so. Of heads that stand twice, the first."""
    (found,) = [one for one in speed_tables(record) if one.title.startswith(start)]
    assert all(len(row) == len(found.heads) for row in found.body)
    return {row[0]: dict(reversed(list(zip(found.heads, row, strict=True)))) for row in found.body}


def test_ratios_and_units_of_a_shape(measured: Factory) -> None:
    rows = table(measured(), "figure")
    sru = rows["SRU"]
    assert sru["inference, ms"] == "2.00 (1.80–2.20)"
    assert (sru["against LSTM"], sru["over floor"]) == ("2.00×", "2.00×")
    assert sru["tokens/s"] == "8,000" and sru["peak, MB"] == "3.00"
    assert sru["lengths differ: forward+backward, ms"] == "5.50 (4.95–6.05)"
    assert sru["paper: against LSTM"] == "4.0× / 10.0×" and rows["QRNN"]["paper: against LSTM"] == "—"
    assert rows["theirs"]["inference, ms"].startswith("RuntimeError: no compiler")
    assert rows["SRU's matrix products alone"]["inference, ms"] == "1.00"
    assert "paper: against LSTM" not in table(measured(), "sst")["SRU"]


def test_what_other_work_disturbed_is_marked(measured: Factory, tmp_path: Path) -> None:
    record = measured()
    lstm = record.shapes[0].row("lstm")
    assert lstm is not None and lstm.training is not None
    lstm.training.processor = 0.6
    rows = table(record, record.shapes[0].title)
    assert rows["nn.LSTM"]["forward+backward, ms"].endswith(" †60 %")
    assert DAGGER not in rows["nn.LSTM"]["inference, ms"] + rows["SRU"]["forward+backward, ms"]
    (overview,) = [one for one in speed_tables(record) if one.title.startswith("Forward and backward")]
    assert "2.40× †60 %" in overview.body[0], "against a base that was disturbed"
    publish_speed(record, tmp_path)
    page = (tmp_path / "speed.md").read_text()
    assert page.count(LEGEND) == 1 and "Processor: 60 % of what was asked for" in page
    picture = draw_speed_figure(record)
    assert LEGEND in " ".join(" ".join(text.get_text() for text in picture.texts).split())
    lstm.training.processor = 0.8
    publish_speed(record, tmp_path)
    assert DAGGER not in (tmp_path / "speed.md").read_text()


@pytest.mark.usefixtures("no_picture")
def test_the_page_answers_first_and_shows_one_table(measured: Factory, tmp_path: Path) -> None:
    publish_speed(measured(), tmp_path)
    text = (tmp_path / "speed.md").read_text()
    question, first, second, head = text.split("\n\n")[2:6]
    assert question == "**Is SRU 5 to 9 times as fast as an LSTM, as its paper says?**"
    assert first == (
        "On a machine cpu-a-2c, SRU trains 2.40 times as fast as nn.LSTM of equal width (geometric mean of 2 shapes, "
        "95 % interval 2.40 to 2.40): 2.40 at figure (L10 B4 d8) to 2.40 at sst (L10 B4 d8). The paper's 5 to 9 times, "
        "against cuDNN's LSTM on a GPU, are reached at none of 2 shapes; at the sizes of its speed figure SRU is 2.4 "
        "times as fast, where the figure shows about 10. SRU's matrix products alone take 40 to 80 % of its time: with "
        "a recurrence that cost nothing it would train 3.0 to 6.0 times as fast as the LSTM."
    )
    assert second == (
        "Step by step, as in generation, it is 2.00 times as fast as lstm-cells. "
        "Before anything was timed 90 checks of the recurrences were right."
    )
    assert head == "## machine cpu-a-2c"
    shown = text.partition("<details>")[0]
    assert shown.count("\n| --- |") == 1 and "**2.40× (1.93–2.99)**" in shown
    assert "no: about 10× on its GPU |" in shown and "no: 5 to 9× on its GPU |" in shown
    assert text.count("<details><summary>") == text.count("\n\n</details>") == 2
    assert "](speed-log.md)" not in text, "there are no notes here"
    notes = "# What bounds it\n\n<!-- explains: decode, speed -->\n"
    (tmp_path / "speed-log.md").write_text(notes)
    report_speed(tmp_path)
    assert "\n\nWhy: [What bounds it](speed-log.md).\n\n## machine" in (tmp_path / "speed.md").read_text()
    (tmp_path / "speed-log.md").write_text(notes.replace("decode, speed", "decode"))
    report_speed(tmp_path)
    assert "Why:" not in (tmp_path / "speed.md").read_text()


@pytest.mark.usefixtures("no_picture")
def test_the_authors_package_in_training_and_step_by_step(measured: Factory, tmp_path: Path) -> None:
    record = measured()
    for entry_ in record.shapes:
        sru = entry_.row("sru")
        assert sru is not None
        if entry_.stepwise:
            theirs: Record = {"inference": timed_in(0.0005)}
        else:
            theirs = {"training": timed_in(0.030), "error": None}
            entry_.rows = [row for row in entry_.rows if row.contender != "authors"]
        entry_.rows.append(sru.model_copy(update={"contender": "authors", "label": "theirs", **theirs}))
    publish_speed(record, tmp_path)
    assert (
        "In training SRU is 3.0 to 6.0 times as fast as the authors' own package here, 4.24 in the geometric mean; "
        "step by step the package is 2.00 times as fast as SRU (SRU 1.00 ms, the package 0.500 ms)."
    ) in (tmp_path / "speed.md").read_text()


@pytest.mark.usefixtures("no_picture")
def test_another_time_is_another_sentence_and_verdict(measured: Factory, tmp_path: Path) -> None:
    record = measured()
    sru, qrnn = record.shapes[1].row("sru"), record.shapes[1].row("qrnn")
    assert sru is not None and qrnn is not None
    for change, value, verdict, best in (
        (0.001, "24.00×", "yes: 5 to 9× on its GPU", "SRU: times as fast"),
        (0.0049, "4.90×", "cannot say: 5× lies within the interval", "SRU: times as fast"),
        (0.006, "4.00×", "no: 5 to 9× on its GPU", "SRU: times as fast"),
        (0.030, "0.80×", "no: 5 to 9× on its GPU", "QRNN"),
    ):
        sru.training = timed_in(change)
        shown = findings(record)
        assert shown is not None and len(shown.heads) == 8
        cells = next(
            dict(zip(shown.heads, row, strict=True)) for row in shown.body if row[0].startswith("sst")
        )
        assert cells["SRU: times as fast"].strip("*").startswith(value), change
        assert cells["as in the paper?"] == verdict and cells[best].startswith("**"), change
        ranked = [row[0] for row in shown.body]
        assert ranked[0].startswith("sst") == (change < 0.010)
        publish_speed(record, tmp_path)
        answer = speed_answer(tmp_path)
        assert answer is not None and len(answer.short) <= 140
        assert f"{value.rstrip('×')} at sst" in answer.sentences[0]
        count = {
            "yes": "yes at 1 of 2 shapes",
            "can": "cannot say: at 1 of 2 shapes 5× lies within the interval",
        }
        beside = count.get(verdict[:3], "no, at none of 2 shapes")
        assert speed_beside(tmp_path) == f"{beside}: 5 to 9× there, on a GPU", change
    del record.shapes[1].rows[:], record.shapes[0].rows[:]
    assert findings(record) is None
    assert speed_answer(tmp_path / "nothing") is None


@pytest.mark.usefixtures("no_picture")
def test_where_lengths_differ_and_beside_the_authors(measured: Factory, tmp_path: Path) -> None:
    record = measured()
    lstm, theirs = record.shapes[0].row("lstm"), record.shapes[0].row("authors")
    assert lstm is not None and theirs is not None
    lstm.ragged_training, theirs.training, theirs.error = timed_in(0.055), timed_in(0.010), None
    publish_speed(record, tmp_path)
    answer = speed_answer(tmp_path)
    assert answer is not None
    assert (
        "Where lengths differ in a batch, nn.LSTM packs its input and SRU trains 10.0 times as fast."
        in answer.sentences
    )
    assert "In training SRU is 2.0 times as fast as the authors' own package here." in answer.sentences


def timed_in(seconds: float) -> Timing:
    return Timing(median_s=seconds, q1_s=0.99 * seconds, q3_s=1.01 * seconds, repeats=9)


def test_overview_recurrence_growth_and_cost_of_a_call(measured: Factory) -> None:
    record = measured()
    overview = table(record, "Forward and backward")["figure, L10 B4 d8, float32"]
    assert (overview["SRU"], overview["QRNN"], overview["conv1d, k=2"]) == ("2.40×", "2.00×", "4.00×")
    assert "nn.LSTM" not in overview and overview["theirs"] == "—"
    (alone,) = table(record, "The recurrence alone").values()
    assert (alone["GB/s"], alone["of a copy"]) == ("5.00", "25%")
    assert table(record, "The cost of a call")["SRU"]["inference, µs"] == "30.0 (27.0–33.0)"
    growth = table(record, "How cost grows")["g0, L10 B4 d8"]
    assert growth["SRU, inference, µs/token"] == "50.0 (45.0–55.0)" and growth["SRU against LSTM"] == "2.00×"


def test_the_picture_shows_every_shape_against_lstm_beside_the_papers_number(measured: Factory) -> None:
    record = measured()
    figure = draw_speed_figure(record)
    left, right = figure.axes
    said = [text.get_text() for text in words(figure)]
    assert said.count("2.4×") == 2 and "about 10×" in said, "two shapes; 30.0 / 3.0 in the paper"
    bars = [[f"{float(end):.2f}" for end in np.asarray(line.get_xdata())] for line in left.lines]
    assert ["1.93", "2.99"] in bars, "the interval of the table"
    band = left.patches[0].get_extents().transformed(left.transData.inverted())
    assert (round(band.x0), round(band.x1)) == (5, 9) and left.get_xscale() == "log"
    names = [text.get_text() for text in right.get_yticklabels()]
    assert names == ["conv1d, k=2", "SRU", "QRNN", "nn.LSTM", "nn.GRU"], "the fastest on top"
    assert [round(bar.get_width(), 6) for bar in right.patches] == [3.0, 5.0, 6.0, 12.0, 15.0]  # type: ignore[attr-defined]
    assert colliding(figure) == []
    sru = record.shapes[0].row("sru")
    assert sru is not None and sru.training is not None
    sru.training.median_s = 0.003
    changed = [text.get_text() for text in words(draw_speed_figure(record))]
    assert changed.count("2.4×") == 1 and "4.0×" in changed, "the picture follows from the record"


def test_step_by_step_the_faster_lstm_is_the_measure(measured: Factory) -> None:
    rows = table(measured(), "decode")
    assert [row["against LSTM"] for row in rows.values()] == ["2.00×", "0.25×", "1.00×"]
    assert "peak, MB" not in rows["sru"]


def test_on_cuda_bytes_are_a_floor_and_graphs_a_table(measured: Factory) -> None:
    graphs = [
        entry(
            "sst",
            1,
            [{"contender": "sru", "label": "SRU", "inference": timing(1), "graph_inference": timing(0.5)}],
        )
    ]
    record = measured(device="cuda", graphs=graphs)
    assert (
        table(record, "figure")["bytes of SRU's recurrence at the speed of a copy"]["inference, ms"]
        == "0.0500"
    )
    assert table(record, "Called as usual")["SRU"]["as a graph"] == "0.500 (0.450–0.550)"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.01234, "0.0123"), (1.2, "1.20"), (99.96, "100.0"), (12345.6, "12,346")],
)
def test_three_digits(value: float, text: str) -> None:
    assert significant(value) == text


def test_publishing_writes_file_table_and_picture(tmp_path: Path, measured: Factory) -> None:
    written = publish_speed(measured(), tmp_path)
    assert [path.name for path in written] == ["speed-cpu-a-2c.json", "speed.md", *PICTURES]
    text = written[1].read_text()
    for part in (
        "## machine cpu-a-2c",
        "](speed-cpu-a-2c.svg)",
        "Code: abc1234; torch 2.13.0",
        "| SRU | 2.00 (1.80–2.20)",
    ):
        assert part in text, part
    assert "RuntimeError: no compiler in bin" in text and "someone" not in written[0].read_text()
    assert struct.unpack(">II", written[3].read_bytes()[16:24]) == (1400, 700)
    before = {path: path.read_bytes() for path in written[1:]}
    for path in before:
        path.unlink()
    assert {path: path.read_bytes() for path in report(tmp_path, {})} == before, (
        "same measurements, same bytes"
    )


def test_a_second_measurement_replaces_what_it_measured_and_keeps_the_rest(
    tmp_path: Path, measured: Factory
) -> None:
    publish_speed(measured(), tmp_path)
    empty: Record = {"recurrence": [], "overhead": [], "growth": []}
    stamp = STAMP | {"revision": "fff", "dirty": True}
    again = measured(shapes=[entry("sst", 1, models(4.0), measured=stamp)], **empty)
    path, *_ = publish_speed(again, tmp_path)
    record = read(SpeedRecord, path)
    assert [one.name for one in record.shapes] == ["figure", "sst", "decode"]
    assert [one.measured.revision for one in record.shapes] == ["abc1234", "fff", "abc1234"]
    assert record.shapes[1].rows[0].seconds("inference") == pytest.approx(0.008)
    assert len(record.growth) == 4 and len(record.recurrence) == 1
    assert "Code: abc1234, fff with local changes" in (tmp_path / "speed.md").read_text()


def test_every_machine_has_a_section_and_a_picture(tmp_path: Path, measured: Factory) -> None:
    publish_speed(measured("cpu-b"), tmp_path)
    written = publish_speed(measured("a-gpu", device="cuda"), tmp_path)
    assert sorted(path.name for path in written[2:]) == [
        *("speed-a-gpu.png", "speed-a-gpu.svg", "speed-cpu-b.png", "speed-cpu-b.svg"),
    ]
    text = written[1].read_text()
    assert text.index("## machine a-gpu") < text.index("## machine cpu-b")


@pytest.mark.parametrize("sections", [("recurrence",), ("overhead",), ("growth",), ("shapes",)])
def test_a_part_of_the_measurements_is_shown_as_well(
    sections: tuple[str, ...], tmp_path: Path, measured: Factory
) -> None:
    left_out: Record = {
        name: [] for name in ("shapes", "recurrence", "overhead", "growth") if name not in sections
    }
    written = publish_speed(measured(**left_out), tmp_path)
    assert (len(written) == 4) == (sections == ("shapes",)), "how a time grows has no picture"


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ("{", "expected JSON of `sru-repro bench`"),
        ("[]", "expected a mapping, found list"),
        ({"schema": 2}, "key 'schema': expected 1, found 2"),
        ({"rates": None}, "key 'rates': expected dict, found None"),
        ({"growth": [{"name": "x"}]}, "key 'growth[0].label' is missing"),
    ],
)
def test_a_broken_file_is_named(change: Any, line: str, tmp_path: Path, measured: Factory) -> None:
    path, *_ = publish_speed(measured(), tmp_path)
    content = change if isinstance(change, str) else json.dumps(json.loads(path.read_text()) | change)
    path.write_text(content)
    with pytest.raises(DataError, match="run") as error:
        report_speed(tmp_path)
    assert (
        line in str(error.value) and str(error.value).startswith(str(path)) and "\n" not in str(error.value)
    )


def test_without_measurements_nothing_is_written(tmp_path: Path) -> None:
    assert report_speed(tmp_path) == [] and list(tmp_path.iterdir()) == []
