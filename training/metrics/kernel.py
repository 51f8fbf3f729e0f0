"""Kernel distance, KID: Bińkowski et al. 2018, arXiv 1801.01401, section 4."""

import torch
from torch import Tensor

from training.metrics.distance import BLOCK


def kernel_distance(a: Tensor, b: Tensor) -> float:
    """The unbiased estimate of the squared maximum mean discrepancy, which can fall below zero.

    The kernel is (xy/d + 1)^3 for features [n, d], over all pairs rather than over random subsets.
    """
    within = _mean(a, a, same=True) + _mean(b, b, same=True)
    return within - 2 * _mean(a, b, same=False)


def _mean(a: Tensor, b: Tensor, same: bool) -> float:
    """Mean kernel over pairs; a point is no pair with itself."""
    dimensions = a.shape[1]
    total = 0.0
    for begin in range(0, len(a), BLOCK):
        kernel = (a[begin : begin + BLOCK] @ b.T / dimensions + 1).pow_(3)
        total += float(kernel.sum(dtype=torch.float64))
    if not same:
        return total / (len(a) * len(b))
    alone = float((a.square().sum(1) / dimensions + 1).pow(3).sum(dtype=torch.float64))
    return (total - alone) / (len(a) * (len(a) - 1))
