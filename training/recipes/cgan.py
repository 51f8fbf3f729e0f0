"""Conditional GAN: Mirza & Osindero 2014, arXiv 1411.1784, with a projection discriminator
(Miyato & Koyama 2018, arXiv 1802.05637) and the practice of the years since. The flagship.

    min_G max_D E_(x,y)[log D(x|y)] + E_(z,y)[log(1 - D(G(z|y)|y))]                    (1411.1784, equation 2)

The logit of D(x|y) is w'f(x) + v_y'f(x) for features f (1802.05637, equation 3, psi linear). Two judges with
features of their own look at every image: a fully connected one, which knows where on the page ink belongs
and keeps G varied, and a convolutional one, which sees specks and broken strokes that the other overlooks.
G's first layers are fully connected, where most of a digit's shape is decided cheaply; two transposed
convolutions draw it. Non-saturating loss, lazy R1 on real images, minibatch deviation within each class,
averaged weights.

    python -m training train cgan            (as served)
    python -m training train cgan --paper    (arXiv 1411.1784: labels joined to the images' features)
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training import losses
from training import recipe as contract
from training.deviation import ClassDeviation
from training.errors import TrainingError
from training.negatives import taught
from training.networks import mlp, transposed
from training.recipe import Batch, Losses, Paper, Phase, Recipe, draw_z

CLASSES = 10
FEATURES = 256


@dataclass(frozen=True)
class Config(contract.GanConfig):
    steps: int = 36_000
    ema: float = 0.9995
    latent_dim: int = 64
    """Size of z."""
    hidden: int = 512
    """Width of G's fully connected layer."""
    channels: int = 16
    """Channels of G's 14x14 maps; its 7x7 maps have twice as many."""
    dense_judge: bool = True
    """The fully connected judge."""
    conv_judge: int = 32
    """Channels of the convolutional judge's 14x14 maps (twice as many at 7x7); 0 leaves it out."""
    projection: bool = True
    """How D takes a label: by its product with the image's features (arXiv 1802.05637), or joined to them for
    a further layer (arXiv 1411.1784, figure 1)."""
    conv_share: float = 0.25
    """What the convolutional judge counts for in G's objective, from 0 to 1; the fully connected one counts
    for the rest. More makes strokes cleaner and digits more alike."""


AS_WRITTEN = Config(
    ema=0.0,
    anneal_to=1.0,
    conv_judge=0,
    projection=False,
    learning_rate=2e-4,
    beta1=0.5,
    beta2=0.999,
    r1_gamma=0.0,
    negatives=0,
    minibatch_deviation=False,
)


class Generator(nn.Module):
    """z [batch, latent] and label int64 [batch] to images [batch, 1, 28, 28]."""

    def __init__(self, latent_dim: int, hidden: int, channels: int) -> None:
        super().__init__()
        # Beside z the label is one more input of the first layer: one row of weights for each digit.
        self.label = nn.Embedding(CLASSES, hidden)
        self.z = nn.Linear(latent_dim, hidden)
        self.draw = nn.Sequential(
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, 98 * channels),
            nn.LeakyReLU(0.2),
            *transposed(channels),
        )

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        image: Tensor = self.draw(self.z(z) + self.label(label))
        return image


class Judge(nn.Module):
    """A discriminator: images [batch, 1, 28, 28] and label int64 [batch] to logits [batch]."""

    def __init__(self, body: nn.Module, minibatch_deviation: bool, projection: bool) -> None:
        super().__init__()
        self.body = body
        self.deviation = ClassDeviation(CLASSES) if minibatch_deviation else None
        width = FEATURES + minibatch_deviation
        self.projection = projection
        if projection:
            self.real = nn.Linear(width, 1)
        else:
            self.joined = mlp(2 * width, FEATURES, 1)
        self.label = nn.Embedding(CLASSES, width)

    def forward(self, image: Tensor, label: Tensor) -> Tensor:
        features: Tensor = self.body(image)
        if self.deviation:
            features = self.deviation(features, label)
        features = features.float()
        if not self.projection:
            joined: Tensor = self.joined(torch.cat([features, self.label(label)], 1))
            return joined.float().squeeze(1)
        # A product, not a sum: the last bits of a served sum depend on the row's place in its batch.
        projection = (self.label(label).unsqueeze(1) @ features.unsqueeze(2)).flatten()
        logit: Tensor = self.real(features).squeeze(1) + projection / features.shape[1] ** 0.5
        return logit


