"""From the pages of the GPU check to `results/cuda.md` and what lies beside it."""

import json
from pathlib import Path
from typing import Any

import pytest

from sru_repro.core.errors import DataError
from sru_repro.records.gpu_manifest import SECTIONS
from sru_repro.reporting.gpu.document import render_cuda, report_cuda
from sru_repro.reporting.gpu.finding import cuda_answer, cuda_beside
from sru_repro.reporting.gpu.pages import load_gpu_checks
from sru_repro.reporting.report import report

from .made_pages import OTHER, check_of, correct, page, piece, probes, put, speed, tune, with_graphs
from .training_pages import papers, run, steps, trainings, whole

Page = dict[str, Any]


def rows(text: str, head: str) -> dict[str, list[str]]:
    """{first cell: the others} of the first table below that head."""
    lines = text.partition(f"{head}\n")[2].splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("| ---"))
    found = {}
    for line in lines[start + 1 :]:
        if not line.startswith("| "):
            break
        first, *rest = line.strip("| ").split(" | ")
        found[first] = rest
    return found


def rendered(results: Path) -> str:
    return render_cuda(load_gpu_checks(results), set())


@pytest.fixture
def partial() -> list[Page]:
    """A GPU whose first section failed and stopped, with speed of which the authors' kernel has no part."""
    first = correct(OTHER)
    first["pieces"] = first["pieces"][:4]
    wrong = "RunError: 1 of 12 wrong: sru_v1 <x>"
    first["pieces"][1] |= {"state": "failed", "error": wrong, "values": {}}
    return [first | {"running": "graph"}, speed(1.6, OTHER, authors="RuntimeError: no compiler")]


def test_without_the_folder_nothing_is_written(tmp_path: Path) -> None:
    assert report_cuda(tmp_path) == [] and report(tmp_path, {}) == [] and list(tmp_path.iterdir()) == []


def test_without_a_page_everything_is_said_to_be_open(tmp_path: Path) -> None:
    (tmp_path / "cuda").mkdir()
    assert report_cuda(tmp_path) == [tmp_path / "cuda.md"]
    text = (tmp_path / "cuda.md").read_text()
    assert "No GPU has been measured yet" in text and "make gpu-check" in text
    assert {name: cells[-1] for name, cells in rows(text, "## Not measured yet").items()} == dict.fromkeys(
        SECTIONS, "not run yet"
    )
    for head in ("### What is asked, and what was found", "### What a GPU has still to show"):
        assert {cells[-1] for cells in rows(text, head).values()} == {"not measured yet"}
    assert all(
        f"| {name} | {one.name} | " in text for name, section in SECTIONS.items() for one in section.pieces
    )


def test_the_committed_file_is_what_the_committed_pages_give() -> None:
    results = Path(__file__).parents[3] / "results"
    pictures = {path.name for path in results.glob("cuda-*.svg")}
    assert (results / "cuda.md").read_text() == render_cuda(load_gpu_checks(results), pictures, results)


def test_a_gpu_has_its_file_its_picture_and_its_tables_of_speed(tmp_path: Path) -> None:
    put(tmp_path, "x", whole())
    written = report(tmp_path, {})
    stem = "cuda-imaginary-g100-2026-11-25"
    names = ["cuda.md", f"{stem}.svg", f"{stem}.png", f"{stem}-speed.md"]
    names += [f"{stem}-speed.svg", f"{stem}-speed.png"]
    assert [path.name for path in written] == names
    text, long = (tmp_path / "cuda.md").read_text(), (tmp_path / f"{stem}-speed.md").read_text()
    assert f"]({stem}.svg)" in text and f"]({stem}-speed.md)" in text and f"]({stem}-speed.svg)" in long
    assert "driver 999.1" in text and "torch 2.11.0+cu130" in text and "copy 2,000 GB/s" in text
    assert "## Generation: Width 512 each, one stream" in long and "## How cost grows" in long
    assert "## paper's figure, L32 B32 d256, bfloat16" in long
    shown, _, rest = long.partition("<details>")
    assert shown.count("\n| --- |") == 1 and "On one Imaginary G100, 2026-11-25, SRU trains" in shown
    assert rest.count("<details>") == rest.count("</details>") - 1 == 2
    before = {path: path.read_bytes() for path in written}
    for path in written:
        path.unlink()
    assert {path: path.read_bytes() for path in report_cuda(tmp_path)} == before, "same pages, same bytes"


