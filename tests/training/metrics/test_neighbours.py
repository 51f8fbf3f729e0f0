"""Precision, recall, density and coverage where the answer is plain."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from torch import Tensor

from training.metrics.neighbours import compare, manifold


def cloud(n: int, seed: int, centre: float = 0.0) -> Tensor:
    return torch.randn(n, 4, generator=torch.Generator().manual_seed(seed)) + centre


def test_the_real_points_themselves_are_all_found() -> None:
    real = cloud(500, 0)
    same = compare(manifold(real), real)
    assert (same.precision, same.recall, same.coverage) == (1, 1, 1)
    # Each ball holds its centre and, to its rim, its five neighbours.
    assert same.density == pytest.approx(6 / 5)


def test_points_from_elsewhere_are_not() -> None:
    assert compare(manifold(cloud(300, 0)), cloud(300, 1, centre=100)) == (0, 0, 0, 0)


def test_a_dropped_mode_costs_recall_and_coverage_not_precision() -> None:
    real = torch.cat([cloud(500, 0), cloud(500, 1, centre=50)])
    half = compare(manifold(real), cloud(1000, 2))
    whole = compare(manifold(real), torch.cat([cloud(500, 2), cloud(500, 3, centre=50)]))
    assert half.precision > 0.8
    assert half.recall < 0.51
    assert half.coverage < 0.51
    assert whole.recall > 0.8
    assert whole.coverage > 0.9


def test_noise_added_costs_precision_not_recall() -> None:
    noisy = compare(manifold(cloud(1000, 0)), torch.cat([cloud(500, 1), cloud(500, 2) * 30]))
    assert noisy.precision < 0.6
    assert noisy.recall > 0.8


@pytest.mark.parametrize(("real", "generated"), [(60, 50), (1300, 2100)])
def test_is_what_the_definitions_say(real: int, generated: int) -> None:
    """Also where the points are in several blocks of 1,000."""
    draw = np.random.default_rng(0)
    # In float64, and far enough from each other that no point is on the rim of another's ball by rounding.
    x, y = draw.standard_normal((real, 3)), draw.standard_normal((generated, 3)) * 1.2 + 0.5

    def radius(points: np.ndarray, k: int) -> np.ndarray:
        return np.sort(cdist(points, points), 1)[:, k]  # the nearest is the point itself

    between = cdist(y, x)
    found = compare(manifold(torch.from_numpy(x)), torch.from_numpy(y))
    precision = (between <= radius(x, 3)).any(1).mean()
    recall = (between <= radius(y, 3)[:, None]).any(0).mean()
    density = (between <= radius(x, 5)).sum() / 5 / generated
    coverage = (between.min(0) <= radius(x, 5)).mean()
    assert found == pytest.approx((precision, recall, density, coverage))
    assert len({round(float(share), 2) for share in found}) == 4, "no two figures can be mistaken"
