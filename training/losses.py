"""The objectives of the literature as pure functions of discriminator outputs.

D(x) stands for the probability that x is real and logit for its log-odds, so log D = -softplus(-logit)
and log(1 - D) = -softplus(logit). Every function returns the batch mean, to be minimised.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from training import distributed


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """-log D(x) - log(1 - D(G(z))): Goodfellow et al. 2014, arXiv 1406.2661, equation 1, negated."""
    return softplus(-real.float()).mean() + called_fake(fake)


def called_fake(logit: Tensor) -> Tensor:
    """-log(1 - D(x)): the price of not calling x a fake."""
    return softplus(logit.float()).mean()


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


def shared(shares: Sequence[float], logits: Tensor) -> Tensor:
    """non_saturating of several judges' `logits` [judges, batch], each counted by its share."""
    each = zip(shares, logits, strict=True)
    return torch.stack([share * non_saturating(logit) for share, logit in each]).sum()


def r1(image: Tensor, score: Tensor) -> Tensor:
    """E |grad_x D(x)|^2 on real images: Mescheder et al. 2018, arXiv 1801.04406, equation 9 without gamma/2.

    `image` [batch, ...] must require gradients and `score` [batch] be computed from it.
    """
    (gradient,) = torch.autograd.grad(score.sum(), image, create_graph=True)
    return gradient.float().square().flatten(1).sum(1).mean()


def r1_of_each(image: Tensor, scores: Tensor) -> Tensor:
    """The mean of r1 over several judges' `scores` [judges, batch]."""
    return torch.stack([r1(image, score) for score in scores]).mean()


def wasserstein(real: Tensor, fake: Tensor) -> Tensor:
    """f(G(z)) - f(x), to be minimised by the critic: minus the earth mover's distance that it estimates
    (Arjovsky et al. 2017, arXiv 1701.07875, equation 2)."""
    return fake.float().mean() - real.float().mean()


def critic_value(fake: Tensor) -> Tensor:
    """-f(G(z)): what WGAN's generator minimises (arXiv 1701.07875, algorithm 1, line 10)."""
    return -fake.float().mean()


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
    """E (|grad f(x^)| - 1)^2 at random points x^ between real and generated images: Gulrajani et al. 2017,
    arXiv 1704.00028, equation 3 without lambda."""
    share = torch.rand(len(real), *[1] * (real.ndim - 1))
    between = torch.lerp(real.detach(), fake.detach().to(real.dtype), share).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    slope = (gradient.float().square().flatten(1).sum(1) + 1e-12).sqrt()
    return (slope - 1).square().mean()


def entropy(p: Tensor) -> Tensor:
    """-sum_k p_k log p_k in nats of probabilities [..., k]."""
    return (-p * p.clamp_min(1e-12).log()).sum(-1)  # 0 log 0 is 0, with a gradient


def kl_to_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, sigma^2) || N(0, I)), nats per image: Kingma & Welling 2013, arXiv 1312.6114, appendix B."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()


def kl_to_sampled(code: Tensor, mean: Tensor, log_variance: Tensor, log_prior: Tensor) -> Tensor:
    """The same to any p(z), estimated by one sample: log q(z|x) - log p(z) (arXiv 1312.6114, equation 6).

    `code` [batch, latent] is that sample of q, `log_prior` [batch] the log density of p there.
    """
    squared = (code - mean).square() * (-log_variance).exp()
    log_q = -0.5 * (squared + log_variance + math.log(2 * math.pi)).sum(1)
    return (log_q - log_prior).mean()


def bernoulli_nll(logit: Tensor, image: Tensor) -> Tensor:
    """-log p(x|z), nats per image; a pixel's level is its probability of ink: arXiv 1312.6114, appendix C.1.

    Images are in [-1, 1], as is tanh(logit / 2), the mean of this distribution.
    """
    target = (image.flatten(1) + 1) / 2
    return binary_cross_entropy_with_logits(logit.float().flatten(1), target, reduction="none").sum(1).mean()


def gaussian_nll(mean: Tensor, image: Tensor) -> Tensor:
    """-log p(x|z), nats per image up to a constant, for N(mean, sigma^2 I) with sigma at its optimum for the
    batch: D/2 log of the mean squared error (Rybkin et al. 2020, arXiv 2006.13202, equation 5)."""
    error = mean.float().flatten(1) - image.flatten(1)
    return error.shape[1] / 2 * distributed.mean(error.square().mean()).log()


def squared_error(one: Tensor, other: Tensor) -> Tensor:
    """|a - b|^2, summed over everything but the batch."""
    return (one.float() - other.float()).flatten(1).square().sum(1).mean()