def test_what_was_run_and_what_was_not(tmp_path: Path, partial: list[Page]) -> None:
    stamp = {**piece("x")["measured"], "date": "2026-11-27T00:00:00Z", "revision": "fff", "dirty": True}
    partial[0]["pieces"][3] |= {"measured": stamp, "seconds": 7.5}
    put(tmp_path, "x", partial)
    text = rendered(tmp_path)
    found = rows(text, "### What was run")
    state = "1 failed, 3 of 9 ok, rest not run yet"
    code = "0123456789ab, fff with local changes"
    assert found["correct"] == [state, "3", "1", "0", "0", "5", "2026-11-25 to 2026-11-27", code, "15"]
    assert found["tune"] == ["not run yet", *["—"] * 8]
    assert "- correct, grid/sru_v1: failed: RunError: 1 of 12 wrong: sru_v1 &lt;x>" in text
    assert "- correct, graph: was begun, and its process ended there" in text
    assert "### Launch configurations" not in text and "### train-" not in text


def test_skipped_pieces_are_told_with_their_reason(tmp_path: Path) -> None:
    put(tmp_path, "x", [correct()])
    text = rendered(tmp_path)
    assert "- correct, sanitizer: skipped: compute-sanitizer was not found in PATH" in text
    assert rows(text, "### What was run")["correct"][:5] == ["ok 7 of 9, 2 skipped", "7", "0", "0", "2"]
    assert "All tables of speed" not in text and "### The recurrence" not in text


def test_a_page_without_pieces_is_not_run(tmp_path: Path) -> None:
    put(tmp_path, "x", [page("correct", [], ["grid/sru", "grid/qrnn"], running="grid/sru")])
    text = rendered(tmp_path)
    assert "## Imaginary G100, undated" in text and "Measured: nothing" in text
    assert rows(text, "### What was run")["correct"][:6] == ["not run yet", "0", "0", "0", "0", "2"]
    assert [path.name for path in report_cuda(tmp_path)] == ["cuda.md"]


def test_gpus_and_dates_stand_side_by_side(tmp_path: Path, partial: list[Page]) -> None:
    later = correct()
    for one in later["pieces"]:
        one["measured"]["date"] = "2026-12-01T00:00:00Z"
    for folder, pages in (("a", partial), ("b", [later]), ("c", whole())):
        put(tmp_path, folder, pages)
    text = rendered(tmp_path)
    assert "|  | Imaginary G100, 2026-11-25 | Imaginary G100, 2026-12-01 | Imaginary G7, 2026-11-25 |" in text
    found = rows(text, "GPUs and dates side by side</summary>")
    assert text.count("<summary>What is asked, and what was found</summary>") == 3
    assert found["correct"] == ["ok 7 of 9, 2 skipped"] * 2 + ["1 failed, 3 of 9 ok, rest not run yet"]
    assert found["tune"] == ["ok 4 of 4", "not run yet", "not run yet"]
    asked = "Correctness: every piece of `correct` is right"
    assert found[asked] == [
        *["met (280 cases, 2 skipped (devices, sanitizer))"] * 2,
        "missed (120 cases, 1 failed (grid/sru_v1))",
    ]
    asked = "Kernel, backward, bfloat16: 80% of a copy's speed from 65,536 columns on"
    assert found[asked] == ["missed (10.2%)", "not measured yet", "not measured yet"]
    assert found["copy, GB/s"] == ["2,000", "—", "2,000"]
    assert found["bfloat16 products, TFLOP/s"] == ["400", "—", "—"]
    pace = found["SRU at lm-512 in bfloat16, forward+backward, tokens/s"]
    assert pace[1] == "—" and float(pace[0].replace(",", "")) > float(pace[2].replace(",", "")) > 0
    assert text.index("## Imaginary G100, 2026-12-01") < text.index("## Imaginary G7")


def test_recurrences_stand_by_type_and_columns(tmp_path: Path) -> None:
    put(tmp_path, "x", [speed()])
    text = rendered(tmp_path)
    (wide,) = [
        line for line in text.splitlines() if line.startswith("| one wide recurrence") and "bfloat16" in line
    ]
    assert (
        wide.split(" | ")[2:5] == ["65,536", "23.9 (23.4–24.6)", "87.8%"]
        and "| against the authors'" not in text
    )
    lines = [
        line for line in text.splitlines() if "one wide recurrence" in line or line.startswith("| SST, L20")
    ]
    assert [("SST" in line, "bfloat16" in line) for line in lines[-6:-2]] == [
        *((True, True), (False, True)),
        *((True, False), (False, False)),
    ]


def test_kernels_stand_beside_their_calls_with_the_authors(tmp_path: Path) -> None:
    put(tmp_path, "x", [with_graphs(speed())])
    (wide,) = [
        line
        for line in rendered(tmp_path).splitlines()
        if line.startswith("| one wide") and "bfloat16" in line
    ]
    assert wide.split(" | ")[-3:] == ["9.46 (9.27–9.74)", "798.3%", "21.00× |"]


QUESTION = "**Is SRU 5 to 9 times as fast as cuDNN's LSTM on a GPU, as its paper says?**"


