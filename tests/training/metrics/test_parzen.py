"""Parzen windows against scipy's densities, point by point."""

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from training.metrics.parzen import SIGMAS, log_density, parzen


def normal(n: int, dimensions: int, seed: int) -> torch.Tensor:
    return torch.randn(n, dimensions, generator=torch.Generator().manual_seed(seed))


def test_the_density_is_the_mean_of_the_windows() -> None:
    samples, points, sigma = normal(20, 3, 0), normal(8, 3, 1), 0.4
    expected = [
        logsumexp([multivariate_normal.logpdf(point, centre, sigma**2) for centre in samples.numpy()])
        - np.log(20)
        for point in points.numpy()
    ]
    assert log_density(samples, points, sigma).tolist() == pytest.approx(expected, rel=1e-4)


def test_sigma_is_the_best_for_the_validation_set() -> None:
    samples, validation, test = normal(300, 2, 0), normal(200, 2, 1), normal(200, 2, 2)
    found = parzen(samples, validation, test)
    assert found.log_likelihood == pytest.approx(float(log_density(samples, test, found.sigma).mean()))
    best = float(log_density(samples, validation, found.sigma).mean())
    others = [float(log_density(samples, validation, s).mean()) for s in np.geomspace(*SIGMAS, 60)]
    assert best >= max(others) - 1e-4


def test_comes_near_the_true_density_where_samples_are_many() -> None:
    found = parzen(normal(4000, 1, 0), normal(300, 1, 1), normal(2000, 1, 2))
    truth = float(multivariate_normal.logpdf(normal(2000, 1, 2).numpy(), 0, 1).mean())
    assert found.log_likelihood == pytest.approx(truth, abs=0.02)
