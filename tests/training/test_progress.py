"""Tests of the progress bars."""

import io
import sys

import pytest

from training import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_is_drawn_over(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    assert [*progress.over(range(3), "draws", "floor")] == [0, 1, 2]
    assert "\r" in screen.getvalue()


def test_a_log_has_few_lines_and_each_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    with progress.bar(100_000, "images", begun=50_000) as bar:
        for step in range(500):
            bar.update(100)
            bar.set_postfix(loss=f"{step}", refresh=False)
    first, last = log.getvalue().splitlines()
    assert "50.0k/100k" in first
    assert "100k/100k" in last
    assert "images/s" in last
    assert "loss=499" in last
    assert "\r" not in log.getvalue()


def test_who_does_not_write_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    with progress.bar(10, "images", shown=False) as bar:
        bar.update(10)
    assert log.getvalue() == ""
