"""One line on the screen about something that does not stop the suite."""

import warnings


def warn(text: str) -> None:
    """A warning of Python's, which can be filtered or made an error; without the place in the source, as that says
    nothing to a person."""
    warnings.warn_explicit(text, UserWarning, "sru-repro", 0)
