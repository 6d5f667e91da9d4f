"""What a hostile world does to the suite: kills, full disks, damaged files, typos, poisoned content. `make torture`.

A section is a file here without a leading underscore; its `PROMISES` is a list of `Promise`. Each is tried as often as
its `Cut` says: whole for `results/reliability.md`, small in `tests/torture/`. A new promise: an entry in that list, and
the test it names.
"""

from ._promise import Cut, Promise, Skip, Tally, outcome_of

__all__ = ["Cut", "Promise", "Skip", "Tally", "outcome_of"]
