"""What others read of the project by machine: how to cite it, what changed, what GitHub runs."""

import re
import tomllib
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from packaging.specifiers import SpecifierSet

from ..pages import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OF_A_WORK = {"type", "title", "authors", "year", "start", "end", "doi", "collection-title", "identifiers"}
"""Keys of the Citation File Format 1.2 that references here use."""
TOP = OF_A_WORK | {"cff-version", "message", "abstract", "version", "license", "keywords", "references"}


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def test_the_citation_file() -> None:
    cited = read("CITATION.cff")
    assert cited["cff-version"] == "1.2.0" and cited["type"] == "software" and cited.keys() <= TOP
    assert cited["version"] == PROJECT["version"] and cited["license"] == PROJECT["license"]
    assert cited["title"] == PROJECT["name"] and cited["message"] and cited["authors"]
    numbers = [work["identifiers"][0]["value"] for work in cited["references"]]
    assert numbers == ["arXiv:1709.02755", "arXiv:2102.12459"]
    for work in cited["references"]:
        assert work.keys() <= OF_A_WORK and re.fullmatch(r"10\.\d+/\S+", work["doi"])
        assert all(person.keys() == {"given-names", "family-names"} for person in work["authors"])
        page = (ROOT / "docs/cite.md").read_text(encoding="utf-8")
        assert work["title"] in page and f"{{{work['doi']}}}" in page, "the page says the same"


def test_the_changelog_knows_this_version() -> None:
    heads = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert heads[0] == "Unreleased" and PROJECT["version"] in heads


def test_github_runs_what_a_person_runs() -> None:
    (job,) = read(".github/workflows/test.yml")["jobs"].values()
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert [command.split()[:2] for command in commands] == [["make", "test"], ["make", "docs"]]
    targets = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"test", "docs"} <= set(targets)
    wanted = SpecifierSet(PROJECT["requires-python"])
    tried = job["strategy"]["matrix"]["python"]
    assert all(wanted.contains(version) for version in tried)
    assert tried == ["3.11", "3.13"] and not wanted.contains("3.10") and not wanted.contains("3.14")


@pytest.mark.parametrize("name", ["mkdocs.yml", ".github/workflows/test.yml", "CITATION.cff"])
def test_nobody_s_machine_is_named(name: str) -> None:
    assert not re.search(
        r"(?m)(?:^|[\s\"'=:(])/\w|localhost|index-url", (ROOT / name).read_text(encoding="utf-8")
    )
