"""BiGAN, arXiv 1605.09782: equation 3, and section 3.4 for the swapped objective of G and E."""

import torch
from torch import Tensor

from tests.training.objectives.draws import Draws
from tests.training.objectives.formula import Case, Turn
from tests.training.objectives.terms import latents, log_d, log_not_d, squared_distance, stabilisers
from training.recipe import Batch
from training.recipes.bigan import Bigan

PAPER = {"prior": "uniform", "r1_gamma": 0.0, "negatives": 0, "minibatch_deviation": False}
SERVED = {"latent_dim": 6, "r1_gamma": 3.0, "r1_every": 4, "negatives": 8}
CASES = {
    "paper": Case({"latent_dim": 6, **PAPER}),
    "served, with a cycle": Case({**SERVED, "cycle": 0.1}),
    "served, between two R1": Case(SERVED, step=5),
}


def discriminate(recipe: Bigan, batch: Batch, draws: Draws) -> Tensor:
    """-E[log D(x, E(x))] - E[log(1 - D(G(z), z))]; R1 is of the pair."""
    d, x, z = recipe.discriminator, batch.image, latents(recipe, draws, len(batch.image))
    pair = torch.cat([x.flatten(1), recipe.encoder(x)], 1).detach().requires_grad_()
    real = d(pair[:, :784].view_as(x), pair[:, 784:])
    value = -log_d(real) - log_not_d(d(recipe.generator(z), z))

    def with_code(image: Tensor) -> Tensor:
        logit: Tensor = d(image, recipe.encoder(image))
        return logit

    return value + stabilisers(recipe, d, with_code, [real], pair, batch, draws)


def generate(recipe: Bigan, batch: Batch, draws: Draws) -> Tensor:
    """-E[log D(G(z), z)] - E[log(1 - D(x, E(x)))], and the cycle's E|E(G(z)) - z|^2 (arXiv 1709.01215)."""
    d, x, z = recipe.discriminator, batch.image, latents(recipe, draws, len(batch.image))
    fake = recipe.generator(z)
    swapped = -log_d(d(fake, z)) - log_not_d(d(x, recipe.encoder(x)))
    return swapped + recipe.config.cycle * squared_distance(recipe.encoder(fake), z)


TURNS = {
    "discriminator": Turn(("discriminator",), discriminate),
    "generator_encoder": Turn(("generator", "encoder"), generate),
}
