"""DCGAN: Unsupervised Representation Learning with Deep Convolutional GANs, Radford et al., arXiv 1511.06434.

    min_G max_D E_x[log D(x)] + E_z[log(1 - D(G(z)))], with z ~ U(-1, 1)^100

The paper's guidelines (section 3): strided and transposed convolutions in place of pooling, batch
normalisation in both networks except at G's output and D's input, no fully connected hidden layers, ReLU in G
with tanh out, LeakyReLU(0.2) in D; Adam(2e-4, beta1 0.5). For 28x28 the maps are 7 -> 14 -> 28 pixels. The
plain recipe drifts to a few classes on MNIST; the served bundle adds R1, minibatch deviation, pictures of no
digit as negatives, averaged weights, and learning rates that fall to the end.

    python -m training train dcgan            (as served)
    python -m training train dcgan --paper    (the paper's algorithm alone)
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training import losses
from training import recipe as contract
from training.batch_norm import latents, settle_batch_norm
from training.negatives import taught
from training.networks import judged, normalised, strided
from training.recipe import Batch, Losses, Paper, Phase, Recipe, draw_z


@dataclass(frozen=True)
class Config(contract.GanConfig):
    steps: int = 20_000
    batch_size: contract.Images = 128
    learning_rate: float = 5e-4
    negatives: contract.Images = 16
    latent_dim: int = 100
    """Size of z."""
    generator_channels: int = 48
    """Channels of G's 14x14 maps; its 7x7 maps have twice as many."""
    discriminator_channels: int = 32
    """Channels of D's 14x14 maps; twice as many at 7x7, four times at 3x3."""


AS_WRITTEN = Config(
    steps=6_000,
    ema=0.0,
    anneal_to=1.0,
    learning_rate=2e-4,
    beta1=0.5,
    beta2=0.999,
    r1_gamma=0.0,
    negatives=0,
    minibatch_deviation=False,
)


class Generator(nn.Sequential):
    """z [batch, latent] to images [batch, 1, 28, 28] by transposed convolutions, 1 -> 7 -> 14 -> 28."""

    def __init__(self, latent_dim: int, channels: int) -> None:
        super().__init__(
            nn.Unflatten(1, (latent_dim, 1, 1)),
            nn.ConvTranspose2d(latent_dim, 2 * channels, 7, bias=False),
            *normalised(channels),
        )


class Discriminator(nn.Module):
    """Images [batch, 1, 28, 28] to logits [batch] by strided convolutions."""

    def __init__(self, channels: int, minibatch_deviation: bool) -> None:
        super().__init__()
        self.features = nn.Sequential(*strided(channels, batch_norm=True))
        # The last convolution covers its whole 3x3 input, so it is a linear map.
        self.judge = nn.Sequential(*judged(36 * channels, minibatch_deviation))

    def forward(self, image: Tensor) -> Tensor:
        logit: Tensor = self.judge(self.features(image))
        return logit


def initialise(network: nn.Module, std: float = 0.02) -> None:
    """The paper's initialisation: weights from N(0, std^2), batch norm's around 1 (section 4)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, std)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, std)
            nn.init.zeros_(module.bias)


class Dcgan(Recipe):
    title = "DCGAN"
    summary = "Deep convolutional GAN: transposed convolutions, batch normalisation, no pooling."
    paper = Paper(
        title="Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks",
        authors="Radford, Metz, Chintala",
        year=2015,
        url="https://arxiv.org/abs/1511.06434",
    )
    score = "logit"

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.config: Config = config
        self.latent_dim, self.prior = config.latent_dim, "uniform"
        self.generator = Generator(config.latent_dim, config.generator_channels)
        self.discriminator = Discriminator(config.discriminator_channels, config.minibatch_deviation)
        initialise(self)

    def phases(self) -> list[Phase]:
        rate, betas = self.config.learning_rate, (self.config.beta1, self.config.beta2)
        d = torch.optim.Adam(self.discriminator.parameters(), rate, betas, fused=True)
        g = torch.optim.Adam(self.generator.parameters(), rate, betas, fused=True)
        return [Phase("discriminator", self.discriminate, d), Phase("generator", self.generate, g)]

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
        return {"loss": losses.non_saturating(self.discriminator(self.generator(z)))}

    def exports(self) -> dict[contract.RoleName, nn.Module]:
        settle_batch_norm(self.generator, latents(self.prior, self.latent_dim))
        return {"generator": self.generator, "discriminator": self.discriminator}
