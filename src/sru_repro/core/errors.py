"""The one kind of error that a user of the suite is meant to read: a single line that says what to do."""

import os
import unicodedata

DATA_KEY = "SRU_REPRO_DATA_KEY"
"""The variable in which make says what the folder of data is called there."""


def data_key() -> str:
    """What a user names the folder of data by: `data_dir=`, or `DATA=` under make."""
    return os.environ.get(DATA_KEY) or "data_dir="


class SuiteError(Exception):
    """Something the user can mend. The message is one line: which key or file, what was expected, what was found."""

    status = 2
    """Exit status of the command line: 2 when nothing has been run yet, 1 (`RunError`) when a run failed."""

    def __init__(self, message: str = "") -> None:
        super().__init__(on_one_line(message))


class ConfigError(SuiteError):
    """A key, a value or a combination of options that the suite refuses."""


class DataError(SuiteError):
    """A data file that is missing, cut, of another version, or cannot be fetched."""


class RunError(SuiteError):
    """A failure in the middle of a run."""

    status = 1


def on_one_line(text: str) -> str:
    """The text with an escape for each sign that would end the line or steer a terminal: names of files and values
    come from anywhere."""
    return "".join(
        symbol.encode("unicode_escape").decode() if unicodedata.category(symbol) in _STEERING else symbol
        for symbol in text
    )


_STEERING = ("Cc", "Cs", "Zl", "Zp")
"""Categories of Unicode: control signs, bytes that were not UTF-8, ends of lines and paragraphs."""
