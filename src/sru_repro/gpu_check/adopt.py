"""What `tune` has found enters the table of launch configurations: the one beside the pages as it is measured, the one
that the suite looks into by `sru-repro gpu-check adopt=FOLDER`."""

import os
from collections.abc import Sequence
from pathlib import Path

from ..core.errors import ConfigError, DataError
from ..core.files import write_text
from ..core.layout import checkout
from ..ops import launch_config
from ..ops.launch_config import LaunchConfig, Measurement, Table
from ..records.base import read
from ..records.gpu_page import WORTH, FoundLaunch, GPUPage


def adopt(folder: Path) -> tuple[Path, int]:
    """Puts the page `tune` of a folder into the table; the table's file, and how many rows it has for that GPU.

    The table is the one that the environment names, else the checkout's.

    Raises:
        ConfigError: the suite is installed, and the environment names no table.
        DataError: there is no sound page, it is of a rehearsal, or the table is broken.
    """
    path = _own_table()
    page = read(GPUPage, folder / "tune.json")
    if page.rehearsal or page.device != "cuda":
        raise DataError(f"adopt={folder}: expected what a GPU measured, found a rehearsal")
    try:
        table = launch_config.read(path) if path.exists() else {}
    except ValueError as error:
        raise DataError(
            f"{path}: expected a table of launch configurations, found {error}; delete it"
        ) from None
    found = merged(table, page.gpu.name, measurements(page))
    write_text(path, launch_config.dump(found))
    return path, len(found.get(page.gpu.name, ()))


def _own_table() -> Path:
    if named := os.environ.get(launch_config.VARIABLE):
        return Path(named)
    if checkout() is None:
        raise ConfigError(
            f"adopt: expected a checkout, found an installed package; name a table of your own: "
            f"{launch_config.VARIABLE}=FILE"
        )
    return launch_config.TABLE


def measurements(page: GPUPage) -> list[tuple[Measurement, bool]]:
    """What was fastest in each piece of a page, and whether it is worth a row."""
    return [
        measurement(piece.values)
        for piece in page.pieces
        if piece.state == "ok" and isinstance(piece.values, FoundLaunch)
    ]


def measurement(row: FoundLaunch) -> tuple[Measurement, bool]:
    """The same of a piece."""
    found = Measurement(row.kernel, row.dtype, row.columns, row.step_bytes, LaunchConfig(*row.best))
    return found, row.gain >= WORTH


def merged(
    table: Table, gpu: str, found: Sequence[tuple[Measurement, bool]]
) -> dict[str, Sequence[Measurement]]:
    """The table with what was found on a GPU in the place of what it said of these sizes."""
    rows = {row[:3]: row for row in table.get(gpu, ())}
    for row, worth in found:
        rows.pop(row[:3], None)
        if worth:
            rows[row[:3]] = row
    others = {name: rows for name, rows in table.items() if name != gpu}
    return {**others, gpu: [rows[key] for key in sorted(rows)]} if rows else others
