"""sru-repro export run=FOLDER out=FOLDER [max_mb=2] [dtype=float16|float32] [vectors=best|axes|rows]
    [data_dir=FOLDER]

Takes the model out of a finished run of sentence classification: weights (safetensors), words, record and a card, in
`max_mb` megabytes at most. What lies there is used without data or checkpoints:
    sru-repro predict run=OUT text="..."
Word vectors that all fit are kept as they are. Otherwise vectors=axes keeps all words and writes each vector as a few
numbers along the axes on which the loss depends most; vectors=rows keeps the vectors of the most frequent words of the
training set, and all others are one unknown word; best, the default, takes what is better on the validation set. The
exported model is measured on the run's data, which have to be at hand; its card shows these figures beside those of the
run. With dtype=float32 and room for all, nothing is changed.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from pydantic import BeforeValidator, Field

from ..core.errors import ConfigError, DataError, RunError
from ..core.files import json_bytes, write_bytes, write_text
from ..core.home import shown
from ..core.interrupt import signals
from ..data.terms import terms
from ..records.base import write
from ..records.exported import CARD, EXTRA, MODEL, Exported, Way
from ..records.run import RunRecord, read_record
from ..reporting.runs.publish import public_record
from .compose import one_line
from .options import Options, existing_run
from .words import dotlist

if TYPE_CHECKING:
    from ..tasks._packing import Packed, Vectors
    from ..training.config import RunConfig

ON_CPU = ("trainer.accelerator=cpu", "trainer.precision=32-true")


def _megabytes(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < 1e6:
        raise ValueError(f"expected megabytes, more than 0, found {text!r:.60}")
    return number


class ExportOptions(Options):
    """Which run, where to, and how small."""

    run: str = Field(examples=["runs/TASK/ROW/PROFILE/seedN"])
    out: str = Field(examples=["FOLDER"])
    max_mb: Annotated[float, BeforeValidator(_megabytes)] = 2.0
    dtype: Literal["float16", "float32"] = "float16"
    vectors: Literal["best", "axes", "rows"] = "best"
    data_dir: str | None = Field(default=None, min_length=1)


def run(args: Sequence[str]) -> int:
    """Writes the folder, and prints what it takes and what the model in it is worth."""
    options = ExportOptions.parse(args)
    folder, out = existing_run("run", options.run), Path(options.out)
    from ..training.load import WITHOUT_VECTORS, run_config

    here = [f"data_dir={options.data_dir}"] if options.data_dir else []
    with one_line():
        changes = dotlist([*ON_CPU, *here])
        config, record = run_config(folder, changes)
    _require_finished_classification(folder, record, config.task.kind)
    _require_free(out, folder)
    without_vectors, _ = run_config(folder, [*changes, *WITHOUT_VECTORS])
    with signals():
        _export(options, config, without_vectors, folder)
    return 0


def _require_finished_classification(folder: Path, record: RunRecord, kind: str) -> None:
    """Raises ConfigError for a run that cannot be exported."""
    from ..tasks import task_class
    from ..tasks._classification import Classification

    if not issubclass(task_class(kind), Classification):
        raise ConfigError(
            f"run={folder}: expected a run of sentence classification, found task {record.task}"
        )
    if not record.finished:
        raise ConfigError(
            f"run={folder}: expected a finished run, found it {record.state}; go on with resume=true"
        )
    if record.exported is not None:
        raise ConfigError(f"run={folder}: expected a run, found an exported model; copy the folder")


def _require_free(out: Path, folder: Path) -> None:
    """Raises ConfigError where the folder lies in a run's, or holds anything but an exported model."""
    for around in out.resolve().parents:
        if (around / RunRecord.FILE).is_file():
            raise ConfigError(
                f"out={out}: expected a folder beside the runs, found one inside {shown(around)}"
            )
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    try:
        if out.resolve() != folder.resolve() and read_record(out).exported is not None:
            return
        found = "a run"
    except DataError:
        found = "other files"
    raise ConfigError(f"out={out}: expected a new folder or that of an exported model, found {found}")


class _Tried(NamedTuple):
    """A way to make the model small, and what it is worth then."""

    packed: "Packed"
    way: Way
    fingerprint: str


def _export(options: ExportOptions, config: "RunConfig", without_vectors: "RunConfig", folder: Path) -> None:
    """Packs the model, measures what was packed, and writes the best on the validation set."""
    from ..training import exported as place
    from ..training.card import card

    out, record = Path(options.out), read_record(folder)
    tried = _tried(options, config, without_vectors, folder)
    tried.sort(key=lambda one: one.way.figures[record.validated], reverse=True)
    packed, way, fingerprint = tried[0]
    content = {MODEL: place.tensor_bytes(packed.tensors), EXTRA: json_bytes(packed.extra)}
    small = Exported(
        dtype=options.dtype,
        way=way,
        others=[one.way for one in tried[1:]],
        of_words=packed.of_words,
        files={name: place.checksum(part) for name, part in content.items()},
        run={name: value for name, value in record.metrics.items() if name in way.figures},
        fingerprint=record.data.fingerprint,
    )
    record.exported, record.metrics, record.data.fingerprint = small, dict(way.figures), fingerprint
    public = public_record(record)
    sizes = {name: len(part) for name, part in content.items()}
    text = card(public, small, sizes, out, terms(record.task, record.data.vectors))
    try:
        for name, part in content.items():
            write_bytes(out / name, part)
        write_text(out / CARD, text)
        write(public, out / RunRecord.FILE)
    except OSError as error:
        raise RunError(f"out={out}: expected a folder that can be written, found: {error.strerror}") from None
    total = sum(path.stat().st_size for path in out.iterdir())
    print(f"{out}: {total / 1e6:.2f} MB, {packed.words:,} of {packed.of_words:,} words")
    now, before = way.figures[record.headline], small.run[record.headline]
    print(f"{record.headline} {now:.4f}, of the run itself {before:.4f}")


def _tried(
    options: ExportOptions, config: "RunConfig", without_vectors: "RunConfig", folder: Path
) -> list[_Tried]:
    """The model made small in each way that is asked for and fits, measured; in one way where all fits as it is.

    Raises:
        ConfigError: it fits in no way.
    """
    import torch

    from ..tasks._classification import Classification
    from ..tasks._packing import pack
    from ..training.exported import whole_weights
    from ..training.load import evaluate_weights, trained_task
    from ..training.prepare import load_data

    task, data = trained_task(config, folder), load_data(config, quiet=True)
    assert isinstance(task, Classification)
    found, problem = list[_Tried](), ""
    ways: Sequence[Vectors] = ("axes", "rows") if options.vectors == "best" else (options.vectors,)
    for name in ways:
        try:
            packed = pack(task, data, int(options.max_mb * 1e6), getattr(torch, options.dtype), name)
        except ConfigError as error:
            problem = problem or str(error)
            continue
        weights = whole_weights(packed.tensors) | {"_extra_state": packed.extra}
        figures, fingerprint, _ = evaluate_weights(without_vectors, weights, folder, small=True)
        way = Way(axes=packed.axes, words=packed.words, known=packed.known, figures=figures)
        found.append(_Tried(packed, way, fingerprint))
        if packed.whole:
            break
    if not found:
        raise ConfigError(problem)
    return found
