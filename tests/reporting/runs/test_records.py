"""Reading run records: what is refused and in which words, which of two counts, the flat frame."""

import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sru_repro.core.errors import DataError
from sru_repro.core.files import write_text
from sru_repro.records.run import RunRecord, read_record
from sru_repro.reporting.runs.records import frame, load_records

Factory = Callable[..., RunRecord]


def save(path: Path, record: RunRecord | dict[str, Any]) -> Path:
    write_text(path, record.text() if isinstance(record, RunRecord) else json.dumps(record))
    return path


def test_reads_a_file_and_a_run_folder(tmp_path: Path, record: Factory) -> None:
    made = record("sru2")
    save(tmp_path / "seed1" / "run.json", made)
    assert read_record(tmp_path / "seed1") == read_record(tmp_path / "seed1" / "run.json") == made


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("schema", 2, "key 'schema': expected 1, found 2"),
        (
            "state",
            "lost",
            "key 'state': expected one of running, finished, failed, interrupted, found 'lost'",
        ),
        ("seed", "1", "key 'seed': expected int, found '1'"),
        ("seed", True, "key 'seed': expected int, found True"),
        ("hardware", {"name": "", "slug": None}, "key 'hardware.slug': expected str, found None"),
        ("headline", "test/f1", "key 'metrics': expected a number for 'test/f1'"),
    ],
)
def test_refuses_in_one_line(tmp_path: Path, record: Factory, key: str, value: Any, words: str) -> None:
    path = save(tmp_path / "run.json", {**json.loads(record("sru2").text()), key: value})
    with pytest.raises(DataError) as caught:
        load_records(tmp_path)
    message = str(caught.value)
    assert str(path) in message and words in message and "\n" not in message


def test_refuses_what_is_not_a_record(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"schema": 1,')
    with pytest.raises(DataError, match=r"run\.json: expected JSON"):
        read_record(tmp_path)
    (tmp_path / "run.json").write_text("[]")
    with pytest.raises(DataError, match="expected a mapping, found list"):
        read_record(tmp_path)
    with pytest.raises(DataError, match="expected a run record, found none"):
        read_record(tmp_path / "nowhere")


def test_an_unfinished_run_may_know_little(tmp_path: Path) -> None:
    names = {"task": "sst", "table": "sst", "row": "sru2", "profile": "short", "seed": 1, "fold": None}
    save(tmp_path / "run.json", {"schema": 1, "state": "failed", "error": "no data", **names})
    assert load_records(tmp_path)[0].error == "no data"


def test_the_later_of_two_records_of_a_run_counts(tmp_path: Path, record: Factory) -> None:
    early = record("sru2", 1, 0.80, started="2026-11-20T09:00:00Z")
    late = record("sru2", 1, 0.82, started="2026-11-21T09:00:00Z")
    elsewhere = record("sru2", 1, 0.84, hardware={"slug": "cuda-h200"})
    save(tmp_path / "a" / "run.json", late)
    save(tmp_path / "b" / "run.json", early)
    save(tmp_path / "c" / "run.json", elsewhere)
    save(tmp_path / "c" / "wandb" / "summary.json", {"not": "a record"})
    found = [run.metrics["test/accuracy"] for run in load_records(tmp_path)]
    assert sorted(found) == [0.82, 0.84]


def test_a_folder_that_is_not_there_holds_no_records(tmp_path: Path) -> None:
    assert load_records(tmp_path / "none") == []


def test_frame(sst: list[RunRecord]) -> None:
    lines = frame(sst)
    assert len(lines) == 24
    assert lines.loc[0, "row"] == "cnn" and lines.loc[0, "data.vectors"] == "wiki2015.300d.bin"
    mean = lines[lines["row"] == "sru2"]["test/accuracy"].mean()
    assert math.isclose(mean, 0.815)
    assert list(frame([]).columns)[:3] == ["table", "task", "row"]


def test_a_frame_has_the_settings_that_differ_or_all(record: Factory) -> None:
    runs = [
        record("sru2", seed, config={"optim": {"lr": lr, "betas": [0.9, lr]}, "paper": {"line": seed}})
        for seed, lr in ((1, 0.1), (2, 0.2))
    ]
    lines = frame(runs)
    assert lines["config.optim.lr"].tolist() == [0.1, 0.2]
    assert lines["config.optim.betas"].tolist() == ["[0.9, 0.1]", "[0.9, 0.2]"]
    assert [key for key in map(str, lines) if key.startswith("config.")] == [
        "config.optim.betas",
        "config.optim.lr",
    ]
    assert not [key for key in map(str, frame(runs[:1])) if key.startswith("config.")]
    every = frame(runs[:1], every_setting=True)
    assert every["config.data_dir"].tolist() == ["/home/someone/data"]
    assert "config.seed" not in every and "config.paper.line" not in every


def test_import_is_light() -> None:
    heavy = "{'torch', 'pandas', 'matplotlib', 'rich', 'numpy'}"
    code = f"import sys, sru_repro.reporting; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
