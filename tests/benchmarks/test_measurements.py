"""Every measured figure in the pages is as its record has it, and no record is silently out of date."""

import re
from pathlib import Path

import pytest

from benchmarks.__main__ import COMMANDS
from benchmarks.measurements.loose import loose
from benchmarks.measurements.pages import names, pages, render
from benchmarks.measurements.record import Record, load

ROOT = Path(__file__).parents[2]
RECORDS = load(ROOT)
SCANNED = ("README.md", "docs/performance.md", "docs/scaling.md", "docs/reliability.md")
NOT_MEASURED = {
    "| endpoint | what it does |": "names of paths",
    "| model | what it is | latent | labels |": "dimensions, which the manifests hold",
    "| | default | |": "defaults",
    "| stage | bound | default | for | past it | enforced in | held by |": "defaults and constants",
    "| what looks across it | how it is kept whole |": "sizes of groups",
}
"""Heads of tables whose numbers are not measured, with what they are."""
NOT_MEASURED_PROSE = {
    "For 100 µs after an answer": "the default of BUSY_POLL_US",
    "about 15 ms at most": "constants of service/engine/batcher.py",
    "at most every 50 ms": "a constant of service/log_writer.py",
    "20 times a second each at most": "the load of benchmarks/replicas.py",
}


@pytest.mark.parametrize("page", pages(ROOT), ids=lambda path: path.name)
def test_the_blocks_of_a_page_are_those_of_the_records(page: Path) -> None:
    text = page.read_text()
    assert render(text, RECORDS) == text, "write the pages again: python -m benchmarks write"


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_figures_are_of_the_present_code_or_say_that_they_are_not(record: Record) -> None:
    assert not record.problem(ROOT), record.problem(ROOT)


def test_every_block_of_a_record_is_in_a_page() -> None:
    shown = {name for page in pages(ROOT) for name in names(page.read_text())}
    assert shown == {f"{record.name}/{part}" for record in RECORDS.values() for part in record.blocks}


def test_figures_stand_in_blocks() -> None:
    found, excused = [], set()
    for page in SCANNED:
        for one in loose((ROOT / page).read_text()):
            reasons = {one.table} & NOT_MEASURED.keys() or {
                text for text in NOT_MEASURED_PROSE if text in one.text and not one.table
            }
            excused |= reasons
            if not reasons:
                found.append(f"{page}:{one.line}: {one.text[:120]}")
    assert not found, "measured figures belong into blocks (docs/measurements), others into NOT_MEASURED"
    assert excused == NOT_MEASURED.keys() | NOT_MEASURED_PROSE.keys(), "remove exceptions that excuse nothing"


@pytest.mark.parametrize("folder", ["service", "training", "benchmarks"])
def test_code_states_no_speed_factors(folder: str) -> None:
    """Nothing measures them there; a comment may name the command that does."""
    factor = re.compile(r"(?:twice|\w+ times) (?:as )?(?:fast|slow)|costs \w+ times")
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        if (match := factor.search(path.read_text()))
    ]
    assert not found


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_the_command_of_a_record_is_a_benchmark(record: Record) -> None:
    assert record.command.split()[:3] == ["python", "-m", "benchmarks"]
    assert record.command.split()[3] in COMMANDS
