"""GAN, arXiv 1406.2661: equation 1, algorithm 1, and section 3 for the loss that does not saturate."""

from torch import Tensor

from tests.training.objectives.draws import Draws
from tests.training.objectives.formula import Case, Turn
from tests.training.objectives.terms import latents, log_d, log_not_d, stabilisers
from training.recipe import Batch
from training.recipes.gan import Gan

PAPER = {"latent_dim": 6, "r1_gamma": 0.0, "negatives": 0, "minibatch_deviation": False}
SERVED = {"latent_dim": 6, "r1_gamma": 3.0, "r1_every": 4, "negatives": 8}
CASES = {
    "minimax": Case({**PAPER, "generator_loss": "minimax", "k": 3}),
    "non-saturating": Case({**PAPER, "prior": "uniform"}),
    "served": Case(SERVED),
    "served, between two R1": Case(SERVED, step=5),
}


def discriminate(recipe: Gan, batch: Batch, draws: Draws) -> Tensor:
    """-E[log D(x)] - E[log(1 - D(G(z)))]."""
    x = batch.image.requires_grad_()
    d, z = recipe.discriminator, latents(recipe, draws, len(x))
    real = d(x)
    value = -log_d(real) - log_not_d(d(recipe.generator(z)))
    return value + stabilisers(recipe, d, d, [real], x, batch, draws)


def generate(recipe: Gan, batch: Batch, draws: Draws) -> Tensor:
    """E[log(1 - D(G(z)))] (minimax), or -E[log D(G(z))]."""
    fake = recipe.discriminator(recipe.generator(latents(recipe, draws, len(batch.image))))
    return log_not_d(fake) if recipe.config.generator_loss == "minimax" else -log_d(fake)


TURNS = {
    "discriminator": Turn(("discriminator",), discriminate, repeats="k"),
    "generator": Turn(("generator",), generate),
}