def test_the_page_begins_with_what_was_found_then_what_was_asked(tmp_path: Path) -> None:
    folder = put(tmp_path, "x", [correct(), speed(), tune(pace=8.5)])
    (folder / "probes.json").write_text(json.dumps(probes()))
    text = rendered(tmp_path)
    question, first, second, head = text.split("\n\n")[2:6]
    assert question == QUESTION and head == "## Imaginary G100, 2026-11-25"
    graph, loop, same = first.split(". ")
    assert graph == (
        "Trained as CUDA graphs on one Imaginary G100 (2026-11-25), SRU in bfloat16 is 3.00 times as fast as the "
        "fastest nn.LSTM there is, in float16; the paper says 5 to 9, reached at none of 1 shape"
    )
    assert loop == (
        "In a plain PyTorch loop it is 1.3 times as fast, 5 or more at none of 1 shape; at the paper's figure, L32 B32 "
        "d256, forward and backward take 3,000 µs called from Python and 1,000 µs as a CUDA graph"
    )
    assert same.startswith(
        "Compared as the paper did, both in float32 and called as usual, SRU is 9.16 times as fast as nn.LSTM "
        "(geometric mean of 8 shapes, 95 % interval 8.35 to 10.05): 8.45 at "
    )
    assert second == (
        "On this Imaginary G100 (2026-11-25) 280 cases of the kernels were tried, and none was wrong. From 65,536 "
        "columns on the kernel reaches 86.7 % of the speed of a copy. Of 13 things asked of a GPU 4 are met, 2 missed, "
        "7 not measured yet."
    )
    assert rows(text, "### SRU in bfloat16: times as fast as the fastest nn.LSTM (probes)") == {
        "paper's figure, L32 B32 d256": [
            *("1.00", "3.00", "float16", "**3.00×**", "1.33×", "8.45× (8.00–8.92)", "no: about 16×"),
        ]
    }
    shown = text.partition("<details>")[0]
    assert shown.count("\n| --- |") == 1, "one table before the rest is folded away"
    folds = [line for line in text.splitlines() if line.startswith("<details>")]
    assert len(folds) == text.count("</details>") and "What is asked, and what was found" in folds[0]
    assert "| SRU | 4 layers d512, L128 B32 | 4.00 | 1.00 | 4.00× | 4,100,000 |" in text
    assert (
        "| SRU, 2 layers, d512 | 1 | 2,000 | 30,000 | 15.00× |" in text
        and "- Everything was invented." in text
    )
    assert "| paper's figure, L32 B32 d256 | 3.00; 1.00 | 18.0; 13.5 | 16.0; 12.0 | 4.00; 3.00 |" in text
    assert "| SRU++ base | 100,000,000 | 500 | 100,000 | 40.0 | 10% | 25.0 |" in text
    wrong = correct()
    wrong["pieces"][0] |= {"state": "failed", "error": "off", "values": {}}
    put(tmp_path, "x", [wrong])
    assert "240 cases of the kernels were tried, but grid/sru failed." in rendered(tmp_path)


def test_another_time_of_the_graph_is_another_answer(tmp_path: Path) -> None:
    folder = put(tmp_path, "x", [correct(), speed()])
    content = probes()
    rows_of = {row["contender"]: row for row in content["layers"][0]["rows"]}
    rows_of["sru"]["graph_training"]["median_s"] = 1e-4
    (folder / "probes.json").write_text(json.dumps(content))
    text = rendered(tmp_path)
    assert "SRU in bfloat16 is 30.00 times as fast" in text and "reached at 1 of 1 shape." in text
    cells = rows(text, "### SRU in bfloat16: times as fast as the fastest nn.LSTM (probes)")
    (row,) = cells.values()
    assert (row[3], row[-1]) == ("**30.00×**", "yes, as graphs: about 16×")
    answer = cuda_answer(tmp_path)
    assert answer is not None and len(answer.short) <= 140
    assert answer.short.startswith(
        "On one Imaginary G100 SRU is 30.0× as fast as the fastest LSTM as CUDA graphs"
    )
    assert cuda_beside(tmp_path).startswith("as graphs yes, at 1 shape; in a loop ")
    assert cuda_answer(tmp_path / "nothing") is None and cuda_beside(tmp_path / "nothing") == ""


def test_probes_of_another_gpu_are_refused(tmp_path: Path) -> None:
    folder = put(tmp_path, "x", [correct()])
    (folder / "probes.json").write_text(json.dumps(probes(OTHER)))
    with pytest.raises(DataError, match="expected pages of one GPU, found Imaginary G100, Imaginary G7"):
        rendered(tmp_path)
    (folder / "probes.json").write_text(json.dumps(probes() | {"gpu": 7}))
    with pytest.raises(DataError, match=r"probes\.json: key 'gpu': expected str, found 7"):
        rendered(tmp_path)


