"""The likeliest span against brute force; EM and F1 against their definition."""

import random

import pytest
import torch

from sru_repro.tasks._span import best_spans, em_f1, top_spans

from .test_squad import official


@pytest.mark.parametrize("max_answer", [1, 3, 15, 40])
def test_the_best_spans_are_those_of_brute_force(max_answer: int) -> None:
    generator = torch.Generator().manual_seed(max_answer)
    start_LB, end_LB = torch.randn(2, 20, 6, generator=generator, dtype=torch.float64).log_softmax(1)
    end_LB[12:, 3] = start_LB[12:, 3] = -torch.inf  # padding
    first_B, last_B = best_spans(start_LB, end_LB, max_answer)
    for b in range(6):
        spans = [(i, j) for i in range(20) for j in range(i, min(20, i + max_answer))]
        ranked = sorted(
            spans, key=lambda span: float(start_LB[span[0], b] + end_LB[span[1], b]), reverse=True
        )
        assert (int(first_B[b]), int(last_B[b])) == ranked[0]
        top = top_spans(start_LB[:, b], end_LB[:, b], max_answer, 4)
        assert [(first, last) for first, last, _ in top] == ranked[:4]
        assert top[0][2] == float(start_LB[ranked[0][0], b] + end_LB[ranked[0][1], b])


def test_of_equal_spans_the_first_and_shortest_is_taken() -> None:
    level = torch.zeros(5, 1)
    assert [x.item() for x in best_spans(level, level, 15)] == [0, 0]


def test_a_short_passage_has_few_spans() -> None:
    found = top_spans(torch.zeros(2), torch.zeros(2), 15, 10)
    assert sorted(span[:2] for span in found) == [(0, 0), (0, 1), (1, 1)]


def test_the_mean_of_many_is_exact_to_a_millionth_of_a_point() -> None:
    """Sums of thousands of thirds, sevenths and elevenths: float32 would be off in the sixth digit."""
    draw = random.Random(5)
    words = [*"abcdefgh", "the", "an", "x-y", "Q!", "...", "Élan"]
    data, predictions, ems, f1s = [], {}, [], []
    for i in range(3000):
        answers = [" ".join(draw.choices(words, k=draw.randint(1, 9))) for _ in range(draw.randint(1, 3))]
        said = " ".join(draw.choices(words, k=draw.randint(0, 9)))
        predictions[str(i)] = said
        data.append({"id": str(i), "answers": [{"text": answer} for answer in answers]})
        em, f1 = em_f1(said, answers)
        ems.append(em)
        f1s.append(f1)
    em, f1 = official({"data": [{"paragraphs": [{"qas": data}]}]}, predictions)
    assert abs(100 * sum(ems) / 3000 - em) < 1e-6
    assert abs(100 * sum(f1s) / 3000 - f1) < 1e-6
    assert 0 < em < f1 < 100
