"""Raw text in the treebank's words."""

import pytest

from sru_repro.data.sentences.words import clean, split_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's great.", "it 's great ."),
        ("I don't like it, really... no", "i do n't like it , really ... no"),
        ("state-of-the-art can't -- we'll (see)!", "state-of-the-art ca n't -- we 'll ( see ) !"),
        ("3.5 of 1/2", "3.5 of 1/2"),
        ("", ""),
    ],
)
def test_raw_text(text: str, words: str) -> None:
    assert split_words(text, ()) == tuple(words.split())


def test_known_words_stay_whole() -> None:
    text = "mr. o'brien , -lrb- c\u00f4te d'azur -rrb- 1\\/2"
    assert split_words(text, set(text.split())) == tuple(text.split())


def test_cleaning() -> None:
    assert clean("It's  a -- Fine_film , isn't it (really)?") == (
        *("it", "'s", "a", "fine", "film", ",", "is", "n't", "it", "\\(", "really", "\\)", "\\?"),
    )
    assert clean("we've they're I'd you'll wow!`so`") == (
        *("we", "'ve", "they", "'re", "i", "'d", "you", "'ll", "wow", "!", "`so`"),
    )
    assert clean("*\x85\xe9") == ()
