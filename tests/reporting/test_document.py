"""Documents: every block as Markdown and on a terminal, and nothing of a record's text taken for markup."""

import io
from pathlib import Path

from rich.console import Console

from sru_repro.reporting.document import (
    Block,
    Bullets,
    Code,
    Heading,
    Picture,
    Table,
    Text,
    markdown,
    terminal,
    write_document,
)

TABLE = Table(
    "Times <all>",
    ["model", "ms", "verdict"],
    [["SRU [2]", "1.0", "a|b"], ["LSTM", "", "x\ny"]],
    words={"verdict"},
    notes=["[1] why", "[2] <b>"],
)
BLOCKS: list[Block] = [
    Heading("speed", 1),
    Text("*Legend*"),
    Picture("a.png", "a picture"),
    Bullets(["one <two>", "three"]),
    Bullets([]),
    TABLE,
]


def test_markdown(tmp_path: Path) -> None:
    expected = """\
# speed

*Legend*

![a picture](a.png)

- one &lt;two>
- three

### Times &lt;all>

| model | ms | verdict |
| --- | --: | --- |
| SRU [2] | 1.0 | a\\|b |
| LSTM | — | x<br>y |

[1] why  
[2] &lt;b>
"""
    assert markdown(BLOCKS) == expected
    assert write_document(tmp_path / "new" / "a.md", BLOCKS).read_text() == expected


def test_a_table_without_a_title_or_a_column() -> None:
    table = Table("", TABLE.heads, TABLE.body, words={"verdict"}).without({"ms"})
    assert markdown([table]).splitlines() == [
        "| model | verdict |",
        "| --- | --- |",
        "| SRU [2] | a\\|b |",
        "| LSTM | x<br>y |",
    ]


def test_terminal() -> None:
    console = Console(width=60, file=io.StringIO(), record=True)
    for shown in terminal(BLOCKS):
        console.print(shown)
    lines = [line.rstrip() for line in console.export_text().splitlines()]
    assert lines[:4] == ["speed", "*Legend*", "one <two>", "three"]
    assert "Times <all>" in lines[4] and "SRU [2]" in "".join(lines) and "[1] why" in "".join(lines)
    assert any(line.split() == ["LSTM", "—", "x"] for line in lines)


def test_lines_to_be_copied_are_no_markup() -> None:
    line = f"train 'path=[bold]{'x' * 50}' \\\n    <b>=1"
    assert markdown([Code(line)]) == f"    {line.splitlines()[0]}\n        <b>=1\n"
    out = io.StringIO()
    Console(file=out, width=80).print(*terminal([Code(line)]))
    assert out.getvalue() == line + "\n"


def test_signs_of_markup_in_labels_stay_what_they_are() -> None:
    table = Table(
        "",
        ["model *a*", "why"],
        [
            ["**_x_ 1.0** ≈", "p < 0.001, b<c"],
            ["lr_base `k=1` and `", "[here](sst.md)"],
            ["[a](javascript:b)", "2 ** 3"],
        ],
    )
    assert markdown([table]).splitlines() == [
        r"| model \*a\* | why |",
        "| --- | --: |",
        r"| **\_x\_ 1.0** ≈ | p < 0.001, b&lt;c |",
        r"| lr_base `k=1` and \` | [here](sst.md) |",
        r"| [a]\(javascript:b) | 2 \*\* 3 |",
    ]
    assert markdown([Picture("a.png", "SRU [2](x) (n)")]) == "![SRU \\[2\\]\\(x) (n)](a.png)\n"
    assert markdown([Bullets(["[a](https://b.test)"])]) == "- [a]\\(https://b.test)\n"
