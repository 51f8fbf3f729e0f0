"""What happens along a way through z, over many seeds: how far it may go, and whether it keeps its word."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor

from training import traits
from training.classifier import Classifier
from training.served import Served
from training.traits import ATTRIBUTES, NAMES

SEEDS = range(5_000, 5_200)
"""None of them helped to find a direction."""
AMOUNTS = 9
"""Where a range is measured, both ends included."""
NOTCHES = (2.0, 1.75, 1.5, 1.25, 1.0, 0.75, 0.5, 0.4, 0.3)
"""Where a range may end, the farthest first. One is a standard deviation of the trait."""


class Way(Protocol):
    """Where z goes, amount by amount."""

    def move(self, z: Tensor, amount: float) -> Tensor:
        """z float64 [n, latent_dim] after this much of the way."""
        ...


class Straight(NamedTuple):
    """Along a vector, float64 [latent_dim]."""

    vector: Tensor

    def move(self, z: Tensor, amount: float) -> Tensor:
        return z + amount * self.vector


class Course(NamedTuple):
    """What was read at every amount."""

    trait: Tensor
    """float64 [seeds, amounts, traits]."""
    label: Tensor
    """int64 [seeds, amounts]: the likeliest digit."""


class Traveller:
    """Follows ways through one bundle's z."""

    def __init__(self, served: Served, judge: Classifier) -> None:
        self._served, self._judge = served, judge
        self._z, self._asked = served.draw(SEEDS)
        image = served.decode(self._z, self._asked)
        self.label = traits.read(judge, image).label if self._asked is None else self._asked
        """int64 [seeds]: the digit that each seed is to stay."""

    def follow(self, way: Way, amounts: Sequence[float]) -> Course:
        """The images at these amounts of the way, read."""
        image = along(self._served, self._z, self._asked, way, amounts)
        reading = traits.read(self._judge, image)
        shape = (len(self._z), len(amounts), -1)
        return Course(reading.trait.reshape(shape), reading.label.reshape(shape[:2]))

    def limits(self, way: Way, kept: float) -> tuple[float, float] | None:
        """The farthest amounts, down and up, at which that share of the images keep their digit; None where
        not even the nearest do. Farther out fewer do, so the notches are halved until one is found."""

        def stays(amount: float) -> bool:
            return self.kept(self.follow(way, [amount])) >= kept

        low = bisect_left(NOTCHES, True, key=lambda notch: stays(-notch))
        high = bisect_left(NOTCHES, True, key=stays)
        return None if len(NOTCHES) in (low, high) else (-NOTCHES[low], NOTCHES[high])

    def kept(self, course: Course) -> float:
        """The smallest share, over the amounts, of images that show the digit that they are to stay."""
        return float((course.label == self.label.unsqueeze(1)).double().mean(0).min())


def along(served: Served, z: Tensor, label: Tensor | None, way: Way, amounts: Sequence[float]) -> Tensor:
    """The images along the way from z, uint8 [seeds * amounts, 28, 28], a seed's together."""
    moved = torch.stack([way.move(z.double(), amount) for amount in amounts], 1)
    repeated = None if label is None else label.repeat_interleave(len(amounts))
    return served.decode(moved.flatten(0, 1).float(), repeated)


def correlation(value: Tensor) -> float:
    """Spearman's, of growing amounts and the values [seeds, amounts] there: the mean over seeds; a seed whose
    value never changes counts 0."""
    rank = rankdata(value.numpy(), axis=1)
    rank -= rank.mean(1, keepdims=True)
    order = np.arange(value.shape[1]) - (value.shape[1] - 1) / 2
    length = np.linalg.norm(rank, axis=1) * np.linalg.norm(order)
    return float(np.divide(rank @ order, length, out=np.zeros(len(rank)), where=length > 0).mean())


def changes(course: Course, spread: Tensor) -> dict[str, float]:
    """By how many of its standard deviations each attribute changes from end to end: medians over seeds."""
    change = (course.trait[:, -1] - course.trait[:, 0]).abs() / spread
    medians = change.median(0).values[:ATTRIBUTES].tolist()
    return {name: round(median, 2) for name, median in zip(NAMES, medians, strict=False)}
