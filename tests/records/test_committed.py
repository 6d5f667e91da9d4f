"""What is committed can be read, and writing it again loses nothing."""

import json
from pathlib import Path

from sru_repro.records.base import Record, read
from sru_repro.records.bench import SpeedRecord
from sru_repro.records.decode import DecodeRecord
from sru_repro.records.gpu_page import GPUPage
from sru_repro.records.gpu_probes import GPUProbes
from sru_repro.records.run import RunRecord

RESULTS = Path(__file__).parents[2] / "results"
KINDS: dict[str, type[Record]] = {
    "runs/**/*.json": RunRecord,
    "speed-*.json": SpeedRecord,
    "decode-*.json": DecodeRecord,
    "cuda/*/[!tpl]*.json": GPUPage,
    "cuda/*/probes.json": GPUProbes,
    "cuda/*/train-*.json": GPUPage,
    "cuda/*/tune.json": GPUPage,
}


def test_every_committed_record_is_read_and_none_of_its_keys_is_lost() -> None:
    for pattern, kind in KINDS.items():
        found = sorted(RESULTS.glob(pattern))
        assert found or pattern.startswith("cuda/"), pattern
        for path in found:
            assert json.loads(json.dumps(read(kind, path).plain())) == without_schema(path), path


def without_schema(path: Path) -> object:
    return {key: value for key, value in json.loads(path.read_text()).items() if key != "schema"}
