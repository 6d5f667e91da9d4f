"""What is chosen beside the training loop: `callbacks=[early_stopping,model_summary]`, and checks of `debug=NAME`."""

from typing import Any

from pytorch_lightning.callbacks import Callback

from ...records.run import RunRecord
from ..config import RunConfig
from ..console import Console
from ..recorder import Recorder
from .debugging import FirstNotFinite, Overfit
from .early_stopping import EarlyStop
from .model_summary import Summary


def chosen(config: RunConfig, recorder: Recorder, content: RunRecord, console: Console) -> list[Callback]:
    """The callbacks that a configuration asks for. They come behind the recorder, which has counted a step or
    validation by then, and before checkpoints are written, which keep what they have found."""
    found: list[Callback] = []
    if config.callbacks.early_stopping is not None:
        monitor, mode = config.monitored()
        found.append(EarlyStop(config.callbacks.early_stopping, monitor, mode, recorder, content, console))
    if config.callbacks.model_summary is not None:
        found.append(Summary(config.callbacks.model_summary.max_depth, console))
    debug = config.debug
    if debug is not None and debug.name == "overfit":
        found.append(Overfit(recorder, console, debug.batches))
    if debug is not None and debug.name == "nan":
        found.append(FirstNotFinite(console))
    return found


def limits_of(config: RunConfig) -> dict[str, Any]:
    """What a debugging preset asks of Lightning's trainer."""
    if config.debug is None:
        return {}
    found: dict[str, Any] = {"detect_anomaly": config.debug.name == "nan"}
    if config.debug.batches:
        found |= dict.fromkeys(
            ("limit_train_batches", "limit_val_batches", "limit_test_batches"), config.debug.batches
        )
    return found
