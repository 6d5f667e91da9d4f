"""A trained classifier word by word, as the first notebook shows it."""

from typing import Any

import pytest
import torch

from sru_repro.cli.compose import composed
from sru_repro.lessons.trained import Read, draw_gates, read
from sru_repro.tasks import task_class

WORDS = ("<pad>", "<unk>", "a", "fine", "and", "lovely", "film", "$")
TEXT = "A fine and lovely film unheard $"


@pytest.fixture(scope="module")
def task() -> Any:
    config = composed(
        ["task=sst", "model=sru", "task.vector_size=12", "model.hidden_size=6", "task.padding=left"]
    )
    torch.manual_seed(3)
    build = {
        "classes": ("negative", "positive"),
        "words": WORDS,
        "weight_VD": torch.randn(len(WORDS), 12),
    }
    return task_class("sst").create(config.task, config.model, **build).eval()


@pytest.fixture(scope="module")
def found(task: Any) -> Read:
    return read(task, TEXT)


def test_after_every_word_it_says_what_it_would_of_the_beginning_alone(task: Any, found: Read) -> None:
    words = TEXT.split()
    assert len(found.words) == len(found.after_LC) == len(words)
    for end in range(5, len(words) + 1):
        said = task.predict(" ".join(words[:end]))["probabilities"]
        assert found.after_LC[end - 1].tolist() == pytest.approx([*said.values()], abs=1e-6)
    assert len(set(found.after_LC[:, 1].tolist())) == len(words)


def test_the_picture_shows_every_word_and_the_units_that_forget_most_on_top(found: Read) -> None:
    panels: Any = draw_gates(found).axes
    above, middle, below = panels
    assert [bar.get_height() for bar in above.patches] == pytest.approx(found.after_LC[:, 1].tolist())
    (shown,) = middle.images
    means = shown.get_array().mean(1)
    assert means.tolist() == sorted(means.tolist()) and means[0] < means[-1]
    assert len(below.lines) == len(found.gates) == 2
    assert [label.get_text() for label in below.get_xticklabels()] == [*found.words[:-1], r"\$"]
