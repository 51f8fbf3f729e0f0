"""What was found, as a table."""

from benchmarks.faults.finding import Figure, Finding, table


def test_a_figure_is_met_up_to_its_limit() -> None:
    assert Figure("memory", 50, 50, " MB").met
    assert not Figure("memory", 50.1, 50, " MB").met
    assert Figure("cases", 20_000, 20_000, least=True).met
    assert not Figure("cases", 19_999, 20_000, least=True).met
    assert str(Figure("memory", 60.25, 50, " MB")) == "memory 60.2 MB (at most 50 MB) **missed**"


def test_a_promise_is_kept_when_nothing_is_lost_and_all_is_met() -> None:
    assert Finding("a", "once", []).kept
    assert not Finding("a", "once", ["x"]).kept
    assert not Finding("a", "once", [], [Figure("f", 2, 1)]).kept


def test_the_table_tells_what_was_lost_below() -> None:
    lines = table([Finding("a", "once", ["it broke"]), Finding("b", "twice", [])]).splitlines()
    assert lines[2:] == ["| a | once | 1 |  |", "| b | twice | 0 |  |", "", "- a: it broke"]
