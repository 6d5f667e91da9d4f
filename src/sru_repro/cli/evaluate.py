"""sru-repro evaluate run=FOLDER [data_dir=FOLDER] [trainer.accelerator=cpu] [task.batch_size=N] ...
    language models: [task.eval_window=N] [task.eval_unroll=N] [task.eval_batch_size=N]; the reader: the last one

Measures a run's best checkpoint again and sets the figures beside the recorded ones; status 1 when one differs though
it was measured alike. What shaped the weights or the data (the other keys of task and model) cannot be changed.
What it says of each example of the test set is written to predictions.json in the run's folder: a reader's answers in
SQuAD's official format, of each sentence its text, class, the class it was taken for and that one's probability.
Beside an exported model (`sru-repro export`) nothing is written.
"""

import math
import sys
from collections.abc import Sequence

from pydantic import Field

from ..core.closest import did_you_mean
from ..core.errors import ConfigError, RunError
from ..core.interrupt import signals
from ..core.lock import holder, in_use
from ..records.run import RunRecord, read_record
from .compose import one_line
from .options import Options, existing_run
from .words import dotlist

CHANGEABLE = (
    *("data_dir=", "trainer.", "task.batch_size="),
    *("task.eval_window=", "task.eval_unroll=", "task.eval_batch_size="),  # of language models and readers
)
ROUNDING = 1e-5
"""Of a figure: sums in float32 in another order."""

RUN = "runs/TASK/ROW/PROFILE/seedN"


class EvaluateOptions(Options):
    """Which run."""

    run: str = Field(examples=[RUN])


def run(args: Sequence[str]) -> int:
    """Prints a line per figure: recorded, now, identical or not; then the file of predictions, where there are any."""
    options, rest = EvaluateOptions.parse_known(args)
    folder = existing_run("run", options.run)
    from ..training.load import evaluate, run_config
    from ..training.run_folder import write_predictions

    for arg in rest:
        if not arg.startswith(CHANGEABLE):
            near = did_you_mean(arg.partition("=")[0], (key.rstrip("=") for key in CHANGEABLE))
            raise ConfigError(f"{arg}: expected one of {', '.join(f'{key}...' for key in CHANGEABLE)}{near}")
    with one_line():
        config, record = run_config(folder, dotlist(rest))
    if record.state == "running":
        raise ConfigError(
            f"run={folder}: expected a run that has ended, found it under way ({holder(folder)})"
        )
    with signals():
        now, fingerprint, predictions = evaluate(config, folder)
    recorded = record.data.fingerprint
    if fingerprint != recorded:
        print(
            f"the data are not those of the run: fingerprint {fingerprint}, recorded {recorded}",
            file=sys.stderr,
        )
    if record.caveat:
        print(record.caveat, file=sys.stderr)
    for name, value in now.items():
        before = record.metrics.get(name)
        verdict = (
            "not recorded" if before is None else "identical" if before == value else f"recorded {before!r}"
        )
        if before is not None and before != value and _same(record, name, value):
            verdict += (
                f", by {record.ranks.world if record.ranks else 1} processes, which add up in another order"
            )
        print(f"{name:<16} {value!r:<24} {verdict}")
    if predictions and record.exported is None:
        try:
            with in_use(folder, "sru-repro evaluate"):
                if read_record(folder).started != record.started:
                    raise RunError(f"{folder}: another run has taken its place meanwhile; evaluate again")
                print(write_predictions(folder, predictions))
        except OSError as error:
            print(f"{folder}: the predictions could not be written ({error.strerror})", file=sys.stderr)
    measured_otherwise = any(arg.startswith("task.eval_") for arg in rest)
    return int(not measured_otherwise and not all(_same(record, name, value) for name, value in now.items()))


def _same(record: RunRecord, name: str, value: float) -> bool:
    """Whether a figure is the recorded one; of a run of several processes, which shared out the streams of a language
    model, but for rounding."""
    before = record.metrics.get(name)
    if record.ranks is None or before is None:
        return before == value
    return math.isclose(before, value, rel_tol=ROUNDING)
