"""Terms that several papers share, transcribed without the project's own loss functions.

Logits are the log-odds of being real. Everything is computed in float64.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tests.training.objectives.draws import Draws
from training.recipe import Batch


def log_d(logit: Tensor) -> Tensor:
    """E[log D]."""
    return logit.double().sigmoid().log().mean()


def log_not_d(logit: Tensor) -> Tensor:
    """E[log(1 - D)]."""
    return (1 - logit.double().sigmoid()).log().mean()


def latents(recipe: Any, draws: Draws, batch: int) -> Tensor:
    """z [batch, latent] from the recipe's prior: N(0, I) or U(-1, 1)."""
    if recipe.prior == "normal":
        return draws.normal(batch, recipe.latent_dim)
    return 2 * draws.uniform(batch, recipe.latent_dim) - 1


def sampled_code(mean: Tensor, log_variance: Tensor, draws: Draws) -> Tensor:
    """z = mu + sigma * epsilon (arXiv 1312.6114, section 2.4)."""
    return mean + log_variance.exp().sqrt() * draws.normal(*mean.shape)


def kl_to_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """E[KL(N(mean, sigma^2) || N(0, I))] by torch's own closed form, in nats per image."""
    q = torch.distributions.Normal(mean.double(), log_variance.double().exp().sqrt())
    zero = torch.zeros_like(mean, dtype=torch.float64)
    return torch.distributions.kl_divergence(q, torch.distributions.Normal(zero, zero + 1)).sum(1).mean()


def gaussian_nll_with_best_variance(one: Tensor, other: Tensor) -> Tensor:
    """n/2 log(mean squared error) (arXiv 2006.13202, equation 5), n numbers per image."""
    difference = (one - other).double().flatten(1)
    return difference.shape[1] / 2 * difference.pow(2).mean().log()


def squared_distance(one: Tensor, other: Tensor) -> Tensor:
    """E|a - b|^2, summed over each image."""
    return (one - other).double().flatten(1).pow(2).sum(1).mean()


def flow_log_density(flow: Any, code: Tensor) -> Tensor:
    """log p(code) [batch] by the change of variables, with the Jacobian from automatic differentiation."""

    def to_normal(one: Tensor) -> Tensor:
        z: Tensor = flow.inverse(one.unsqueeze(0))[0]
        return z.squeeze(0)

    z = torch.vmap(to_normal)(code)
    jacobian = torch.vmap(torch.func.jacrev(to_normal))(code)
    zero = torch.zeros_like(z)
    log_normal = torch.distributions.Normal(zero, zero + 1).log_prob(z).sum(1)  # type: ignore[no-untyped-call]
    density: Tensor = log_normal.double() + torch.linalg.slogdet(jacobian.double()).logabsdet
    return density


def kl_to_flow(code: Tensor, mean: Tensor, log_variance: Tensor, flow: Any) -> Tensor:
    """E[log q(z|x) - log p(z)] for the sample `code`; the closed form where p is N(0, I)."""
    if not len(flow.couplings):
        return kl_to_standard_normal(mean, log_variance)
    q = torch.distributions.Normal(mean.double(), log_variance.double().exp().sqrt())
    log_q: Tensor = q.log_prob(code.double()).sum(1)  # type: ignore[no-untyped-call]
    return (log_q - flow_log_density(flow, code)).mean()


def bernoulli_nll(half_logit: Tensor, image: Tensor) -> Tensor:
    """-E[log p(x|z)] in nats per image. A pixel is ink with probability (1 + tanh(half_logit)) / 2; its grey
    level, from -1 to 1, says how often it is."""
    p = (1 + half_logit.double().tanh()) / 2
    ink = (1 + image.double().flatten(1)) / 2
    return -(ink * p.log() + (1 - ink) * (1 - p).log()).sum(1).mean()


def squared_slope(score: Tensor, at: Tensor) -> Tensor:
    """|grad score|^2 [batch] at the points `at`, which can be differentiated again."""
    (gradient,) = torch.autograd.grad(score.sum(), at, create_graph=True)
    return gradient.double().flatten(1).pow(2).sum(1)


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, draws: Draws) -> Tensor:
    """E[(|grad f| - 1)^2] between real and generated images (arXiv 1704.00028, equation 3)."""
    share = draws.uniform(len(real), 1, 1, 1)
    between = ((1 - share) * real + share * fake).detach().requires_grad_()
    return (squared_slope(critic(between), between).sqrt() - 1).pow(2).mean()


def stabilisers(
    recipe: Any,
    discriminator: nn.Module,
    logit: Callable[[Tensor], Tensor],
    real: list[Tensor],
    at: Tensor,
    batch: Batch,
    draws: Draws,
) -> Tensor:
    """What GANs of this project add to D's loss: R1 and non-digits.

    R1 (arXiv 1801.04406, equation 9), every `r1_every` steps and so many times as large: gamma/2 times the
    squared slope of `real`, the logits of each network at the points `at`. Non-digits (arXiv 2102.05113):
    -n/batch E[log(1 - D)], by D in eval mode.
    """
    config = recipe.config
    total = torch.zeros((), dtype=torch.float64)
    if config.r1_gamma and batch.step % config.r1_every == 0:
        slopes = torch.stack([squared_slope(one, at).mean() for one in real])
        total = total + config.r1_every * config.r1_gamma / 2 * slopes.mean()
    return total + non_digits(discriminator, logit, batch.image, config.negatives, draws)


def non_digits(
    discriminator: nn.Module, logit: Callable[[Tensor], Tensor], image: Tensor, n: int, draws: Draws
) -> Tensor:
    """-n/batch E[log(1 - D(non-digit))], 0 for n = 0."""
    if not n:
        return torch.zeros((), dtype=torch.float64)
    discriminator.eval()
    value = -n / len(image) * log_not_d(logit(draw_non_digits(image[:n].detach(), draws)))
    discriminator.train()
    return value


def draw_non_digits(image: Tensor, draws: Draws) -> Tensor:
    """A quarter each: noise, inverted digits, digits rolled by half a picture, and grey with noise."""
    assert len(image) % 4 == 0
    quarter = len(image) // 4
    noise = 2 * draws.uniform(quarter, 1, 28, 28) - 1
    noise[::2] = noise[::2].sign()
    inverted = -image[quarter : 2 * quarter]
    whole = image[2 * quarter : 3 * quarter]
    top, bottom = whole[:, :, :14], whole[:, :, 14:]
    rolled = torch.cat([torch.cat([half[..., 14:], half[..., :14]], 3) for half in (bottom, top)], 2)
    level = 2 * draws.uniform(quarter, 1, 1, 1) - 1
    strength = draws.uniform(quarter, 1, 1, 1)
    grey = (level + strength * draws.normal(quarter, 1, 28, 28)).clamp(-1, 1)
    return torch.cat([noise, inverted, rolled, grey])
