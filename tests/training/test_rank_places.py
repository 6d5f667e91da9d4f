"""Which rank a process is, what each rank reads, and what is refused before anything begins."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest

from sru_repro.core.errors import ConfigError
from sru_repro.data.batches import shard_of
from sru_repro.tasks import Task
from sru_repro.training.config import RunConfig
from sru_repro.training.ranks.place import first_machine, place_of
from sru_repro.training.ranks.shards import InTurn
from sru_repro.training.ranks.world import Ranks

Configured = Callable[..., RunConfig]
Words = list[str]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("world", [1, 2, 3, 5])
def test_every_column_is_read_once(count: int, world: int) -> None:
    read = [shard_of(count, rank, world) for rank in range(world)]
    counted = [column for own, number in read for column in range(count)[own] if number]
    assert counted == [*range(count)]
    assert [number for _, number in read] == sorted((number for _, number in read), reverse=True) or world > 1
    assert max(n for _, n in read) - min(n for _, n in read) <= 1
    assert all(len(range(count)[own]) == max(1, number) for own, number in read)


@pytest.mark.parametrize("most", [0, 1, 2, 3, 9])
def test_the_first_batches_are_those_of_one_process(most: int) -> None:
    class Numbers(list[int]):
        """Batches that are their places."""

    task = SimpleNamespace(tokens=lambda batch: 1)
    for world in (2, 3):
        read = [
            InTurn(Numbers(range(5)), cast(Task, task), Ranks(rank, world), most) for rank in range(world)
        ]
        counted = [
            part.batch for one in read for part in map(one.__getitem__, range(len(one))) if part.weight
        ]
        assert sorted(counted) == [*range(min(5, most or 5))] and len({len(one) for one in read}) == 1


@pytest.mark.parametrize(
    ("words", "environment", "line"),
    [
        (
            ["trainer.devices=2"],
            {"WORLD_SIZE": "3", "RANK": "0"},
            "expected 2 processes, one for each device",
        ),
        (["trainer.num_nodes=2"], {}, "expected a launcher that starts one process for each device"),
        ([], {"WORLD_SIZE": "2", "RANK": "1"}, "train one run on all of them with trainer.devices=2"),
        (["trainer.devices=4"], {"SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "1"}, "SLURM_STEP_NUM_TASKS=2"),
    ],
)
def test_another_number_of_processes_is_refused_in_a_line(
    words: Words,
    environment: dict[str, str],
    line: str,
    configured: Configured,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as refused:
        place_of(configured("lm", *words))
    assert line in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("words", "environment", "found"),
    [
        ([], {}, (0, 1, 0)),
        (["trainer.devices=auto"], {}, (0, 1, 0)),
        (["trainer.devices=3"], {}, (0, 3, 0)),
        (["trainer.devices=2"], {"WORLD_SIZE": "1", "RANK": "0"}, (0, 2, 0)),
        (["trainer.devices=2"], {"WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "1"}, (1, 2, 1)),
        (
            ["trainer.devices=2", "trainer.num_nodes=2"],
            {"SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "3", "SLURM_LOCALID": "1"},
            (3, 4, 1),
        ),
        (["trainer.num_nodes=2"], {"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "1"}, (1, 2, 0)),
    ],
)
def test_which_rank_this_is(
    words: Words,
    environment: dict[str, str],
    found: tuple[int, int, int],
    configured: Configured,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ranks, launched = place_of(configured("lm", *words))
    assert (ranks.rank, ranks.world, ranks.local) == found
    assert (launched is None) == (ranks.rank == 0)


@pytest.mark.parametrize(
    ("nodes", "first"),
    [
        ("gpu[03-05,9],cpu1", "gpu03"),
        ("gpu-1,gpu-2", "gpu-1"),
        ("n[7,9]-ib", "n7-ib"),
        ("n[7,9]-ib,m[1-2]", "n7-ib"),
        ("alone", "alone"),
        ("", "127.0.0.1"),
    ],
)
def test_the_first_machine_of_slurms_list(nodes: str, first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_STEP_NODELIST", nodes)
    assert first_machine() == first


@pytest.mark.parametrize("value", ["0", "two", "1.5", "[0,1]", "-1", "null", "4000"])
def test_devices_are_auto_or_a_number(value: str, configured: Configured) -> None:
    with pytest.raises(
        ConfigError, match=r"^trainer\.devices: expected auto or a number from 1 to 1024, found"
    ):
        configured("lm", f"trainer.devices={value}")


def test_a_graph_of_several_devices_is_refused_and_auto_is_none(configured: Configured) -> None:
    with pytest.raises(ConfigError, match=r"^trainer\.graph=true: expected trainer\.devices=1"):
        configured("lm", "trainer.devices=2", "trainer.graph=true")
    assert configured("lm", "trainer.devices=2", "trainer.graph=auto").trainer.graph is False
