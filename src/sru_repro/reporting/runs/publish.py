"""A finished run's record goes where it is committed: `results/runs/<task>/<row>/<profile>/seed<k>.json`, from the
run's folder or from the file in which the GPU check hands it back.
"""

from hashlib import sha256
from pathlib import Path

from ...core.errors import DataError
from ...records.base import write
from ...records.packed_runs import PackedRuns, packed_runs
from ...records.published import published
from ...records.run import PUBLISHED, PublishedRun, RunRecord, read_record
from .budget import Budget

_PASSING = ("pid", "progress", "wandb_id")
"""Keys of use only while a run lasts, or to its owner."""
_DIGITS = 6
"""Of the numbers per epoch."""


def publish(run: Path, results: Path) -> Path:
    """Copy the record of a finished run below `results/runs` and return its place.

    Paths of this machine keep only their last part, numbers per epoch six digits. A record of the same row
    and seed from other data or hardware, or of another budget, is left alone: the new one's name then tells them apart.
    Raises DataError when the run has not finished, or is a smoke run.
    """
    record = read_record(run)
    if not record.finished:
        raise DataError(f"{run}: expected a finished run, found it {record.state}; run it again")
    if record.caveat:
        raise DataError(f"{run}: expected profile {' or '.join(PUBLISHED)}, found {record.caveat}")
    place = _place(record, results)
    write(public_record(record), place)
    return place


def publish_packed(results: Path) -> list[Path]:
    """Does the same for what the GPU check has packed below `results/cuda`; the files written.

    Runs with a budget of their own are no rows of a table and stay where they are, as do records of which a later one
    is there already.

    Raises:
        DataError: a file is broken, or holds runs that may not be quoted.
    """
    written = []
    for folder in sorted((results / "cuda").glob("*/")):
        for record in packed_runs(folder):
            if record.profile not in PUBLISHED or not record.finished:
                raise DataError(
                    f"{folder / PackedRuns.FILE}: expected finished runs of profile {' or '.join(PUBLISHED)}, found "
                    f"{record.row}, profile {record.profile}, {record.state}; move the file out of the results"
                )
            place = _place(record, results)
            if not record.changed and (not place.exists() or read_record(place).started < record.started):
                write(record, place)
                written.append(place)
    return written


def _place(record: RunRecord, results: Path) -> Path:
    """Where a record is committed."""
    fold = "" if record.fold is None else f"-fold{record.fold}"
    folder = results / "runs" / record.task / record.row / record.profile
    stem, place = f"seed{record.seed}{fold}", folder / f"seed{record.seed}{fold}.json"
    if not place.exists() or _which(there := read_record(place)) == _which(record):
        return place
    told = [] if Budget.of(there) == Budget.of(record) else [Budget.of(record).slug]
    if _origin(there) != _origin(record):
        slug, fingerprint = _origin(record)
        told += [slug, sha256(fingerprint.encode()).hexdigest()[:8]]
    return place.with_name(f"{'-'.join([stem, *told])}.json")


def public_record(record: RunRecord) -> PublishedRun:
    """The record as it is committed: nothing of this machine's folders."""
    kept = {key: value for key, value in record.plain().items() if key not in _PASSING}
    shown = published(kept) | {"epochs": published(kept["epochs"], _DIGITS)}
    return PublishedRun.model_validate(shown)


def _origin(record: RunRecord) -> tuple[str, str]:
    return record.hardware.slug, record.data.fingerprint


def _which(record: RunRecord) -> tuple[tuple[str, str], Budget]:
    return _origin(record), Budget.of(record)
