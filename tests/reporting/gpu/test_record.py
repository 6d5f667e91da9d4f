"""The pages of the CUDA ledger: written and read, put together, refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from sru_repro.core.errors import DataError
from sru_repro.reporting.bench.speed_tables import speed_tables
from sru_repro.reporting.gpu.record import SCHEMA, load_ledgers, read_page, speed_record, write_page

from .test_pages import CARD, COPY, OTHER, correct, page, piece, put, speed, tune, whole

Page = dict[str, Any]


@pytest.mark.parametrize("content", whole(), ids=lambda content: content["section"])
def test_what_is_written_is_read_again(content: Page, tmp_path: Path) -> None:
    path = tmp_path / "some/where" / "page.json"
    write_page(path, content)
    first = path.read_bytes()
    found = read_page(path)
    assert found["planned"] == content["planned"] and found["card"] == content["card"]
    assert [one["name"] for one in found["pieces"]] == [one["name"] for one in content["pieces"]]
    write_page(path, found)
    assert path.read_bytes() == first, "writing again what was read changes nothing"
    lines = first.decode().splitlines()
    assert sum(line.startswith('  {"name": ') for line in lines) == len(content["pieces"])


def test_numbers_are_short_and_places_are_not_told(tmp_path: Path) -> None:
    error = "OSError: /opt/somebody/project/runs/x.json is not there"
    done = piece("rates", {"rates": {"copy_bytes_per_s": 123456789.123, "large": 123456789}})
    write_page(
        tmp_path / "tune.json", page("tune", [done, piece("forward", state="failed", error=error)], ["more"])
    )
    found = read_page(tmp_path / "tune.json")["pieces"]
    assert found[0]["values"]["rates"] == {"copy_bytes_per_s": 123460000.0, "large": 123456789}
    assert found[1]["error"] == "OSError: x.json is not there"
    write_page(tmp_path / "tune.json", page("tune", [], ["a", "b"], running="a"))
    assert read_page(tmp_path / "tune.json")["pieces"] == []


def broken(**changes: Any) -> Page:
    return page("tune", [piece("a") | changes, piece("b")])


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("{", "expected JSON of `sru-repro gpu-check`"),
        ("[]", "key 'schema': expected 1, found 'list'"),
        (page("tune", [], schema=2), "key 'schema': expected 1, found 2"),
        (page("tune", [], card="") | {"card": {}}, "key 'card.name': expected str, found None"),
        (page("tune", [], planned=["a"], rehearsal=None), "key 'rehearsal': expected bool, found None"),
        (page("tune", [piece("a")]) | {"planned": []}, "a piece: expected a name from 'planned', found 'a'"),
        (page("tune", []) | {"pieces": ["a"]}, "a piece: expected a name from 'planned', found None"),
        (broken(state="running"), "piece 'a': expected state ok, failed, skipped, found 'running'"),
        (broken(seconds=None), "piece 'a', key 'seconds': found None"),
        (broken(measured={"date": "2026"}), "piece 'a', key 'measured.torch': found None"),
        (broken(values={"kernel": "forward"}), "piece 'a', values: key 'dtype' is missing"),
        (broken(values={"entry": {"name": "x"}}), "piece 'a', values: key 'label' is missing"),
        (
            page("tune", [piece("a"), piece("a")]),
            "'pieces': expected each once and in the order of 'planned'",
        ),
        (broken() | {"planned": ["b", "a"]}, "'pieces': expected each once and in the order of 'planned'"),
    ],
)
def test_a_broken_page_is_named(content: Any, line: str, tmp_path: Path) -> None:
    path = tmp_path / "tune.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(DataError, match="again") as error:
        read_page(path)
    assert str(error.value).startswith(f"{path}: {line}") and "\n" not in str(error.value)


def test_a_page_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"correct.json: expected JSON of `sru-repro gpu-check`"):
        read_page(tmp_path / "correct.json")


def test_ledgers_stand_by_card_and_date_whatever_their_folders_are_called(tmp_path: Path) -> None:
    later = {**piece("a")["measured"], "date": "2026-12-01T00:00:00Z"}
    put(tmp_path, "1", [page("tune", [piece("a", measured=later)], card=CARD)])
    put(tmp_path, "2", [page("tune", [piece("a")], card=OTHER)])
    put(tmp_path, "3", [correct(), page("tune", [piece("a", measured=later)])])
    put(tmp_path, "4", [page("tune", [piece("a")])])
    (tmp_path / "cuda/3/tilings.json").write_text("{}")
    (tmp_path / "cuda/empty").mkdir()
    (tmp_path / "cuda/README.md").write_text("")
    found = load_ledgers(tmp_path)
    assert [ledger.title for ledger in found] == [
        "Imaginary G100, 2026-11-25",
        "Imaginary G100, 2026-11-25 (2)",
        "Imaginary G100, 2026-12-01",
        "Imaginary G7, 2026-11-25",
    ]
    assert [ledger.stem for ledger in found][:2] == [
        "cuda-imaginary-g100-2026-11-25",
        "cuda-imaginary-g100-2026-11-25-2",
    ]
    assert list(found[0].pages) == ["correct", "tune"], "in the order of the sections"
    assert load_ledgers(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (page("correct", [], rehearsal=True), "found a rehearsal; move it out of the results"),
        (page("correct", [], device="cpu"), "found device 'cpu'; move it out of the results"),
        (page("speed", []), "expected the page of section 'correct', found 'speed'; rename it"),
    ],
)
def test_what_measures_nothing_is_refused(content: Page, line: str, tmp_path: Path) -> None:
    write_page(tmp_path / "cuda/x/correct.json", content)
    with pytest.raises(DataError) as error:
        load_ledgers(tmp_path)
    assert "correct.json: " in str(error.value) and str(error.value).endswith(line)


def test_pages_of_two_cards_in_one_folder_are_refused(tmp_path: Path) -> None:
    put(tmp_path, "x", [correct(), tune(OTHER)])
    with pytest.raises(
        DataError, match="x: expected pages of one card, found Imaginary G100, Imaginary G7; part them"
    ):
        load_ledgers(tmp_path)


def test_rates_are_taken_from_whoever_measured_them_first(tmp_path: Path) -> None:
    rates = {"copy_bytes_per_s": 1.0, "bfloat16_flop_per_s": 7.0}
    put(tmp_path, "x", [speed(scale=2), page("tune", [piece("rates", {"rates": rates})])])
    (ledger,) = load_ledgers(tmp_path)
    assert ledger.rates == {"copy_bytes_per_s": COPY, "float32_flop_per_s": 5e13, "bfloat16_flop_per_s": 7.0}


def test_a_page_of_speed_becomes_the_record_that_the_tables_of_speed_take() -> None:
    content = speed()
    content["pieces"][2] |= {"state": "failed", "error": "died", "values": {}}
    record = speed_record(content)
    names = [(one["name"], one["dtype"]) for one in record["shapes"]][:3]
    assert names == [("figure-256", "bfloat16"), ("figure-256", "float32"), ("figure-512", "bfloat16")]
    assert len(record["shapes"]) == 17 and len(record["recurrence"]) == 18 and len(record["growth"]) == 4
    assert record["correctness"] == {"cases": 208} and record["rates"]["copy_bytes_per_s"] == COPY
    stamp = record["shapes"][0]["measured"]
    assert stamp["backend"] == {"name": "cuda", "why": ""} and stamp["revision"] == "0123456789ab"
    titles = [table.title for table in speed_tables(record)]
    assert titles[0].startswith("Forward and backward") and "The recurrence alone" in titles
    nothing = speed_record(page("speed", [piece("check", state="failed", error="wrong")]))
    assert list(speed_tables(nothing)) == [] and nothing["correctness"] == {"cases": 0}


def test_the_schema_is_the_ledgers_own() -> None:
    assert SCHEMA == correct()["schema"] == 1
