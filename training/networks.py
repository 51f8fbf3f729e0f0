"""The building blocks of generators, discriminators and encoders for 28x28 digits."""

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from training.recipe import Prior, draw_z


def mlp(*widths: int) -> nn.Sequential:
    """Fully connected layers of these widths with LeakyReLU(0.2) between them, none after the last."""
    layers: list[nn.Module] = []
    for index, (fan_in, fan_out) in enumerate(itertools.pairwise(widths)):
        if index:
            layers.append(nn.LeakyReLU(0.2))
        layers.append(nn.Linear(fan_in, fan_out))
    return nn.Sequential(*layers)


class ToImage(nn.Module):
    """tanh of [batch, 784] as an image [batch, 1, 28, 28] in [-1, 1]."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x).view(-1, 1, 28, 28)


class MinibatchDeviation(nn.Module):
    """Appends to features [batch, n] how much they vary within groups of the batch: [batch, n + 1].

    Lets D see a lack of variety (Karras et al. 2018, arXiv 1710.10196, section 3), taken on the last
    features, where it costs next to nothing. In eval mode the deviation is the running average over
    training, so that an image's score does not depend on the batch it is served in.
    """

    running: Tensor

    def __init__(self, group: int = 16, momentum: float = 0.01) -> None:
        super().__init__()
        self.group = group
        self.momentum = momentum
        self.register_buffer("running", torch.zeros(()))

    def forward(self, features: Tensor) -> Tensor:
        batch = features.shape[0]
        if not self.training:
            return torch.cat([features, self.running.to(features.dtype).expand(batch, 1)], 1)
        # Strided groups: image i is in group i mod (batch / group), so neighbours do not share one.
        group = self.group if batch % self.group == 0 else batch
        grouped = features.float().view(group, batch // group, -1)
        # Spelled out: torch.var over a leading dimension is ten times slower on the CPU.
        variance = (grouped - grouped.mean(0)).square().mean(0)
        deviation = (variance + 1e-8).sqrt().mean(1)
        with torch.no_grad():
            self.running.lerp_(deviation.mean(), self.momentum)
        column = deviation.to(features.dtype).repeat(group).unsqueeze(1)
        return torch.cat([features, column], 1)


def initialise(network: nn.Module, std: float = 0.02) -> None:
    """DCGAN's initialisation: weights from N(0, std^2), batch norm's around 1 (arXiv 1511.06434)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, std)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, std)
            nn.init.zeros_(module.bias)


def settle_batch_norm(network: nn.Module, inputs: Iterator[tuple[Tensor, ...]]) -> None:
    """Sets batch norm's statistics to the exact means over `inputs`, for the weights as they are now.

    The statistics that training leaves belong to the last raw weights; averaged (EMA) weights need their own.
    """
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # None: the plain average over everything seen
    was_training = network.training
    network.train()
    with torch.no_grad():
        for arguments in inputs:
            network(*arguments)
    network.train(was_training)
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum


def latents(prior: Prior, latent_dim: int, batches: int = 20, batch: int = 250) -> Iterator[tuple[Tensor]]:
    """Draws for `settle_batch_norm`, the same at every call."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for _ in range(batches):
            yield (draw_z(prior, batch, latent_dim),)
