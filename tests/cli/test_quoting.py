"""Values of a command line are what the shell gave, and keep the meaning that Hydra gives them."""

from random import Random
from typing import Any

import pytest

from sru_repro.cli.compose import composed
from sru_repro.cli.quoting import parsed_word, quote, quoted

NAMES = (
    *(
        "my texts (2)/a.txt",
        "文本.txt",
        "notes#1.txt",
        "a,b.txt",
        "a=b",
        "it's",
        'say "so"',
        "🎉 naïve",
        "[x]",
        "{y}",
        "[x",
    ),
    *(
        "~/x.txt",
        "$HOME/x",
        "-x.txt",
        "--x",
        "2024",
        "01",
        "1e3",
        "1_0",
        "true",
        "nan",
        "a: b",
        "a:b",
        "C:\\new\\x.txt",
    ),
    *(
        "\\\\server\\share",
        "a\\",
        "\\",
        "'",
        '"',
        " a ",
        "  ",
        "a\tb",
        "a\nb",
        "%(x)s",
        "a&b|c;d>e",
        "*.txt",
        "?",
        "!",
        "@x",
    ),
    *(
        "(a",
        "a)",
        "}",
        "a{b}c",
        "choice(a,b)",
        "range(1,3)",
        "str",
        "a'b,c'd",
        "[a,b]",
        "{a: b}",
        "\u202eb",
        "a b,c d",
    ),
)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("key", ["task.path", "data_dir", "hydra.run.dir"])
def test_a_text_is_what_the_shell_gave(key: str, name: str) -> None:
    parsed = parsed_word(f"{key}={quoted(key, name, sweeping=False)}")
    assert parsed is not None and not parsed.is_sweep_override() and parsed.value() == name


def test_any_text_at_all() -> None:
    draw = Random(5)
    for _ in range(2000):
        text = "".join(draw.choice("ab \\'\"#,=()[]{}:~$\n文-+%\t@1.") for _ in range(draw.randrange(9)))
        parsed = parsed_word(f"key={quote(text)}")
        assert parsed is not None and parsed.value() == text
        if text and "${" not in text and not text.lstrip().startswith(("'", '"')) and "\\" not in text:
            parsed = parsed_word(f"key={quoted('task.path', text, sweeping=False)}")
            assert parsed is not None and parsed.value() == text


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("'a b'", "a b"),
        ('"a,b"', "a,b"),
        ("${data_dir}/x", "${data_dir}/x"),
        ("a\\,b", "a,b"),
        ("str(3)", "3"),
        ("null", None),
        ("", ""),
    ],
)
def test_what_hydra_has_a_meaning_for_keeps_it(value: str, meant: str | None) -> None:
    parsed = parsed_word(f"task.path={quoted('task.path', value, sweeping=False)}")
    assert parsed is not None and parsed.value() == meant


@pytest.mark.parametrize(
    ("key", "value", "members"),
    [
        ("task.path", "a (1).txt,b#.txt", ["a (1).txt", "b#.txt"]),
        ("task.path", "2023,2024", ["2023", "2024"]),
        ("task.path", "'a,b',c d(", ["a,b", "c d("]),
        ("data_dir", "choice(a,b)", ["a", "b"]),
        ("data_dir", "it's,that's", ["it's", "that's"]),
        ("seed", "range(1,4)", [1, 2, 3]),
        ("model", "sru,lstm", ["sru", "lstm"]),
        ("logger.tags", "[a b(],[c]", [["a b("], ["c"]]),
        ("optim.lr", "0.1,#", [0.1, "#"]),
    ],
)
def test_commas_sweep_where_something_is_swept(key: str, value: str, members: list[Any]) -> None:
    parsed = parsed_word(f"{key}={quoted(key, value, sweeping=True)}")
    assert parsed is not None and parsed.is_sweep_override()
    found = [parsed_word(f"{key}={text}") for text in parsed.sweep_string_iterator()]
    assert [each.value() for each in found if each is not None] == members


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("[a b#c,文本,it's,2024]", ["a b#c", "文本", "it's", "2024"]),
        ("['x,y',z]", ["x,y", "z"]),
        ("[]", []),
        ("[C:\\a (2),-]", ["C:\\a (2)", "-"]),
    ],
)
def test_texts_in_a_list(value: str, meant: list[str]) -> None:
    assert composed([f"logger.tags={value}"]).plain["logger"]["tags"] == meant


def test_numbers_names_and_lists_of_numbers_are_no_texts() -> None:
    config = composed(
        ["optim={lr: 0.5, name: sgd}", "optim.betas=[0.5, 0.6]", "row=2024", "logger.project=1e5", "seed=1_0"]
    )
    assert (config.optim.lr, config.optim.name, config.optim.betas) == (0.5, "sgd", (0.5, 0.6))
    assert (config.top.row, config.top.seed, config.plain["logger"]["project"]) == ("2024", 10, "1e5")
