"""What stands in code blocks on the pages of docs/: files, code, command lines. Tests take them from there."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))
BLOCK = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Written:
    """The blocks of a page: those with a title are files, by name; all other Python is code, in its order."""

    files: dict[str, str]
    code: list[str]
    commands: list[str]


def page(name: str) -> Written:
    """The blocks of docs/NAME.md.

    Raises:
        ValueError: a file stands there twice.
    """
    found = Written({}, [], [])
    for language, title, text in BLOCK.findall((ROOT / f"docs/{name}.md").read_text(encoding="utf-8")):
        if title:
            if title in found.files:
                raise ValueError(f"docs/{name}.md: expected {title} once, found it twice")
            found.files[title] = text
        elif language == "python":
            found.code.append(text)
        elif language == "sh":
            found.commands.extend(line for line in text.splitlines() if line.strip())
    return found
