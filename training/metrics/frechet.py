"""Fréchet distance between two sets of features (Heusel et al. 2017, arXiv 1706.08500, equation 6)."""

from typing import NamedTuple

import torch
from torch import Tensor


class Gaussian(NamedTuple):
    """The mean [d] and covariance [d, d], float64."""

    mean: Tensor
    covariance: Tensor


def fit(features: Tensor) -> Gaussian:
    """The Gaussian with the features' own mean and (unbiased) covariance."""
    points = features.double()
    return Gaussian(points.mean(0), torch.cov(points.T).reshape(points.shape[1], points.shape[1]))


def frechet_distance(a: Gaussian, b: Gaussian) -> float:
    """|m_a - m_b|^2 + tr(A + B - 2 (A^1/2 B A^1/2)^1/2), squared as is the custom.

    The root's trace is taken from the eigenvalues of a symmetric matrix, which are real and stay right
    where A or B is singular; the usual sqrtm of AB is neither.
    """
    values, vectors = torch.linalg.eigh(a.covariance)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    shared = torch.linalg.eigvalsh(root @ b.covariance @ root).clamp_min(0).sqrt().sum()
    distance = (a.mean - b.mean).square().sum() + a.covariance.trace() + b.covariance.trace() - 2 * shared
    return max(0.0, float(distance))
