"""Data sets from the Hugging Face Hub, by way of `datasets`."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...core.errors import DataError
from .fetch import connection_problem, missing

ENDPOINT_VARIABLE = "HF_ENDPOINT"
"""Environment variable of the Hugging Face libraries with the address of another Hub."""

_OFFLINE_VARIABLES = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")


def hub_splits(
    data_dir: Path, candidates: Sequence[str], name: str, splits: Sequence[str], config: str | None = None
) -> list[Any]:
    """The splits of a data set, mapped from the library's own cache.

    Args:
        data_dir: the folder of the data.
        candidates: names below it that would have served, for the message.
        name: of the data set on the Hub.
        splits: their names there.
        config: which of the data set's configurations.

    Raises:
        DataError: they are not to be had, and the candidates are not there either.
    """
    endpoint = os.environ.get(ENDPOINT_VARIABLE) or "https://huggingface.co"
    # Told that there is no network, `datasets` itself looks no further than its own cache.
    offline = any(
        os.environ.get(name, "").upper() in {"1", "ON", "YES", "TRUE"} for name in _OFFLINE_VARIABLES
    )
    problem = None if offline else connection_problem(endpoint)
    if problem is None:
        try:
            import datasets

            if not sys.stderr.isatty():
                datasets.disable_progress_bars()
            return [
                datasets.load_dataset(name, *([config] if config else []), split=split) for split in splits
            ]
        # Whatever goes wrong in there (network, disk, Hub) comes as one of very many classes.
        except Exception as error:
            problem = " ".join(f"{type(error).__name__}: {error}".split())
    reason = f"reading {name} from {endpoint} failed ({problem})"
    raise DataError(missing(data_dir / candidates[0], candidates, reason))
