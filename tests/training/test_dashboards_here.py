"""TensorBoard and trackio: what they are told is read back as it was, also of runs that went on, failed or leaked."""

import builtins
import json
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from sru_repro.records.run import RunRecord, Validation, read_record
from sru_repro.training.config import RunConfig
from sru_repro.training.dashboards import Dashboard, open_dashboard
from sru_repro.training.dashboards._base import ConfusionMedia, Media, PictureMedia, TableMedia, TextMedia
from sru_repro.training.dashboards.guarded import Guarded
from sru_repro.training.run import train

pytestmark = pytest.mark.skipif(
    None in map(find_spec, ("tensorboard", "trackio")), reason="tensorboard or trackio is not installed"
)
Configured = Callable[..., RunConfig]
Happening = Callable[..., AbstractContextManager[None]]
Curve = list[tuple[int, float]]
STARTED = "2026-01-02T03:04:05Z"
KINDS = ("tensorboard", "trackio")
MEDIA = "CAST(metrics AS TEXT) LIKE '%\"_type\"%'"


def point(step: int, **figures: float) -> dict[str, float]:
    return {"step": step, "tokens": 100 * step, "wall_s": step / 4, **figures}


POINTS = [
    point(5, **{"train/loss": 3.0, "optim/lr": 0.5}),
    point(5, **{"val/loss": 2.5, "val/bpc": 3.5}),
    point(10, **{"train/loss": 2.0, "optim/lr": 0.5}),
    point(10, **{"val/loss": 1.5, "val/bpc": 2.5}),
]
LOST = [point(12, **{"train/loss": 99.0}), point(15, **{"train/loss": 99.0, "val/loss": 99.0})]


class Here:
    """A place for runs, and what the dashboards there say of them."""

    def __init__(self, kind: str, place: Path, configured: Configured) -> None:
        self.kind, self.folder, self.store = kind, place / "run", place / "store"
        words = [f"logger.folder={self.store}"] if kind == "trackio" else []
        self.config = configured("lm", f"logger={kind}", *words)
        self.content = RunRecord(
            state="running", task="quickstart", row="sru", profile="smoke", seed=1, started=STARTED
        )
        self.said: list[str] = []

    def opened(self) -> Dashboard:
        return open_dashboard(self.config, self.folder, self.content, self.said.append)

    def curves(self) -> dict[str, Curve]:
        if self.kind == "tensorboard":
            found = self.events()
            return {
                tag: [(event.step, event.value) for event in found.Scalars(tag)]
                for tag in found.Tags()["scalars"]
            }
        curves: dict[str, Curve] = {}
        for step, metrics in self.rows("SELECT step, metrics FROM metrics ORDER BY id"):
            for name, value in json.loads(metrics).items():
                if not isinstance(value, dict):
                    curves.setdefault(name, []).append((step, value))
        return curves

    def events(self) -> Any:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        found = EventAccumulator(str(self.folder))
        found.Reload()
        return found

    def rows(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(self.store / "sru-repro.db")) as kept:
            return kept.execute(query).fetchall()

    def told(self) -> dict[str, Any]:
        """The settings that the dashboard shows, and how the run ended."""
        if self.kind == "trackio":
            ((config,),) = self.rows("SELECT config FROM configs")
            return dict(json.loads(config))
        from tensorboard.plugins.hparams import metadata

        content = self.events().PluginTagToContent("hparams")
        start = metadata.parse_session_start_info_plugin_data(content[metadata.SESSION_START_INFO_TAG])
        told = {key: getattr(value, value.WhichOneof("kind")) for key, value in start.hparams.items()}
        state = "running"
        if metadata.SESSION_END_INFO_TAG in content:
            ended = metadata.parse_session_end_info_plugin_data(content[metadata.SESSION_END_INFO_TAG])
            state = {1: "finished", 2: "failed"}[ended.status]
        return {**told, "state": state, "name": start.group_name}

    def written(self) -> Iterator[tuple[str, bytes]]:
        for path in [*self.folder.rglob("*"), *self.store.rglob("*")]:
            if path.is_file():
                yield path.name, path.read_bytes()


@pytest.fixture(params=KINDS)
def here(
    request: pytest.FixtureRequest, configured: Configured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Here]:
    monkeypatch.delenv("TRACKIO_DIR", raising=False)
    forget_trackio()
    yield Here(request.param, tmp_path, configured)
    forget_trackio()


