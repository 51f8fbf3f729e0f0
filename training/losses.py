"""The objectives of the literature as pure functions of discriminator outputs.

D(x) stands for the probability that x is real and logit for its log-odds, so log D = -softplus(-logit)
and log(1 - D) = -softplus(logit). Every function returns the batch mean, to be minimised.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import softplus


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """-log D(x) - log(1 - D(G(z))): Goodfellow et al. 2014, arXiv 1406.2661, equation 1, negated."""
    return softplus(-real.float()).mean() + softplus(fake.float()).mean()


def minimax(fake: Tensor) -> Tensor:
    """log(1 - D(G(z))): equation 1's generator term, whose gradient vanishes where D is sure of itself."""
    return -softplus(fake.float()).mean()


def non_saturating(fake: Tensor) -> Tensor:
    """-log D(G(z)): the same fixed point with strong early gradients (arXiv 1406.2661, section 3)."""
    return softplus(-fake.float()).mean()


GENERATOR_LOSSES: dict[str, Callable[[Tensor], Tensor]] = {
    "minimax": minimax,
    "non_saturating": non_saturating,
}


def r1(image: Tensor, score: Tensor) -> Tensor:
    """E |grad_x D(x)|^2 on real images: Mescheder et al. 2018, arXiv 1801.04406, equation 9 without gamma/2.

    `image` [batch, ...] must require gradients and `score` [batch] be computed from it.
    """
    (gradient,) = torch.autograd.grad(score.sum(), image, create_graph=True)
    return gradient.float().square().flatten(1).sum(1).mean()
