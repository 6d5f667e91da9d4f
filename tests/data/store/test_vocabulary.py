"""Numbers of words: specials first, then by frequency and alphabet."""

from sru_repro.data.store.vocabulary import PAD_ID, UNKNOWN_ID, Vocabulary, build_vocabulary


def test_order_and_numbers() -> None:
    vocabulary = build_vocabulary([["b", "a", "c"], ("c", "b"), ["c"]])
    assert vocabulary.words == ("<pad>", "<unk>", "c", "b", "a")
    assert len(vocabulary) == 5
    assert vocabulary.ids(["a", "new", "c"]) == [4, UNKNOWN_ID, 2]
    assert vocabulary.words[PAD_ID] == "<pad>"


def test_specials_in_the_text_are_not_doubled() -> None:
    assert build_vocabulary([["<unk>", "b", "<unk>"]]).words == ("<pad>", "<unk>", "b")


def test_restored_from_its_words() -> None:
    vocabulary = build_vocabulary([["b", "a", "b"]])
    assert Vocabulary(tuple(list(vocabulary.words))) == vocabulary
    assert Vocabulary(vocabulary.words).ids(["b"]) == [2]
