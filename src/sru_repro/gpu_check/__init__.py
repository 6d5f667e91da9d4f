"""The GPU check: what only a GPU can show, section by section, each with a page of its own in JSON.

`run` gives every section a process and a share of the time; `section` carries out its pieces, one file each:
`correct`, `speed`, `tune`, `training`, `table_runs`.
"""

from .plan import Failed, Planned, SectionOptions, Skipped, Unfinished

__all__ = ["Failed", "Planned", "SectionOptions", "Skipped", "Unfinished"]
