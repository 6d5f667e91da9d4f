"""Pages that the site takes from the repository, so that nothing stands twice: `make docs` calls this through mkdocs.

Pages of results/, data/README.md, CONTRIBUTING.md and CHANGELOG.md keep their places, so that their links hold; what
they link to is copied beside them. On a page `<!-- README: Section -->` becomes that section of README,
`<!-- README -->` what stands above the first one, `<!-- notebooks -->` a list of them. A line that only readers on
GitHub need ("Built by `make docs`; on GitHub …") is left out.

Links are written as they hold in the repository (`../results/sst.md` on a page of docs/, `docs/own.md` in README); the
site has no folder docs/.
"""

import json
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
TAKEN = ("CHANGELOG.md", "CONTRIBUTING.md", "data/README.md", "results/**/*.md")
LINK = re.compile(r"(?P<text>!?\[(?:[^\[\]]|\[[^\[\]]*\])*\])\((?P<to>[^)\s#:]+)(?P<anchor>#[^)\s]*)?\)")
SHOWN = re.compile(r'(?:src|href)="([^"#:]+)"')
NOTEBOOKS = "<!-- notebooks -->"
INCLUDED = re.compile(r"^<!-- README(?:: (.+))? -->$", re.MULTILINE)
ON_GITHUB = re.compile(r"^\*Built by `make docs`; on GitHub .*\n\n", re.MULTILINE)
COMMENT = re.compile(r"<!--.*?-->\n?", re.DOTALL)
OUT, IN = re.compile(r"\]\(\.\./"), re.compile(r"\]\(docs/")
"""Of links: out of docs/, and into it."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Adds the pages of results/ to the navigation: tables, then what else was measured, then the logs."""
    (results,) = (entry for entry in config.nav if "Results" in entry)
    tables = {path.stem for path in (ROOT / "conf/table").glob("*.yaml")}

    def place(path: Path) -> tuple[bool, bool, str]:
        return path.stem.endswith("-log"), path.stem not in tables, path.with_suffix("").as_posix()

    pages = [path.relative_to(ROOT) for path in (ROOT / "results").rglob("*.md")]
    results["Results"] += [path.as_posix() for path in sorted(pages, key=place) if path.name != "README.md"]
    results["Results"] += [path.as_posix() for path in sorted(pages) if path.name == "README.md"][1:]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages and whatever files they, and the pages of docs/, link to."""
    for pattern in TAKEN:
        for path in sorted(ROOT.glob(pattern)):
            _add(files, config, path)
    for page in [*files.documentation_pages()]:
        text = _with_sections(page.content_string, page.src_uri)
        for target in _targets(text):
            path = _place(page.src_uri, target)
            if path is not None and path.is_file():
                _add(files, config, path)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The page's text with sections of README in it, folded parts as Markdown, and no link that leads nowhere."""
    here = page.file.src_uri
    text = _with_sections(markdown, here)
    text = _apart(COMMENT.sub("", ON_GITHUB.sub("", text)))
    text = re.sub(r"<details(?=[ >])", '<details markdown="1"', text)

    def kept(found: re.Match[str]) -> str:
        path = _place(here, found["to"])
        if path is None and found["text"].startswith("[!["):
            return ""  # a badge, which GitHub alone can show
        if path is None or path.is_file():
            return found[0]
        if not path.exists():
            return found[0]  # mkdocs says so
        return found["text"][1:-1]  # a folder has no page

    return LINK.sub(kept, text)


def _apart(text: str) -> str:
    """A blank line before a list or a table that follows a line of text: GitHub needs none, Python's Markdown does."""
    lines: list[str] = []
    fenced = False
    for line in text.split("\n"):
        fenced ^= line.startswith("```")
        before = lines[-1] if lines else ""
        begins = re.match(r"- |\||1\. ", line)
        if begins and not fenced and re.match(r"[^\s|<-]", before) and not re.match(r"\d+\. ", before):
            lines.append("")
        lines.append(line)
    return "\n".join(lines)


def _add(files: Files, config: MkDocsConfig, path: Path) -> None:
    uri = path.relative_to(ROOT).as_posix()
    if files.get_file_from_path(uri) is None:
        files.append(File.generated(config, uri, abs_src_path=str(path)))


def _targets(text: str) -> list[str]:
    return [found["to"] for found in LINK.finditer(text)] + SHOWN.findall(text)


def _place(page: str, target: str) -> Path | None:
    """Where a link of a page leads in the repository; None where it leads out of it."""
    path = (ROOT / page).parent.joinpath(target).resolve()
    return path if path.is_relative_to(ROOT) else None


def _with_sections(text: str, page: str) -> str:
    if (ROOT / "docs" / page).is_file():
        text = OUT.sub("](", text)
    text = text.replace(NOTEBOOKS, _notebooks())
    text = INCLUDED.sub(lambda found: _section(found[1], page), text)
    return IN.sub("](", text) if Path(page).parent == Path() else text


def _notebooks() -> str:
    """A line for each: its title, which is its first heading, and where it is."""
    lines = []
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        first = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"])
        title = first.partition("\n")[0].lstrip("# ")
        lines.append(f"- [{title}](notebooks/{path.name})")
    return "\n".join(lines)


def _section(title: str | None, page: str) -> str:
    """A section of README without its heading; without a title, what stands between its name and the first section.

    Raises:
        PluginError: README has no such section.
    """
    head, *sections = re.split(
        r"^## +(.+)\n", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    if title is None:
        return re.sub(r"\A# .+\n", "", head).strip()
    found: dict[str, Any] = dict(zip(sections[::2], sections[1::2], strict=True))
    if title not in found:
        raise PluginError(
            f"docs/{page}: expected a section of README.md ({', '.join(found)}), found {title!r}"
        )
    return str(found[title]).strip()