def forget_trackio() -> None:
    """It reads its folder once, when it is imported."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "trackio"]:
        del sys.modules[name]


def test_curves_summary_settings_and_end_are_read_back(here: Here) -> None:
    with here.opened() as dashboard:
        for one in POINTS:
            dashboard.log(one)
        for one in POINTS[1], POINTS[3]:
            here.content.epochs.append(Validation.model_validate({"epoch": 0, **one}))
        dashboard.finish({"val/bpc": 2.5, "test/bpc": 2.25, "parameters": 1000}, failed=False)
    found = here.curves()
    for name in ("train/loss", "val/loss", "val/bpc", "optim/lr"):
        assert found[name] == [(one["step"], one[name]) for one in POINTS if name in one], name
    assert dict(found["tokens"]) == {5: 500, 10: 1000} and dict(found["wall_s"]) == {5: 1.25, 10: 2.5}
    assert found["test/bpc"] == [(10, 2.25)] and found["summary/val/bpc"] == [(10, 2.5)]
    assert found["summary/best/val/bpc"] == [(10, 2.5)] and "summary/last/val/bpc" not in found
    assert found["parameters"] == [(10, 1000)]
    told = here.told()
    assert told["model.name"] == "sru" and told["model.hidden_size"] == 8 and told["seed"] == 1
    assert told["model.bidirectional"] is False and told["optim.lr"] == here.config.optim.lr
    assert told["state"] == "finished" and not any(key.startswith(("logger", "data_dir")) for key in told)
    assert not here.said and not here.content.notes


def test_tensorboards_clock_is_the_trainings_and_tokens_have_curves(
    configured: Configured, tmp_path: Path
) -> None:
    here = Here("tensorboard", tmp_path, configured)
    with here.opened() as dashboard:
        for one in POINTS:
            dashboard.log(one)
    began = datetime.fromisoformat(STARTED).timestamp()
    events = here.events()
    assert [event.wall_time - began for event in events.Scalars("val/loss")] == [1.25, 2.5]
    assert [(event.step, event.value) for event in events.Scalars("val_by_tokens/loss")] == [
        (500, 2.5),
        (1000, 1.5),
    ]
    assert here.told()["name"] == "quickstart sru smoke seed 1"
    here.config = configured("lm", "logger=tensorboard", "logger.by_tokens=false")
    here.folder = tmp_path / "other"
    with here.opened() as dashboard:
        dashboard.log(POINTS[0])
    assert "train_by_tokens/loss" not in here.curves()


@pytest.mark.parametrize("ends", ["dies", "fails", "finishes"])
def test_a_run_that_goes_on_has_each_point_once(here: Here, ends: str) -> None:
    first = here.opened()
    for one in POINTS:
        first.log(one)
    for step in (5, 10, 12):
        first.show({"media/sample": TextMedia("once upon a time")}, point(step))
    for one in LOST:
        first.log(one)
    if ends == "dies":  # with what was written until then
        assert isinstance(first, Guarded)
        first._calls.now(lambda: None, 60)
        if here.kind == "trackio":
            first._calls.now(first._run.finish, 60)
        else:
            first._calls.now(first._writer.flush, 60)  # type: ignore[attr-defined]
    else:
        first.finish({} if ends == "fails" else {"val/loss": 99.0}, failed=ends == "fails")
        assert here.told()["state"] == ("failed" if ends == "fails" else "finished")
    name = here.content.wandb_id
    with here.opened() as second:
        second.go_on(POINTS)
        second.log(point(15, **{"train/loss": 1.0, "val/loss": 0.5}))
        second.finish({"val/loss": 0.5, "test/loss": 0.75}, failed=False)
    found = here.curves()
    assert found["train/loss"] == [(5, 3.0), (10, 2.0), (15, 1.0)]
    assert found["val/loss"] == [(5, 2.5), (10, 1.5), (15, 0.5)]
    assert found["summary/val/loss"] == [(15, 0.5)] and found["test/loss"] == [(15, 0.75)]
    if here.kind == "tensorboard":
        assert found["val_by_tokens/loss"] == [(500, 2.5), (1000, 1.5), (1500, 0.5)]
    else:  # of what is no curve TensorBoard forgets nothing
        shown = here.rows(f"SELECT step FROM metrics WHERE {MEDIA} ORDER BY id")
        assert shown == [(5,), (10,)]
    assert here.told()["state"] == "finished" and here.content.wandb_id == name and not here.said


def test_a_run_that_goes_on_from_before_its_first_point(here: Here) -> None:
    with here.opened() as first:
        first.log(LOST[0])
    with here.opened() as second:
        second.go_on([])
        second.log(POINTS[0])
    assert here.curves()["train/loss"] == [(5, 3.0)]


def test_media_are_shown_as_they_are(here: Here, tmp_path: Path) -> None:
    from matplotlib.image import imsave

    imsave(tmp_path / "gates.png", [[0.0, 1.0], [1.0, 0.0]])
    media: dict[str, Media] = {
        "media/predictions": TableMedia(["text", "gold"], [["a | <b> *c* [x](y)", 1], ["d", 0.5]]),
        "media/sample": TextMedia("# no heading\n<b>bold</b>"),
        "media/gates": PictureMedia(tmp_path / "gates.png", "forget gates"),
        "media/confusion": ConfusionMedia(["neg", "pos"], [[7, 1], [2, 6]]),
    }
    with here.opened() as dashboard:
        for one in POINTS[:2]:
            dashboard.log(one)
        dashboard.show(media, point(5))
    assert not here.said
    if here.kind == "trackio":
        rows = [json.loads(kept) for (kept,) in here.rows(f"SELECT metrics FROM metrics WHERE {MEDIA}")]
        shown = {name: value for row in rows for name, value in row.items()}
        assert shown["media/predictions"]["_value"][1] == {"text": "d", "gold": 0.5}
        assert shown["media/confusion"]["_value"][1] == {
            "class": "pos",
            "taken for neg": 2,
            "taken for pos": 6,
        }
        assert (here.store / "media" / shown["media/gates"]["file_path"]).is_file()
        assert shown["media/gates"]["caption"] == "forget gates"
        assert shown["media/sample"]["_value"] == "    # no heading\n    <b>bold</b>\n"
        return
    events = here.events()
    assert [(image.step, image.width) for image in events.Images("media/gates")] == [(5, 2)]
    text = {
        tag: events.Tensors(tag)[0].tensor_proto.string_val[0].decode() for tag in events.Tags()["tensors"]
    }
    assert "| pos | 2 | 6 |" in text["media/confusion/text_summary"]
    assert text["media/predictions/text_summary"].count("|") == 12 and "<b>" not in str(
        text["media/predictions/text_summary"]
    )


def test_nothing_tells_whose_machine_it_is(
    here: Here, configured: Configured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    home = tmp_path / "home-of-someone"
    home.mkdir()
    for name, value in {"HOME": str(home), "USER": "someone-else", "HF_TOKEN": "hf_" + "5" * 30}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(socket, "gethostname", lambda: "machine-of-someone")
    words = ["~task", "task=text", f"task.path={home}/texts", f"logger={here.kind}"]
    here.config = configured("lm", *words, *([f"logger.folder={here.store}"] * (here.kind == "trackio")))
    with here.opened() as dashboard:
        dashboard.log(POINTS[0])
        dashboard.finish({}, failed=True)
    assert here.told()["task.path"] == "~/texts"
    hidden = [b"of-someone", b"someone-else", b"5" * 30]
    for name, content in here.written():
        assert not [one for one in hidden if one in content or one in name.encode()], name


@pytest.mark.parametrize("missing", [True, False])
def test_it_fails_and_the_run_goes_on(
    here: Here, missing: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if missing:
        original = builtins.__import__

        def refuse(name: str, *rest: Any, **more: Any) -> Any:
            if name.split(".")[0] == "trackio" or name.startswith("torch.utils.tensorboard"):
                raise ImportError(name)
            return original(name, *rest, **more)

        monkeypatch.setattr(builtins, "__import__", refuse)
        expected = f"{here.kind} is not installed: no dashboard, curves are in metrics.csv; pip install"
    else:
        (tmp_path / "store").write_text("in the way")
        (tmp_path / "run").write_text("in the way")
        expected = f"{here.kind} stopped ("
    with here.opened() as dashboard:
        dashboard.go_on(POINTS)
        for one in POINTS:
            dashboard.log(one)
    assert len(here.said) == 1 and here.said == here.content.notes and here.said[0].startswith(expected)
    assert str(Path.home()) not in here.said[0]


@pytest.mark.slow
def test_one_training_that_stops_goes_on_and_is_trained_again(
    here: Here, happening: Happening, sigterm: Callable[[], None]
) -> None:
    with happening("training_step", 7, sigterm), pytest.raises(BaseException, match="SIGTERM"):
        train(here.config, here.folder, [])
    train(here.config, here.folder, [], resume=True)
    found, record = here.curves(), read_record(here.folder)
    lines = (here.folder / "metrics.csv").read_text().splitlines()
    names = lines[0].split(",")
    rows = [dict(zip(names, line.split(","), strict=True)) for line in lines[1:]]
    for name in set(names) - {"step", "tokens", "wall_s"}:
        kept = [(int(row["step"]), float(row[name])) for row in rows if row[name]]
        assert [step for step, _ in found[name]] == [step for step, _ in kept], name
        assert [value for _, value in found[name]] == pytest.approx([value for _, value in kept]), name
    assert found["test/bpc"][0][1] == pytest.approx(record.metrics["test/bpc"]) and not record.notes
    if here.kind == "tensorboard":  # begun again: nothing is left of the run before
        train(here.config, here.folder, [])
        assert len(list(here.folder.glob("events.out.tfevents.*"))) == 2
        assert [step for step, _ in here.curves()["val/bpc"]] == [step for step, _ in found["val/bpc"]]
    assert not [name for name in os.listdir(here.folder) if "wandb" in name]
