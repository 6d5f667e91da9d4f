"""What wandb keeps of a run, read back from its offline file and compared with run.json and metrics.csv."""

import csv
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import torch

from sru_repro.cli.compose import composed
from sru_repro.records.run import RunRecord, read_record
from sru_repro.torture._offline import Offline, read_offline
from sru_repro.training import showing
from sru_repro.training.dashboards._base import NoDashboard
from sru_repro.training.run import train

wandb = pytest.importorskip("wandb")
pytestmark = pytest.mark.slow
AXES = {"step", "tokens", "wall_s", "epoch"}
SHARED = {
    *("train/loss", "val/loss", "optim/lr", "optim/grad_norm"),
    *("throughput/tokens_per_s", "throughput/step_ms", "throughput/data_fraction"),
}
PANELS = {
    "sst": {"train/accuracy", "val/accuracy", "media/predictions", "media/gates"}
    | {"media/confusion_table", "media/test_confusion_table"},
    "squad": {"val/em", "val/f1", "media/predictions", "media/gates"},
    "lm": {"train/bpc", "val/bpc", "media/sample", "media/gates", "media/attention"},
}


@pytest.fixture(scope="module")
def words(treebank: Path, squad_folder: Path) -> dict[str, tuple[str, ...]]:
    """Of one small run of each kind of task."""
    shared = ("profile=smoke", "trainer=cpu", "logger=wandb", "logger.mode=offline", "trainer.log_every=2")
    return {
        "sst": (
            *(*shared, f"data_dir={treebank}", "task=sst", "task.train_on=sentences", "task.limit=40"),
            *("task.batch_size=8", "task.vectors=random", "task.vector_size=16", "model.hidden_size=8"),
            *("trainer.max_epochs=3", "logger.artifacts=true", "logger.group=mine", "logger.notes=a try"),
        ),
        "squad": (
            *(*shared, f"data_dir={squad_folder}", "task=squad", "task.vectors=random", "task.vector_size=8"),
            *("task.batch_size=4", "model.hidden_size=6", "model.bidirectional=true", "trainer.max_epochs=2"),
        ),
        "lm": (
            *(*shared, "task=quickstart", "task.max_bytes=20000", "task.batch_size=16", "task.unroll=256"),
            *("task.embedding_size=8", "model=srupp", "model.hidden_size=8", "model.projection_size=4"),
            *("model.dropout=0.3", "trainer.max_epochs=3"),
        ),
    }


@pytest.fixture(scope="module", params=["sst", "squad", "lm"])
def run(
    request: pytest.FixtureRequest,
    words: dict[str, tuple[str, ...]],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[str, Path, RunRecord, Offline]:
    """The task, the folder, the record, and what wandb has of it; media at every validation."""
    folder = tmp_path_factory.mktemp(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder / "home"))
        if request.param == "sst":
            patch.setenv("WANDB_SWEEP_ID", "sweep1")
        for name in ("WANDB_CACHE_DIR", "WANDB_DATA_DIR"):
            patch.setenv(name, str(folder / "home" / name))
        patch.setenv("SRU_REPRO_CACHE", str(folder / "cache"))
        patch.setattr(showing, "SHARE", 1e9)
        wandb.teardown()  # it looks at the environment once
        train(composed(list(words[request.param])), folder / "run", [])
    wandb.teardown()
    return request.param, folder / "run", read_record(folder / "run"), read_offline(folder / "run")


Run = tuple[str, Path, RunRecord, Offline]


def test_the_panels_of_a_run(run: Run) -> None:
    task, _, record, found = run
    assert {key for key, *_ in found.panels()} == SHARED | PANELS[task]
    assert record.notes == [note for note in record.notes if "shown" not in note]
    assert found.axes == {"step": "", "tokens": "", "wall_s": "", "*": "step"} and found.exit_code == 0
    assert all(point.keys() >= AXES for point in found.points)


def test_curves_are_those_of_the_files(run: Run) -> None:
    _, folder, record, found = run
    with (folder / "metrics.csv").open() as file:
        lines = list(csv.DictReader(file))
    curves = [
        {k: v for k, v in point.items() if isinstance(v, int | float) and k[0] != "_"}
        for point in found.points
    ]
    kept = [{key: float(value) for key, value in line.items() if value} for line in lines]
    assert [point for point in curves if point.keys() > AXES] == kept
    for key in record.epochs[0].figures:
        if key.startswith("val/"):
            assert found.curve(key) == [(entry.step, entry.figures[key]) for entry in record.epochs]


def test_the_summary_has_the_record_and_best_and_last_of_each_figure(run: Run) -> None:
    _, _, record, found = run
    for key, value in record.metrics.items():
        assert found.summary[key] == value
    for key, value in record.epochs[-1].figures.items():
        over = [entry.figures[key] for entry in record.epochs]
        higher = key.rpartition("/")[2] in ("accuracy", "em", "f1")
        assert found.summary[f"last/{key}"] == value
        assert found.summary[f"best/{key}"] == (max if higher else min)(over)


