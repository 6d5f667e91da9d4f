"""The pages of the GPU check: written and read, put together, refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from sru_repro.core.errors import DataError
from sru_repro.records.base import parse, read, write
from sru_repro.records.bench import Backend, Rates, SpeedRecord
from sru_repro.records.gpu_manifest import USUAL
from sru_repro.records.gpu_page import FoundLaunch, FoundRates, GPUPage
from sru_repro.reporting.bench.speed_tables import speed_tables
from sru_repro.reporting.gpu.pages import load_gpu_checks

from .made_pages import COPY, GPU, OTHER, check_of, correct, page, piece, put, speed, tune
from .training_pages import whole

Page = dict[str, Any]


def typed(content: Page) -> GPUPage:
    return parse(GPUPage, content, "a page")


@pytest.mark.parametrize("content", whole(), ids=lambda content: content["section"])
def test_what_is_written_is_read_again(content: Page, tmp_path: Path) -> None:
    path = tmp_path / "some/where" / "page.json"
    write(typed(content), path)
    first = path.read_bytes()
    found = read(GPUPage, path)
    assert found.planned == content["planned"] and found.gpu.plain() == content["card"]
    assert [one.name for one in found.pieces] == [one["name"] for one in content["pieces"]]
    write(found, path)
    assert path.read_bytes() == first, "writing again what was read changes nothing"
    lines = first.decode().splitlines()
    assert sum(line.startswith('  {"name": ') for line in lines) == len(content["pieces"])


def test_numbers_are_short_and_places_are_not_told(tmp_path: Path) -> None:
    error = "OSError: /opt/somebody/project/runs/x.json is not there"
    done = piece("rates", {"rates": {"copy_bytes_per_s": 123456789.123, "large": 123456789}})
    path = tmp_path / "tune.json"
    failed = piece("forward", state="failed", error=error)
    write(typed(page("tune", [done, failed], ["more"])), path)
    first, second = read(GPUPage, path).pieces
    assert isinstance(first.values, FoundRates) and second.error == "OSError: x.json is not there"
    assert first.values.rates.plain() == {"copy_bytes_per_s": 123460000.0, "large": 123456789}
    write(typed(page("tune", [], ["a", "b"], running="a")), path)
    assert read(GPUPage, path).pieces == []


def test_keys_have_the_names_of_the_file_and_its_values_a_type(tmp_path: Path) -> None:
    write(typed(tune()), tmp_path / "tune.json")
    (first, *_) = read(GPUPage, tmp_path / "tune.json").pieces
    assert isinstance(first.values, FoundLaunch)
    assert (first.values.rule, first.values.variants[0].launch) == ([1, 8, 32], [1, 8, 32])
    told = json.loads((tmp_path / "tune.json").read_text())["pieces"][0]["values"]
    assert told["heuristic"] == told["variants"][0]["tiling"] == [1, 8, 32] and "rule" not in told


def broken(**changes: Any) -> Page:
    return page("tune", [piece("a") | changes, piece("b")])


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("{", "expected JSON of `sru-repro gpu-check`"),
        ("[]", "expected a mapping, found list"),
        (page("tune", [], schema=2), "key 'schema': expected 1, found 2"),
        (page("tune", [], gpu="") | {"card": {}}, "key 'card.name' is missing"),
        (page("tune", [], planned=["a"], rehearsal=None), "key 'rehearsal': expected bool, found None"),
        (page("tune", [piece("a")]) | {"planned": []}, "a piece: expected a name from 'planned', found 'a'"),
        (page("tune", []) | {"pieces": ["a"]}, "key 'pieces[0]': expected dict, found 'a'"),
        (
            broken(state="running"),
            "key 'pieces[0].state': expected one of ok, failed, unfinished, skipped, found 'running'",
        ),
        (broken(seconds=None), "key 'pieces[0].seconds': expected float, found None"),
        (broken(measured={"date": "2026"}), "key 'pieces[0].measured.torch' is missing"),
        (broken(values={"kernel": "forward"}), "key 'pieces[0].values.dtype' is missing"),
        (broken(values={"entry": {"name": "x"}}), "key 'pieces[0].values.entry.label' is missing"),
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
        read(GPUPage, path)
    assert str(error.value).startswith(f"{path}: {line}") and "\n" not in str(error.value)


def test_a_page_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"correct.json: expected a page of the GPU check, found none"):
        read(GPUPage, tmp_path / "correct.json")


def test_checks_stand_by_gpu_and_date_whatever_their_folders_are_called(tmp_path: Path) -> None:
    later = {**piece("a")["measured"], "date": "2026-12-01T00:00:00Z"}
    put(tmp_path, "1", [page("tune", [piece("a", measured=later)], gpu=GPU)])
    put(tmp_path, "2", [page("tune", [piece("a")], gpu=OTHER)])
    put(tmp_path, "3", [correct(), page("tune", [piece("a", measured=later)])])
    put(tmp_path, "4", [page("tune", [piece("a")])])
    (tmp_path / "cuda/3/tilings.json").write_text("{}")
    (tmp_path / "cuda/empty").mkdir()
    (tmp_path / "cuda/README.md").write_text("")
    found = load_gpu_checks(tmp_path)
    assert [check.title for check in found] == [
        "Imaginary G100, 2026-11-25",
        "Imaginary G100, 2026-11-25 (2)",
        "Imaginary G100, 2026-12-01",
        "Imaginary G7, 2026-11-25",
    ]
    assert [check.stem for check in found][:2] == [
        "cuda-imaginary-g100-2026-11-25",
        "cuda-imaginary-g100-2026-11-25-2",
    ]
    assert list(found[0].pages) == ["correct", "tune"], "in the order of the sections"
    assert load_gpu_checks(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (page("correct", [], rehearsal=True), "found a rehearsal; move it out of the results"),
        (page("correct", [], device="cpu"), "found device 'cpu'; move it out of the results"),
        (page("speed", []), "expected the page of section 'correct', found 'speed'; rename it"),
    ],
)
def test_what_measures_nothing_is_refused(content: Page, line: str, tmp_path: Path) -> None:
    write(typed(content), tmp_path / "cuda/x/correct.json")
    with pytest.raises(DataError) as error:
        load_gpu_checks(tmp_path)
    assert "correct.json: " in str(error.value) and str(error.value).endswith(line)


def test_pages_of_two_gpus_in_one_folder_are_refused(tmp_path: Path) -> None:
    put(tmp_path, "x", [correct(), tune(OTHER)])
    with pytest.raises(
        DataError, match="x: expected pages of one GPU, found Imaginary G100, Imaginary G7; part them"
    ):
        load_gpu_checks(tmp_path)


def test_rates_are_taken_from_whoever_measured_them_first(tmp_path: Path) -> None:
    rates = {"copy_bytes_per_s": 1.0, "bfloat16_flop_per_s": 7.0}
    put(tmp_path, "x", [speed(scale=2), page("tune", [piece("rates", {"rates": rates})])])
    (check,) = load_gpu_checks(tmp_path)
    assert check.rates == Rates(copy_bytes_per_s=COPY, float32_flop_per_s=5e13, bfloat16_flop_per_s=7.0)


def test_a_page_of_speed_becomes_the_record_that_the_tables_of_speed_take() -> None:
    content = speed()
    content["pieces"][2] |= {"state": "failed", "error": "died", "values": {}}
    record = check_of(content).speed
    assert isinstance(record, SpeedRecord)
    names = [(one.name, one.dtype) for one in record.shapes][:3]
    assert names == [("figure-256", "bfloat16"), ("figure-256", "float32"), ("figure-512", "bfloat16")]
    assert len(record.shapes) == 17 and len(record.recurrence) == 18 and len(record.growth) == 4
    assert record.correctness.cases == 208 and record.rates.copy_bytes_per_s == COPY
    stamp = record.shapes[0].measured
    assert stamp.backend == Backend(name="cuda") and stamp.revision == "0123456789ab"
    titles = [table.title for table in speed_tables(record)]
    assert titles[0].startswith("Forward and backward") and "The recurrence alone" in titles
    nothing = check_of(page("speed", [piece("check", state="failed", error="wrong")]))
    assert nothing.speed is None and nothing.generation is None


def test_every_section_has_a_page() -> None:
    assert [content["section"] for content in whole()] == list(USUAL)
