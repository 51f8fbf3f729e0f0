"""WGAN-GP: Improved Training of Wasserstein GANs, Gulrajani et al. 2017, arXiv 1704.00028.

    L = E_z[D(G(z))] - E_x[D(x)] + lambda E_x^[(|grad D(x^)| - 1)^2]                   (equation 3)

Algorithm 1: n_critic steps of the critic D down L, with x^ drawn uniformly on the straight lines between
real and generated images, then one step of G down -E_z[D(G(z))]. The penalty, which holds D near 1-Lipschitz,
takes the place of WGAN's clipping; it is per image, so D has no batch normalisation. Both networks are
convolutional, G's layers are DCGAN's. The served bundle adds fully connected layers to both: to G before its
maps, where a digit's shape is decided, and to D beside its convolutions, for the page as a whole. It also has
averaged weights, non-digits that D is to value less than what G makes, larger generator batches, fewer critic
steps for each, and a larger, annealed learning rate.

    python -m training train wgan_gp            (as served)
    python -m training train wgan_gp --paper    (n_critic 5, Adam(1e-4, 0, 0.9), no average, no annealing)
"""

import itertools
from dataclasses import dataclass

import torch
from torch import nn

from training import distributed, losses
from training import recipe as contract
from training.batch_norm import BatchNorm1d, latents, settle_batch_norm
from training.critic import Critic
from training.negatives import taught
from training.networks import normalised
from training.recipe import Batch, Losses, Paper, Phase, Recipe, draw_z


@dataclass(frozen=True)
class Config(contract.Config):
    steps: int = 24_000
    batch_size: contract.Images = 64
    latent_dim: int = 100
    """Size of z."""
    hidden_layers: int = 1
    """Fully connected layers of G before its maps; 0 takes z to the maps at once, as DCGAN does."""
    hidden: int = 512
    """Their width."""
    generator_channels: int = 32
    """Channels of G's 14x14 maps; its 7x7 maps have twice as many."""
    generator_batch: contract.Images = 128
    """Images per generator step."""
    n_critic: int = 2
    """Critic steps per generator step; the paper has 5."""
    penalty: float = 10.0
    """lambda, the weight of the gradient penalty."""
    learning_rate: float = 1e-3
    """Adam's step size, of both players."""
    critic_channels: int = 32
    """Channels of the critic's 14x14 maps; twice as many at 7x7, four times at 3x3."""
    dense_critic: bool = True
    """Adds a fully connected net to the critic's convolutional one: its value is their sum."""
    negatives: contract.Images = 8
    """Pictures of no digit that the critic also sees in each of its steps (arXiv 2102.05113); 0 for none."""
    beta1: float = 0.5
    """Adam's decay of the mean gradient."""
    beta2: float = 0.99
    """Adam's decay of the mean squared gradient."""


AS_WRITTEN = Config(
    steps=6_000,
    ema=0.0,
    anneal_to=1.0,
    hidden_layers=0,
    generator_batch=64,
    n_critic=5,
    learning_rate=1e-4,
    dense_critic=False,
    negatives=0,
    beta1=0.0,
    beta2=0.9,
)


class Generator(nn.Sequential):
    """z [batch, latent] to images [batch, 1, 28, 28] by fully connected layers, then DCGAN's. Each but the
    last has batch norm: without it z counts for less from layer to layer, and digits come out alike."""

    def __init__(self, config: Config) -> None:
        widths = [config.latent_dim, *[config.hidden] * config.hidden_layers]
        channels = config.generator_channels
        dense: list[nn.Module] = []
        for fan_in, fan_out in itertools.pairwise(widths):
            dense += [nn.Linear(fan_in, fan_out), BatchNorm1d(fan_out), nn.LeakyReLU(0.2)]
        super().__init__(
            *dense,
            nn.Linear(widths[-1], 98 * channels),
            nn.Unflatten(1, (2 * channels, 7, 7)),
            *normalised(channels),
        )


class WganGp(Recipe):
    title = "WGAN-GP"
    summary = "A Wasserstein GAN whose critic is held 1-Lipschitz by a penalty on its gradient."
    paper = Paper(
        title="Improved Training of Wasserstein GANs",
        authors="Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville",
        year=2017,
        url="https://arxiv.org/abs/1704.00028",
    )
    score = "critic"

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.config: Config = config
        self.latent_dim = config.latent_dim
        self.generator = Generator(config)
        self.critic = Critic(config.critic_channels, minibatch_deviation=False, dense=config.dense_critic)

    def phases(self) -> list[Phase]:
        config = self.config
        betas = (config.beta1, config.beta2)
        d = torch.optim.Adam(self.critic.parameters(), config.learning_rate, betas, fused=True)
        g = torch.optim.Adam(self.generator.parameters(), config.learning_rate, betas, fused=True)
        return [
            Phase("critic", self.criticise, d, repeats=config.n_critic),
            Phase("generator", self.generate, g),
        ]

    def criticise(self, batch: Batch) -> Losses:
        z = draw_z(self.prior, len(batch.image), self.latent_dim)
        fake = self.generator(z).detach().float()
        real_score, fake_score = self.critic(torch.cat([batch.image, fake])).chunk(2)
        loss = losses.wasserstein(real_score, fake_score)
        penalty = losses.gradient_penalty(self.critic, batch.image, fake)
        # A critic's values have no zero: what is no digit is held against G's digits, which are nearly some.
        generated = distributed.mean(fake_score.float().mean())
        beyond = taught(
            self.critic, batch.image, self.config.negatives, lambda image: self.critic(image) - generated
        )
        total = loss + self.config.penalty * penalty + beyond
        return {"loss": total, "distance": -loss, "penalty": penalty}

    def generate(self, batch: Batch) -> Losses:
        z = draw_z(self.prior, self.config.generator_batch, self.latent_dim)
        return {"loss": losses.critic_value(self.critic(self.generator(z)))}

    def exports(self) -> dict[contract.RoleName, nn.Module]:
        settle_batch_norm(self.generator, latents(self.prior, self.latent_dim))
        return {"generator": self.generator, "discriminator": self.critic}
