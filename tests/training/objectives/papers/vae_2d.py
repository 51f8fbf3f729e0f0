"""VAE with two latent dimensions, arXiv 1312.6114, equation 3 with one sample of z, pixels Bernoulli."""

from torch import Tensor

from tests.training.objectives.draws import Draws
from tests.training.objectives.formula import Case, Turn
from tests.training.objectives.terms import bernoulli_nll, kl_to_flow, sampled_code
from training.recipe import Batch
from training.recipes.vae_2d import Vae2d

CASES = {"paper": Case({"flow": 0, "beta": 1.0}, idle=("flow",)), "served": Case({"flow": 2, "beta": 3.0})}


def bound(recipe: Vae2d, batch: Batch, draws: Draws) -> Tensor:
    """-E[log p(x|z)] + beta KL(q(z|x) || p(z))."""
    mean, log_variance = recipe.encoder.distribution(batch.image)
    z = sampled_code(mean, log_variance, draws)
    kl = kl_to_flow(z, mean, log_variance, recipe.flow)
    return bernoulli_nll(recipe.decoder(z), batch.image) + recipe.config.beta * kl


TURNS = {"autoencoder": Turn(("encoder", "decoder", "flow"), bound)}
