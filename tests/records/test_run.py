"""Run records: what is committed loads and is written again byte by byte, what an unfinished run may leave out."""

import json
from pathlib import Path

import pytest

from sru_repro.core.errors import DataError
from sru_repro.records.base import read, write
from sru_repro.records.run import PublishedRun, RunRecord, read_record

RUNS = Path(__file__).parents[2] / "results" / "runs"


def test_every_committed_record_loads_and_is_written_again_byte_by_byte() -> None:
    files = sorted(RUNS.rglob("*.json"))
    assert len(files) >= 44
    for file in files:
        record = read(PublishedRun, file)
        assert record.text() == file.read_text(encoding="utf-8"), file
        assert record.finished and not record.extra, file
        assert record.epochs[-1].figures[record.validated] > 0 and record.score > 0, file


def test_the_file_of_a_run_is_json_with_its_keys_in_order(tmp_path: Path) -> None:
    (file,) = sorted(RUNS.rglob("*.json"))[:1]
    content = json.loads(file.read_text(encoding="utf-8")) | {"old": {"kept": [None]}, "gpu/peak_bytes": 5}
    content["config"]["words"] = "Zürich"
    (tmp_path / "run.json").write_text(json.dumps(content))
    record = read_record(tmp_path)
    assert (record.gpu_peak_bytes, record.extra) == (5, {"old": {"kept": [None]}})
    write(record, tmp_path / "again.json")
    expected = json.dumps(content, indent=1, sort_keys=True) + "\n"
    assert (tmp_path / "again.json").read_text() == expected, "escapes, too"


def test_what_a_run_has_not_come_to_is_not_written(tmp_path: Path) -> None:
    record = RunRecord(state="running", task="sst", row="sru", profile="smoke", seed=1)
    write(record, tmp_path / "run.json")
    assert json.loads((tmp_path / "run.json").read_text()) == {
        "schema": 1, "state": "running", "task": "sst", "row": "sru", "profile": "smoke", "seed": 1,
    }  # fmt: skip
    assert record.data.fingerprint == "" and record.metrics == {} and not record.finished


@pytest.mark.parametrize("key", RunRecord.AT_THE_END)
def test_a_finished_run_tells_all(tmp_path: Path, key: str) -> None:
    (file,) = sorted(RUNS.rglob("*.json"))[:1]
    content = json.loads(file.read_text(encoding="utf-8"))
    del content[key]
    (tmp_path / "run.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=rf"run\.json: key '{key}' is missing; delete the file and run again"):
        read_record(tmp_path)
    (tmp_path / "run.json").write_text(json.dumps(content | {"state": "interrupted"}))
    assert read_record(tmp_path).state == "interrupted"
