"""The building blocks of generators, discriminators and encoders for 28x28 digits."""

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from training.batch_norm import BatchNorm2d
from training.deviation import MinibatchDeviation


def mlp(*widths: int) -> nn.Sequential:
    """Fully connected layers of these widths with LeakyReLU(0.2) between them, none after the last."""
    layers: list[nn.Module] = []
    for index, (fan_in, fan_out) in enumerate(itertools.pairwise(widths)):
        if index:
            layers.append(nn.LeakyReLU(0.2))
        layers.append(nn.Linear(fan_in, fan_out))
    return nn.Sequential(*layers)


def strided(channels: int, batch_norm: bool) -> Iterator[nn.Module]:
    """The layers of images [batch, 1, 28, 28] to features [batch, 36 channels]: 28 -> 14 -> 7 -> 3 pixels.

    `channels`, then twice and four times as many. With the third convolution a feature sees 22 pixels of 28,
    most of a digit; with two it sees 10, a stroke.
    """
    yield nn.Conv2d(1, channels, 4, 2, 1)
    yield nn.LeakyReLU(0.2)
    for width in (channels, 2 * channels):
        yield nn.Conv2d(width, 2 * width, 4, 2, 1, bias=not batch_norm)
        if batch_norm:
            yield BatchNorm2d(2 * width)
        yield nn.LeakyReLU(0.2)
    yield nn.Flatten()


def transposed(channels: int) -> Iterator[nn.Module]:
    """The layers of features [batch, 98 channels] to images [batch, 1, 28, 28]: 7 -> 14 -> 28 pixels."""
    yield nn.Unflatten(1, (2 * channels, 7, 7))
    yield nn.ConvTranspose2d(2 * channels, channels, 4, 2, 1)
    yield nn.LeakyReLU(0.2)
    yield nn.ConvTranspose2d(channels, 1, 4, 2, 1)
    yield nn.Tanh()


def normalised(channels: int) -> Iterator[nn.Module]:
    """The layers of maps [batch, 2 channels, 7, 7] to images [batch, 1, 28, 28] as DCGAN has them: two
    transposed convolutions, batch norm before each and ReLU, tanh at the end."""
    yield BatchNorm2d(2 * channels)
    yield nn.ReLU()
    yield nn.ConvTranspose2d(2 * channels, channels, 4, 2, 1, bias=False)
    yield BatchNorm2d(channels)
    yield nn.ReLU()
    yield nn.ConvTranspose2d(channels, 1, 4, 2, 1)
    yield nn.Tanh()


class ToImage(nn.Module):
    """tanh of [batch, 784] as an image [batch, 1, 28, 28] in [-1, 1]."""

    def forward(self, x: Tensor) -> Tensor:
        # In bfloat16 tanh is exactly 1 from 3.2 on, without a gradient to come back by.
        return torch.tanh(x.float()).view(-1, 1, 28, 28)


class Contrast(nn.Module):
    """Logits [batch, n] times `factor`: from 1 up, a Bernoulli's mean goes to its mode."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, logits: Tensor) -> Tensor:
        return self.factor * logits


def judged(width: int, minibatch_deviation: bool) -> Iterator[nn.Module]:
    """The layers of features [batch, width] to one number each, [batch]: a logit, or a critic's value."""
    if minibatch_deviation:
        yield MinibatchDeviation()
    yield nn.Linear(width + minibatch_deviation, 1)
    yield nn.Flatten(0)


def dense_judge(minibatch_deviation: bool) -> nn.Sequential:
    """Images [batch, 1, 28, 28] to one number each, [batch], by fully connected layers: these know where on
    the page ink belongs, which convolutions do not."""
    body = [nn.Flatten(), mlp(784, 512, 512, 256), nn.LeakyReLU(0.2)]
    return nn.Sequential(*body, *judged(256, minibatch_deviation))


class GaussianEncoder(nn.Module):
    """Images [batch, 1, 28, 28] to the mean [batch, latent] of q(z|x), a normal of diagonal covariance."""

    def __init__(self, latent_dim: int, *hidden: int) -> None:
        super().__init__()
        self.moments = nn.Sequential(nn.Flatten(), mlp(784, *hidden, 2 * latent_dim))

    def distribution(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z|x), each [batch, latent]."""
        mean, log_variance = self.moments(image).float().chunk(2, 1)
        return mean, log_variance

    def forward(self, image: Tensor) -> Tensor:
        return self.distribution(image)[0]


def reparameterise(mean: Tensor, log_variance: Tensor) -> Tensor:
    """A sample of q(z|x) that gradients flow through: mean + sigma * epsilon (arXiv 1312.6114, 2.4)."""
    return mean + (log_variance / 2).exp() * torch.randn_like(mean)
