"""The rows of the language models' tables: sizes counted on the meta device, protocols against the papers' own."""

from functools import cache
from typing import Any

import pytest

from sru_repro.cli.compose import composed
from sru_repro.cli.tables import describe, load_table

EXACT = {  # SRU paper, Table 4 and README; SRU++ paper, Tables 1 to 3: from the shapes of the authors' code
    **{"enwik8/sru8": 37_577_238, "enwik8/sru10": 37_100_918, "enwik8/sru6": 37_042_934},
    **{"enwik8/sru8-proj": 47_083_238, "enwik8/sru12-proj": 48_805_325},
    **dict.fromkeys(("enwik8/srupp-512", "enwik8/srupp-768", "enwik8/srupp-k1"), 42_345_815),
    **{"enwik8/srupp-base": 107_566_295, "enwik8/srupp-base-k5": 98_129_103},
    **{"enwik8/srupp-large": 190_607_575, "enwik8/srupp-large-r8": 194_993_815},
}
ORDER = {
    "enwik8": [
        *("lstm3", "lstm6", "qrnn6", "sru6", "sru8", "sru10", "sru6-proj", "sru8-proj", "sru12-proj"),
        *("transformer-xl", "srupp-512", "srupp-768"),
        *("srupp-k1", "srupp-k2", "srupp-k5", "srupp-k10", "srupp-none"),
        *("srupp-base", "srupp-base-k5", "srupp-large", "srupp-large-r8"),
    ],
    "wikitext103": ["transformer-xl", "srupp-base", "srupp-large", "srupp-large-r8", "srupp-large-k5"],
}
ROWS = [f"{table}/{row}" for table, rows in ORDER.items() for row in rows]
TABLE_4 = {  # rows of the SRU paper: dropout, streams, steps, test bits per character
    **{"lstm3": (0.2, 128, 100, 1.39), "lstm6": (0.2, 128, 100, 1.38), "qrnn6": (0.2, 128, 100, 1.38)},
    **{"sru6": (0.2, 128, 100, 1.30), "sru8": (0.2, 128, 100, None), "sru10": (0.2, 128, 100, 1.27)},
    **{"sru6-proj": (0.3, 128, 100, 1.26), "sru8-proj": (0.3, 128, 100, 1.21)},
    "sru12-proj": (0.3, 64, 256, 1.19),
}
SRUPP: dict[str, tuple[float, int, int, int, float, int, float]] = {
    # dropout, streams of all GPUs, steps, window, learning rate, warm-up, test figure
    "enwik8/srupp-512": (0.1, 24, 512, 512, 2.5e-4, 0, 1.03),
    "enwik8/srupp-768": (0.1, 16, 768, 768, 2.5e-4, 0, 1.02),
    "enwik8/srupp-k1": (0.1, 16, 768, 768, 2.5e-4, 0, 1.022),
    "enwik8/srupp-k2": (0.1, 16, 768, 768, 2.5e-4, 0, 1.025),
    "enwik8/srupp-k5": (0.1, 16, 768, 768, 2.5e-4, 0, 1.032),
    "enwik8/srupp-k10": (0.1, 16, 768, 768, 2.5e-4, 0, 1.033),
    "enwik8/srupp-none": (0.1, 16, 768, 768, 2.5e-4, 0, 1.19),
    "enwik8/srupp-base": (0.22, 32, 1024, 3072, 3e-4, 16_000, 0.97),
    "enwik8/srupp-base-k5": (0.22, 32, 1024, 3072, 3e-4, 16_000, 0.98),
    "enwik8/srupp-large": (0.32, 64, 1024, 3072, 4e-4, 16_000, 0.96),
    "enwik8/srupp-large-r8": (0.32, 64, 1024, 3072, 4e-4, 16_000, 0.95),
    "wikitext103/srupp-base": (0.15, 64, 768, 2560, 3e-4, 16_000, 18.3),
    "wikitext103/srupp-large": (0.2, 64, 1024, 2560, 3e-4, 16_000, 17.4),
    "wikitext103/srupp-large-r8": (0.2, 64, 1024, 2560, 3e-4, 16_000, 17.1),
    "wikitext103/srupp-large-k5": (0.2, 64, 1024, 2560, 3e-4, 16_000, 17.3),
}
GPU_HOURS = {
    **{"enwik8/transformer-xl": 356, "enwik8/srupp-k1": 37, "enwik8/srupp-k2": 29, "enwik8/srupp-k5": 24},
    **{"enwik8/srupp-k10": 22, "enwik8/srupp-none": 20},
    **{"enwik8/srupp-base": 6 * 24, "enwik8/srupp-base-k5": 4 * 24},
    **{"enwik8/srupp-large": 12 * 24, "enwik8/srupp-large-r8": 13 * 24},
    **{"wikitext103/srupp-base": 8 * 24, "wikitext103/srupp-large": 14 * 24},
    **{"wikitext103/srupp-large-r8": 15 * 24, "wikitext103/srupp-large-k5": 11 * 24},
}


