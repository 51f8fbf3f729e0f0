"""Fidelity and variety apart, from nearest neighbours in feature space.

Each point claims the ball that reaches to its k-th nearest neighbour among its own kind. Precision and
recall: Kynkäänniemi et al. 2019, arXiv 1904.06991, equation 1 (k = 3). Density and coverage: Naeem et al.
2020, arXiv 2002.09797, equations 5 and 6 (k = 5), which one outlier with a huge ball cannot mislead.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from training.metrics.distance import blocks, kth_nearest

PRECISION_K = 3
DENSITY_K = 5


class Manifold(NamedTuple):
    """Real features [n, d] and the squared radii [n] of their balls."""

    features: Tensor
    narrow: Tensor
    """To the third neighbour, for precision."""
    wide: Tensor
    """To the fifth, for density and coverage."""


class Neighbours(NamedTuple):
    precision: float
    """Share of generated points inside a real ball: what is made looks real."""
    recall: float
    """Share of real points inside a generated ball: what is real can be made."""
    density: float
    """How many real balls a generated point is in, over k; above 1 where samples crowd typical digits."""
    coverage: float
    """Share of real balls with a generated point inside."""


def manifold(features: Tensor) -> Manifold:
    """The real features with the radii that every comparison needs."""
    return Manifold(features, kth_nearest(features, PRECISION_K), kth_nearest(features, DENSITY_K))


def compare(real: Manifold, generated: Tensor) -> Neighbours:
    """The four figures for generated features [m, d]."""
    radii = kth_nearest(generated, PRECISION_K)
    inside, balls = 0, 0
    recalled = torch.zeros(len(real.features), dtype=torch.bool)
    covered = torch.zeros_like(recalled)
    for rows, distance in blocks(generated, real.features):
        inside += int((distance <= real.narrow).any(1).sum())
        recalled |= (distance <= radii[rows].unsqueeze(1)).any(0)
        within = distance <= real.wide
        balls += int(within.sum())
        covered |= within.any(0)
    n = len(generated)
    return Neighbours(
        precision=inside / n,
        recall=float(recalled.float().mean()),
        density=balls / (DENSITY_K * n),
        coverage=float(covered.float().mean()),
    )
