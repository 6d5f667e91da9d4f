"""The Markdown tables: what stands in which cell, and that records alone decide."""

import copy
import re
from collections.abc import Callable
from pathlib import Path

from sru_repro.records.origin import Hardware
from sru_repro.records.run import RunRecord
from sru_repro.reporting.runs.line import Row
from sru_repro.reporting.runs.table import render_table, write_table

Factory = Callable[..., RunRecord]

COMPARABLE = {"comparable": True, "why_not": None}


def row_of(text: str, label: str, table: int = 0) -> dict[str, str]:
    """The row with this label in the page's first table with heads (or the `table`-th), by column head."""
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    starts = [place for place, line in enumerate(lines) if line[0] == "model"]
    own = lines[starts[table] : [*starts, len(lines)][table + 1]]
    return next(dict(zip(own[0], line, strict=True)) for line in own if line[0] == label)


def test_cells_of_a_row(sst: list[RunRecord], rows: list[Row]) -> None:
    text = render_table("sst", sst, rows)
    assert row_of(text, "SRU, 2 layers") == {
        "model": "SRU, 2 layers",
        "test accuracy, %": "81.5 ± 0.4 (n=3)",
        "paper": "89.2 ± 0.3",
        "as in the paper?": "cannot say: other word vectors, shorter training",
        "seconds per epoch": "25.0",
        "speed against LSTM": "1.24× (reference loop)",
        "training, minutes": "3.3",
        "parameters": "204,034",
    }
    assert row_of(text, "SRU, 2 layers", 1) == {
        "model": "SRU, 2 layers",
        "parameters": "204,034",
        "paper's size": "204,034",
        "test accuracy, %": "81.5 ± 0.4 (n=3)",
        "paper": "89.2 ± 0.3",
        "seconds per epoch": "25.0",
        "speed against LSTM": "1.24× (reference loop)",
        "paper's speed": "7.5×",
        "peak memory": "900 MiB",
        "seeds": "1, 2, 3",
    }


def test_reasons_stand_in_full_among_the_conditions(sst: list[RunRecord], rows: list[Row]) -> None:
    text = render_table("sst", sst, rows)
    reason = "Not as in the paper: word vectors trained on 79 M words instead of Google News' 100 G"
    assert text.count(reason) == 1 and f"- {reason}\n" in text
    assert "- Not as in the paper: profile short instead of paper\n" in text
    assert "- Deviation of SRU, 2 layers, tuned: word vectors tuned" in text


def test_a_comparable_run_gets_a_verdict(record: Factory, rows: list[Row]) -> None:
    runs = [record("sru2", seed, 0.88, profile="paper", data=COMPARABLE) for seed in (1, 2, 3)]
    assert row_of(render_table("sst", runs, rows), "SRU, 2 layers")["as in the paper?"] == "no (−1.2)"


def test_rows_not_run_and_rows_unknown(record: Factory, rows: list[Row]) -> None:
    text = render_table("sst", [record("sru2", row="my-cell"), record("sru2")], rows)
    first, whole = text.split("<details>")[:2]
    labels = [line.split(" | ")[0].strip("| ") for line in first.splitlines() if line.startswith("| ")]
    assert labels[2:] == ["SRU, 2 layers"] * 2, "what ran, and no more"
    labels = [line.split(" | ")[0].strip("| ") for line in whole.splitlines() if line.startswith("| ")]
    assert labels[2:] == [row.label for row in rows] + ["SRU, 2 layers"]
    absent = row_of(text, "CNN", 1)
    assert absent["test accuracy, %"] == "not run" and absent["paper"] == "85.1 ± 0.6"
    assert absent["seconds per epoch"] == absent["seeds"] == "—"
    text = render_table("sst", [], rows)
    assert "No run has finished yet." in text and text.startswith("# SST\n"), "as people call it"


def test_other_data_hardware_or_profile_is_another_section(record: Factory, rows: list[Row]) -> None:
    runs = [
        record("lstm"),
        record("sru2"),
        record("sru2", data={"fingerprint": "fedcba"}),
        record("sru2", hardware={"name": "H200", "slug": "cuda-h200"}),
        record("sru2", profile="paper"),
    ]
    text = render_table("sst", runs, rows)
    heads = headings(text)
    assert len(heads) == 5 and heads[-1] == "How to read this"
    assert heads[0].startswith("The whole table, and its conditions: profile short, seed 1")
    assert heads[1].startswith("Profile paper, seed 1"), "of a single row, so that nothing can be compared"
    assert all(head.startswith("Profile short, seed 1") for head in heads[2:4])
    # Only the section with the LSTM (the fullest of the short ones) can tell a speed.
    speeds = [row_of(text, "SRU, 2 layers", table).get("speed against LSTM") for table in (0, 2, 3, 4)]
    assert speeds == ["1.24× (reference loop)", None, None, None]


