"""Slips of the finger, of the mind and of the editor: sound command lines and configuration files, changed."""

from collections.abc import Callable, Sequence
from random import Random

LINES = (
    ("model=qrnn", "task=sst", "model.dropout=0.3", "seed=7", "logger=csv"),
    ("experiment=sst/sru2", "profile=paper", "trainer=cpu", "logger.tags=[a,b]"),
    ("model=srupp", "task=enwik8", "model.hidden_size=64", "model.projection_size=16", "optim.lr=0.002"),
    ("task=text", "task.path=some.txt", "task.level=words", "trainer.max_steps=10", "data_dir=texts"),
    ("experiment=squad/sru3", "task.vectors=random", "profile=smoke", "trainer.threads=1", "seed=3"),
    ("model=sru", "task=quickstart", "model.layer_norm=post", "optim.name=adamw", "optim.betas=[0.9,0.98]"),
    (
        "model=cnn",
        "task=trec",
        "model.filters=10",
        "model.widths=[2,3]",
        "task.dropout=0.1",
        "task.batch_size=8",
    ),
    ("task=wikitext2", "model=transformer_xl", "model.num_heads=2", "optim.clip_norm=0.5", "resume=true"),
    ("experiment=words/lstm", "hydra.run.dir=runs/mine", "optim.schedule=constant", "trainer.log_every=5"),
)
"""Command lines of `train` that are sound."""
VALUES = (
    *(
        "foo",
        "1.5",
        "-1",
        "0",
        "1e3",
        "01",
        "1_0",
        "true",
        "yes",
        "null",
        "nan",
        "inf",
        "-inf",
        "1e999",
        "9" * 25,
        "",
    ),
    *(
        "[]",
        "{}",
        "[1,2]",
        "{a: 1}",
        "[",
        "{",
        "(",
        "')",
        "a b",
        "a,b",
        "a=b",
        "#",
        "~",
        "$",
        "-x",
        "@x",
        "a:b",
        "文本",
    ),
    *(
        "🎉",
        "\\",
        "C:\\x\\y",
        "it's",
        '"',
        "''",
        "${seed}",
        "${nowhere}",
        "${",
        "${a.b:c}",
        "range(1,3)",
        "choice(a,b)",
    ),
    *(
        "a\nb",
        "\t",
        "\x1b[2J",
        "\udcff",
        "x" * 5000,
        "!!python/object:os.system",
        "*a",
        "&a",
        "../..",
        "/",
        " ",
    ),
)
"""Values that are of the wrong type, out of range, or hard to read."""
SIGNS = "abcxyz019._-=,:;/\\'\"#~$%&*+()[]{}<>|!?@ \t文ß🎉\u202e\u2028\x07"

Words = list[str]


def mutated_line(draw: Random) -> Words:
    """A command line with one or two mutations."""
    words = list(draw.choice(LINES))
    for _ in range(draw.choice((1, 1, 1, 2))):
        words = draw.choice(MUTATIONS)(words, draw)
    return words


def slipped(text: str, draw: Random) -> str:
    """One letter lost, doubled, exchanged with its neighbour, or another."""
    place = draw.randrange(max(1, len(text)))
    ahead, here, behind = text[:place], text[place : place + 1], text[place + 1 :]
    ways = (behind, here + here + behind, behind[:1] + here + behind[1:], draw.choice("aeinst") + behind)
    return ahead + draw.choice(ways)


def _at(change: Callable[[str, Random], str]) -> Callable[[Words, Random], Words]:
    """One word changed."""

    def mutation(words: Words, draw: Random) -> Words:
        if not words:
            return words
        place = draw.randrange(len(words))
        return [*words[:place], change(words[place], draw), *words[place + 1 :]]

    return mutation


def _key(word: str, draw: Random) -> str:
    key, equals, value = word.partition("=")
    return slipped(key, draw) + equals + value


def _value(word: str, draw: Random) -> str:
    key, equals, value = word.partition("=")
    return key + equals + slipped(value, draw)


def _other_value(word: str, draw: Random) -> str:
    return f"{word.partition('=')[0]}={draw.choice(VALUES)}"


def _sign_within(word: str, draw: Random) -> str:
    place = draw.randrange(len(word) + 1)
    return word[:place] + draw.choice(SIGNS) + word[place:]


def _sign_before(word: str, draw: Random) -> str:
    return draw.choice(("--", "-", "+", "++", "~", "---", " ", "--+")) + word


def _without_equals(word: str, draw: Random) -> str:
    return word.replace("=", draw.choice(("", " ", "==", ":")), 1)


def _without_a_side(word: str, draw: Random) -> str:
    key, _, value = word.partition("=")
    return draw.choice((f"={value}", key, f"{key}=", f"~{key}", f"{key}=={value}"))


def _noise(word: str, draw: Random) -> str:
    return "".join(
        chr(draw.choice((draw.randrange(1, 128), draw.randrange(0x2FFF)))) for _ in range(draw.randrange(9))
    )


