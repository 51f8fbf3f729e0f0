"""KID against the double sum that defines it."""

import numpy as np
import pytest
import torch

from training.metrics.kernel import kernel_distance


def naive(a: np.ndarray, b: np.ndarray) -> float:
    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return float((x @ y / len(x) + 1) ** 3)

    within = [
        np.mean([kernel(x, y) for i, x in enumerate(s) for j, y in enumerate(s) if i != j]) for s in (a, b)
    ]
    return float(sum(within) - 2 * np.mean([kernel(x, y) for x in a for y in b]))


def test_is_the_unbiased_double_sum() -> None:
    draw = np.random.default_rng(0)
    a, b = draw.standard_normal((12, 3)), draw.standard_normal((9, 3)) + 0.5
    assert kernel_distance(torch.from_numpy(a), torch.from_numpy(b)) == pytest.approx(naive(a, b))


def test_two_draws_of_one_distribution_are_at_no_distance_on_average() -> None:
    draw = torch.Generator().manual_seed(0)
    pairs = [(torch.randn(200, 5, generator=draw), torch.randn(200, 5, generator=draw)) for _ in range(60)]
    distances = torch.tensor([kernel_distance(a, b) for a, b in pairs])
    assert abs(float(distances.mean())) < 3 * float(distances.std()) / 60**0.5
    assert (distances < 0).any(), "unbiased, so some fall below zero"
    assert kernel_distance(pairs[0][0], pairs[0][1] + 1) > 10 * float(distances.abs().max())