def test_sizes_as_the_paper_prints_them(record: Factory, rows: list[Row]) -> None:
    for row, size in zip(rows, (360_000, 37_000_000, 165_378, 2_400_000, 2_430_000), strict=False):
        assert row.paper
        row.paper.parameters = size
    text = render_table("sst", [record("cnn")], rows)
    sizes = [row_of(text, row.label, 1)["paper's size"] for row in rows[:5]]
    assert sizes == ["360k", "37m", "165,378", "2.4m", "2430k"]


def test_an_unconfirmed_number_is_marked(record: Factory, rows: list[Row]) -> None:
    assert rows[4].paper
    rows[4].paper.unconfirmed = True
    text = render_table("sst", [record("sru2")], rows)
    assert row_of(text, "SRU, 2 layers")["paper"] == "89.2 ± 0.3 (unconfirmed)"


def test_origin_of_the_numbers_is_told(record: Factory, rows: list[Row]) -> None:
    runs = [
        record("sru2", 1),
        record(
            "sru2",
            2,
            code={"revision": "def5678", "dirty": True},
            config={"optim": {"lr": 0.01}, "sweep": "a", "trainer": {"profiler": "simple"}},
        ),
    ]
    text = render_table("sst", runs, rows)
    assert "- Code: abc1234, def5678 with local changes; torch 2.13.0" in text
    assert "- Run: 2026-11-21 to 2026-11-22, 7 minutes in all; number of runs: 2" in text
    assert "- Runs of SRU, 2 layers (sst) differ in optim.lr\n" in text
    assert "- Note: the paper counts 76,961 phrases" in text
    assert "- Back end reference loop: SRU, 2 layers" in text
    part = render_table("sst", [record("sru2", data={"share": 0.25})], rows)
    assert "from PTB-format trees, 25 % of it (fingerprint sst-0123456789abcdef)" in part


def test_failed_runs_are_listed(record: Factory, rows: list[Row]) -> None:
    failed = record("sru8", 2, state="failed", error="loss: expected a number,\nfound nan")
    text = render_table("sst", [record("sru2"), failed], rows)
    assert "- sru8, profile short, seed 2: failed: loss: expected a number, found nan" in text
    assert row_of(text, "SRU, 8 layers", 1)["test accuracy, %"] == "not run"


def test_cross_validation(cross_validation: list[RunRecord], rows: list[Row]) -> None:
    text = render_table("sentences", cross_validation, rows)
    ranked = row_of(text, "SRU, 2 layers")
    assert list(ranked) == ["model", "CR", "as in the paper?"], "data sets that ran"
    assert ranked["CR"] == "**80.0 ± 0.6 (2 × 10 folds)**<br>paper 84.9 ± 1.6"
    lstm = row_of(text, "LSTM, 2 layers", 1)
    assert list(lstm) == ["model", "parameters", "CR", "SUBJ", "MR", "TREC", "MPQA"]
    # Seeds' means are 79.0 and 79.1 %; the deviation is over all 20 runs.
    assert lstm["CR"].split("<br>")[:2] == ["79.0 ± 0.6 (2 × 10 folds)", "paper 82.7 ± 1.9"]
    assert lstm["SUBJ"] == "not run"

    for run in cross_validation:
        run.data.notes = [f"fold {run.fold} of 10", "covered"]
        run.data.fingerprint = f"f{run.fold}"
    text = render_table("sentences", cross_validation, rows)
    assert text.count("- Data: ") == 1 and "(of fold 0; fingerprint f0)" in text
    assert text.count("- Note: ") == 1 and "- Note: covered" in text

    partial = [run for run in cross_validation if run.row == "sru2" and (run.seed, run.fold) != (2, 9)]
    text = render_table("sentences", partial, rows)
    cell = row_of(text, "SRU, 2 layers", 1)["CR"]
    assert "(19 of 20 folds)" in cell and "cannot say: " in cell
    assert "Not as in the paper: 19 of 20 folds" in text and "only 19 of 20 folds (SRU (2 layers))" in text


def test_several_data_sets_have_a_column_each_and_a_best_each(record: Factory, rows: list[Row]) -> None:
    figures = {"lstm": (0.80, 0.90), "sru2": (0.82, 0.89)}
    runs = [
        record(row, seed, mean + 0.001 * seed, task=task, fold=0)
        for row, means in figures.items()
        for task, mean in zip(("cr", "mr"), means, strict=True)
        for seed in (1, 2, 3)
    ]
    text = render_table("sentences", runs, rows)
    lstm, sru = row_of(text, "LSTM, 2 layers"), row_of(text, "SRU, 2 layers")
    assert [head for head in lstm if head in ("CR", "MR")] == ["CR", "MR"]
    assert sru["CR"].startswith("**82.2") and lstm["MR"].startswith("**90.2")
    assert not lstm["CR"].startswith("**") and not sru["MR"].startswith("**")
    assert "**Does SRU reach LSTM's accuracy on CR and MR?**" in text