def _lost(words: Words, draw: Random) -> Words:
    place = draw.randrange(len(words) + 1)
    return words[:place] + words[place + 1 :]


def _doubled(words: Words, draw: Random) -> Words:
    word = draw.choice(words or ["seed=1"])
    again = draw.choice((word, f"--{word}", f"++{word}", f"{word.partition('=')[0]}=1"))
    return [*words, again]


def _swapped(words: Words, draw: Random) -> Words:
    if len(words) < 2:
        return words
    one, other = draw.sample(range(len(words)), 2)
    changed = list(words)
    ours, theirs = words[one].partition("="), words[other].partition("=")
    changed[one], changed[other] = f"{ours[0]}={theirs[2]}", f"{theirs[0]}={ours[2]}"
    return changed


def _group(words: Words, draw: Random) -> Words:
    group = draw.choice(("model", "task", "trainer", "logger", "experiment"))
    kept = [word for word in words if not word.startswith(f"{group}=")]
    return [
        f"{group}={draw.choice(('sru', 'lstm', 'cnn', 'sst', 'enwik8', 'squad', 'csv', 'cpu', 'sst/sru4'))}",
        *kept,
    ]


def _flag(words: Words, draw: Random) -> Words:
    flag = draw.choice(
        ("--mutirun", "-x", "--config-dir", "--cfg=jobs", "--resume", "-", "--optim.lr", "--no", "--=")
    )
    place = draw.randrange(len(words) + 1)
    return [*words[:place], flag, *words[place:]]


MUTATIONS: Sequence[Callable[[Words, Random], Words]] = (
    *(_at(_key), _at(_key), _at(_value), _at(_other_value), _at(_other_value), _at(_other_value)),
    *(
        _at(_sign_within),
        _at(_sign_within),
        _at(_sign_before),
        _at(_without_equals),
        _at(_without_a_side),
        _at(_noise),
    ),
    *(_lost, _doubled, _swapped, _group, _flag),
)

FILES = {
    "model/mine.yaml": "name: sru\nhidden_size: 16\nnum_layers: 2\ndropout: 0.5\nbidirectional: false\n"
    "projection_size: 0\nhighway_bias: 0.0\nlayer_norm: null\nhas_skip_term: true\nrescale: true\n"
    "activation: identity\nv1: false\n",
    "experiment/mine.yaml": "# @package _global_\ndefaults:\n  - override /task: sst\n  - override /model: sru\n"
    "\nrow: mine\nmodel:\n  num_layers: 3\n  dropout: 0.2\noptim:\n  lr: 0.01\n  betas: [0.9, 0.99]\n"
    "paper:\n  line: 1\n  label: my own\n  metric:\n    sst: [89.2, 0.3]\n",
    "trainer/mine.yaml": "defaults:\n  - auto\n  - _self_\n\nname: mine\naccelerator: cpu\nmax_steps: 5\nthreads: 1\n",
}
"""Configuration files of a user's own that are sound."""
LAUGHS = "a0: &a0 [l, l, l, l, l, l, l, l, l, l]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)
"""A few hundred bytes of YAML that stand for 10^12 values."""


def mutated_file(draw: Random) -> tuple[str, bytes]:
    """The place of a configuration file in a folder, and its content, changed."""
    place = draw.choice(sorted(FILES))
    lines = FILES[place].splitlines()
    number = draw.randrange(len(lines))
    line = lines[number]
    key = line.partition(":")[0]
    changed = draw.choice(
        (
            [f"  {line}"],
            [f"\t{line}"],
            [line, line],
            [],
            [f"{key}: &x", f"{key}2: *x"],
            [f"{key}: *nowhere"],
            [f"{key}: {draw.choice(VALUES)}"],
            [f"{key}: {draw.choice(VALUES)}"],
            [slipped(line, draw)],
            [slipped(line, draw)],
            [f"{key}: {'[' * 400}{']' * 400}"],
            [f"{key}: {'{a: ' * 300}1{'}' * 300}"],
            [f"{key}: !!python/object/apply:os.getcwd []"],
            [f"{key}: !!binary aGVsbG8="],
            [f"{key}: 2024-01-01"],
            [f"{key}: |", "  a", "  b"],
            [line, "<<: *x"],
            [line, "---", line],
            [line.lstrip() or "x"],
            [f"{key} {line}"],
            [f"? {line}"],
            [line.replace(":", "")],
            [line, "unknown: 1"],
        )
    )
    text = "\n".join([*lines[:number], *changed, *lines[number + 1 :]]) + "\n"
    whole: tuple[bytes, ...] = (text.encode("utf-8", "replace"),) * 12 + (
        (text + LAUGHS).encode("utf-8", "replace"),
        text.encode("utf-16"),
        text.encode("latin-1", "replace") + b"# caf\xe9\n",
        b"",
        b"- a\n- b\n",
        b"just words\n",
        draw.randbytes(40),
        b"\0" + text.encode("utf-8", "replace"),
    )
    return place, draw.choice(whole)
