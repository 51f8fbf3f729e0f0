"""AUC against counting the pairs."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.metrics.ranking import auc

scores = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=20)


@settings(deadline=None)
@given(scores, scores)
def test_is_the_share_of_pairs_in_order(positive: list[float], negative: list[float]) -> None:
    won = sum((p > n) + (p == n) / 2 for p in positive for n in negative)
    found = auc(torch.tensor(positive), torch.tensor(negative))
    assert found == pytest.approx(won / len(positive) / len(negative))


def test_apart_and_alike() -> None:
    low, high = torch.tensor([0.0, 1.0]), torch.tensor([2.0, 3.0])
    assert (auc(high, low), auc(low, high), auc(low, low)) == (1, 0, 0.5)