def test_the_mean_gives_every_seed_one_vote(record: Factory, rows: list[Row]) -> None:
    runs = [record("sru2", 1, 0.80, task="cr", fold=fold) for fold in range(10)]
    runs.append(record("sru2", 2, 0.90, task="cr", fold=0))
    cell = row_of(render_table("sentences", runs, rows), "SRU, 2 layers", 1)["CR"]
    assert cell.startswith("85.0 ± ") and "(11 of 20 folds)" in cell


def test_no_mean_over_different_states_of_the_data(record: Factory, rows: list[Row]) -> None:
    runs = [record("sru2", 1, task="cr", fold=fold, data={"fingerprint": f"v{fold}"}) for fold in range(2)]
    cell = row_of(render_table("sentences", runs, rows), "SRU, 2 layers", 1)["CR"]
    assert "(2 of 10 folds)" in cell  # a fold is a state of its own
    for other in ({"fingerprint": "w0"}, {"fingerprint": "v0", "source": "another file"}):
        mixed = [*runs, record("sru2", 2, task="cr", fold=0, data=other)]
        cell = row_of(render_table("sentences", mixed, rows), "SRU, 2 layers", 1)["CR"]
        assert cell.startswith("— (runs on different states of the data)") and "cannot say" not in cell


def test_language_models(language_models: list[RunRecord]) -> None:
    text = render_table("quickstart", language_models, [])
    sru = row_of(text, "SRU", 1)
    assert row_of(text, "SRU")["test bits per byte"] == "**2.244 (n=1)**"
    assert sru["tokens/s"] == "21,000" and sru["speed against LSTM"] == "0.34× (reference loop)"
    assert row_of(text, "GRU")["speed against LSTM"] == "1.15×"
    assert sru["training, seconds"] == "31.4"
    assert "as in the paper?" not in text and "The papers have no numbers for these rows." in text


def headings(text: str) -> list[str]:
    """Of the folded parts."""
    return re.findall(r"<summary>(.*)</summary>", text)


def test_a_profile_shows_its_own_rows_and_what_nobody_ran_stands_apart(
    small_models: list[RunRecord], enwik8_rows: list[Row]
) -> None:
    text = render_table("enwik8", small_models[:6], enwik8_rows)
    assert headings(text)[1:] == ["Profile paper: 3 rows not run yet", "How to read this"]
    ours, waiting = text.split("Profile paper: 3 rows not run yet")
    ranking, whole = ours.split("<details>")[:2]
    labels = [line.split(" | ")[0].strip("| ") for line in whole.splitlines() if line.startswith("| ")]
    assert labels[2:] == [row.label for row in enwik8_rows[3:]]
    first = [line.split(" | ")[0].strip("| ") for line in ranking.splitlines() if line.startswith("| ")]
    assert first[2] == "SRU++, 4 layers, attention in every layer" and first[-1] == "LSTM, 2 layers"
    assert row_of(ours, "Transformer-XL, 6 layers", 1)["test bits per byte"] == "not run"
    assert row_of(ours, "SRU, 4 layers", 1) == {
        "model": "SRU, 4 layers",
        "parameters": "352,514",
        "test bits per byte": "2.021 (n=1)",
        "tokens/s": "52,000",
        "speed against LSTM": "2.60×",
        "training, minutes": "4.0",
        "peak memory": "900 MiB",
        "seeds": "1",
    }
    assert row_of(waiting, "LSTM, 3 layers") == {
        "model": "LSTM, 3 layers",
        "parameters": "37,000,123",
        "paper's size": "37m (unconfirmed)",
        "paper, test bits per byte": "1.39 (unconfirmed)",
        "paper's GPU hours": "—",
        "paper's minutes per epoch": "42 (unconfirmed)",
    }
    assert row_of(waiting, "SRU, 12 layers")["paper, test bits per byte"] == "1.30", "as the paper prints it"
    assert row_of(waiting, "SRU++, 42M")["paper, test bits per byte"] == "1.022"
    assert row_of(waiting, "SRU++, 42M")["paper's GPU hours"] == "1,037"
    assert "- Paper's numbers: SRU++" in waiting


