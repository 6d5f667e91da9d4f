"""`callbacks=` and `debug=`: names, several of them, nothing, and what is refused in one line."""

import pytest

from sru_repro.cli import choices
from sru_repro.cli.flags import flags_of
from sru_repro.cli.plan import planned
from sru_repro.core.errors import ConfigError
from sru_repro.training.config import RunConfig

QUICK = ("task=quickstart", "profile=smoke", "logger=csv")


def made(*words: str) -> RunConfig:
    """The configuration of these words."""
    _, config, _ = planned(flags_of([*QUICK, *words]))
    assert config is not None
    return config


@pytest.mark.parametrize(
    ("word", "chosen"),
    [
        ("callbacks=early_stopping", {"early_stopping"}),
        ("callbacks=[early_stopping,model_summary]", {"early_stopping", "model_summary"}),
        ("callbacks=[ lr_monitor, rich_progress ]", {"lr_monitor", "rich_progress"}),
        ("callbacks=default", {"early_stopping", "lr_monitor", "model_summary", "rich_progress"}),
        ("callbacks=none", set()),
        ("callbacks=null", set()),
        ("callbacks=[]", set()),
        ("--callbacks=lr_monitor", {"lr_monitor"}),
    ],
)
def test_callbacks_are_chosen_by_name(word: str, chosen: set[str]) -> None:
    config = made(word)
    assert {name for name, value in config.callbacks if value is not None} == chosen
    assert set(config.plain.get("callbacks", {})) == chosen


@pytest.mark.parametrize(
    "words",
    [
        ("callbacks=none,early_stopping",),
        ("callbacks=[early_stopping,lr_monitor],none", "seed=1,2"),
        ("callbacks=early_stopping", "callbacks.early_stopping.patience=1,2"),
        ("debug=limit,nan",),
    ],
)
def test_they_can_be_swept(words: tuple[str, ...]) -> None:
    planned(flags_of([*QUICK, "-m", *words]))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("callbacks=early_stoping", "did you mean early_stopping?"),
        ("callbacks=[early_stopping,foo]", "callbacks: expected names among default, early_stopping"),
        ("callbacks={a:1}", "callbacks: "),
        ("callbacks.early_stopping.patience=2", "no such key unless callbacks= chooses early_stopping"),
        ("callbacks=lr_monitor callbacks.early_stopping.patience=2", "callbacks= chooses early_stopping"),
        ("callbacks=early_stopping callbacks.early_stopping.patiense=2", "did you mean callbacks.early_stopping.p"),
        ("callbacks=early_stopping callbacks.early_stopping.patience=0", "greater than or equal to 1, found 0"),
        ("callbacks=early_stopping callbacks.early_stopping.min_delta=-1", "found -1"),
        ("callbacks=early_stopping callbacks.early_stopping.mode=up", "expected 'auto', 'min' or 'max', found 'up'"),
        ("callbacks=early_stopping callbacks.early_stopping.monitor=val/accuracy", "one of val/bpc, val/loss"),
        ("callbacks=early_stopping callbacks.early_stopping=3", "expected its settings or null, found 3"),
        ("callbacks=rich_progress callbacks.rich_progress.show=bars", "did you mean bar?"),
        ("callbacks=[early_stopping] +callbacks.lr_monitor.x=1", "callbacks.lr_monitor.x: no such key"),
        ("debug=foo", "expected one of limit, nan, none, overfit, profile; found 'foo'"),
        ("debug=[nan,limit]", "expected one of limit, nan, none, overfit, profile"),
        ("debug.batches=3", "no such key unless debug= chooses one of"),
        ("debug=limit debug.batches=-1", "debug.batches: expected greater than or equal to 0"),
        ("trainer.profiler=torch", "did you mean pytorch?"),
    ],
)  # fmt: skip
def test_what_is_refused(words: str, said: str) -> None:
    with pytest.raises(ConfigError) as told:
        made(*words.split())
    assert said in str(told.value) and "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("overfit", "sst/sru2"),
        ("overfit", "squad/sru3"),
        ("limit", "squad/sru3"),
        ("profile", "enwik8/sru6"),
        ("nan", "small/srupp"),
    ],
)
def test_presets_go_with_every_task(name: str, row: str) -> None:
    folder = "enwik8" if row.startswith("small") else ""
    words = (f"experiment={row}", f"debug={name}", *([f"task={folder}"] if folder else []))
    _, config, _ = planned(flags_of(words))
    assert config is not None and config.debug is not None
    assert (config.debug.name, config.logger.name) == (name, "csv")
    if name != "nan":
        assert config.top.profile == "smoke"
    assert (config.trainer.profiler == "pytorch") == (name == "profile")


def test_null_is_no_preset() -> None:
    assert made("debug=null").plain == made("debug=none").plain == made().plain


def test_a_debug_run_is_refused_where_results_are_made() -> None:
    from sru_repro.cli import reproduce

    with pytest.raises(ConfigError, match="debug: expected it with `sru-repro train`"):
        reproduce.run(["table=quickstart", "profile=smoke", "rows=gru", "debug=limit"])


def test_they_are_completed() -> None:
    assert {"callbacks", "debug", "trainer.profiler"} <= set(choices.keys())
    assert "callbacks.early_stopping.patience" in choices.keys(["callbacks=[early_stopping,lr_monitor]"])
    assert {"null", "simple", "advanced", "pytorch"} == set(choices.values("trainer.profiler"))
    assert {"auto", "min", "max"} == set(choices.values("callbacks.early_stopping.mode"))
    assert {"overfit", "limit", "profile", "nan"} <= set(choices.groups()["debug"])


@pytest.mark.parametrize("word", ["model=[1,2]", "task={a: 1}"])
def test_what_is_no_name_of_a_choice_is_refused_where_it_is_only_shown(word: str) -> None:
    with pytest.raises(ConfigError, match="expected one of"):
        planned(flags_of([word, "--cfg", "job"]))
