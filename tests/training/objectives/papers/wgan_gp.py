"""WGAN-GP, arXiv 1704.00028, equation 3 and algorithm 1."""

from torch import Tensor

from tests.training.objectives.draws import Draws
from tests.training.objectives.formula import Case, Turn
from tests.training.objectives.terms import gradient_penalty, latents, non_digits
from training.recipe import Batch
from training.recipes.wgan_gp import WganGp

TINY = {"latent_dim": 6, "hidden": 16, "generator_channels": 4, "critic_channels": 4, "generator_batch": 24}
CASES = {
    "paper": Case({**TINY, "hidden_layers": 0, "dense_critic": False, "negatives": 0, "n_critic": 3}),
    "served": Case({**TINY, "penalty": 4.0, "negatives": 8}),
}


def criticise(recipe: WganGp, batch: Batch, draws: Draws) -> Tensor:
    """E[D(G(z))] - E[D(x)] + lambda E[(|grad D| - 1)^2].

    The value of a non-digit is compared with the mean value of generated digits, as a critic has no zero.
    """
    d, x, fake = recipe.critic, batch.image, recipe.generator(latents(recipe, draws, len(batch.image)))
    generated = d(fake).double().mean()
    penalty = gradient_penalty(d, x, fake, draws)
    negative = non_digits(d, lambda image: d(image) - generated, x, recipe.config.negatives, draws)
    value: Tensor = generated - d(x).double().mean() + recipe.config.penalty * penalty + negative
    return value


def generate(recipe: WganGp, batch: Batch, draws: Draws) -> Tensor:
    """-E[D(G(z))], in minibatches of their own size."""
    z = latents(recipe, draws, recipe.config.generator_batch)
    value: Tensor = -recipe.critic(recipe.generator(z)).double().mean()
    return value


TURNS = {
    "critic": Turn(("critic",), criticise, repeats="n_critic"),
    "generator": Turn(("generator",), generate),
}
