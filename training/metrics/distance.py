"""Euclidean distances between the rows of two tables, by matrix products and in blocks."""

from collections.abc import Iterator

import torch
from torch import Tensor

BLOCK = 1000


def squared(a: Tensor, b: Tensor) -> Tensor:
    """|a_i - b_j|^2 as [n, m], from |a|^2 + |b|^2 - 2ab, which rounding may take a hair below zero."""
    lengths = a.square().sum(1).unsqueeze(1) + b.square().sum(1)
    return torch.addmm(lengths, a, b.T, alpha=-2).clamp_min_(0)


def blocks(a: Tensor, b: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """`squared` for so many rows of `a` at a time: with 10,000 rows the whole would be 400 MB."""
    for begin in range(0, len(a), BLOCK):
        rows = slice(begin, min(begin + BLOCK, len(a)))
        yield rows, squared(a[rows], b)


def kth_nearest(points: Tensor, k: int) -> Tensor:
    """Squared distance of each point to its k-th nearest other point, [n]."""
    found = []
    for rows, distance in blocks(points, points):
        distance[torch.arange(len(distance)), torch.arange(rows.start, rows.stop)] = torch.inf
        found.append(distance.kthvalue(k, 1).values)
    return torch.cat(found)


def nearest(points: Tensor, others: Tensor) -> Tensor:
    """Distance of each point to the nearest of `others`, [n]."""
    return torch.cat([distance.min(1).values for _, distance in blocks(points, others)]).sqrt()


def pixels(image: Tensor) -> Tensor:
    """uint8 [n, 28, 28] as points [n, 784] in [0, 1]."""
    return image.flatten(1).float() / 255
