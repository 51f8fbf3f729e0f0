"""Parzen-window log-likelihood, the table of Goodfellow et al. 2014 (arXiv 1406.2661, section 5).

A Gaussian of width sigma around each generated image makes a density; the figure is the mean log-likelihood
of the test digits, in nats, for the sigma that suits a validation set best. A poor measure in 784 dimensions
(Theis et al. 2016, arXiv 1511.01844), kept because it is what the paper reports.
"""

import math
from typing import NamedTuple

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from training.metrics.distance import blocks

SIGMAS = (0.05, 1.0)


class Parzen(NamedTuple):
    log_likelihood: float
    """Mean over the test points, in nats."""
    sigma: float


def parzen(samples: Tensor, validation: Tensor, test: Tensor) -> Parzen:
    """For points [n, d], such as pixels in [0, 1]."""
    distances = torch.cat([distance for _, distance in blocks(validation, samples)])

    def loss(log_sigma: float) -> float:
        return -float(_log_density(distances, math.exp(log_sigma), samples.shape[1]).mean())

    low, high = (math.log(sigma) for sigma in SIGMAS)
    sigma = math.exp(minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-3}).x)
    return Parzen(float(log_density(samples, test, sigma).mean()), sigma)


def log_density(samples: Tensor, points: Tensor, sigma: float) -> Tensor:
    """log of the mean of N(point; sample, sigma^2 I) over the samples, [len(points)]."""
    parts = [_log_density(distance, sigma, samples.shape[1]) for _, distance in blocks(points, samples)]
    return torch.cat(parts)


def _log_density(squared_distance: Tensor, sigma: float, dimensions: int) -> Tensor:
    exponents = torch.logsumexp(squared_distance / (-2 * sigma**2), 1)
    return exponents - math.log(squared_distance.shape[1]) - dimensions / 2 * math.log(2 * math.pi * sigma**2)
