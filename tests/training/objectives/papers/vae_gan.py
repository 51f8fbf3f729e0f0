"""VAE/GAN, arXiv 1512.09300, algorithm 1. The decoder minimises -log D in place of log(1 - D)."""

from torch import Tensor

from tests.training.objectives.draws import Draws
from tests.training.objectives.formula import Case, Turn
from tests.training.objectives.terms import (
    gaussian_nll_with_best_variance,
    kl_to_standard_normal,
    latents,
    log_d,
    log_not_d,
    sampled_code,
    squared_distance,
    stabilisers,
)
from training.recipe import Batch
from training.recipes.vae_gan import VaeGan

PAPER = {"unit_variance": True, "beta": 1.0, "adam": False, "r1_gamma": 0.0, "negatives": 0}
SERVED = {"latent_dim": 6, "gamma": 0.01, "beta": 6.0, "r1_gamma": 3.0, "r1_every": 4, "negatives": 8}
CASES = {
    "paper": Case({"latent_dim": 6, "gamma": 0.05, **PAPER, "minibatch_deviation": False}),
    "served": Case(SERVED),
    "served, between two R1": Case(SERVED, step=5),
}


def likelihood(recipe: VaeGan, image: Tensor, real: Tensor) -> Tensor:
    """L_llike up to a constant: -log N(D_l(x); D_l(G(z)), sigma^2 I), sigma = 1 or at its optimum."""
    features = recipe.discriminator.features
    if recipe.config.unit_variance:
        return squared_distance(features(image), features(real)) / 2
    return gaussian_nll_with_best_variance(features(image), features(real))


def reconstruction(recipe: VaeGan, batch: Batch, draws: Draws) -> Tensor:
    """G(z), z ~ q(z|x)."""
    image: Tensor = recipe.generator(sampled_code(*recipe.encoder.distribution(batch.image), draws))
    return image


def encode(recipe: VaeGan, batch: Batch, draws: Draws) -> Tensor:
    """beta L_prior + L_llike."""
    prior = kl_to_standard_normal(*recipe.encoder.distribution(batch.image))
    again = reconstruction(recipe, batch, draws)
    return recipe.config.beta * prior + likelihood(recipe, again, batch.image)


def decode(recipe: VaeGan, batch: Batch, draws: Draws) -> Tensor:
    """gamma L_llike - E[log D], the mean over reconstructions and samples."""
    again = reconstruction(recipe, batch, draws)
    sample = recipe.generator(latents(recipe, draws, len(again)))
    adversarial = -(log_d(recipe.discriminator(again)) + log_d(recipe.discriminator(sample))) / 2
    return recipe.config.gamma * likelihood(recipe, again, batch.image) + adversarial


def discriminate(recipe: VaeGan, batch: Batch, draws: Draws) -> Tensor:
    """-E[log D(x)] - E[log(1 - D(G(z)))] - E[log(1 - D(G(z_p)))]."""
    d = recipe.discriminator
    again = reconstruction(recipe, batch, draws)
    sample = recipe.generator(latents(recipe, draws, len(again)))
    x = batch.image.requires_grad_()
    real = d(x)
    value = -log_d(real) - log_not_d(d(again)) - log_not_d(d(sample))
    return value + stabilisers(recipe, d, d, [real], x, batch, draws)


TURNS = {
    "encoder": Turn(("encoder",), encode),
    "decoder": Turn(("generator",), decode),
    "discriminator": Turn(("discriminator",), discriminate),
}
