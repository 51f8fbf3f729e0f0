"""Blocks of figures in pages, and figures outside of them."""

import pytest

from benchmarks.measurements.loose import loose
from benchmarks.measurements.pages import names, render
from benchmarks.measurements.record import Record

RECORD = Record("load", "python -m x", ("*",), "abc", "2026-01-02", "a machine", {"rates": "| 1 |"})
PAGE = "before\n<!-- measured: load/rates -->\nold\n<!-- end: load/rates -->\nafter\n"
NOTE = "Measured at commit abc on 2026-01-02 by `python -m x`, on a machine"


def test_a_block_is_replaced_and_the_rest_is_kept() -> None:
    page = render(PAGE, {"load": RECORD})
    assert page == (
        f"before\n<!-- measured: load/rates -->\n\n| 1 |\n\n*{NOTE}.*\n\n<!-- end: load/rates -->\nafter\n"
    )
    assert render(page, {"load": RECORD}) == page


@pytest.mark.parametrize("name", ["load/other", "peers/rates"])
def test_a_block_without_a_record_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"no record has the block {name}; known are load/rates"):
        render(PAGE.replace("load/rates", name), {"load": RECORD})


@pytest.mark.parametrize("mark", ["<!-- measured: load/rates -->\n", "<!-- end: load/rates -->"])
def test_a_mark_without_its_counterpart_is_refused(mark: str) -> None:
    with pytest.raises(ValueError, match="has no counterpart"):
        names(PAGE.replace(mark, ""))


def test_numbers_in_tables_and_quantities_in_prose_are_loose() -> None:
    text = (
        "| head |\n| --- |\n| 7 |\n| none |\n\nIt took 3 ms here.\n\nIt is seven times faster.\n\n"
        "HTTP/1.1 in `7 ms`\n\n"
        "```\n| 1 |\n```\n\n<!-- measured: load/rates -->\n| 5 |\n<!-- end: load/rates -->\n\n9 % more\n"
    )
    assert [(one.line, one.table) for one in loose(text)] == [(3, "| head |"), (6, ""), (8, ""), (20, "")]
