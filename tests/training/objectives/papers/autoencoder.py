"""Autoencoder, Hinton & Salakhutdinov 2006: E|x - G(E(x))|^2; a density of codes by maximum likelihood."""

from torch import Tensor

from tests.training.objectives.draws import Draws
from tests.training.objectives.formula import Case, Turn
from tests.training.objectives.terms import flow_log_density, squared_distance
from training.recipe import Batch
from training.recipes.autoencoder import Autoencoder

CASES = {
    "paper": Case({"latent_dim": 5, "flow": 0}),
    "served": Case({"latent_dim": 5, "flow": 2}),
}


def reconstruct(recipe: Autoencoder, batch: Batch, draws: Draws) -> Tensor:
    """E|x - G(E(x))|^2, summed over the pixels of an image."""
    return squared_distance(batch.image, recipe.decoder(recipe.encoder(batch.image)))


def fit_prior(recipe: Autoencoder, batch: Batch, draws: Draws) -> Tensor:
    """-E[log p(E(x))]."""
    return -flow_log_density(recipe.flow, recipe.encoder(batch.image)).mean()


TURNS = {
    "autoencoder": Turn(("encoder", "decoder"), reconstruct),
    "prior": Turn(("flow",), fit_prior),
}
