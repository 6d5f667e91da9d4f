"""The cores of this process, and how many runs share them. Without torch: whoever only starts others asks here."""

import os

SIDE_BY_SIDE = "SRU_REPRO_SIDE_BY_SIDE"
"""The variable in which a campaign tells its runs how many of them share the machine."""


def cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