def test_the_machine_with_more_seeds_comes_first(
    small_models: list[RunRecord], enwik8_rows: list[Row]
) -> None:
    def on(machine: str, seed: int) -> list[RunRecord]:
        hardware = Hardware(name=machine, slug=f"cpu-{machine}", device="cpu")
        return [run.model_copy(update={"hardware": hardware, "seed": seed}) for run in small_models]

    runs = [*on("a", 1), *on("b", 1), *on("b", 2)]
    text = render_table("enwik8", runs, enwik8_rows)
    assert "(n=2)" in text.partition("<details>")[0]
    text = render_table("enwik8", [*runs, *on("a", 2), *on("a", 3)], enwik8_rows)
    assert "(n=3)" in text.partition("<details>")[0]


def test_without_any_run_the_papers_rows_are_listed_all_the_same(enwik8_rows: list[Row]) -> None:
    text = render_table("enwik8", [], enwik8_rows)
    assert "No run has finished yet." in text and headings(text) == ["Profile paper: 3 rows not run yet"]
    assert row_of(text, "SRU++, 42M")["paper"] == "1.022"
    assert "SRU, 4 layers" not in text


def test_a_paper_row_that_was_run_has_its_place_in_a_section(
    language_model: Factory, small_models: list[RunRecord], enwik8_rows: list[Row]
) -> None:
    for row in enwik8_rows:
        assert row.paper
        row.paper.unconfirmed = row.name == "lstm3"
    large = [
        language_model(name, seed, bpc + 0.001 * seed, seconds=90_000, profile="paper")
        for name, bpc in (("lstm3", 1.42), ("sru12", 1.301), ("new", 1.5))
        for seed in (1, 2, 3)
    ]
    text = render_table("enwik8", [*small_models, *large], enwik8_rows)
    ranking, first, second, waiting, _ = text.split("<details>")
    heads = headings(text)
    assert heads[0].startswith("The whole table, and its conditions: profile paper")
    assert heads[1].startswith("Profile short") and heads[2] == "Profile paper: 1 rows not run yet"
    assert row_of(first, "SRU, 12 layers") == {
        "model": "SRU, 12 layers",
        "parameters": "352,514",
        "paper's size": "37m",
        "test bits per byte": "1.303 ± 0.001 (n=3)",
        "paper": "1.30",
        "tokens/s": "61,290",
        "speed against LSTM": "1.00×",
        "paper's speed": "1.4× (unconfirmed)",
        "training, hours": "25.0",
        "paper's minutes per epoch": "30",
        "peak memory": "900 MiB",
        "seeds": "1, 2, 3",
    }
    assert row_of(ranking, "SRU, 12 layers")["as in the paper?"] == "cannot say: too few runs"
    assert row_of(ranking, "LSTM, 3 layers")["as in the paper?"] == "no (+0.032)", "worse is more, in bits"
    assert row_of(first, "new")["test bits per byte"] == "1.502 ± 0.001 (n=3)", (
        "a row of nobody's, at the end"
    )
    assert "SRU++, 42M" not in first and "| new |" not in second
    assert "SRU++, 42M" in waiting and "SRU, 12 layers" not in waiting
    assert "minutes per epoch" not in waiting, "only columns in which something stands"


def test_rows_of_one_folder_for_all_profiles_are_not_said_to_be_waiting(
    small_models: list[RunRecord], enwik8_rows: list[Row]
) -> None:
    small = [row for row in enwik8_rows if row.profiles != ["paper"]]
    for row in small:
        row.profiles = None
    assert not any("not run yet" in head for head in headings(render_table("enwik8", small_models, small)))


def test_a_note_names_the_rows_that_it_holds_for(small_models: list[RunRecord]) -> None:
    for run in small_models[:2]:
        run.data.notes.append("attention sees 512 steps")
    text = render_table("enwik8", small_models, [])
    long = "SRU++, 4 layers, attention in every layer"
    assert f"- Note: attention sees 512 steps (SRU, 4 layers; {long})\n" in text
    assert "- Note: one stream\n" in text


def test_perplexities(language_model: Factory, enwik8_rows: list[Row]) -> None:
    run = language_model("srupp", 1, 18.456, profile="paper")
    run.headline, run.metrics = "test/ppl", {"test/ppl": 18.456}
    assert enwik8_rows[2].paper
    enwik8_rows[2].paper.metric = {"enwik8": 18.0}
    cells = row_of(render_table("enwik8", [run], enwik8_rows), "SRU++, 42M")
    assert (cells["test perplexity"], cells["paper"]) == ("**18.46 (n=1)**", "18.0")


def test_same_records_same_bytes(tmp_path: Path, sst: list[RunRecord], rows: list[Row]) -> None:
    one = write_table("sst", sst, rows, tmp_path / "a")
    other = write_table("sst", copy.deepcopy(sst[::-1]), rows, tmp_path / "b")
    assert [path.name for path in one] == ["sst.md", "sst.svg", "sst.png"]
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]
    assert "](sst.svg)" in one[0].read_text(encoding="utf-8")
