"""Made-up data for trainings without a download, a treebank and questions in the formats of SST and SQuAD."""

import contextlib
import io
import json
import random
from pathlib import Path

from ..cli.compose import composed
from ..records.run import RunRecord
from ..training.run import train

TREES = {"train": (8544, 6920), "dev": (1101, 872), "test": (2210, 1821)}
"""Sentences, and how many of them are not neutral, as the suite checks them."""
SIZES = {
    "cnn": ("model.filters=4",),
    "srupp": ("model.hidden_size=8", "model.projection_size=4"),
    "transformer_xl": ("model.hidden_size=8", "model.num_heads=2", "model.inner_size=12"),
}
"""Of small models; of the others `model.hidden_size=8`."""
TASKS = {
    "sst": (
        *("task=sst", "task.train_on=sentences", "task.limit=80", "task.batch_size=8"),
        *("task.vectors=random", "task.vector_size=8"),
    ),
    "squad": ("task=squad", "task.vectors=random", "task.vector_size=8", "task.batch_size=4"),
    "lm": (
        *("task=quickstart", "task.max_bytes=20000", "task.batch_size=16", "task.unroll=32"),
        *("task.embedding_size=8", "model.dropout=0.2"),
    ),
}
"""Small trainings, one of each kind."""


def made_data(folder: Path) -> Path:
    """Writes both into a data folder; a sentence's first word tells its label, an answer is in its passage."""
    draw = random.Random(0)
    (folder / "sst/trees").mkdir(parents=True, exist_ok=True)
    for split, (sentences, opinions) in TREES.items():
        lines = []
        for i in range(sentences):
            label = (4 if i % 2 else 0) if i < opinions else 2
            rest = f"(2 (2 of{i % 97}) (2 word{draw.randrange(500)}))"
            lines.append(f"({label} ({label} {('awful', '', 'plain', '', 'superb')[label]}) {rest})\n")
        (folder / f"sst/trees/{split}.txt").write_text("".join(lines))
    (folder / "squad").mkdir(exist_ok=True)
    for split, articles in (("train", 8), ("dev", 2)):
        data = [
            {"title": f"Town {i}", "paragraphs": [_paragraph(split, 2 * i + j) for j in (0, 1)]}
            for i in range(articles)
        ]
        text = json.dumps({"version": "1.1", "data": data})
        (folder / f"squad/{split}-v1.1.json").write_text(text)
    return folder


def _paragraph(split: str, number: int) -> dict[str, object]:
    place, person, year = (
        ("Arles", "Gent", "Turku")[number % 3],
        ("Ada", "Bo", "Dov")[number % 3],
        str(1900 + number),
    )
    passage = f"The bridge of {place} was built in {year} by {person}. " + "Boats pass below it. " * (
        number % 4
    )
    asked = ((f"Who built the bridge of {place}?", person), (f"When was {place}'s bridge built?", year))
    qas = [
        {
            "id": f"{split}{number}-{i}",
            "question": question,
            "answers": [{"text": answer, "answer_start": passage.index(answer)}],
        }
        for i, (question, answer) in enumerate(asked)
    ]
    return {"context": passage, "qas": qas}


def fits(model: str, task: str) -> bool:
    """Whether the model can do the task: Kim's CNN has no output for every step."""
    return model != "cnn" or task == "sst"


def trained(folder: Path, data: Path, task: str, model: str, *words: str) -> RunRecord:
    """The record of a small training, without a word on the screen."""
    both_ways = task == "squad" and model != "transformer_xl"
    config = composed(
        [
            *("profile=smoke", "trainer=cpu", "logger=csv", "trainer.threads=1", f"data_dir={data}"),
            *(*TASKS[task], f"model={model}", *SIZES.get(model, ("model.hidden_size=8",))),
            *(("model.bidirectional=true",) if both_ways else ()),
            *words,
        ]
    )
    with contextlib.redirect_stderr(io.StringIO()):
        return train(config, folder, [])
