"""EBM, arXiv 1903.08689: equation 1, and algorithm 1 with the energy E = -D."""

import torch
from torch import Tensor

from tests.training.objectives.draws import Draws
from tests.training.objectives.formula import Case, Turn
from tests.training.objectives.terms import gradient_penalty
from training.recipe import Batch
from training.recipes.ebm import Ebm

TINY = {"buffer": 40, "climb": 3, "noise": 0.02, "fresh": 0.5}
CASES = {
    "paper": Case({**TINY, "alpha": 0.7, "penalty": 0.0, "stride": 10.0, "reach": 2.0, "settle": 1.0}),
    "served": Case({**TINY, "alpha": 0.1, "penalty": 4.0}),
}


def start(recipe: Ebm, draws: Draws, n: int) -> Tensor:
    """Noise [n, 1, 28, 28] between paper, -1, and `brightest`."""
    noise = draws.uniform(n, 784).view(n, 1, 28, 28)
    return -1 + noise * (1 + recipe.config.brightest)


def climb(recipe: Ebm, image: Tensor, draws: Draws) -> Tensor:
    """Steps of `stride`, the last `settle` times as long, up the gradient of D, with noise in each."""
    config = recipe.config
    for step in range(config.climb):
        at = image.detach().requires_grad_()
        (slope,) = torch.autograd.grad(recipe.discriminator(at).sum(), at)
        length = config.stride * (1 + (config.settle - 1) * step / (config.climb - 1))
        image = image + (length * slope).clamp(-config.reach, config.reach)
        image = (image + config.noise * draws.normal(*image.shape)).clamp(-1, 1)
    return image.detach()


def discriminate(recipe: Ebm, batch: Batch, draws: Draws) -> Tensor:
    """E[E(x+)] - E[E(x-)] + alpha E[E(x+)^2 + E(x-)^2], and WGAN-GP's penalty on the way to x-."""
    config, n = recipe.config, len(batch.image)
    slots = draws.permutation(config.buffer)[:n]
    fresh = draws.uniform(n, 1, 1, 1) < config.fresh
    found = climb(recipe, torch.where(fresh, start(recipe, draws, n), recipe.chains[slots]), draws)
    at_data, at_found = (-recipe.discriminator(image).double() for image in (batch.image, found))
    loss: Tensor = at_data.mean() - at_found.mean()
    loss = loss + config.alpha * (at_data.pow(2).mean() + at_found.pow(2).mean())
    if config.penalty:
        ends = torch.where(draws.uniform(n, 1, 1, 1) < 0.5, start(recipe, draws, n), found)
        loss = loss + config.penalty * gradient_penalty(recipe.discriminator, batch.image, ends, draws)
    return loss


TURNS = {"discriminator": Turn(("discriminator",), discriminate)}
