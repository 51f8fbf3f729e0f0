"""VAE, arXiv 1312.6114, equation 3 with one sample of z; beta as in arXiv 1804.03599."""

from torch import Tensor

from tests.training.objectives.draws import Draws
from tests.training.objectives.formula import Case, Turn
from tests.training.objectives.terms import (
    bernoulli_nll,
    gaussian_nll_with_best_variance,
    kl_to_flow,
    sampled_code,
)
from training.recipe import Batch
from training.recipes.vae import Vae

CASES = {
    "paper": Case({"latent_dim": 5, "likelihood": "bernoulli", "flow": 0}, idle=("flow",)),
    "served": Case({"latent_dim": 5, "flow": 2, "beta": 3.0}),
}


def bound(recipe: Vae, batch: Batch, draws: Draws) -> Tensor:
    """-E[log p(x|z)] + beta KL(q(z|x) || p(z))."""
    mean, log_variance = recipe.encoder.distribution(batch.image)
    z = sampled_code(mean, log_variance, draws)
    pixels = recipe.decoder(z)
    if recipe.config.likelihood == "bernoulli":
        reconstruction = bernoulli_nll(pixels, batch.image)
    else:
        reconstruction = gaussian_nll_with_best_variance(pixels.tanh(), batch.image.flatten(1))
    return reconstruction + recipe.config.beta * kl_to_flow(z, mean, log_variance, recipe.flow)


TURNS = {"autoencoder": Turn(("encoder", "decoder", "flow"), bound)}
