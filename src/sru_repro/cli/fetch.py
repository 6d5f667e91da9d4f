"""sru-repro fetch task=NAME [data_dir=FOLDER] [key=value ...]      find or download a task's data, and check it

Files below data_dir are used as they are; what is missing is downloaded there with a pinned checksum.
"""

from collections.abc import Sequence

from ..training.prepare import load_data
from .compose import composed


def run(args: Sequence[str]) -> int:
    """Loads the data once and says what was found."""
    config = composed(args, once=True)
    data = load_data(config)
    counts = ", ".join(f"{count:,} {name}" for name, count in data.counts.items())
    print(f"{data.description}: {counts}\nfrom {data.source}\nfingerprint {data.fingerprint}")
    print("\n".join(data.notes))
    return 0
