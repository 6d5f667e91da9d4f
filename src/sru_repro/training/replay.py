"""python -m sru_repro.training.replay FOLDER      repeats the step at which a run failed, and says what was not finite

FOLDER is that of a run with a `fault.pt`, see `faults.py`; its configuration and data are those of its `run.json`.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ..core.errors import DataError, SuiteError
from ..data.batches import Sizes
from .faults import FILE, Read, first_not_finite
from .load import run_config
from .prepare import build_task, load_data


def replay(folder: Path) -> str:
    """What was found, then and now, in words.

    Raises:
        DataError: there is no such file, or it is another.
    """
    path = folder / FILE
    if not path.is_file():
        raise DataError(
            f"{path}: no such file; expected the folder of a run that failed at a loss that is no number"
        )
    config, _ = run_config(folder)
    data = load_data(config)
    task = build_task(config, data).train()
    content = torch.load(path, map_location="cpu", weights_only=True)
    task.load_state_dict(content["weights"])
    reads = [
        Read(_like(data.train[0], kept["batch"]), _tuples(kept["carry"]), kept["random"])
        for kept in content["batches"]
    ]

    def context() -> Any:
        mixed = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(config.trainer.precision)
        return torch.autocast("cpu", mixed or torch.bfloat16, enabled=mixed is not None)

    return f"step {content['step']}: {content['found']}; now: {first_not_finite(task, reads, context)}"


def _like(example: Any, kept: Any) -> Any:
    """What was kept, as a batch of the same kind as the example."""
    if isinstance(example, tuple) and hasattr(example, "_asdict"):
        return type(example)(**{name: _like(getattr(example, name), value) for name, value in kept.items()})
    if isinstance(example, Sizes):
        return Sizes(*kept)
    return _tuples(kept)


def _tuples(kept: Any) -> Any:
    if isinstance(kept, dict):
        return {key: _tuples(value) for key, value in kept.items()}
    return tuple(map(_tuples, kept)) if isinstance(kept, list) else kept


def main(words: Sequence[str]) -> int:
    """Prints it."""
    if len(words) != 1:
        raise DataError(f"expected one folder of a run, found {len(words)} arguments")
    print(replay(Path(words[0])))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except SuiteError as error:
        print(f"sru-repro: {error}", file=sys.stderr)
        sys.exit(error.status)
