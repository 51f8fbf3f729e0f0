"""Blocks of measured figures in Markdown pages.

A block stands between `<!-- measured: NAME/BLOCK -->`, with the record and its part, and
`<!-- end: NAME/BLOCK -->`.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from benchmarks.measurements.record import Record

BLOCK = re.compile(r"<!-- measured: (?P<name>\S+) -->\n.*?<!-- end: (?P=name) -->", re.DOTALL)
MARK = re.compile(r"<!-- (?:measured|end): \S* ?-->")


def pages(root: Path) -> list[Path]:
    """Return the pages that may hold blocks."""
    return [root / "README.md", *sorted((root / "docs").glob("*.md"))]


def names(text: str) -> list[str]:
    """Return the blocks of a page in order. ValueError if a block has no end, or an end no beginning."""
    if left := MARK.search(BLOCK.sub("", text)):
        raise ValueError(f"{left.group()} has no counterpart")
    return [found["name"] for found in BLOCK.finditer(text)]


def render(text: str, records: Mapping[str, Record]) -> str:
    """Return the page with every block as its record has it. ValueError if a block has no record."""
    names(text)
    return BLOCK.sub(lambda found: block(found["name"], records), text)


def block(name: str, records: Mapping[str, Record]) -> str:
    """Return the block with its marks. ValueError if no record has it."""
    record, _, part = name.partition("/")
    if record not in records or part not in records[record].blocks:
        known = [f"{one.name}/{each}" for one in records.values() for each in one.blocks]
        raise ValueError(f"no record has the block {name}; known are {', '.join(known)}")
    one = records[record]
    return f"<!-- measured: {name} -->\n\n{one.blocks[part].strip()}\n\n{one.note()}\n\n<!-- end: {name} -->"
