"""The arithmetic of tables."""

import pytest

from benchmarks.table import count, ratio, table, times


def test_a_table_is_markdown() -> None:
    assert table(["", "a"], [["x", "1"], ["y", "2"]]) == "|  | a |\n| --- | --- |\n| x | 1 |\n| y | 2 |"


def test_a_short_row_is_refused() -> None:
    with pytest.raises(ValueError, match="as many cells"):
        table(["", "a"], [["x"]])


@pytest.mark.parametrize(
    ("value", "written"),
    [(17_512, "17,500"), (999.6, "1,000"), (123.4, "123"), (81.24, "81.2"), (3.0456, "3.05"), (0.0, "0")],
)
def test_figures_have_three_digits(value: float, written: str) -> None:
    assert count(value) == written


def test_a_ratio_compares_within_rounds() -> None:
    # The second round was twice as fast for both, which says nothing of either.
    assert ratio([30, 60, 10], [10, 20, 10]) == 3
    assert times(3) == "3.00x"


def test_a_ratio_needs_the_same_rounds() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratio([1, 2], [1])
