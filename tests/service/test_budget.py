"""The total of a budget is never exceeded, nor the share of one client."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.budget import Budget, BudgetExceeded


def test_a_client_has_its_share_and_no_more() -> None:
    budget = Budget(total=10, per_client=4)
    with budget.hold("a", 4):
        with pytest.raises(BudgetExceeded) as caught:
            budget.reserve("a", 1)
        assert caught.value.by_client
        with budget.hold("b", 4):
            assert budget.used == 8
    with budget.hold("a", 4):
        assert budget.used == 4


def test_the_total_is_exact() -> None:
    budget = Budget(total=10, per_client=4)
    with budget.hold("a", 4), budget.hold("b", 4):
        with pytest.raises(BudgetExceeded) as caught:
            budget.reserve("c", 3)
        assert not caught.value.by_client
        with budget.hold("c", 2):
            assert budget.used == 10


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 6)), max_size=40))
def test_nothing_is_lost_or_exceeded(asked: list[tuple[str, int]]) -> None:
    budget = Budget(total=12, per_client=7)
    held: list[tuple[str, int]] = []
    for client, amount in asked:
        try:
            budget.reserve(client, amount)
        except BudgetExceeded:
            if held:
                budget.release(*held.pop(0))
        else:
            held.append((client, amount))
        assert budget.used == sum(amount for _, amount in held) <= 12
        assert all(sum(n for c, n in held if c == client) <= 7 for client in "abc")
    for client, amount in held:
        budget.release(client, amount)
    budget.reserve("a", 7)
    assert budget.used == 7
