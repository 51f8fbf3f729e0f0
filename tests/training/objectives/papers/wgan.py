"""WGAN, arXiv 1701.07875, equation 3 and algorithm 1."""

from torch import Tensor

from tests.training.objectives.draws import Draws
from tests.training.objectives.formula import Case, Turn
from tests.training.objectives.terms import latents
from training.recipe import Batch
from training.recipes.wgan import Wgan

TINY = {"latent_dim": 6, "generator_channels": 4, "generator_batch": 24, "n_critic": 3}
CASES = {
    "paper": Case({**TINY, "critic_channels": 0, "minibatch_deviation": False}),
    "served": Case({**TINY, "critic_channels": 4}),
}


def criticise(recipe: Wgan, batch: Batch, draws: Draws) -> Tensor:
    """E[f(g(z))] - E[f(x)], minus the distance."""
    f, z = recipe.critic, latents(recipe, draws, len(batch.image))
    on_data = f(batch.image).double().mean()
    value: Tensor = f(recipe.generator(z)).double().mean() - on_data
    return value


def generate(recipe: Wgan, batch: Batch, draws: Draws) -> Tensor:
    """-E[f(g(z))], in minibatches of their own size."""
    z = latents(recipe, draws, recipe.config.generator_batch)
    value: Tensor = -recipe.critic(recipe.generator(z)).double().mean()
    return value


TURNS = {
    "critic": Turn(("critic",), criticise, repeats="n_critic"),
    "generator": Turn(("generator",), generate),
}
