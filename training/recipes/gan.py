"""GAN: Generative Adversarial Nets, Goodfellow et al. 2014, arXiv 1406.2661, as fully connected nets.

    min_G max_D V(D, G) = E_x[log D(x)] + E_z[log(1 - D(G(z)))]                        (equation 1)

Algorithm 1: k steps of D up its stochastic gradient, then one step of G down its own; G either minimises
log(1 - D(G(z))) ("minimax") or maximises log D(G(z)) ("non_saturating"). The served bundle adds later
stabilisers, each a field in training/recipe.py: R1 on real images, minibatch deviation, pictures of no digit
as negatives, averaged weights, and learning rates that fall to the end.

    python -m training train gan            (as served)
    python -m training train gan --paper    (Algorithm 1 alone)
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from training import losses
from training import recipe as contract
from training.negatives import taught
from training.networks import ToImage, judged, mlp
from training.recipe import Batch, Losses, Paper, Phase, Prior, Recipe, draw_z


@dataclass(frozen=True)
class Config(contract.GanConfig):
    steps: int = 60_000
    latent_dim: int = 100
    """Size of z."""
    prior: Prior = "normal"
    """z from N(0, I) ("normal") or U(-1, 1) ("uniform")."""
    generator_loss: Literal["non_saturating", "minimax"] = "non_saturating"
    """Which of the paper's two generator objectives."""
    k: int = 1
    """Discriminator steps per generator step. Too small: D teaches nothing; too large: D is sure of itself,
    log(1 - D(G(z))) saturates and its gradient vanishes."""


AS_WRITTEN = Config(
    steps=20_000,
    ema=0.0,
    anneal_to=1.0,
    learning_rate=2e-4,
    beta1=0.5,
    beta2=0.999,
    r1_gamma=0.0,
    negatives=0,
    minibatch_deviation=False,
)


class Gan(Recipe):
    title = "GAN"
    summary = "The original generative adversarial nets: two fully connected networks in a minimax game."
    paper = Paper(
        title="Generative Adversarial Nets",
        authors="Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair, Courville, Bengio",
        year=2014,
        url="https://arxiv.org/abs/1406.2661",
    )
    score = "logit"

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.config: Config = config
        self.latent_dim, self.prior = config.latent_dim, config.prior
        self.generator = nn.Sequential(mlp(config.latent_dim, 256, 512, 1024, 784), ToImage())
        self.discriminator = nn.Sequential(
            nn.Flatten(),
            mlp(784, 1024, 512, 256),
            nn.LeakyReLU(0.2),
            *judged(256, config.minibatch_deviation),
        )

    def phases(self) -> list[Phase]:
        config = self.config
        betas = (config.beta1, config.beta2)
        d = torch.optim.Adam(self.discriminator.parameters(), config.learning_rate, betas, fused=True)
        g = torch.optim.Adam(self.generator.parameters(), config.learning_rate, betas, fused=True)
        return [
            Phase("discriminator", self.discriminate, d, repeats=config.k),
            Phase("generator", self.generate, g),
        ]

    def discriminate(self, batch: Batch) -> Losses:
        z = draw_z(self.prior, len(batch.image), self.latent_dim)
        regularise = self.config.r1_gamma > 0 and batch.step % self.config.r1_every == 0
        image = batch.image.requires_grad_(regularise)
        real = self.discriminator(image)
        fake = self.discriminator(self.generator(z).detach())
        loss = losses.discriminator_loss(real, fake)
        logged = {"D(x)": real.sigmoid().mean(), "D(G(z))": fake.sigmoid().mean()}
        loss = loss + taught(self.discriminator, batch.image, self.config.negatives)
        if regularise:
            penalty = losses.r1(image, real)
            logged["r1"] = penalty
            loss = loss + self.config.r1_gamma / 2 * self.config.r1_every * penalty
        return {"loss": loss, **logged}

    def generate(self, batch: Batch) -> Losses:
        z = draw_z(self.prior, len(batch.image), self.latent_dim)
        fake = self.discriminator(self.generator(z))
        return {"loss": losses.GENERATOR_LOSSES[self.config.generator_loss](fake)}

    def exports(self) -> dict[contract.RoleName, nn.Module]:
        return {"generator": self.generator, "discriminator": self.discriminator}
