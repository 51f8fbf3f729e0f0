"""Progress bars with the time left: drawn over and over on a terminal, a line now and then in a log."""

import sys
from collections.abc import Iterator
from typing import NoReturn

from tqdm import tqdm

LOGGED_S = 30
"""Seconds between two lines of a log."""


class Lines:
    """What a bar is written to that is no terminal: each state a line of its own, which readers of logs can
    follow, where a bar returns to the line's start."""

    def write(self, text: str) -> None:
        if line := text.strip():
            sys.stderr.write(line + "\n")

    def flush(self) -> None:
        sys.stderr.flush()


def bar(
    total: int, unit: str, description: str | None = None, begun: int = 0, shown: bool = True
) -> "tqdm[NoReturn]":
    """A bar of `total` units of which `begun` are done; tqdm's, to be updated within its context."""
    terminal = sys.stderr.isatty()
    return tqdm(
        total=total,
        initial=begun,
        unit=f" {unit}",
        desc=description,
        unit_scale=total > 1000,
        dynamic_ncols=terminal,
        disable=not shown,
        file=sys.stderr if terminal else Lines(),
        mininterval=0.1 if terminal else LOGGED_S,
        maxinterval=10 if terminal else LOGGED_S,
    )


def over(steps: range, unit: str, description: str) -> Iterator[int]:
    """These steps, with a bar that counts them."""
    with bar(len(steps), unit, description) as progress:
        for step in steps:
            yield step
            progress.update()
