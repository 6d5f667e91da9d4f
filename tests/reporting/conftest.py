"""Run records as training writes them: a factory, and a small table of made-up runs."""

import math
import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from sru_repro.records.run import Paper, RunRecord
from sru_repro.reporting.runs.line import Row

Factory = Callable[..., RunRecord]

# Name, label, parameters, the paper's numbers, seconds per epoch: paper's Table 1, our times made up.
_SST: list[tuple[str, str, int, dict[str, list[float]], float, str]] = [
    ("cnn", "CNN", 360_902, {"sst": [85.1, 0.6], "cr": [83.1, 1.6]}, 14.0, "torch"),
    ("lstm", "LSTM, 2 layers", 352_514, {"sst": [88.1, 0.8], "cr": [82.7, 1.9]}, 31.0, "torch"),
    ("qrnn", "QRNN (k=1)", 165_378, {"sst": [88.2, 0.4], "cr": [83.5, 1.9]}, 22.0, "reference loop"),
    (
        "qrnn-highway",
        "QRNN (k=1) + highway",
        203_778,
        {"sst": [88.9, 0.2], "cr": [84.0, 1.9]},
        24.0,
        "reference loop",
    ),
    ("sru2", "SRU, 2 layers", 204_034, {"sst": [89.2, 0.3], "cr": [84.9, 1.6]}, 25.0, "reference loop"),
    ("sru4", "SRU, 4 layers", 303_362, {"sst": [89.6, 0.5], "cr": [85.9, 1.5]}, 48.0, "reference loop"),
    ("sru8", "SRU, 8 layers", 502_018, {"sst": [88.9, 0.6], "cr": [86.4, 1.7]}, 96.0, "reference loop"),
    ("sru2-tuned", "SRU, 2 layers, tuned", 204_034, {"sst": [89.2, 0.3]}, 33.0, "reference loop"),
]


def _curve(best: float, seconds: float, epochs: int = 8) -> list[dict[str, float]]:
    return [
        {
            "epoch": epoch,
            "step": 2413 * (epoch + 1),
            "tokens": 600_000 * (epoch + 1),
            "wall_s": seconds * (epoch + 1),
            "train/loss": 0.6 * math.exp(-epoch / 3) + 0.1,
            "val/loss": 0.45,
            "val/accuracy": best - 0.12 * math.exp(-(epoch + 1) / 2),
        }
        for epoch in range(epochs)
    ]


@pytest.fixture
def rows() -> list[Row]:
    """The rows of the table on SST, as the config declares them."""
    return [
        Row.model_validate(
            {
                "name": name,
                "label": label,
                "parameters": size,
                "paper": {
                    "label": label,
                    "parameters": size,
                    "metric": metric,
                    "seconds": {"lstm": 2409, "sru2": 320}.get(name, 345),
                    "source": "SRU paper, Table 1",
                    "unconfirmed": False,
                    "deviation": "word vectors tuned" if name.endswith("tuned") else "",
                },
            }
        )
        for name, label, size, metric, _, _ in _SST
    ]


@pytest.fixture
def record(rows: list[Row]) -> Factory:
    """A factory of finished records: `record("sru2", seed, accuracy, fold=3, data={"share": 0.5})`."""
    papers = {row.name: row.paper for row in rows}
    costs = {name: (seconds, backend, size) for name, _, size, _, seconds, backend in _SST}

    def make(row: str, seed: int = 1, accuracy: float = 0.815, /, **changes: Any) -> RunRecord:
        seconds, backend, size = costs[row]
        task = changes.get("task", "sst")
        made: dict[str, Any] = {
            "state": "finished",
            "error": None,
            "task": task,
            "table": "sst" if task == "sst" else "sentences",
            "row": row,
            "profile": "short",
            "seed": seed,
            "fold": None,
            "config": {
                "seed": seed,
                "data_dir": "/home/someone/data",
                "optim": {"lr": 0.001},
                "model": {"name": re.sub(r"[\d-].*", "", row)},
            },
            "paper": deepcopy(papers[row]),
            "code": {"revision": "abc1234", "dirty": False},
            "packages": {"torch": "2.13.0"},
            "hardware": {"name": "2-core AMD EPYC, 24 GB", "slug": "cpu-amd-epyc-2c", "device": "cpu"},
            "data": {
                "fingerprint": f"{task}-0123456789abcdef",
                "description": f"{task.upper()} binary, trained on 77,195 phrases",
                "source": "PTB-format trees",
                "vectors": "wiki2015.300d.bin",
                "share": 1.0,
                "notes": ["the paper counts 76,961 phrases"],
                "comparable": False,
                "why_not": "word vectors trained on 79 M words instead of Google News' 100 G",
            },
            "parameters": size,
            "backend": backend,
            "headline": "test/accuracy",
            "epochs": _curve(accuracy + 0.004, seconds),
            "best": {"epoch": 5, "step": 5, "tokens": 5, "wall_s": 5.0},
            "metrics": {"val/accuracy": accuracy + 0.004, "test/accuracy": accuracy, "test/loss": 0.41},
            "throughput": {"tokens_per_s": 1_900_000 / seconds, "step_ms": 9.1, "seconds_per_epoch": seconds},
            "peak_bytes": 900 * 2**20,
            "started": f"2026-11-2{seed % 10}T09:00:00Z",
            "wall_s": seconds * 8,
        }
        for key, value in changes.items():
            made[key] = (
                made[key] | value if isinstance(value, dict) and isinstance(made[key], dict) else value
            )
        return RunRecord.model_validate(made)

    return make


