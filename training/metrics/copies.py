"""Memorisation: are generated digits nearer to training digits than unseen real digits are?

The measure is the pixels' Euclidean distance to the nearest training digit. How near is too near differs from
digit to digit (most ones are near some other one), so each class has its own threshold: the distance that
one in a hundred of its real test digits comes under. A generator that copies nothing has a share of 1 %.
"""

import torch
from torch import Tensor

from training.metrics.distance import nearest, pixels

SHARE = 0.01
CLASSES = 10


def thresholds(train: Tensor, test: Tensor, label: Tensor) -> Tensor:
    """Per class, the distance from uint8 training images that 1 % of its test images come under, [10]."""
    distance = nearest(pixels(test), pixels(train))
    return torch.stack([distance[label == digit].quantile(SHARE) for digit in range(CLASSES)])


def near_copies(image: Tensor, label: Tensor, train: Tensor, threshold: Tensor) -> float:
    """Share of images, taken for the digits `label`, that are nearer to a training image than that."""
    return float((nearest(pixels(image), pixels(train)) < threshold[label]).double().mean())
