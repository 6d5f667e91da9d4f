"""A folder holds one run: whole checkpoints of it, or the run before; damage is named, and nothing is destroyed."""

import errno
import os
import pickle
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import torch

from sru_repro.core.errors import ConfigError, DataError, RunError
from sru_repro.core.interrupt import Interrupted
from sru_repro.core.lock import Busy, in_use
from sru_repro.records.base import write
from sru_repro.records.run import read_record
from sru_repro.reporting.compare import compare
from sru_repro.torture._ended import Ended, assert_same, ended
from sru_repro.training import checkpoint_files, checkpoints, fit
from sru_repro.training.config import RunConfig
from sru_repro.training.load import trained_task
from sru_repro.training.run import train
from sru_repro.training.run_folder import is_done
from sru_repro.training.weights import ASIDE, BEST, FOLDER, LAST, PREVIOUS, best_weights, mend_best

Configured = Callable[..., RunConfig]
Happening = Callable[..., AbstractContextManager[None]]


@pytest.fixture(autouse=True)
def saved_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "SAVE_EVERY_S", 0.0)


@pytest.fixture(scope="module")
def straight(configured: Configured, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    """A finished run of three epochs, and what it left."""
    folder = tmp_path_factory.mktemp("straight")
    train(configured("sst"), folder, [])
    return folder, ended(folder)


@pytest.fixture
def stopped(
    configured: Configured, happening: Happening, sigterm: Callable[[], None], tmp_path: Path
) -> Path:
    """The same run, stopped in its third epoch; two checkpoints are there."""
    with happening("training_step", 12, sigterm), pytest.raises(Interrupted):
        train(configured("sst"), tmp_path, [])
    return tmp_path


class Hostile:
    def __reduce__(self) -> Any:
        return os.mkdir, ("it-ran",)


def _hostile(place: Path) -> None:
    checkpoint = torch.load(place, weights_only=True)
    checkpoint["callbacks"]["Recorder"]["tokens"] = Hostile()
    torch.save(checkpoint, place)


def _flipped(place: Path) -> None:
    content = bytearray(place.read_bytes())
    content[len(content) // 2] ^= 4
    place.write_bytes(content)


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut": (lambda place: os.truncate(place, 1000), "a cut or broken file (1,000 bytes)"),
    "empty": (lambda place: os.truncate(place, 0), "an empty file"),
    "a bit": (_flipped, "a damaged file"),
    "text": (lambda place: place.write_text("<html>"), "a cut or broken file"),
    "pickle": (lambda place: place.write_bytes(pickle.dumps(Hostile())), "a cut or broken file"),
    "hostile": (_hostile, "which are not loaded"),
    "the best weights": (lambda place: shutil.copy(place.with_name("best.ckpt"), place), "found one without"),
    "of another program": (lambda place: torch.save({"state_dict": {}}, place), "found one without"),
    "no dictionary": (lambda place: torch.save([1, 2], place), "another file of PyTorch"),
    "gone": (lambda place: place.unlink(), ""),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_named_and_the_checkpoint_before_is_used(
    damage: str,
    configured: Configured,
    straight: tuple[Path, Ended],
    stopped: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(stopped)
    spoil, found = DAMAGE[damage]
    spoil(stopped / LAST)
    record = train(configured("sst"), stopped, [], resume=True)
    assert not (stopped / "it-ran").exists()
    said = next((line for line in capsys.readouterr().err.splitlines() if "goes on from" in line), "")
    assert found in said and (not found or str(stopped / LAST) in said)
    assert any(found in note and str(stopped) not in note for note in record.notes) or not found
    assert_same(ended(stopped), straight[1])


def test_without_another_one_it_is_refused_and_all_stays_as_it_is(
    configured: Configured, stopped: Path
) -> None:
    (stopped / PREVIOUS).unlink()
    os.truncate(stopped / LAST, 1000)
    before = {path: path.stat().st_mtime_ns for path in stopped.rglob("*")}
    with pytest.raises(DataError, match=r"last\.ckpt: expected .* found a cut .*: start without resume=true"):
        train(configured("sst"), stopped, [], resume=True)
    assert before == {path: path.stat().st_mtime_ns for path in stopped.rglob("*")}


def test_a_checkpoint_of_another_run_is_refused(
    configured: Configured, straight: tuple[Path, Ended], stopped: Path
) -> None:
    other = torch.load(straight[0] / LAST, weights_only=True)
    other["run"]["started"] = "2001-01-01T00:00:00Z"
    (stopped / PREVIOUS).unlink()
    torch.save(other, stopped / LAST)
    with pytest.raises(DataError, match=r"found one of another run, started 2001-01-01"):
        train(configured("sst"), stopped, [], resume=True)


def test_best_weights_that_are_damaged_come_from_the_last_checkpoint(
    configured: Configured, straight: tuple[Path, Ended], stopped: Path
) -> None:
    os.truncate(stopped / BEST, 1000)
    with pytest.raises(
        DataError, match=r"best\.ckpt: expected .*, found a cut or broken file \(1,000 bytes\)"
    ):
        trained_task(configured("sst"), stopped)
    train(configured("sst"), stopped, [], resume=True)
    assert_same(ended(stopped), straight[1])


def test_best_weights_of_a_finished_run_are_mended(
    configured: Configured,
    straight: tuple[Path, Ended],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(straight[0], folder)
    _flipped(folder / BEST)
    train(configured("sst"), folder, [], resume=True)
    said = capsys.readouterr().err
    assert "found a damaged file" in said and "mended from last.ckpt" in said
    assert_same(ended(folder), straight[1])
    trained_task(configured("sst"), folder)


def test_best_weights_that_cannot_be_mended_are_one_line(
    straight: tuple[Path, Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(straight[0], folder)
    _flipped(folder / BEST)

    def full(place: Path, content: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(
        DataError, match=r"found a damaged file.*could not be mended .*\(Read-only file system\)"
    ):
        mend_best(folder)


def test_weights_of_one_run_beside_the_record_of_another_are_refused(
    configured: Configured, straight: tuple[Path, Ended], tmp_path: Path
) -> None:
    shutil.copytree(straight[0], tmp_path / "run")
    record = read_record(tmp_path / "run")
    record.started = "2001-01-01T00:00:00Z"
    write(record, tmp_path / "run/run.json")
    with pytest.raises(DataError, match=r"best\.ckpt: expected the weights of .*2001-01-01"):
        best_weights(tmp_path / "run")


def test_a_lost_record_is_made_again_from_the_checkpoint(
    configured: Configured, straight: tuple[Path, Ended], stopped: Path
) -> None:
    (stopped / "run.json").unlink()
    with pytest.raises(Exception, match="seed: 1 there, 2 asked for"):
        train(configured("sst", "seed=2"), stopped, [], resume=True)
    train(configured("sst"), stopped, [], resume=True)
    assert_same(ended(stopped), straight[1])


def test_a_new_run_keeps_the_old_one(
    configured: Configured, straight: tuple[Path, Ended], happening: Happening, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(straight[0], folder)

    def crash() -> None:
        raise OSError("before anything of this configuration was saved")

    for _ in range(2):
        with happening("training_step", 1, crash), pytest.raises(RunError):
            train(configured("sst", "seed=2"), folder, [])
        assert_same(ended(folder / ASIDE), straight[1])
        assert read_record(folder).state == "failed" and not (folder / BEST).exists()
    train(configured("sst", "seed=2"), folder, [])
    assert not (folder / ASIDE).exists() and read_record(folder).seed == 2
    train(configured("sst", "seed=2"), tmp_path / "other", [])
    assert_same(ended(folder), ended(tmp_path / "other"))


@pytest.fixture
def begun_over(
    configured: Configured, straight: tuple[Path, Ended], sigterm: Callable[[], None], tmp_path: Path
) -> Path:
    """A finished run, over which another one was begun and stopped before it had a checkpoint."""
    folder = tmp_path / "run"
    shutil.copytree(straight[0], folder)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(fit, "build_task", lambda *given: sigterm())
        train(configured("sst", "seed=2", "trainer.max_epochs=9"), folder, [])
    assert_same(ended(folder / ASIDE), straight[1])
    return folder


def test_resume_takes_the_run_that_lies_aside_back(
    configured: Configured, straight: tuple[Path, Ended], begun_over: Path
) -> None:
    with pytest.raises(
        DataError, match=rf"best\.ckpt: .* no such file; .* lies whole in {begun_over / ASIDE}"
    ):
        best_weights(begun_over)
    with pytest.raises(ConfigError, match=rf"{begun_over / ASIDE} holds another run.*seed: 1 there, 3 asked"):
        train(configured("sst", "seed=3"), begun_over, [], resume=True)
    assert_same(ended(begun_over / ASIDE), straight[1])
    train(configured("sst"), begun_over, [], resume=True)
    assert_same(ended(begun_over), straight[1])
    assert not (begun_over / ASIDE).exists()
    more = train(configured("sst", "trainer.max_epochs=4"), begun_over, [], resume=True)
    assert len(more.epochs) == 4


def test_resume_of_the_run_that_was_begun_goes_on_with_it(configured: Configured, begun_over: Path) -> None:
    record = train(configured("sst", "seed=2", "trainer.max_epochs=9"), begun_over, [], resume=True)
    assert (record.seed, len(record.epochs)) == (2, 9) and not (begun_over / ASIDE).exists()


def test_checkpoints_on_another_disk_stay_there(
    configured: Configured, straight: tuple[Path, Ended], happening: Happening, tmp_path: Path
) -> None:
    folder, disk = tmp_path / "run", tmp_path / "disk"
    shutil.copytree(straight[0], folder)
    (folder / FOLDER).rename(disk)
    (folder / FOLDER).symlink_to(disk)

    def crash() -> None:
        raise OSError("before anything was saved")

    with happening("training_step", 1, crash), pytest.raises(RunError):
        train(configured("sst", "seed=2"), folder, [])
    assert_same(ended(folder / ASIDE), straight[1])
    assert (folder / FOLDER).is_symlink() and (folder / ASIDE / LAST).resolve().is_relative_to(disk)
    train(configured("sst"), folder, [], resume=True)
    assert_same(ended(folder), straight[1])
    train(configured("sst", "seed=2"), folder, [])
    assert read_record(folder).seed == 2 and (folder / FOLDER).is_symlink()
    assert sorted(place.name for place in disk.iterdir()) == ["best.ckpt", "last.ckpt", "last.previous.ckpt"]


def test_a_finished_run_that_goes_on_keeps_its_figures_until_its_first_step(
    configured: Configured, straight: tuple[Path, Ended], sigterm: Callable[[], None], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(straight[0], folder)
    before = read_record(folder)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(fit, "build_task", lambda *given: sigterm())
        train(configured("sst", "trainer.max_epochs=4"), folder, [], resume=True)
    stopped = read_record(folder)
    assert stopped.state == "interrupted"
    assert (stopped.metrics, stopped.epochs) == (before.metrics, before.epochs)
    assert len(train(configured("sst", "trainer.max_epochs=4"), folder, [], resume=True).epochs) == 4


def test_two_runs_in_one_folder_are_refused(configured: Configured, straight: tuple[Path, Ended]) -> None:
    before = {path: path.stat().st_mtime_ns for path in straight[0].rglob("*")}
    with in_use(straight[0], "sst/sru seed 5"):
        for resume in (False, True):
            with pytest.raises(Busy, match=rf"in use by sst/sru seed 5, process {os.getpid()}"):
                train(configured("sst"), straight[0], [], resume=resume)
    assert before == {path: path.stat().st_mtime_ns for path in straight[0].rglob("*")}


def test_a_dead_process_is_not_running(
    configured: Configured, straight: tuple[Path, Ended], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(straight[0], folder)
    record = read_record(folder)
    record.state, record.error = "running", None
    write(record, folder / "run.json")
    with in_use(folder, "sst/sru seed 1"):
        assert read_record(folder).state == read_record(folder / "run.json").state == "running"
        trained_task(configured("sst"), folder)
        assert "running, the weights are those of its best validation until now" in capsys.readouterr().err
    dead = read_record(folder)
    assert (dead.state, dead.error) == ("interrupted", f"its process {os.getpid()} ended without a word")
    assert "interrupted: its process" in compare(folder, straight[0])
    assert not is_done(folder, record.config)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
def test_a_disk_that_takes_no_more_is_one_line(
    number: int,
    configured: Configured,
    straight: tuple[Path, Ended],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    writes = iter(range(100))

    def full(part: Path) -> None:
        if next(writes) == 3:
            raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint_files, "flush", full)
        with pytest.raises(RunError) as failed:
            train(configured("sst"), tmp_path, [])
    said = str(failed.value)
    assert os.strerror(number) in said and ".ckpt: could not be written" in said and "\n" not in said
    assert read_record(tmp_path).state == "failed" and not list(tmp_path.rglob("*.part"))
    train(configured("sst"), tmp_path, [], resume=True)
    assert_same(ended(tmp_path), straight[1])


def test_no_memory_is_one_line(configured: Configured, happening: Happening, tmp_path: Path) -> None:
    def exhausted() -> None:
        raise RuntimeError(
            "[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: 99 bytes"
        )

    with happening("training_step", 7, exhausted), pytest.raises(RunError) as failed:
        train(configured("sst"), tmp_path, [])
    assert str(failed.value).startswith("out of memory (") and "task.batch_size" in str(failed.value)


def test_no_checkpoint_names_the_home_folder(
    configured: Configured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "text.txt").write_text("some words, and more of them\n" * 600)
    words = ("task=text", f"task.path={tmp_path}/text.txt", "optim.schedule=constant")
    train(configured("lm", *words, "trainer.max_epochs=1"), tmp_path / "run", [])
    for name in (BEST, LAST):
        assert str(tmp_path).encode() not in (tmp_path / "run" / name).read_bytes()
    more = train(configured("lm", *words, "trainer.max_epochs=2"), tmp_path / "run", [], resume=True)
    assert len(more.epochs) == 2
