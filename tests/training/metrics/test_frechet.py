"""The Fréchet distance of Gaussians for which it is known."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from training.metrics.frechet import Gaussian, fit, frechet_distance


def gaussian(mean: list[float], variances: list[float]) -> Gaussian:
    return Gaussian(torch.tensor(mean).double(), torch.diag(torch.tensor(variances)).double())


def test_means_apart_count_squared() -> None:
    a, b = gaussian([0, 0], [1, 2]), gaussian([3, 4], [1, 2])
    assert frechet_distance(a, b) == pytest.approx(25)


def test_of_one_dimension_is_the_difference_of_deviations_squared() -> None:
    assert frechet_distance(gaussian([0], [4]), gaussian([1], [25])) == pytest.approx(1 + (2 - 5) ** 2)


def test_singular_covariances_are_no_trouble() -> None:
    a, b = gaussian([0, 0, 0], [1, 0, 0]), gaussian([0, 0, 0], [0, 9, 0])
    assert frechet_distance(a, b) == pytest.approx(10)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-12)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8))
def test_is_symmetric_and_what_the_formula_with_sqrtm_gives(seed: int, dimensions: int) -> None:
    draw = np.random.default_rng(seed)
    a, b = (fit(torch.from_numpy(draw.standard_normal((40, dimensions)) * scale)) for scale in (1.0, 2.5))
    root = np.real(sqrtm(a.covariance.numpy() @ b.covariance.numpy()))
    expected = (a.mean - b.mean).square().sum() + (a.covariance + b.covariance).trace() - 2 * np.trace(root)
    assert frechet_distance(a, b) == pytest.approx(float(expected), rel=1e-6)
    assert frechet_distance(b, a) == pytest.approx(frechet_distance(a, b), rel=1e-9)


def test_samples_come_near_the_distance_of_what_they_are_from() -> None:
    draw = np.random.default_rng(0)
    a = fit(torch.from_numpy(draw.standard_normal((50_000, 4))))
    b = fit(torch.from_numpy(draw.standard_normal((50_000, 4)) * 2 + 1))
    assert frechet_distance(a, b) == pytest.approx(4 * 1 + 4 * (2 - 1) ** 2, rel=0.02)


def test_fit_in_one_dimension() -> None:
    one = fit(torch.tensor([[1.0], [3.0]]))
    assert one.mean.tolist() == [2]
    assert one.covariance.tolist() == [[2]]
    assert math.isclose(frechet_distance(one, one), 0, abs_tol=1e-12)