def dense_body() -> nn.Module:
    return nn.Sequential(nn.Flatten(), mlp(784, 1024, 512, FEATURES), nn.LeakyReLU(0.2))


def conv_body(channels: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, channels, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(channels, 2 * channels, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(2 * channels * 49, FEATURES),
        nn.LeakyReLU(0.2),
    )


class Discriminator(nn.Module):
    """The judges' mean logit [batch]: the log-odds of their geometric mean."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        if not config.dense_judge and not config.conv_judge:
            raise TrainingError("A discriminator without its fully connected judge needs conv_judge.")
        bodies = [dense_body()] if config.dense_judge else []
        if config.conv_judge:
            bodies.append(conv_body(config.conv_judge))
        self.judges = nn.ModuleList(
            Judge(body, config.minibatch_deviation, config.projection) for body in bodies
        )
        share = config.conv_share
        self.shares = [1 - share, share] if len(bodies) == 2 else [1.0]

    def each(self, image: Tensor, label: Tensor) -> Tensor:
        """[judges, batch] logits."""
        return torch.stack([judge(image, label) for judge in self.judges])

    def forward(self, image: Tensor, label: Tensor) -> Tensor:
        return self.each(image, label).mean(0)


class Cgan(Recipe):
    title = "Conditional GAN"
    summary = "Ask for the digit you want: a conditional GAN with the practice of the years since."
    paper = Paper(
        title="Conditional Generative Adversarial Nets",
        authors="Mirza, Osindero",
        year=2014,
        url="https://arxiv.org/abs/1411.1784",
    )
    score = "logit"
    conditional = True

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.config: Config = config
        self.latent_dim = config.latent_dim
        self.generator = Generator(config.latent_dim, config.hidden, config.channels)
        self.discriminator = Discriminator(config)

    def phases(self) -> list[Phase]:
        rate, betas = self.config.learning_rate, (self.config.beta1, self.config.beta2)
        d = torch.optim.Adam(self.discriminator.parameters(), rate, betas, fused=True)
        g = torch.optim.Adam(self.generator.parameters(), rate, betas, fused=True)
        return [Phase("discriminator", self.discriminate, d), Phase("generator", self.generate, g)]

    def discriminate(self, batch: Batch) -> Losses:
        z = draw_z(self.prior, len(batch.image), self.latent_dim)
        regularise = self.config.r1_gamma > 0 and batch.step % self.config.r1_every == 0
        image = batch.image.requires_grad_(regularise)
        real = self.discriminator.each(image, batch.label)
        # The same labels for both, so that D cannot tell them by their labels.
        fake = self.discriminator.each(self.generator(z, batch.label).detach(), batch.label)
        loss = losses.discriminator_loss(real, fake)
        logged = {"D(x)": real.sigmoid().mean(), "D(G(z))": fake.sigmoid().mean()}
        n = self.config.negatives
        loss = loss + taught(
            self.discriminator, batch.image, n, lambda image: self.discriminator.each(image, batch.label[:n])
        )
        if regularise:
            penalty = losses.r1_of_each(image, real)
            logged["r1"] = penalty
            loss = loss + self.config.r1_gamma / 2 * self.config.r1_every * penalty
        return {"loss": loss, **logged}

    def generate(self, batch: Batch) -> Losses:
        z = draw_z(self.prior, len(batch.image), self.latent_dim)
        image = self.generator(z, batch.label)
        logits = self.discriminator.each(image, batch.label)
        return {"loss": losses.shared(self.discriminator.shares, logits)}

    def exports(self) -> dict[contract.RoleName, nn.Module]:
        return {"generator": self.generator, "discriminator": self.discriminator}
