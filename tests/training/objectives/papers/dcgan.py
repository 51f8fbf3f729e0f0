"""DCGAN, arXiv 1511.06434: the objective of arXiv 1406.2661, z from U(-1, 1)."""

from torch import Tensor

from tests.training.objectives.draws import Draws
from tests.training.objectives.formula import Case, Turn
from tests.training.objectives.terms import log_d, log_not_d, stabilisers
from training.recipe import Batch
from training.recipes.dcgan import Dcgan

TINY = {"latent_dim": 6, "generator_channels": 4, "discriminator_channels": 4}
SERVED = {**TINY, "r1_gamma": 3.0, "r1_every": 4, "negatives": 8}
CASES = {
    "paper": Case({**TINY, "r1_gamma": 0.0, "negatives": 0, "minibatch_deviation": False}),
    "served": Case(SERVED),
    "served, between two R1": Case(SERVED, step=5),
}


def fakes(recipe: Dcgan, batch: Batch, draws: Draws) -> Tensor:
    image: Tensor = recipe.generator(2 * draws.uniform(len(batch.image), recipe.latent_dim) - 1)
    return image


def discriminate(recipe: Dcgan, batch: Batch, draws: Draws) -> Tensor:
    """-E[log D(x)] - E[log(1 - D(G(z)))]; real and generated images are separate minibatches."""
    x, d = batch.image.requires_grad_(), recipe.discriminator
    real = d(x)
    value = -log_d(real) - log_not_d(d(fakes(recipe, batch, draws)))
    return value + stabilisers(recipe, d, d, [real], x, batch, draws)


def generate(recipe: Dcgan, batch: Batch, draws: Draws) -> Tensor:
    """-E[log D(G(z))]."""
    return -log_d(recipe.discriminator(fakes(recipe, batch, draws)))


TURNS = {
    "discriminator": Turn(("discriminator",), discriminate),
    "generator": Turn(("generator",), generate),
}
