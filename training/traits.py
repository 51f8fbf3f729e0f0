"""All that a direction of latent space can be named after: what is measured in an image, and its digit."""

from typing import NamedTuple

import torch
from torch import Tensor

from training import attributes
from training.classifier import CLASSES, Classifier

NAMES = (*attributes.ATTRIBUTES, *(f"digit_{digit}" for digit in range(CLASSES)))
"""One for each column of what is read."""
ATTRIBUTES = len(attributes.ATTRIBUTES)
"""The columns before this one are attributes, the others digits."""


class Reading(NamedTuple):
    """What was read in n images."""

    trait: Tensor
    """float64 [n, traits], in `NAMES`' order: attributes, then the log-odds of each digit."""
    label: Tensor
    """int64 [n]: the likeliest digit."""


def read(judge: Classifier, image: Tensor) -> Reading:
    """The traits of uint8 images [n, 28, 28]."""
    opinion = judge.judge(image)
    return Reading(torch.cat([attributes.measure(image), log_odds(opinion.logits)], 1), opinion.label)


def log_odds(logits: Tensor) -> Tensor:
    """log p - log(1 - p) of every class: float64 [n, classes]."""
    logits = logits.double()
    own = torch.eye(logits.shape[1], dtype=torch.bool)
    others = logits.unsqueeze(1).masked_fill(own, -torch.inf)
    return logits - others.logsumexp(2)


def spread(reading: Reading) -> Tensor:
    """Each trait's standard deviation [traits]: an attribute's among images of one digit, log-odds' among
    all."""
    trait, label = reading
    member = torch.nn.functional.one_hot(label, CLASSES).double()
    mean = member.T @ trait / member.sum(0).clamp_min(1).unsqueeze(1)
    within, among = (trait - mean[label]).std(0), trait.std(0)
    return torch.cat([within[:ATTRIBUTES], among[ATTRIBUTES:]])