def test_every_table_of_models_names_the_fastest_lstm(tmp_path: Path) -> None:
    put(tmp_path, "x", [with_graphs(speed())])
    report_cuda(tmp_path)
    text = (tmp_path / "cuda-imaginary-g100-2026-11-25-speed.md").read_text()
    overview = rows(text, "## Forward and backward: times as fast as the fastest nn.LSTM")
    assert overview["SST, L20 B32 300→128 ×2, bfloat16"][:2] == ["nn.LSTM, float16", "5.20×"]
    graphs = rows(text, "## Forward and backward: as CUDA graphs, times as fast as the fastest nn.LSTM")
    assert graphs["SST, L20 B32 300→128 ×2, bfloat16"] == ["nn.LSTM, float16, as a graph", "13.00×"]
    assert (
        "LSTM is the fastest there is: inference nn.LSTM, float16; forward+backward nn.LSTM, float16; "
        "forward+backward nn.LSTM, float16, as a graph." in text
    )


def test_launch_configurations_and_what_they_gain(tmp_path: Path) -> None:
    put(tmp_path, "x", [speed(), tune()])
    text = rendered(tmp_path)
    row = "| backward | bfloat16 | 65,536 | 1 × 8 × 32 | 2 × 4 × 64 | 1.11× | 576 | 10% | 2 |"
    assert row in text


def test_whole_steps_with_what_the_gpu_needs_for_them(tmp_path: Path) -> None:
    content = steps()
    content["pieces"][1]["values"]["steps"][1] |= {"apart": 0.002, "notes": ["a shape was not recorded"]}
    put(tmp_path, "x", [content])
    found = rows(rendered(tmp_path), "### Whole training steps")
    paces = ["language", "4.00", "1.00", "0.950", "95%", "4.00×", "1", "390"]
    assert found["SRU"] == [*paces, "—", "—"] and found["SRU++"] == [
        *paces,
        "0.002",
        "a shape was not recorded",
    ]
    assert found["SRU, 2 layers"][1:5] == ["2.00", "0.400", "—", "—"]


def test_trainings_with_their_failures(tmp_path: Path) -> None:
    put(tmp_path, "x", [trainings("train-enwik8"), trainings("train-squad")])
    text = rendered(tmp_path)
    heads = (
        "| model | parameters | val bits per byte | test bits per byte | tokens/s | ms/step | of the GPU's"
    )
    assert heads in text and "| val F1, % | dev F1, % | dev exact match, % |" in text
    found = rows(
        text,
        "### train-enwik8: Language models in bfloat16: small ones side by side, the papers' sizes alone",
    )
    figures = ["2,345,678", "2.058", "2.050", "150,000", "6.50", "1.5%", "3,072 MiB", "bf16-mixed"]
    assert found["SRU++"] == [*figures, "7", "60"] and found["SRU++ base"][-2:] == ["1", "60"]
    assert next(iter(found)) == "SRU, 4 layers" and "GRU" not in found
    assert "- GRU: failed: RuntimeError: out of &lt;memory>" in text
    assert "- small: 6 runs side by side make 9.0% of the GPU's bfloat16 rate" in text
    assert "- train-enwik8, paper/sru6: failed: all 1 runs failed: sru6: no such file | here" in text
    assert "- Data: invented text of 1,000 bytes; not comparable: invented" in text


def test_a_run_may_lack_what_was_not_counted(tmp_path: Path) -> None:
    bare = run("a", "A", 0.9, "accuracy", flop_per_s=None, metrics={"test/accuracy": 0.9}, epochs=[])
    group = {"side_by_side": 1, "seconds_each": 4.0, "bfloat16_flop_per_s": None, "runs": [bare]}
    put(tmp_path, "x", [page("train-sst", [piece("table", group)])])
    text = rendered(tmp_path)
    assert "| A | 2,345,678 | — | 90.0 | — | — | — | — | bf16-mixed | 1 | 4 |" in text
    assert [path.name for path in report_cuda(tmp_path)] == ["cuda.md"], "no curve, no picture"


def test_a_rehearsal_is_no_measurement(tmp_path: Path) -> None:
    put(tmp_path, "x", [correct() | {"rehearsal": True}])
    with pytest.raises(DataError, match="expected what a CUDA GPU measured, found a rehearsal"):
        report_cuda(tmp_path)
    assert not (tmp_path / "cuda.md").exists()


def test_the_papers_sizes_are_told_with_what_was_asked() -> None:
    text = render_cuda([check_of(papers())], ())
    assert "| srupp-base | 120 (" in text and "| 40% | 35% | 15,360 MiB |" in text
    assert "| transformer-xl |" in text and "| — | 25% |" in text  # the GPU's own rate was not measured
    assert "gemm \\| 128x256" in text and "OutOfMemoryError: none left" in text
