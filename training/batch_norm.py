"""Batch normalisation of minibatches that several processes share, and of averaged weights."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from training import distributed
from training.recipe import Prior, draw_z


class _SharedBatchNorm(_BatchNorm):
    """torch's, and where several processes share a minibatch, its statistics are of the whole."""

    def forward(self, x: Tensor) -> Tensor:
        if not (self.training and distributed.is_shared()):
            return super().forward(x)
        wide = x.float()
        but_channels = (0, *range(2, x.ndim))
        mean = distributed.mean(wide.mean(but_channels, keepdim=True))
        variance = distributed.mean((wide - mean).square().mean(but_channels, keepdim=True))
        self._remember(mean.detach().flatten(), variance.detach().flatten(), x.numel() // x.shape[1])
        unit = (wide - mean) * (variance + self.eps).rsqrt()
        scaled = unit * self.weight.view_as(mean) + self.bias.view_as(mean)
        return scaled.to(x.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, share: int) -> None:
        """As torch keeps them: running means, with the variance's estimate for one degree of freedom less."""
        values = share * distributed.COUNT
        assert self.momentum is not None
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * values / (values - 1), self.momentum)
        self.num_batches_tracked += 1


class BatchNorm1d(_SharedBatchNorm, nn.BatchNorm1d):
    """Of features [batch, n]."""


class BatchNorm2d(_SharedBatchNorm, nn.BatchNorm2d):
    """Of maps [batch, n, height, width]."""


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
