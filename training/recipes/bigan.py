"""BiGAN: Adversarial Feature Learning, Donahue et al. 2016, arXiv 1605.09782; the same idea as ALI, Dumoulin
et al. 2016, arXiv 1606.00704.

    min_(G,E) max_D E_x[log D(x, E(x))] + E_z[log(1 - D(G(z), z))]                     (equation 3)

D judges pairs of an image and a latent. At the optimum the pairs (x, E(x)) and (G(z), z) are distributed
alike, so that E inverts G (theorem 2). One step of D up the gradient, then one of G and E together down the
swapped objective, -log D(G(z), z) - log(1 - D(x, E(x))), whose gradient does not vanish (section 3.4).
Served: G, E, and D as D(x, E(x)), which scores an image alone.

    python -m training train bigan            (as served)
    python -m training train bigan --paper    (z ~ U(-1, 1)^50, Adam(2e-4, 0.5) and no later stabilisers)
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training import losses
from training import recipe as contract
from training.negatives import taught
from training.networks import ToImage, judged, mlp
from training.recipe import Batch, Losses, Paper, Phase, Prior, Recipe, draw_z


@dataclass(frozen=True)
class Config(contract.GanConfig):
    steps: int = 20_000
    latent_dim: int = 50
    """Size of z."""
    prior: Prior = "normal"
    """z from N(0, I) ("normal") or U(-1, 1) ("uniform")."""
    cycle: float = 0.0
    """Weight of |E(G(z)) - z|^2 in G's and E's objective (arXiv 1709.01215)."""


AS_WRITTEN = Config(
    ema=0.0,
    anneal_to=1.0,
    prior="uniform",
    learning_rate=2e-4,
    beta1=0.5,
    beta2=0.999,
    r1_gamma=0.0,
    negatives=0,
    minibatch_deviation=False,
)


class PairDiscriminator(nn.Module):
    """An image [batch, 1, 28, 28] and a latent [batch, latent] to the logit [batch] of coming from data."""

    def __init__(self, latent_dim: int, minibatch_deviation: bool) -> None:
        super().__init__()
        self.judge = nn.Sequential(
            mlp(784 + latent_dim, 1024, 512, 256),
            nn.LeakyReLU(0.2),
            *judged(256, minibatch_deviation),
        )

    def forward(self, image: Tensor, z: Tensor) -> Tensor:
        logit: Tensor = self.judge(torch.cat([image.flatten(1), z], 1))
        return logit


class WithItsCode(nn.Module):
    """D(x, E(x)) [batch]."""

    def __init__(self, discriminator: PairDiscriminator, encoder: nn.Module) -> None:
        super().__init__()
        self.discriminator, self.encoder = discriminator, encoder

    def forward(self, image: Tensor) -> Tensor:
        logit: Tensor = self.discriminator(image, self.encoder(image))
        return logit


class Bigan(Recipe):
    title = "BiGAN"
    summary = "A GAN that also learns the way back: its discriminator judges images with their latents."
    paper = Paper(
        title="Adversarial Feature Learning",
        authors="Donahue, Krähenbühl, Darrell",
        year=2016,
        url="https://arxiv.org/abs/1605.09782",
    )
    score = "logit"

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.config: Config = config
        self.latent_dim, self.prior = config.latent_dim, config.prior
        self.generator = nn.Sequential(mlp(config.latent_dim, 256, 512, 1024, 784), ToImage())
        self.encoder = nn.Sequential(nn.Flatten(), mlp(784, 1024, 512, config.latent_dim))
        self.discriminator = PairDiscriminator(config.latent_dim, config.minibatch_deviation)

    def phases(self) -> list[Phase]:
        rate, betas = self.config.learning_rate, (self.config.beta1, self.config.beta2)
        both = [*self.generator.parameters(), *self.encoder.parameters()]
        d = torch.optim.Adam(self.discriminator.parameters(), rate, betas, fused=True)
        g = torch.optim.Adam(both, rate, betas, fused=True)
        return [Phase("discriminator", self.discriminate, d), Phase("generator_encoder", self.generate, g)]

    def discriminate(self, batch: Batch) -> Losses:
        config = self.config
        z = draw_z(self.prior, len(batch.image), self.latent_dim)
        regularise = config.r1_gamma > 0 and batch.step % config.r1_every == 0
        # The pair as one tensor: R1 is the squared gradient by all of it.
        pair = torch.cat([batch.image.flatten(1), self.encoder(batch.image).detach()], 1)
        pair = pair.requires_grad_(regularise)
        real = self.discriminator(pair[:, :784], pair[:, 784:])
        fake = self.discriminator(self.generator(z).detach(), z)
        loss = losses.discriminator_loss(real, fake)
        logged = {"D(x, E(x))": real.sigmoid().mean(), "D(G(z), z)": fake.sigmoid().mean()}
        loss = loss + taught(
            self.discriminator,
            batch.image,
            config.negatives,
            lambda image: self.discriminator(image, self.encoder(image).detach()),
        )
        if regularise:
            logged["r1"] = losses.r1(pair, real)
            loss = loss + config.r1_gamma / 2 * config.r1_every * logged["r1"]
        return {"loss": loss, **logged}

    def generate(self, batch: Batch) -> Losses:
        z = draw_z(self.prior, len(batch.image), self.latent_dim)
        image = self.generator(z)
        fake = self.discriminator(image, z)
        real = self.discriminator(batch.image, self.encoder(batch.image))
        swapped = losses.non_saturating(fake) + losses.called_fake(real)
        if not self.config.cycle:
            return {"loss": swapped}
        cycle = losses.squared_error(self.encoder(image), z)
        return {"loss": swapped + self.config.cycle * cycle, "cycle": cycle}

    def exports(self) -> dict[contract.RoleName, nn.Module]:
        return {
            "generator": self.generator,
            "discriminator": WithItsCode(self.discriminator, self.encoder),
            "encoder": self.encoder,
        }