def test_configuration_and_names(run: Run) -> None:
    task, _, record, found = run
    of_an_agent = task == "sst"  # whose parameters are keys with dots
    for group in ("model", "optim"):
        values = {
            key.partition(".")[2]: value for key, value in found.config.items() if key.startswith(f"{group}.")
        }
        assert (values if of_an_agent else found.config[group]) == record.config[group]
    assert found.about["id"] == record.wandb_id
    assert (found.about["sweep_id"] or None) == record.wandb_sweep == ("sweep1" if of_an_agent else None)
    assert found.about["group"] == ("mine" if task == "sst" else record.task)
    assert found.about["notes"] == ("a try" if task == "sst" else "")


def test_media_lie_beside_it(run: Run) -> None:
    task, folder, record, found = run
    (place,) = (folder / "wandb").glob("offline-run-*")
    assert found.files and all((place / "files" / name).stat().st_size > 0 for name in found.files)
    last = {key: value for point in found.points for key, value in point.items() if key.startswith("media/")}
    for key, value in last.items():
        path = place / "files" / value["path"]
        if value["_type"] == "image-file":
            assert path.read_bytes().startswith(b"\x89PNG") and value["width"] > 500
            continue
        table = json.loads(path.read_text())
        assert table["data"], key
        if key == "media/test_confusion_table":
            assert sum(row[2] for row in table["data"]) == record.data.counts["test"]
            right = sum(row[2] for row in table["data"] if row[0] == row[1])
            assert right / record.data.counts["test"] == pytest.approx(record.metrics["test/accuracy"])
        if key == "media/sample":
            assert [row[0] for row in table["data"]][:-1] == [e.step for e in record.epochs[:-1]]
        if key == "media/predictions" and task == "sst":
            assert table["columns"] == ["text", "gold", "predicted", "probability"]
            assert {row[1] for row in table["data"]} == {"negative", "positive"}


def test_artifacts_where_they_were_asked_for(run: Run) -> None:
    task, _, record, found = run
    kept = [name for name in found.artifacts if name[1] != "run_table"]
    kinds = {"checkpoint": "model", "predictions": "predictions", "record": "run"} if task == "sst" else {}
    assert kept == [(f"{name}-{record.wandb_id}", kind) for name, kind in kinds.items()]


def test_no_home_folder_is_named_and_all_lies_in_the_runs(run: Run) -> None:
    _, folder, _, found = run
    (kept,) = (folder / "wandb").glob("offline-run-*/*.wandb")
    assert str(folder.parent / "home").encode() not in kept.read_bytes()
    assert not (folder.parent / "home/WANDB_DATA_DIR").exists()
    assert len(list((folder / "wandb/staging").iterdir())) >= len(found.artifacts) > 0


def test_media_change_no_training(words: dict[str, tuple[str, ...]], run: Run, tmp_path: Path) -> None:
    task, folder, record, _ = run
    alone = train(composed(without_dashboard(words[task])), tmp_path, [])
    assert [entry.figures for entry in alone.epochs] == [entry.figures for entry in record.epochs]
    assert not (tmp_path / "media").exists()
    assert same_weights(folder, tmp_path)


def test_media_change_nothing_in_a_run_that_goes_on(
    words: dict[str, tuple[str, ...]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    happening: Callable[..., AbstractContextManager[None]],
    sigterm: Callable[[], None],
) -> None:
    shown: list[float] = []
    monkeypatch.setattr(showing, "SHARE", 1e9)
    monkeypatch.setattr(showing, "draw", lambda *_: None)
    config = composed(without_dashboard(words["lm"]))
    train(config, tmp_path / "whole", [])
    monkeypatch.setattr(NoDashboard, "wants_media", True)
    monkeypatch.setattr(NoDashboard, "show", lambda self, media, axes: shown.append(axes["step"]))
    with happening("training_step", 7, sigterm), pytest.raises(BaseException, match="SIGTERM"):
        train(config, tmp_path / "parts", [])
    train(config, tmp_path / "parts", [], resume=True)
    assert shown == [5, 10, 15] and same_weights(tmp_path / "whole", tmp_path / "parts")


def without_dashboard(words: Sequence[str]) -> list[str]:
    return [*(word for word in words if not word.startswith("logger")), "logger=csv"]


def same_weights(one: Path, other: Path) -> bool:
    first, second = (
        torch.load(place / "checkpoints/last.ckpt", weights_only=True)["state_dict"] for place in (one, other)
    )
    tensors = [key for key, value in first.items() if isinstance(value, torch.Tensor)]
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in tensors)
