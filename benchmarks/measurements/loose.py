"""Finds figures in a page outside of its blocks, where nothing notices that they are out of date."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.measurements.pages import BLOCK

FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
NO_FIGURES = re.compile(r"`[^`]*`|<[^>]*>|\]\([^)]*\)|https?://\S+")
"""Code, tags and addresses within a line."""
FIGURE = re.compile(
    r"\d(?:[\d.,]*\d)?\s?(?:%|x\b|times\b|µs\b|ms\b|MB\b|images/s\b|requests/s\b)"
    r"|\b(?:\w+ times|twice|half) (?:as|faster|slower)\b"
)


@dataclass(frozen=True)
class Loose:
    line: int
    text: str
    table: str = ""
    """The head of its table; empty for prose."""


def loose(text: str) -> Iterator[Loose]:
    """Yield table rows that hold a number, and lines of prose that hold a measured quantity."""
    for pattern in (BLOCK, FENCE):
        text = pattern.sub(lambda found: "\n" * found.group().count("\n"), text)
    head = ""
    for number, line in enumerate(text.splitlines(), 1):
        plain = NO_FIGURES.sub("", line)
        if not line.startswith("|"):
            head = ""
            if FIGURE.search(plain):
                yield Loose(number, line)
        elif not head:
            head = line
        elif re.search(r"\d", plain):
            yield Loose(number, line, head)
