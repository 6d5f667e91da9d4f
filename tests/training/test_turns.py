"""A training in turns: the same weights, paces of its turns alone, and no second of waiting counted."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from sru_repro.core.interrupt import Interrupted
from sru_repro.core.turns import Turns
from sru_repro.records.run import read_record
from sru_repro.training import turns as module
from sru_repro.training.run import train
from sru_repro.training.weights import LAST

Configured = Callable[..., Any]
WAIT_S = 0.15


@contextmanager
def another_row(monkeypatch: pytest.MonkeyPatch, back: Callable[[int], bool]) -> Iterator[None]:
    """Takes each turn for a while; gives the n-th back where `back(n)`, else sends SIGTERM."""
    turns, ended = Turns("today"), threading.Event()

    def take() -> None:
        count = 0
        while not ended.is_set():
            if turns.heard(1, 0.05):
                count += 1
                time.sleep(WAIT_S)
                if back(count):
                    turns.give(1)
                else:
                    os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=take)
    for name, value in turns.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(module, "TURN_S", 0.0)  # every step is a turn
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        turns.close()
        for name in turns.environment:
            monkeypatch.delenv(name)


def same_weights(one: Path, other: Path) -> bool:
    states = [torch.load(folder / LAST, weights_only=True)["state_dict"] for folder in (one, other)]
    return all(
        torch.equal(value, states[1][key])
        for key, value in states[0].items()
        if isinstance(value, torch.Tensor)
    )


def test_turns_change_no_weight_and_waiting_costs_no_time(
    configured: Configured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configured("lm", "trainer.max_epochs=2")
    alone = train(config, tmp_path / "alone", [])
    assert alone.throughput.turns is None
    began = time.perf_counter()
    with another_row(monkeypatch, lambda count: True):
        record = train(config, tmp_path / "turns", [])
    took = time.perf_counter() - began
    steps = record.epochs[-1].step
    turns = record.throughput.turns
    assert turns is not None and turns.session == "today"
    assert len(turns.tokens_per_s) == steps - 2, "the first is left out, and after the last there is no other"
    assert all(pace > 0 for pace in turns.tokens_per_s)
    assert record.wall_s < took - 0.9 * WAIT_S * (steps - 1)
    assert same_weights(tmp_path / "alone", tmp_path / "turns")


def test_a_signal_while_it_waits_for_its_turn_saves_as_ever(
    configured: Configured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configured("lm", "trainer.max_epochs=2")
    with another_row(monkeypatch, lambda count: count < 2), pytest.raises(Interrupted):
        train(config, tmp_path / "cut", [])
    assert read_record(tmp_path / "cut").state == "interrupted"
    resumed = train(config, tmp_path / "cut", [], resume=True)
    assert resumed.finished
    train(config, tmp_path / "whole", [])
    assert same_weights(tmp_path / "cut", tmp_path / "whole")
