"""Launch configurations of the CUDA kernels: the rule, the table of what was measured, and which is followed."""

from pathlib import Path
from typing import Any

import pytest
import torch

from sru_repro.ops import launch_config
from sru_repro.ops.launch_config import TABLE, LaunchConfig, Measurement, dump, measured, read, widest

GPU = "A GPU"


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Writes the table that is looked up: `table(rows)`."""

    def write(rows: list[Measurement]) -> None:
        path = tmp_path / "launch_configs.json"
        path.write_text(dump({GPU: rows}))
        monkeypatch.setenv("SRU_REPRO_LAUNCH_CONFIGS", str(path))
        launch_config._table.cache_clear()
        measured.cache_clear()

    yield write
    launch_config._table.cache_clear()
    measured.cache_clear()


def row(columns: int, config: tuple[int, int, int], step: int = 10) -> Measurement:
    return Measurement("forward", "bfloat16", columns, step, LaunchConfig(*config))


def test_the_nearest_size_that_was_measured_is_followed(table: Any) -> None:
    table([row(1024, (1, 8, 32)), row(4096, (4, 2, 128))])

    def at(
        columns: int, most: int = 8, step: int = 10, length: int = 64, gpu: str = GPU
    ) -> LaunchConfig | None:
        return measured(gpu, "forward", torch.bfloat16, columns, most, step, length)

    assert at(1024) == at(1400) == at(800) == LaunchConfig(1, 8, 32)
    assert at(4096) == at(3000) == LaunchConfig(4, 2, 128)
    assert at(2048 + 50) is None and at(512) is None  # more than half a doubling away
    assert at(4096, most=2) is None  # the width does not allow it
    assert at(4096, step=16) is None and at(4096, step=14) == LaunchConfig(4, 2, 128)
    assert at(4096, length=8) is None and at(4096, gpu="Another GPU") is None
    assert measured(GPU, "backward", torch.bfloat16, 4096, 8, 10, 64) is None
    assert measured(GPU, "forward", torch.float32, 4096, 8, 10, 64) is None


def test_a_thread_takes_sixteen_bytes_at_most() -> None:
    assert [widest(kind, 64, 0) for kind in (torch.float64, torch.float32, torch.bfloat16)] == [1, 4, 8]
    assert widest(torch.bfloat16, 12, 0) == 4 and widest(torch.bfloat16, 7, 0) == 1
    assert widest(torch.bfloat16, 64, 8) == 1  # an address that is no multiple of 16


def test_the_rule_uses_what_a_gpu_has() -> None:
    for columns in (1 << i for i in range(6, 22)):
        config = launch_config.rule(columns, 8, 10, 128, 132)
        assert config.columns <= 4 and config.threads in (32, 64, 128)
        assert config.columns * config.depth * 10 <= launch_config.RING or config.depth == 2
    assert launch_config.rule(64, 4, 10, 1, 132) == LaunchConfig(1, 1, 32)
    assert launch_config.rule(1 << 21, 4, 10, 128, 132) == LaunchConfig(4, 2, 128)


def test_the_packaged_table_is_sound() -> None:
    assert dump(read(TABLE)) == TABLE.read_text()


@pytest.mark.parametrize(
    "content", ["no JSON", '{"A GPU": [{"kernel": "forward"}]}', dump({GPU: [row(64, (3, 2, 64))]})]
)
def test_a_broken_table_is_told_in_one_line(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "broken.json"
    path.write_text(content)
    monkeypatch.setenv("SRU_REPRO_LAUNCH_CONFIGS", str(path))
    launch_config._table.cache_clear()
    measured.cache_clear()
    with pytest.raises(
        RuntimeError, match=r"broken\.json: expected a table of launch configurations, found .*SRU_REPRO_L"
    ):
        measured(GPU, "forward", torch.bfloat16, 64, 8, 10, 64)
    launch_config._table.cache_clear()
