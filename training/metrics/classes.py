"""What a classifier says of generated digits: which ones, how surely, and whether as asked."""

import math

import torch
from torch import Tensor

CLASSES = 10


def shares(label: Tensor) -> Tensor:
    """The class histogram: the share of each digit in labels int64 [n], float64 [10]."""
    return torch.bincount(label, minlength=CLASSES).double() / len(label)


def kl_to_uniform(share: Tensor) -> float:
    """KL(share || uniform) in nats: 0 when balanced, log 10 when only one digit is left."""
    return float(torch.xlogy(share, share * len(share)).sum())


def confidence(logits: Tensor) -> float:
    """Mean probability of the likeliest digit."""
    return float(logits.softmax(1).max(1).values.mean())


def mnist_score(logits: Tensor) -> float:
    """exp E KL(p(y|x) || p(y)), from 1 to 10: the Inception score (Salimans et al. 2016, arXiv 1606.03498,
    section 4) with a digit classifier."""
    log_each = logits.double().log_softmax(1)
    log_all = log_each.logsumexp(0) - math.log(len(logits))
    return float((log_each.exp() * (log_each - log_all)).sum(1).mean().exp())


def label_accuracy(logits: Tensor, asked: Tensor) -> float:
    """Share of images that the classifier takes for the digit that was asked for."""
    return float((logits.argmax(1) == asked).double().mean())