@cache
def row_of(name: str) -> dict[str, Any]:
    """What `list` says of a row."""
    table, _, row = name.partition("/")
    return describe(table, row, table).plain()


@cache
def settings(name: str) -> dict[str, Any]:
    """The resolved configuration of a row in the paper's profile."""
    return composed([f"experiment={name}", "profile=paper"]).plain


@pytest.mark.parametrize("table", ORDER)
def test_every_row_of_the_papers_is_there_in_their_order(table: str) -> None:
    assert load_table(table).row_names("paper") == ORDER[table]


@pytest.mark.parametrize("name", EXACT)
def test_exact_sizes(name: str) -> None:
    assert row_of(name)["parameters"] == EXACT[name]


@pytest.mark.parametrize("name", ROWS)
def test_sizes_are_the_papers(name: str) -> None:
    """The printed size, which is rounded; rebuilt models, whose widths are not known, within 2 %."""
    row = row_of(name)
    printed = row["paper"]["parameters"]
    if name.startswith("enwik8/srupp-") and row["paper"].get("deviation"):
        assert abs(row["parameters"] / printed - 1) < 0.02
    elif name in ("enwik8/sru8", "enwik8/sru10"):
        assert round(row["parameters"], -6) in (printed, printed + 1_000_000), "37m, as the README rounds"
    else:
        assert round(row["parameters"], -6) == printed


@pytest.mark.parametrize("name", [name for name in ROWS if name.startswith("wikitext103/srupp-")])
def test_word_models_consist_of_layers_and_shared_clusters(name: str) -> None:
    model = settings(name)["model"]
    d, inner = model["hidden_size"], model["projection_size"]
    attending = 10 // model["attention_every"]
    layers = 10 * (4 * d * inner + 2 * inner + 4 * d) + attending * (2 * inner**2 + 1)
    vectors = 19_997 * 1024 + 20_000 * 256 + 160_000 * 64 + 67_738 * 16
    clusters = vectors + (1024 + 256 + 64 + 16) * d + 267_735 + 3 * 1025
    assert row_of(name)["parameters"] == layers + clusters


def test_what_is_remembered_is_marked() -> None:
    """`paper.unconfirmed` is true for all of a row, or names the keys; sizes of three rows stand in the README."""
    marks = {name: row_of(name)["paper"].get("unconfirmed") for name in ROWS}
    found = {name.partition("/")[2]: mark for name, mark in marks.items() if mark}
    assert found == {
        **dict.fromkeys(("lstm3", "lstm6", "sru6", "sru6-proj"), True),
        **{row: ["metric", "minutes_per_epoch"] for row in ("sru10", "sru8-proj")},
        "qrnn6": ["parameters", "minutes_per_epoch"],
        "sru12-proj": ["minutes_per_epoch"],
    }
    timed = {name for name in ROWS if "minutes_per_epoch" in row_of(name)["paper"]}
    assert timed == {f"enwik8/{row}" for row in found}, "all times of Table 4 are remembered"


