"""Distances against scipy's."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from training.metrics import distance


def points(n: int, dimensions: int, seed: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((n, dimensions), np.float32))


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_squared_is_what_scipy_says(n: int, m: int, dimensions: int, seed: int) -> None:
    a, b = points(n, dimensions, seed), points(m, dimensions, seed + 1)
    expected = cdist(a.numpy(), b.numpy(), "sqeuclidean")
    assert np.allclose(distance.squared(a, b).numpy(), expected, atol=1e-4)
    assert (distance.squared(a, a) >= 0).all(), "rounding is held at zero"


def test_blocks_together_are_the_whole() -> None:
    a, b = points(2500, 3, 0), points(7, 3, 1)
    parts = list(distance.blocks(a, b))
    assert [(rows.start, rows.stop) for rows, _ in parts] == [(0, 1000), (1000, 2000), (2000, 2500)]
    assert torch.allclose(torch.cat([part for _, part in parts]), distance.squared(a, b))


def test_kth_nearest_leaves_a_point_itself_out_but_not_its_double() -> None:
    line = torch.tensor([[0.0], [1.0], [3.0], [3.0]])
    assert distance.kth_nearest(line, 1).tolist() == [1, 1, 0, 0]
    assert distance.kth_nearest(line, 3).tolist() == [9, 4, 9, 9]


@pytest.mark.parametrize("k", [1, 3, 5])
def test_kth_nearest_is_scipy_s_beyond_the_first_block(k: int) -> None:
    """2,300 points are in three blocks, and in none of them is a point its own neighbour."""
    cloud = points(2300, 3, 0)
    apart = cdist(cloud.numpy(), cloud.numpy(), "sqeuclidean")
    np.fill_diagonal(apart, np.inf)
    expected = np.sort(apart, axis=1)[:, k - 1]
    assert np.allclose(distance.kth_nearest(cloud, k).numpy(), expected, rtol=1e-3, atol=1e-5)


def test_nearest_is_scipy_s_beyond_the_first_block() -> None:
    a, b = points(1200, 3, 0), points(1500, 3, 1)
    expected = cdist(a.numpy(), b.numpy()).min(1)
    assert np.allclose(distance.nearest(a, b).numpy(), expected, rtol=1e-2, atol=1e-3)


def test_nearest() -> None:
    found = distance.nearest(torch.tensor([[0.0, 0.0], [5.0, 5.0]]), torch.tensor([[3.0, 4.0], [5.0, 6.0]]))
    assert found.tolist() == [5, 1]


def test_pixels_are_between_nothing_and_one() -> None:
    image = torch.tensor([0, 51, 255], dtype=torch.uint8).repeat(784)[:784].view(1, 28, 28)
    assert distance.pixels(image).shape == (1, 784)
    assert distance.pixels(image)[0, :3].tolist() == torch.tensor([0, 0.2, 1]).tolist()
