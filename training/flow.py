"""A learned prior: an invertible map from N(0, I) to codes, whose density is known (Real NVP)."""

import math

import torch
from torch import Tensor, nn

from training import losses
from training.networks import ToImage, mlp
from training.recipe import RoleName


class Coupling(nn.Module):
    """One invertible layer on [batch, n]: the second half is scaled and shifted by functions of the first."""

    def __init__(self, n: int, hidden: int) -> None:
        super().__init__()
        self.kept = n // 2
        self.moved = n - self.kept
        last = nn.Linear(hidden, 2 * self.moved)
        nn.init.zeros_(last.weight)  # begins as the identity
        nn.init.zeros_(last.bias)
        self.net = nn.Sequential(mlp(self.kept, hidden, hidden), nn.LeakyReLU(0.2), last)

    def scale_and_shift(self, kept: Tensor) -> tuple[Tensor, Tensor]:
        log_scale, shift = self.net(kept).to(kept.dtype).chunk(2, 1)
        return 2 * torch.tanh(log_scale / 2), shift

    def forward(self, z: Tensor) -> Tensor:
        kept, moved = z[:, : self.kept], z[:, self.kept :]
        log_scale, shift = self.scale_and_shift(kept)
        return torch.cat([kept, moved * log_scale.exp() + shift], 1)

    def inverse(self, code: Tensor) -> tuple[Tensor, Tensor]:
        """z, and log |dz / dcode| [batch]."""
        kept, moved = code[:, : self.kept], code[:, self.kept :]
        log_scale, shift = self.scale_and_shift(kept)
        return torch.cat([kept, (moved - shift) * (-log_scale).exp()], 1), -log_scale.sum(1)


class Flow(nn.Module):
    """z ~ N(0, I) [batch, n] to codes of a learned density, invertibly (Dinh et al., arXiv 1605.08803)."""

    def __init__(self, n: int, couplings: int, hidden: int = 128) -> None:
        super().__init__()
        self.couplings = nn.Sequential(*(Coupling(n, hidden) for _ in range(couplings)))
        self.scale = nn.Parameter(torch.zeros(n))
        self.shift = nn.Parameter(torch.zeros(n))

    def forward(self, z: Tensor) -> Tensor:
        for coupling in self.couplings:
            z = coupling(z).flip(1)  # turned round, so that the next one moves the other half
        return z * self.scale.exp() + self.shift

    def inverse(self, code: Tensor) -> tuple[Tensor, Tensor]:
        """z, and log |dz / dcode| [batch]."""
        z = (code - self.shift) * (-self.scale).exp()
        log_det = -self.scale.sum()
        for coupling in reversed([*self.couplings]):
            assert isinstance(coupling, Coupling)
            z, part = coupling.inverse(z.flip(1))
            log_det = log_det + part
        return z, log_det

    def log_density(self, code: Tensor) -> Tensor:
        """log p(code) [batch]: the normal density of its z times |dz / dcode|."""
        z, log_det = self.inverse(code)
        return -0.5 * (z.square() + math.log(2 * math.pi)).sum(1) + log_det


class WithFlow(nn.Module):
    """An encoder [batch, n] that answers the z of N(0, I) which the flow maps to its code."""

    def __init__(self, encoder: nn.Module, flow: Flow) -> None:
        super().__init__()
        self.encoder, self.flow = encoder, flow

    def forward(self, image: Tensor) -> Tensor:
        return self.flow.inverse(self.encoder(image))[0]


def kl_to_prior(code: Tensor, mean: Tensor, log_variance: Tensor, flow: Flow) -> Tensor:
    """KL(q(z|x) || p(z)), nats per image, given q's sample `code` [batch, latent].

    p(z) is what the flow makes of N(0, I), or N(0, I) itself for a flow without couplings.
    """
    if not len(flow.couplings):
        return losses.kl_to_normal(mean, log_variance)
    return losses.kl_to_sampled(code, mean, log_variance, flow.log_density(code))


def from_prior(decoder: nn.Module, encoder: nn.Module, flow: Flow) -> dict[RoleName, nn.Module]:
    """Generator and encoder that begin and end at z ~ N(0, I), with that prior's flow between z and code."""
    generator = nn.Sequential(decoder, ToImage())
    if not len(flow.couplings):
        return {"generator": generator, "encoder": encoder}
    return {"generator": nn.Sequential(flow, generator), "encoder": WithFlow(encoder, flow)}
