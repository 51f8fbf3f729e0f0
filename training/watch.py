"""How good the samples are while training goes on: two figures that a loss does not tell.

Rough, for a curve, where `evaluate` is thorough: fewer samples make the Fréchet distance larger, so it
compares with others of the same run and not with the leaderboard's.
"""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from training import classifier
from training.classifier import Classifier
from training.data import Digits
from training.metrics import classes, frechet
from training.metrics.frechet import Gaussian
from training.run import to_levels

SAMPLES = 2_000
REAL = 10_000
BATCH = 100
"""Images that the classifier reads at once."""


class Real(NamedTuple):
    """What generated digits are compared with."""

    judge: Classifier
    features: Gaussian


class Watch:
    """Compares samples with some of the digits that are trained on. Draws no random numbers."""

    def __init__(self, digits: Digits, samples: int = SAMPLES) -> None:
        self._image = digits.image
        # With few digits their covariance is rough, and more samples would not mend that.
        self.label = digits.label[:samples]
        """What to ask a conditional recipe for, int64 [n]: as many of each digit as there are among real
        ones. Its length is the number of samples to draw."""

    def figures(self, image: Tensor) -> dict[str, float]:
        """Of samples [n, 1, 28, 28] in [-1, 1]: `frechet_distance` and the shares of the ten digits."""
        real = _real(self._image)
        opinion = real.judge.judge(to_levels(image).squeeze(1), BATCH)
        share = classes.shares(opinion.label).tolist()
        distance = frechet.frechet_distance(frechet.fit(opinion.features), real.features)
        return {"frechet_distance": distance} | {
            f"share_of_{digit}": part for digit, part in enumerate(share)
        }


@lru_cache(maxsize=1)
def _real(image: Tensor) -> Real:
    """Computed once per data set, at the first picture: tensors are the same only if they are one object."""
    with torch.random.fork_rng():  # a network's first weights are drawn, whatever is loaded into it
        judge = classifier.load().to(image.device)
    return Real(judge, frechet.fit(judge.judge(image[:REAL], BATCH).features))
