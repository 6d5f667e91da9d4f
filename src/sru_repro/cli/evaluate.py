"""sru-repro evaluate run=FOLDER [data_dir=FOLDER] [trainer.accelerator=cpu] [task.KEY=VALUE ...]

Measures a run's best checkpoint again and sets the figures beside the recorded ones.
"""

from collections.abc import Sequence
from pathlib import Path

from ..errors import ConfigError
from ..training.interrupt import signals
from .compose import one_line
from .words import need, split


def run(words: Sequence[str]) -> int:
    """Prints a line per figure: recorded, now, identical or not."""
    found, rest = split(words, ("run",))
    folder = Path(need(found, "run", "runs/TASK/ROW/PROFILE/seedN"))
    from ..training.load import evaluate, run_config

    for word in rest:
        if "=" not in word:
            raise ConfigError(f"{word}: expected key=value")
    with one_line():
        config, record = run_config(folder, rest)
    with signals():
        now = evaluate(config, folder)
    for name, value in now.items():
        before = record["metrics"].get(name)
        verdict = (
            "not recorded" if before is None else "identical" if before == value else f"recorded {before!r}"
        )
        print(f"{name:<16} {value!r:<24} {verdict}")
    return 0
