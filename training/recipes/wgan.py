"""WGAN: Wasserstein GAN, Arjovsky et al. 2017, arXiv 1701.07875.

    max_(w in W) E_x[f_w(x)] - E_z[f_w(g_theta(z))],  W = [-c, c]^l                    (equation 3)

Algorithm 1: n_critic steps of RMSProp (no momentum) up that difference, each followed by clipping all weights
of the critic f to [-c, c], which keeps it Lipschitz; then one step of the generator up E_z[f(g(z))]. The
critic has no sigmoid and the losses no logarithm. The served bundle adds averaged weights, minibatch
deviation, larger generator batches and larger, annealed learning rates; its critic is the sum of two nets,
since clipped weights leave either alone too simple.

    python -m training train wgan            (as served)
    python -m training train wgan --paper    (RMSProp(5e-5), no average, no annealing)
"""

from dataclasses import dataclass

import torch
from torch import nn

from training import losses
from training import recipe as contract
from training.critic import Critic
from training.networks import mlp, transposed
from training.recipe import Batch, Losses, Paper, Phase, Recipe, draw_z


@dataclass(frozen=True)
class Config(contract.Config):
    steps: int = 20_000
    batch_size: contract.Images = 64
    latent_dim: int = 100
    """Size of z."""
    generator_channels: int = 16
    """Channels of G's 14x14 maps; its 7x7 maps have twice as many."""
    generator_batch: contract.Images = 256
    """Images per generator step."""
    n_critic: int = 5
    """Critic steps per generator step."""
    clip: float = 0.01
    """c, how large a weight of the critic may be."""
    learning_rate: float = 1e-4
    """RMSProp's step size for the critic."""
    generator_rate: float = 4e-4
    """RMSProp's step size for the generator."""
    critic_channels: int = 16
    """Channels of the critic's convolutional part at 14x14 pixels, twice as many at 7x7, four times at 3x3;
    0 leaves the fully connected part alone."""
    strokes_weight: float = 16.0
    """What the convolutional part counts for: its clipped weights give it a much smaller range."""
    minibatch_deviation: bool = True
    """Shows the critic how much its features vary across the batch (arXiv 1710.10196)."""


AS_WRITTEN = Config(
    ema=0.0,
    anneal_to=1.0,
    generator_batch=64,
    learning_rate=5e-5,
    generator_rate=5e-5,
    critic_channels=0,
    minibatch_deviation=False,
)


class Wgan(Recipe):
    title = "WGAN"
    summary = "A GAN that minimises the earth mover's distance, as its weight-clipped critic estimates it."
    paper = Paper(
        title="Wasserstein GAN",
        authors="Arjovsky, Chintala, Bottou",
        year=2017,
        url="https://arxiv.org/abs/1701.07875",
    )
    score = "critic"

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.config: Config = config
        self.latent_dim = config.latent_dim
        channels = config.generator_channels
        self.generator = nn.Sequential(
            mlp(config.latent_dim, 256, 256, 98 * channels), nn.LeakyReLU(0.2), *transposed(channels)
        )
        self.critic = Critic(
            config.critic_channels,
            config.minibatch_deviation,
            batch_norm=True,
            strokes_weight=config.strokes_weight,
        )

    def phases(self) -> list[Phase]:
        config = self.config
        critic = torch.optim.RMSprop(self.critic.parameters(), config.learning_rate, foreach=True)
        generator = torch.optim.RMSprop(self.generator.parameters(), config.generator_rate, foreach=True)
        return [
            Phase("critic", self.criticise, critic, repeats=config.n_critic, after_step=self.clip),
            Phase("generator", self.generate, generator),
        ]

    def criticise(self, batch: Batch) -> Losses:
        z = draw_z(self.prior, len(batch.image), self.latent_dim)
        loss = losses.wasserstein(self.critic(batch.image), self.critic(self.generator(z).detach()))
        return {"loss": loss, "distance": -loss}

    @torch.no_grad()
    def clip(self) -> None:
        for weight in self.critic.parameters():
            weight.clamp_(-self.config.clip, self.config.clip)

    def generate(self, batch: Batch) -> Losses:
        z = draw_z(self.prior, self.config.generator_batch, self.latent_dim)
        return {"loss": losses.critic_value(self.critic(self.generator(z)))}

    def exports(self) -> dict[contract.RoleName, nn.Module]:
        return {"generator": self.generator, "discriminator": self.critic}