def test_what_is_rebuilt_is_not_compared() -> None:
    rebuilt = {name for name in ROWS if row_of(name)["paper"].get("deviation")}
    sru = ("lstm3", "lstm6", "qrnn6", "sru6", "sru6-proj")
    assert rebuilt == {f"enwik8/{row}" for row in (*sru, "srupp-k2", "srupp-k5", "srupp-k10", "srupp-none")}


@pytest.mark.parametrize("name", TABLE_4)
def test_table_4_of_the_sru_paper(name: str) -> None:
    dropout, streams, steps, bpc = TABLE_4[name]
    plain = settings(f"enwik8/{name}")
    model, task, optim, trainer = (plain[key] for key in ("model", "task", "optim", "trainer"))
    assert model["dropout"] == task["dropout"] == dropout
    assert (task["batch_size"], task["unroll"], task["eval_batch_size"]) == (streams, steps, 1)
    noam = {"name": "adam", "lr": 3.0, "schedule": "noam", "noam_size": model["hidden_size"]}
    noam |= {"warmup_steps": 32_000, "weight_decay": 1e-7, "clip_norm": 0.3, "decoupled": False}
    assert noam.items() <= optim.items()
    assert (trainer["max_epochs"], trainer["max_steps"], trainer["accumulate"]) == (100, 0, 1)
    if model["name"] == "sru":
        assert {"rescale": True, "highway_bias": -3.0, "activation": "identity"}.items() <= model.items()
    assert row_of(f"enwik8/{name}")["paper"]["metric"] == ({"enwik8": [bpc]} if bpc else None)


@pytest.mark.parametrize("name", SRUPP)
def test_tables_of_the_sru_plus_plus_paper(name: str) -> None:
    dropout, streams, steps, window, lr, warmup, figure = SRUPP[name]
    plain = settings(name)
    model, task, optim, trainer = (plain[key] for key in ("model", "task", "optim", "trainer"))
    assert model["dropout"] == model["attn_dropout"] == task["dropout"] == dropout
    assert task["batch_size"] * trainer["accumulate"] == streams
    assert (task["unroll"], task["memory"], task["eval_window"]) == (steps, steps, window)
    layers = {"num_layers": 10, "num_heads": 1, "highway_bias": -2.0, "rescale": False, "layer_norm": None}
    assert layers.items() <= model.items()
    radam = {"name": "radam", "decoupled": True, "weight_decay": 0.1, "clip_norm": 1.0, "lr": lr}
    radam |= {"schedule": "cosine", "warmup_steps": warmup, "decay_steps": 400_000}
    assert radam.items() <= optim.items() and list(optim["betas"]) == [0.9, 0.999]
    assert (trainer["max_epochs"], trainer["max_steps"]) == (0, 400_000)
    task_name = name.partition("/")[0]
    assert row_of(name)["paper"]["metric"] == {task_name: [figure]}
    wide = 1024 if task_name == "wikitext103" else model["hidden_size"]
    assert (task["embedding_size"], task["tie_weights"]) == (wide, task_name == "wikitext103")


def test_gpu_hours_stand_where_the_paper_prints_them() -> None:
    found = {name: row_of(name)["paper"].get("gpu_hours") for name in ROWS}
    assert {name: hours for name, hours in found.items() if hours} == GPU_HOURS


@pytest.mark.parametrize(
    ("name", "steps", "window", "streams", "test"),
    [("enwik8/transformer-xl", 512, 2099, 24, 1.06), ("wikitext103/transformer-xl", 150, 639, 60, 24.03)],
)
def test_transformer_xl(name: str, steps: int, window: int, streams: int, test: float) -> None:
    plain = settings(name)
    task, optim = plain["task"], plain["optim"]
    protocol = {"unroll": steps, "memory": steps, "eval_window": window, "batch_size": streams}
    assert protocol.items() <= task.items()
    adam = {"name": "adam", "lr": 2.5e-4, "clip_norm": 0.25, "schedule": "cosine", "warmup_steps": 0}
    assert adam.items() <= optim.items()
    assert optim["decay_steps"] == plain["trainer"]["max_steps"] > 0
    assert task["tie_weights"] and task["embedding_size"] == plain["model"]["hidden_size"]
    assert row_of(name)["paper"]["metric"] == {task["name"]: [test]}
