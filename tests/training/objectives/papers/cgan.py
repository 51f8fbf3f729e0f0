"""Conditional GAN, arXiv 1411.1784, equation 2. Where D is two networks, each has a share in G's loss."""

import torch
from torch import Tensor

from tests.training.objectives.draws import Draws
from tests.training.objectives.formula import Case, Turn
from tests.training.objectives.terms import latents, log_d, log_not_d, stabilisers
from training.recipe import Batch
from training.recipes.cgan import Cgan

TINY = {"latent_dim": 6, "hidden": 16, "channels": 4}
PAPER = {"conv_judge": 0, "projection": False, "r1_gamma": 0.0, "negatives": 0, "minibatch_deviation": False}
SERVED = {**TINY, "conv_judge": 4, "conv_share": 0.2, "r1_gamma": 3.0, "r1_every": 4, "negatives": 8}
CASES = {
    "paper": Case({**TINY, **PAPER}),
    "served": Case(SERVED),
    "served, between two R1": Case(SERVED, step=5),
}


def logits(recipe: Cgan, image: Tensor, label: Tensor) -> list[Tensor]:
    """The logits of each network of D."""
    return [network(image, label) for network in recipe.discriminator.judges]


def discriminate(recipe: Cgan, batch: Batch, draws: Draws) -> Tensor:
    """-E[log D(x|y)] - E[log(1 - D(G(z|y)|y))], the mean over the networks of D."""
    x, y, d = batch.image.requires_grad_(), batch.label, recipe.discriminator
    real = logits(recipe, x, y)
    fake = logits(recipe, recipe.generator(latents(recipe, draws, len(x)), y), y)
    value = -log_d(torch.stack(real)) - log_not_d(torch.stack(fake))

    def of_non_digits(image: Tensor) -> Tensor:
        return torch.stack(logits(recipe, image, y[: len(image)]))

    return value + stabilisers(recipe, d, of_non_digits, real, x, batch, draws)


def generate(recipe: Cgan, batch: Batch, draws: Draws) -> Tensor:
    """-E[log D(G(z|y)|y)]: `conv_share` of the convolutional network's, the rest of the other's."""
    image = recipe.generator(latents(recipe, draws, len(batch.image)), batch.label)
    each = [-log_d(logit) for logit in logits(recipe, image, batch.label)]
    if len(each) == 1:
        return each[0]
    dense, convolutional = each
    share = recipe.config.conv_share
    return (1 - share) * dense + share * convolutional


TURNS = {
    "discriminator": Turn(("discriminator",), discriminate),
    "generator": Turn(("generator",), generate),
}
