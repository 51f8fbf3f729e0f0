"""The measured cost of a network."""

import pytest

from service.engine.cost import Cost


def test_a_run_costs_its_first_row_and_each_further_one() -> None:
    cost = Cost(0.004, 0.001)
    assert cost.run_s(1) == pytest.approx(0.004)
    assert cost.run_s(11) == pytest.approx(0.014)
    assert cost.queue_s(100) == pytest.approx(0.1)


@pytest.mark.parametrize(("row_s", "rows"), [(0.001, 16), (0.01, 2), (0.1, 1)])
def test_a_run_has_as_many_rows_as_its_time_allows(row_s: float, rows: int) -> None:
    assert Cost(1.0, row_s).rows_within(0.0155) == rows


def test_rows_that_cost_nothing_are_not_limited() -> None:
    assert Cost().rows_within(0.015) >= 4096


def test_the_estimates_follow_what_is_measured() -> None:
    cost = Cost(0.004, 0.001)
    for _ in range(200):
        cost.learn(1, 0.008)
        cost.learn(33, 0.008 + 32 * 0.003)
    assert cost.first_s == pytest.approx(0.008, rel=0.01)
    assert cost.row_s == pytest.approx(0.003, rel=0.01)


def test_one_measurement_moves_them_little() -> None:
    cost = Cost(0.004, 0.001)
    cost.learn(64, 0.67)
    assert 0.001 < cost.row_s < 0.002


def test_an_estimate_per_row_that_is_too_high_comes_down_by_runs_of_one_row() -> None:
    cost = Cost(0.5, 0.5)
    for _ in range(200):
        cost.learn(1, 0.001)
    assert cost.row_s < 0.002
