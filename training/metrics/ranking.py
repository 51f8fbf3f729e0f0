"""How well a score tells two sets apart."""

import torch
from scipy.stats import rankdata
from torch import Tensor


def auc(positive: Tensor, negative: Tensor) -> float:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties counting half."""
    ranks = rankdata(torch.cat([positive, negative]).numpy())
    above = ranks[: len(positive)].sum() - len(positive) * (len(positive) + 1) / 2
    return float(above / (len(positive) * len(negative)))
