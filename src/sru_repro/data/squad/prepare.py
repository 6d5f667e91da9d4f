"""Turns SQuAD into numbers: tokens by several processes, answers on their borders, all into one folder.

Texts go to the processes in chunks and come back as numbers that are written at once: what stays in memory is the
text itself and the list of distinct words. The result does not depend on the number of processes.
"""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..store.cache import Facts, write_strings
from ..text.prepared import progress
from .files import RawSplit
from .split import COLUMNS, Ints, mapped
from .tokens import Chunk, Tokenizer, chunk_of, start_worker, tokenize_chunk

CHUNK = 512
"""Texts that are given to a process at a time."""

WORTH_A_PROCESS = 4000
"""Texts that take about as long as the start of a process."""


class _Table(dict[str, int]):
    """Strings in the order in which they first appear."""

    def __missing__(self, string: str) -> int:
        number = self[string] = len(self)
        return number

    def numbers(self, strings: Sequence[str]) -> Ints:
        """The number of each."""
        return np.fromiter(map(self.__getitem__, strings), dtype=np.int32, count=len(strings))


def prepare(splits: Sequence[RawSplit], tokenizer: Tokenizer, folder: Path, title: str) -> Facts:
    """Write all that `Store` reads, and say how the questions are divided.

    Facts: `questions`, of each split; `tags` and `entities`, their names, "" first.
    """
    texts = [text for split in splits for text in (*split.passages, *split.questions)]
    forms, tags, entities = _Table(), _Table({"": 0}), _Table({"": 0})
    tables = (forms, forms, tags, entities)  # words and lemmas share one
    lengths = []
    with ExitStack() as stack:
        columns = COLUMNS if tokenizer.tagged else COLUMNS[:1]
        files = [stack.enter_context((folder / name).open("wb")) for name in columns]
        spans = stack.enter_context((folder / "spans").open("wb"))
        advance = stack.enter_context(progress(f"preparing {title}", len(texts)))
        for chunk in _chunks(texts, tokenizer):
            for file, table, (strings, ids) in zip(files, tables, chunk.columns, strict=False):
                file.write(table.numbers(strings)[ids].tobytes())
            spans.write(chunk.spans_L2.tobytes())
            lengths.append(chunk.lengths)
            advance(len(chunk.lengths))
    ends = np.cumsum(np.concatenate(lengths))
    ends.tofile(folder / "tokens.ends")
    _write_lower(forms, folder)
    write_strings(folder, "forms", forms)
    write_strings(folder, "texts", texts)
    write_strings(folder, "ids", (key for split in splits for key in split.ids))
    _write_questions(splits, ends, folder)
    return {
        "questions": [len(split.ids) for split in splits],
        "tags": list(tags),
        "entities": list(entities),
    }


def _chunks(texts: Sequence[str], tokenizer: Tokenizer) -> Iterator[Chunk]:
    """The tokens of all texts, in order: by a process per core, or by this one when there is little to do.

    Processes are spawned: one that is forked inherits the locks of torch's threads. Where none can be started (a
    program read from a pipe has no file that they could import), this process does the work.
    """
    parts = [texts[start : start + CHUNK] for start in range(0, len(texts), CHUNK)]
    processes = min(_cores(), len(texts) // WORTH_A_PROCESS)
    done = 0
    if processes > 1:
        context = multiprocessing.get_context("spawn")
        with (
            suppress(BrokenProcessPool),
            ProcessPoolExecutor(processes, context, start_worker, (tokenizer.tagger,)) as pool,
        ):
            for chunk in pool.map(tokenize_chunk, parts):
                done += 1
                yield chunk
    for part in parts[done:]:
        yield chunk_of(tokenizer, part)


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _write_lower(forms: _Table, folder: Path) -> None:
    """The number of every form in lower case; forms that are new by that join the table."""
    lower = forms.numbers([form.lower() for form in list(forms)])
    np.concatenate([lower, np.arange(len(lower), len(forms), dtype=np.int32)]).tofile(folder / "lower")


def _write_questions(splits: Sequence[RawSplit], ends: npt.NDArray[np.int64], folder: Path) -> None:
    """Every question's texts, tokens of the answer, and texts of all answers; texts lie in the order of `prepare`."""
    spans_N2: Ints = mapped(folder / "spans", np.int32).reshape(-1, 2)
    rows: list[tuple[int, int, int, int]] = []
    answer_ends, first = [], 0
    for split in splits:
        for number, (passage, answers) in enumerate(zip(split.passage_of, split.answers, strict=True)):
            text = first + passage
            spans_L2 = spans_N2[ends[text - 1] if text else 0 : ends[text]]
            # One answer in training; of several the first that has tokens of its own.
            found = (align(spans_L2, start, start + len(answer)) for start, answer in answers)
            start, end = next((tokens for tokens in found if tokens), (-1, -1))
            rows.append((first + len(split.passages) + number, text, start, end))
            answer_ends.append(len(answers))
        first += len(split.passages) + len(split.questions)
    np.array(rows, dtype=np.int32).tofile(folder / "questions")
    np.cumsum(answer_ends, dtype=np.int64).tofile(folder / "answer.ends")
    texts = (text for split in splits for answers in split.answers for _, text in answers)
    write_strings(folder, "answers", texts)


def align(spans_L2: Ints, start: int, end: int) -> tuple[int, int] | None:
    """First and last of the tokens that cover the characters from `start` to before `end`, and none beside.

    None when one of the two is not the border of a token, as the authors leave such answers out.
    """
    first = int(np.searchsorted(spans_L2[:, 0], start))
    last = int(np.searchsorted(spans_L2[:, 1], end))
    if last < len(spans_L2) and spans_L2[first, 0] == start and spans_L2[last, 1] == end:
        return first, last
    return None
