"""Settings of the models: what they refuse, and how a model is found by its file's name."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

import sru_repro.models
from sru_repro.models import Encoder, encoder_class, names

RNN = {"hidden_size": 8, "num_layers": 2, "dropout": 0.5, "bidirectional": False}
SRU = RNN | {"projection_size": 0, "highway_bias": 0.0, "layer_norm": None, "has_skip_term": True}
GOOD: dict[str, dict[str, Any]] = {
    "sru": SRU | {"rescale": True, "activation": "identity", "v1": False},
    "qrnn": RNN | {"window": 1, "pooling": "fo", "highway": False, "zoneout": 0.0},
    "lstm": RNN,
    "gru": RNN,
    "cnn": {"filters": 10, "widths": [3, 4, 5], "dropout": 0.5},
}
RNNS, NO_COUNTS = ("sru", "qrnn", "lstm", "gru"), (0, -1, 1.5, "8", True, None)
OUT_OF_RANGE = [
    *[(name, key, value) for name in RNNS for key in ("hidden_size", "num_layers") for value in NO_COUNTS],
    *[(name, "dropout", value) for name in GOOD for value in (-0.1, 1.0, 1.5, float("nan"), "0.5")],
    *[(name, "bidirectional", value) for name in RNNS for value in (1, "true")],
    ("sru", "projection_size", -1),
    ("sru", "highway_bias", float("nan")),
    ("sru", "highway_bias", 1000.0),
    ("sru", "layer_norm", "both"),
    ("sru", "activation", "relu"),
    ("sru", "rescale", "yes"),
    ("qrnn", "window", 3),
    ("qrnn", "pooling", "o"),
    ("qrnn", "zoneout", 1.0),
    ("cnn", "filters", 0),
    ("cnn", "widths", []),
    ("cnn", "widths", [3, 0]),
]


def settings(name: str, **changes: Any) -> Any:
    """The checked settings of a model."""
    return encoder_class(name).Config(name=name, **(GOOD[name] | changes))


@pytest.mark.parametrize("name", GOOD)
def test_a_model_is_built_from_its_settings(name: str) -> None:
    model = encoder_class(name).from_config(6, settings(name))
    h, _ = model(torch.randn(5, 2, 6))
    assert h.shape[1:] == (2, model.output_size)


@pytest.mark.parametrize(("name", "key", "value"), OUT_OF_RANGE, ids=str)
def test_values_out_of_range_and_of_other_types_are_refused(name: str, key: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(name, **{key: value})
    assert {error["loc"][0] for error in caught.value.errors()} == {key}


@pytest.mark.parametrize("name", GOOD)
def test_unknown_and_missing_keys_are_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="no_such_key"):
        settings(name, no_such_key=1)
    for key in GOOD[name]:
        values = {other: value for other, value in GOOD[name].items() if other != key}
        with pytest.raises(ValidationError, match=key):
            encoder_class(name).Config(name=name, **values)


def test_integers_serve_as_real_numbers() -> None:
    assert settings("sru", dropout=0, highway_bias=-3).highway_bias == -3.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"highway": True, "pooling": "ifo"}, "highway=true needs pooling=fo, found pooling=ifo"),
        ({"bidirectional": True, "window": 2}, "bidirectional=true needs window=1"),
    ],
)
def test_options_that_clash_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        settings("qrnn", **changes)


TOY = '''"""A model that somebody drops in."""
from sru_repro.models import Encoder, ModelSettings


class ToyConfig(ModelSettings):
    """Nothing to set."""


class Toy(Encoder):
    """Hands on what it gets."""

    Config, causal, streams = ToyConfig, True, True

    def __init__(self, input_size):
        super().__init__()
        self.output_size = input_size

    def forward(self, x_LBD, state=None, padding_LB=None):
        """Returns (x_LBD, state)."""
        return x_LBD, state
'''


@pytest.fixture
def dropped_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose files count as files of models/."""
    monkeypatch.setattr(sru_repro.models, "__path__", [*sru_repro.models.__path__, str(tmp_path)])
    yield tmp_path
    for file in tmp_path.glob("toy_*.py"):
        sys.modules.pop(f"sru_repro.models.{file.stem}", None)
        vars(sru_repro.models).pop(file.stem, None)


def test_a_file_is_found_by_its_name_and_by_its_class(dropped_in: Path) -> None:
    (dropped_in / "toy_a.py").write_text(TOY)
    (dropped_in / "_helper.py").write_text("raise AssertionError('not a model')")
    assert {"toy_a", *GOOD} <= set(names()) and "_helper" not in names()
    cls = encoder_class("toy_a")
    from sru_repro.models import Toy

    assert Toy is cls and issubclass(cls, Encoder)
    assert cls.from_config(3, cls.Config(name="toy_a")).output_size == 3


def test_a_file_holds_one_encoder(dropped_in: Path) -> None:
    (dropped_in / "toy_b.py").write_text(TOY + "\n\nclass Other(Toy):\n    pass\n")
    (dropped_in / "toy_c.py").write_text("from sru_repro.models import Encoder\n")
    for name, count in (("toy_b", 2), ("toy_c", 0)):
        with pytest.raises(
            ValueError, match=rf"^models/{name}\.py: expected one subclass of Encoder, found {count}$"
        ):
            encoder_class(name)


def test_names_that_do_not_exist() -> None:
    with pytest.raises(
        ValueError, match=r"^unknown model 'srru': expected one of cnn, gru, lstm, mingru, qrnn, sru"
    ):
        encoder_class("srru")
    with pytest.raises(ImportError, match="SRRU"):
        from sru_repro.models import SRRU  # noqa: F401
    assert not hasattr(sru_repro.models, "__wrapped__")
