"""Lists of names in docstrings, in columns as people read them in the source, as lists on the site's pages.

    causal   output t depends on inputs 0..t only
    streams  calls on consecutive segments equal one call on the whole,
             the state handed on

mkdocstrings calls this through griffe, on whatever a page shows.
"""

import re
from typing import Any

import griffe

NAME = re.compile(r"^(\w+)  +(?=\S)")
FOLLOWING = re.compile(r"^ {3,}(?=\S)")


class Columns(griffe.Extension):
    """Rewrites the docstrings of what is read; signatures and sections stay."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Called for every module, class, function and attribute."""
        if obj.docstring is not None:
            obj.docstring.value = listed(obj.docstring.value)


def listed(text: str) -> str:
    """The text with `name  what it is` as items of a list, lines that go on with one joined to it."""
    lines: list[str] = []
    within = False
    for line in text.split("\n"):
        if NAME.match(line):
            if not within and lines and lines[-1].strip():
                lines.append("")
            lines.append(NAME.sub(r"- `\1`: ", line))
            within = True
        elif within and FOLLOWING.match(line):
            lines[-1] += " " + line.strip()
        else:
            if within and line.strip():
                lines.append("")
            within = False
            lines.append(line)
    return "\n".join(lines)