@pytest.fixture
def sst(record: Factory) -> list[RunRecord]:
    """Three seeds of every row of the SST table."""
    best = [0.79, 0.803, 0.806, 0.812, 0.815, 0.818, 0.811, 0.832]
    names = [name for name, *_ in _SST]
    return [
        record(name, seed, mean + 0.004 * (seed - 2))
        for name, mean in zip(names, best, strict=True)
        for seed in (1, 2, 3)
    ]


@pytest.fixture
def cross_validation(record: Factory) -> list[RunRecord]:
    """Two seeds x ten folds of two rows on CR."""
    return [
        record(name, seed, mean + 0.002 * fold + 0.001 * seed, task="cr", fold=fold)
        for name, mean in (("lstm", 0.78), ("sru2", 0.79))
        for seed in (1, 2)
        for fold in range(10)
    ]


@pytest.fixture
def language_models(record: Factory) -> list[RunRecord]:
    """One seed of four byte-level language models, without a paper's number."""
    models = (
        ("lstm", "LSTM", 2.31, 61_000.0, "torch"),
        ("gru", "GRU", 2.28, 70_000.0, "torch"),
        ("qrnn", "QRNN", 2.36, 24_000.0, "reference loop"),
        ("sru", "SRU", 2.244, 21_000.0, "reference loop"),
    )
    made = []
    for name, label, bpc, tokens_per_s, backend in models:
        curve = [
            {
                "epoch": 0,
                "step": 50 * k,
                "tokens": 60_000 * k,
                "wall_s": 60_000 * k / tokens_per_s,
                "val/bpc": bpc + 2 / k,
            }
            for k in range(1, 12)
        ]
        made.append(
            record(
                "lstm",
                row=name,
                task="quickstart",
                table="quickstart",
                backend=backend,
                headline="test/bpc",
                epochs=curve,
                parameters=1_234_567,
                metrics={"test/bpc": bpc},
                throughput={"tokens_per_s": tokens_per_s},
                data={
                    "description": "Python's standard library, byte by byte",
                    "vectors": None,
                    "comparable": True,
                },
            )
        )
        made[-1].paper = Paper(label=label)
    return made


# Name, label, test bits per byte, tokens a second: made up.
_SMALL = (
    ("sru", "SRU, 4 layers", 2.021, 52_000.0),
    ("srupp", "SRU++, 4 layers, attention in every layer", 1.985, 31_000.0),
    ("lstm", "LSTM, 2 layers", 2.141, 20_000.0),
    ("qrnn", "QRNN (k=1)", 2.108, 50_000.0),
    ("gru", "GRU, 2 layers", 2.139, 23_000.0),
    ("mingru", "minGRU", 2.112, 60_000.0),
    ("transformer_xl", "Transformer-XL, 6 layers", 2.3, 18_000.0),
)
_LARGE: tuple[tuple[str, str, float, dict[str, Any]], ...] = (
    ("lstm3", "LSTM, 3 layers", 1.39, {"minutes_per_epoch": 42, "unconfirmed": True}),
    ("sru12", "SRU, 12 layers", 1.3, {"minutes_per_epoch": 30, "unconfirmed": ["minutes_per_epoch"]}),
    ("srupp", "SRU++, 42M", 1.022, {"gpu_hours": 1037}),
)


