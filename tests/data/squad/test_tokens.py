"""Tokens: offsets in any script, white space, models of spaCy's, and chunks for other processes."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest
import spacy

from sru_repro.core.errors import ConfigError
from sru_repro.data.squad import tokens as reader_tokens
from sru_repro.data.squad.tokens import Tokenizer, chunk_of

TEXTS = [
    "Don't stop: it costs $5.50 (or 4\u00a0€).",
    "  two\n\nlines\tand\u2003a wide blank\u3000here  ",
    "北京是中国的首都。",
    "القاهرة عاصمة مصر",
    "नमस्ते दुनिया, สวัสดี",
    "a 🐫 and a 👩‍👩‍👧 family 🇫🇷",
    "Ame\u0301lie and Amélie, Å and \u212b",
    "\ufeffmark \u200b zero",
]


@pytest.mark.parametrize("text", TEXTS)
def test_spans_give_back_the_text(text: str) -> None:
    tokens = Tokenizer("none")(text)
    pieces = [text[start:end] for start, end in tokens.spans_L2]
    assert [unicodedata.normalize("NFD", piece) for piece in pieces] == tokens.words
    assert "".join(pieces) == "".join(text.split())  # nothing is lost but white space
    assert tokens.spans_L2.dtype == np.int32
    assert tokens.lemmas is tokens.tags is tokens.entities is None


def test_words_are_as_spacy_cuts_them() -> None:
    words = ["Do", "n't", "stop", ":", "it", "costs", "$", "5.50", "(", "or", "4", "€", ")", "."]
    assert Tokenizer("none")(TEXTS[0]).words == words


@pytest.mark.parametrize("text", ["", " \n\t\u2003"])
def test_no_words(text: str) -> None:
    tokens = Tokenizer("none")(text)
    assert tokens.words == [] and tokens.spans_L2.shape == (0, 2)


def test_half_a_character_is_a_token_like_any_other() -> None:
    assert Tokenizer("none")("a \ud83d b").words == ["a", "\ufffd", "b"]


def test_a_text_longer_than_spacys_own_limit() -> None:
    assert len(Tokenizer("none")("word " * 250_000).words) == 250_000


def test_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_tokens, "MODELS", ("no_such_model",))
    for tagger in ("auto", "none"):
        tokenizer = Tokenizer(tagger)
        assert (tokenizer.name, tokenizer.tagged) == (f"spacy {spacy.__version__}, blank en", False)


@pytest.mark.parametrize("name", ["no_such_model", "en_core_web_nothing", ""])
def test_a_model_that_is_not_there(name: str) -> None:
    pattern = (
        rf"^task.tagger={name}: expected auto, none or an installed .* spacy download {name}\) or use [^\n]*$"
    )
    with pytest.raises(ConfigError, match=pattern):
        Tokenizer(name)


@pytest.fixture
def model(tmp_path: Path) -> str:
    """The folder of a model that has rules instead of weights."""
    pipeline = spacy.blank("en")
    rules = pipeline.add_pipe("attribute_ruler")
    rules.add([[{"LOWER": "was"}]], {"TAG": "VBD", "LEMMA": "be"})  # type: ignore[attr-defined]
    names = pipeline.add_pipe("entity_ruler")
    names.add_patterns([{"label": "GPE", "pattern": "New York"}])  # type: ignore[attr-defined]
    pipeline.to_disk(tmp_path / "model")
    return str(tmp_path / "model")


def test_a_model_gives_lemmas_tags_and_entities(model: str) -> None:
    tokenizer = Tokenizer(model)
    assert (tokenizer.name, tokenizer.tagged) == ("en_pipeline 0.0.0", True)
    tokens = tokenizer("It was\n\nNew York")
    assert tokens.words == ["It", "was", "New", "York"]
    assert tokens.lemmas == [
        "it",
        "be",
        "new",
        "york",
    ]  # the word in lower case where the model knows no lemma
    assert tokens.tags == ["", "VBD", "", ""]
    assert tokens.entities == ["", "", "GPE", "GPE"]


def test_auto_takes_the_first_installed_model(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []

    def load(name: str, **options: object) -> spacy.language.Language:
        loaded.append(name)
        return spacy.blank("en")

    monkeypatch.setattr(reader_tokens.importlib.util, "find_spec", lambda name: name.endswith("_md") or None)
    monkeypatch.setattr(spacy, "load", load)
    assert Tokenizer("auto").tagged and loaded == ["en_core_web_md"]


def test_chunks(model: str) -> None:
    texts = ["It was", "was it New York"]
    for tagger, n_columns in (("none", 1), (model, 4)):
        chunk = chunk_of(Tokenizer(tagger), texts)
        assert chunk.lengths.tolist() == [2, 4] and len(chunk.columns) == n_columns
        strings, ids = chunk.columns[0]
        assert (strings, ids.tolist()) == (["It", "was", "it", "New", "York"], [0, 1, 1, 2, 3, 4])
        assert chunk.spans_L2.tolist() == [[0, 2], [3, 6], [0, 3], [4, 6], [7, 10], [11, 15]]
    assert chunk.columns[3] == (["", "GPE"], pytest.approx([0, 0, 0, 0, 1, 1]))
