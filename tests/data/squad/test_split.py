"""Views into the prepared set, counts of words, and a question of one's own."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sru_repro.data.squad.dataset import Split, load_squad, single_example
from sru_repro.data.squad.split import term_frequency
from sru_repro.data.squad.tokens import Tokenizer


def test_term_frequency() -> None:
    found = term_frequency(np.array([7, 3, 7, 7, 1], dtype=np.int32))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [0.6, 0.2, 0.6, 0.6, 0.2], rtol=1e-6)
    assert term_frequency(np.array([], dtype=np.int32)).shape == (0,)


def test_examples_are_views(squad_dir: Callable[..., Path]) -> None:
    example = load_squad(squad_dir(), tagger="none").dev.question(0)
    for view in (example.passage, example.question, example.spans):
        assert not view.flags.owndata and not view.flags.writeable


def test_counts_of_words(squad_dir: Callable[..., Path]) -> None:
    squad = load_squad(squad_dir(), tagger="none")
    for split in (squad.train, squad.dev, Split(squad.train.store, squad.train.rows[3:])):
        examples = [split.question(i) for i in range(len(split))]
        asked = Counter(form for example in examples for form in example.question.tolist())
        passages = {example.passage_text: example.passage.tolist() for example in examples}
        read = Counter(form for forms in passages.values() for form in forms)
        for found, expected in zip(split.form_counts(len(squad.forms)), (asked, read), strict=True):
            assert found.tolist() == [expected[form] for form in range(len(squad.forms))]
        assert split.passage_lengths().tolist() == [len(example.passage) for example in examples]


def test_a_question_of_ones_own_is_like_one_of_the_set(squad_dir: Callable[..., Path]) -> None:
    squad = load_squad(squad_dir(), tagger="none")
    theirs = squad.train.question(0)
    own, forms = single_example(Tokenizer("none"), theirs.passage_text, theirs.question_text)
    for name in ("passage", "question", "lower_passage", "lower_question"):
        words = [forms[number] for number in getattr(own, name)]
        assert words == [squad.forms[number] for number in getattr(theirs, name)]
    np.testing.assert_array_equal(own.frequency, theirs.frequency)
    np.testing.assert_array_equal(own.spans, theirs.spans)
    np.testing.assert_array_equal(own.tags, theirs.tags)
    assert (own.start, own.end, own.answers, own.lemma_passage) == (-1, -1, (), None)


def test_tags_of_a_question_of_ones_own(tmp_path: Path) -> None:
    import spacy

    pipeline = spacy.blank("en")
    rules = pipeline.add_pipe("attribute_ruler")
    for word, tag in (("was", "VBD"), ("red", "JJ")):
        rules.add([[{"LOWER": word}]], {"TAG": tag, "LEMMA": tag.lower()})  # type: ignore[attr-defined]
    pipeline.to_disk(tmp_path / "model")
    tokenizer = Tokenizer(str(tmp_path / "model"))
    own, forms = single_example(tokenizer, "it was red", "was it?", tags=("", "NN", "VBD"))
    assert own.tags.tolist() == [0, 2, 0]  # JJ is none of the names that are known
    assert own.entities.tolist() == [0, 0, 0]
    assert own.lemma_passage is not None and own.lemma_question is not None
    assert [forms[number] for number in own.lemma_passage] == ["it", "vbd", "jj"]
    assert own.lemma_passage[1] == own.lemma_question[0]