@pytest.fixture
def enwik8_rows() -> list[Row]:
    """The rows of a table of which the paper's profile has rows of its own."""
    large = [
        {
            "name": name,
            "label": label,
            "parameters": 37_000_123,
            "paper": {
                "parameters": 37_000_000,
                "metric": {"enwik8": [number]},
                "source": f"{label[:5]}",
                **cost,
            },
            "profiles": ["paper"],
        }
        for name, label, number, cost in _LARGE
    ]
    small = [
        {"name": name, "label": label, "parameters": 2_000_000, "paper": {"label": label}}
        for name, label, *_ in _SMALL
    ]
    every = [*large, *({**row, "profiles": ["short", "smoke"]} for row in small)]
    return [Row.model_validate(row) for row in every]


@pytest.fixture
def language_model(record: Factory) -> Factory:
    """A factory of finished runs on enwik8: `language_model("sru", 1, 2.02, seconds=240, profile="short")`."""

    def make(
        row: str, seed: int, bpc: float, /, label: str = "", seconds: float = 240.0, **changes: Any
    ) -> RunRecord:
        curve = [
            {"epoch": 0, "step": 50 * k, "tokens": k, "wall_s": seconds * k / 16, "val/bpc": bpc + 2 / k}
            for k in range(1, 17)
        ]
        data = {"description": "enwik8", "vectors": None, "comparable": True, "notes": ["one stream"]}
        told: dict[str, Any] = {"task": "enwik8", "table": "enwik8", "backend": "fused cpp"}
        told |= {"epochs": curve, "metrics": {"test/bpc": bpc}, "headline": "test/bpc", "data": data}
        made = record("lstm", seed, row=row, **(told | changes))
        made.paper = Paper(label=label or row)
        return made

    return make


@pytest.fixture
def small_models(language_model: Factory) -> list[RunRecord]:
    """One seed of each of the seven small models."""
    return [
        language_model(name, 1, bpc, label, throughput={"tokens_per_s": pace})
        for name, label, bpc, pace in _SMALL
    ]


# Name, label, F1 and exact match of ours and of the paper's, seconds per epoch of ours (total, encoder): ours made up.
_READERS = (
    ("lstm3", "LSTM, 3 layers", 0.615, 0.5, [78.8], [69.5], (1500.0, 900.0)),
    ("qrnn4-highway", "QRNN (k=1) + highway, 4 layers", 0.66, 0.54, [79.4, 0.1], [70.1, 0.1], (800.0, 320.0)),
    ("sru3", "SRU, 3 layers", 0.681, 0.561, [79.3, 0.1], [70.2, 0.3], (750.0, 300.0)),
)


@pytest.fixture
def reader_rows() -> list[Row]:
    """Rows of the table on SQuAD, with what the paper says of them."""
    times = {"lstm3": {"encoder": 316, "total": 431}, "sru3": {"encoder": 58, "total": 159}}
    return [
        Row.model_validate(
            {
                "name": name,
                "label": label,
                "parameters": 2_020_710,
                "paper": {
                    "label": label,
                    "parameters": 2_000_000,
                    "metric": {"squad": f1},
                    "em": em,
                    "source": "SRU paper, Table 2",
                    "unconfirmed": ["em"] if name == "sru3" else [],
                }
                | ({"seconds_per_epoch": times[name]} if name in times else {}),
            }
        )
        for name, label, _, _, f1, em, _ in _READERS
    ]


@pytest.fixture
def readers(record: Factory, reader_rows: list[Row]) -> list[RunRecord]:
    """One run by the clock of each reader: 1200 seconds, validated five times."""
    made = []
    for row, (name, _, f1, em, _, _, (total, encoder)) in zip(reader_rows, _READERS, strict=True):
        curve = [
            {
                "epoch": 0,
                "step": 900 * k,
                "tokens": k,
                "wall_s": 240.0 * k,
                "val/f1": f1 - 0.3 / k,
                "val/em": em - 0.3 / k,
            }
            for k in range(1, 6)
        ]
        run = record(
            "lstm",
            row=name,
            paper=row.paper,
            task="squad",
            table="squad",
            backend="fused cpp",
            headline="test/f1",
            epochs=curve,
            parameters=2_020_710,
            config={"trainer": {"max_seconds": 1200}, "optim": {"lr": 0.003}},
            throughput={"seconds_per_epoch": total, "encoder_seconds_per_epoch": encoder},
            metrics={"test/f1": f1, "test/em": em, "test/loss": 3.2},
            data={"description": "SQuAD 1.1, 87,599 questions"},
        )
        made.append(run)
    return made
