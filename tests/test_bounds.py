"""The table of bounds in docs/reliability.md says what the settings and the code say."""

import importlib
import re
from pathlib import Path

import pytest

from service.settings import Settings

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reliability.md"
NO_BOUNDS = {"port", "threads", "busy_poll_us", "trusted_proxies"}
"""Numbers among the settings that bound nothing a request can use."""


def rows() -> list[list[str]]:
    """The cells of each row of the table."""
    section = PAGE.read_text().partition("## Bounds\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


ROWS = rows()


def name_of(row: list[str]) -> str:
    return row[1].strip("`")


def is_setting(row: list[str]) -> bool:
    return name_of(row).isupper()


@pytest.mark.parametrize("row", ROWS, ids=map(name_of, ROWS))
def test_the_default_is_the_one_in_force(row: list[str]) -> None:
    if is_setting(row):
        value = Settings.model_fields[name_of(row).lower()].default
    else:
        module, _, constant = name_of(row).rpartition(".")
        value = getattr(importlib.import_module(module), constant)
    assert row[2] == str(value)


@pytest.mark.parametrize("row", ROWS, ids=map(name_of, ROWS))
def test_the_file_that_enforces_it_reads_it(row: list[str]) -> None:
    text = (ROOT / row[5]).read_text()
    word = name_of(row).lower() if is_setting(row) else name_of(row).rpartition(".")[2]
    assert re.search(rf"\b{word}\b", text), f"{row[5]} does not mention {word}"


@pytest.mark.parametrize("row", ROWS, ids=map(name_of, ROWS))
def test_the_test_that_holds_it_exists(row: list[str]) -> None:
    file, _, test = row[6].partition("::")
    assert re.search(rf"^(async )?def {test}\(", (ROOT / file).read_text(), re.MULTILINE)


def test_every_number_among_the_settings_is_in_the_table() -> None:
    numbers = {
        name.upper()
        for name, field in Settings.model_fields.items()
        if field.annotation in (int, float) and name not in NO_BOUNDS
    }
    assert numbers == {name_of(row) for row in ROWS if is_setting(row)}
