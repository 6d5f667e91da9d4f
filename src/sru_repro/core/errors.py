"""The one kind of error that a user of the suite is meant to read: a single line that says what to do."""

import os
import warnings

DATA_KEY = "SRU_REPRO_DATA_KEY"
"""The variable in which make says what the folder of data is called there."""


def data_key() -> str:
    """What a user names the folder of data by: `data_dir=`, or `DATA=` under make."""
    return os.environ.get(DATA_KEY) or "data_dir="


def warn(text: str) -> None:
    """One line on the screen, as a warning of Python's, which can be filtered; the place in the source says nothing."""
    warnings.warn_explicit(text, UserWarning, "sru-repro", 1)


class SuiteError(Exception):
    """Something the user can mend. The message is one line: which key or file, what was expected, what was found."""

    status = 2
    """Exit status of the command line: 2 when nothing has been run yet, 1 (`RunError`) when a run failed."""


class ConfigError(SuiteError):
    """A key, a value or a combination of options that the suite refuses."""


class DataError(SuiteError):
    """A data file that is missing, cut, of another version, or cannot be fetched."""


class RunError(SuiteError):
    """A failure in the middle of a run."""

    status = 1
