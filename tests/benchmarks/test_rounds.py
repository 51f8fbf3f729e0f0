"""Rounds, and the tables that are made of them, in a tiny form."""

import pytest

from benchmarks import growth, load, peers
from benchmarks.driver import Load
from benchmarks.growth import Weight
from benchmarks.rounds import Column, Figures, measure
from benchmarks.server import Server
from benchmarks.workload import W1, W2, W3, grid

COLUMN = Column(W1, 2)
GRID = Column(W2, 8)


def figures(*rates: float) -> Figures:
    """Of rounds with these requests/s for both columns, next to an echo of 100/s."""
    loads = [Load(round(rate), 1.0, 2.0, 5.0, 0) for rate in rates]
    both = {COLUMN: loads, GRID: loads}
    spent = [10.0] * len(rates)
    return Figures(both, {COLUMN: spent, GRID: spent}, [100.0] * len(rates), [5.0] * len(rates), spent, spent)


def test_every_round_measures_every_column_next_to_the_echo(tiny: Server) -> None:
    found = measure([tiny], [COLUMN, Column(grid(4), 1)], 1, 0.1)["tiny"]
    assert [len(loads) for loads in found.loads.values()] == [1, 1]
    assert found.calibration[0] > 0
    assert found.rate(COLUMN) > 0
    assert found.cpu(COLUMN) >= 0
    assert found.start_s[0] > 0
    assert found.memory_mb[0] > 10


def test_a_server_that_fails_is_left_out(tiny: Server, capsys: pytest.CaptureFixture[str]) -> None:
    # It has no discriminator.
    assert not measure([tiny], [Column(W1, 1), Column(W3, 1)], 1, 0.1)
    assert "tiny is left out: W3" in capsys.readouterr().err


def test_rates_are_of_images_and_shares_of_requests() -> None:
    found = figures(10, 30, 20)
    assert found.rate(COLUMN) == 20
    assert found.rate(GRID) == 20 * 64
    assert found.of_echo(GRID) == 0.2
    assert found.of_echo_cpu(COLUMN) == 0.5
    assert found.of_echo_cpu(GRID) == 0.5 / 64


def test_load_has_a_row_for_each_column() -> None:
    lines = load.report({"one": figures(10), "two": figures(20)}, [COLUMN, GRID]).splitlines()
    assert len(lines) == 2 + 4
    assert lines[2] == "| one | W1, 2 clients | 10 | 0.100 | 10 | 0.500 | 2 | 5 | 10 | 10 |"


def test_the_factor_is_of_the_best_in_the_same_round_with_both_graphs() -> None:
    one, two = peers.OURS
    found = {
        one: figures(60, 80, 70),
        two: figures(10, 10, 10),
        f"{one}{peers.PLAIN}": figures(10, 10, 10),
        f"{two}{peers.PLAIN}": figures(30, 20, 20),
        "slow": figures(1, 1, 1),
        "fast": figures(20, 20, 20),
    }
    assert peers.against_best(found, [COLUMN]).splitlines()[-1] == "| W1, 2 clients | fast | 3.50x | 1.00x |"
    in_words = peers.against_best(found, [COLUMN], peers.in_words).splitlines()[-1]
    assert in_words == "| one image in JSON, 2 clients | fast | 3.50x | 1.00x |"
    assert len(peers.report(found, [COLUMN, GRID]).splitlines()) == 8
    del found[f"{one}{peers.PLAIN}"], found[f"{two}{peers.PLAIN}"]
    assert peers.against_best(found, [COLUMN]).endswith("| fast | 3.50x | not measured |")
    assert peers.processor(found, [COLUMN]).splitlines()[-1] == "| fast | 10 |"


def test_growth_is_told_and_drawn() -> None:
    found = {growth.ONE: figures(10, 20), growth.TWO: figures(20, 40)}
    assert "| two processes | 2 | 30 |" in growth.report("clients", found, [COLUMN])
    drawn = growth.draw(found[growth.ONE], [GRID], found, [COLUMN], [Weight(1, 120.0, 0.5)])
    assert len(drawn.axes) == 5
