"""Several devices or machines that train one run: a process each, its ranks. The first one (0) keeps the record.

place.py      how many there are, which of them this process is, or why that cannot be
world.py      what ranks tell one another
children.py   the processes that the first one starts on its own machine
follow.py     what all others do
quiet.py      their record, console and dashboard: none
shards.py     what each reads of a batch
strategy.py   Lightning's DDP over all that
"""

from .world import ALONE, Ranks

__all__ = ["ALONE", "Ranks"]
