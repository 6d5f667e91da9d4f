"""The site: built as `make docs` builds it, every warning an error, and no page needs anything from outside."""

import importlib
import importlib.util
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from ..pages import ROOT

LOADED = re.compile(
    r'<(?:script|img|iframe|source|object|embed)\b[^>]*?\b(?:src|data)="([^"]+)"|<link\b[^>]*?href="([^"]+)"'
)
LINKED = re.compile(r'<a\b[^>]*?href="([^"#]+)')
IN_STYLES = re.compile(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^)\"']+)")


@pytest.fixture(scope="module")
def config() -> Any:
    """mkdocs.yml, read as `mkdocs build --strict` does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_MKDOCS_2_WARNING", "1")
        return importlib.import_module("mkdocs.config").load_config(str(ROOT / "mkdocs.yml"), strict=True)


@pytest.fixture(scope="module")
def site(config: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The built pages."""
    config.site_dir = str(tmp_path_factory.mktemp("site"))
    importlib.import_module("mkdocs.commands.build").build(config)
    yield Path(config.site_dir)
    logging.getLogger("mkdocs").handlers.clear()


def there(page: Path, target: str) -> bool:
    return (page.parent / target.partition("?")[0]).exists()


@pytest.mark.slow
def test_the_site_stands_on_its_own(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    texts = {page: page.read_text(encoding="utf-8") for page in pages}
    loaded = [(page, a or b) for page, text in texts.items() for a, b in LOADED.findall(text)]
    linked = [(page, target) for page, text in texts.items() for target in LINKED.findall(text)]
    assert len(loaded) > 3 * len(pages), "styles and scripts are seen"
    outside = [(page.name, target) for page, target in loaded if re.match(r"(?:https?:)?//", target)]
    assert not outside
    own = [(page, target) for page, target in loaded + linked if not re.match(r"[a-z]+:|//|/", target)]
    assert not [
        (page.name, target) for page, target in own if page.name != "404.html" and not there(page, target)
    ]
    for style in site.rglob("*.css"):
        assert not IN_STYLES.findall(style.read_text(encoding="utf-8")), style.name
    results = {path.relative_to(ROOT / "results") for path in (ROOT / "results").rglob("*.md")}
    for page in results:
        built = page.with_name("index.html" if page.name == "README.md" else f"{page.stem}.html")
        assert (site / "results" / built).is_file(), page
    index = (site / "search/search_index.js").read_text(encoding="utf-8")
    assert index.startswith("var __index = ") and "highway" in index, (
        "what pages opened from the disk search in"
    )
    assert all("iframe-worker.js" in text for text in texts.values()), "and with what"
    start = texts[site / "index.html"]
    assert "make quickstart" in start and "<table>" in start, "README's head and its results"
    assert "hidden_size" in texts[site / "api-models.html"] and "Raises:" in texts[site / "api-ops.html"]


def test_a_page_of_the_api_says_where_to_read_on_github(hooks: Any, config: Any) -> None:
    for page in sorted((ROOT / "docs").glob("api-*.md")):
        text = page.read_text(encoding="utf-8")
        (line,) = re.findall(r"^\*Built by `make docs`.*$", text, re.MULTILINE)
        assert "on GitHub read the docstrings" in line
        shown = hooks.on_page_markdown(
            text, SimpleNamespace(file=SimpleNamespace(src_uri=page.name)), config, None
        )
        assert "on GitHub" not in shown and shown.startswith(text.partition("\n")[0])


def test_every_page_is_in_the_navigation(config: Any) -> None:
    named = re.findall(r"[\w/-]+\.md", str(yaml.safe_load(str(config.nav))))
    docs = {path.name for path in (ROOT / "docs").glob("*.md")}
    assert docs <= set(named)


@pytest.fixture
def hooks(config: Any) -> Any:
    """What brings the repository's pages in."""
    (module,) = config.hooks.values()
    return module


def test_folded_parts_are_markdown_and_folders_no_links(hooks: Any, config: Any) -> None:
    class Page:
        class file:
            src_uri = "results/some.md"

    text = "<details><summary>More</summary>\n\n| a | b |\n| - | - |\n| [runs](runs) | [sst](sst.md) |\n\n</details>\n"
    given = hooks.on_page_markdown(text, Page, config, None)
    found = importlib.import_module("markdown").markdown(given, extensions=["md_in_html", "tables"])
    assert re.search(r"<details>\s*<summary>More</summary>\s*<table>", found)
    assert "<td>runs</td>" in found and 'href="sst.md"' in found


def test_lists_and_tables_after_text_are_as_on_github(hooks: Any) -> None:
    text = "Some text:\n- one\n- two\n  goes on\n\nMore:\n| a |\n| - |\n| 1 |\n\n```\ntext\n- no list\n```"
    found = importlib.import_module("markdown").markdown(
        hooks._apart(text), extensions=["tables", "fenced_code"]
    )
    assert found.count("<li>") == 2 and "<table>" in found and "<code>text\n- no list" in found


def test_a_section_that_readme_has_not_is_named(hooks: Any) -> None:
    assert "make reproduce-sst" in hooks._section("Use", "reproduce.md")
    assert "The experiments" in hooks._section(None, "index.md")
    with pytest.raises(
        Exception, match=r"docs/x\.md: expected a section of README\.md \(Results, .*found 'Nonsense'"
    ):
        hooks._section("Nonsense", "x.md")


def test_columns_of_names_in_docstrings_become_lists() -> None:
    place = importlib.util.spec_from_file_location("docs_docstrings", ROOT / "scripts/docs_docstrings.py")
    assert place is not None and place.loader is not None
    module = importlib.util.module_from_spec(place)
    place.loader.exec_module(module)
    text = (
        "All.\n\ncausal   sees 0..t only\nstreams  calls on segments,\n         joined\n\nArgs:\n    x: input"
    )
    wanted = (
        "All.\n\n- `causal`: sees 0..t only\n- `streams`: calls on segments, joined\n\nArgs:\n    x: input"
    )
    assert module.listed(text) == wanted
