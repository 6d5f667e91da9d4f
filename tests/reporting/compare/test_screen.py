"""Text for a terminal is the same in a notebook, where rich would show what it prints by itself."""

import pytest

from sru_repro.reporting.compare.screen import printed, words


def test_a_notebook_gets_the_same_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    assert printed([words("one"), words("two")], 40) == "one\n\ntwo"
    assert capsys.readouterr().out == ""
