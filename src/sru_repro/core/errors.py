"""The one kind of error that a user of the suite is meant to read: a single line that says what to do."""


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
