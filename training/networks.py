"""The building blocks of generators, discriminators and encoders for 28x28 digits."""

import itertools
import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from training import distributed, losses
from training.recipe import Prior, RoleName, draw_z


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
        if batch % self.group and distributed.is_shared():
            raise distributed.SharesError(
                f"the minibatch deviation compares {self.group} images: take a batch_size that is a multiple"
                f" of {self.group} times the number of processes, or --no-minibatch-deviation"
            )
        grouped = features.float().view(group, batch // group, -1)
        # Spelled out: torch.var over a leading dimension is ten times slower on the CPU.
        variance = (grouped - grouped.mean(0)).square().mean(0)
        deviation = (variance + 1e-8).sqrt().mean(1)
        with torch.no_grad():
            self.running.lerp_(distributed.mean(deviation.mean()), self.momentum)
        column = deviation.to(features.dtype).repeat(group).unsqueeze(1)
        return torch.cat([features, column], 1)


def judged(width: int, minibatch_deviation: bool) -> Iterator[nn.Module]:
    """The layers of features [batch, width] to one number each, [batch]: a logit, or a critic's value."""
    if minibatch_deviation:
        yield MinibatchDeviation()
    yield nn.Linear(width + minibatch_deviation, 1)
    yield nn.Flatten(0)


class BatchNorm2d(nn.BatchNorm2d):
    """torch's, and where several processes share a minibatch, its statistics are of the whole."""

    def forward(self, x: Tensor) -> Tensor:
        if not (self.training and distributed.is_shared()):
            return super().forward(x)
        wide = x.float()
        mean = distributed.mean(wide.mean((0, 2, 3), keepdim=True))
        variance = distributed.mean((wide - mean).square().mean((0, 2, 3), keepdim=True))
        self._remember(mean.detach().flatten(), variance.detach().flatten(), x.numel() // x.shape[1])
        unit = (wide - mean) * (variance + self.eps).rsqrt()
        scaled = unit * self.weight.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)
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


def reparameterise(mean: Tensor, log_variance: Tensor) -> Tensor:
    """A sample of q(z|x) that gradients flow through: mean + sigma * epsilon (arXiv 1312.6114, 2.4)."""
    return mean + (log_variance / 2).exp() * torch.randn_like(mean)


class SmoothMlp(nn.Module):
    """Images [batch, 1, 28, 28] to scores [batch] by layers with SiLU between them, and the way back: how to
    move the image for a higher score. Autograd cannot run in an exported graph, so that is written out."""

    def __init__(self, *widths: int) -> None:
        super().__init__()
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(widths))
        self.last = nn.Linear(widths[-1], 1)

    def layers(self) -> list[nn.Linear]:
        return [layer for layer in self.hidden if isinstance(layer, nn.Linear)]

    def forward(self, image: Tensor) -> Tensor:
        x = image.flatten(1)
        for layer in self.hidden:
            x = silu(layer(x))
        score: Tensor = self.last(x)
        return score.squeeze(1)

    def gradient(self, image: Tensor) -> Tensor:
        """The derivative of the score by the image, of the image's shape."""
        x, slopes = image.flatten(1), []
        for layer in self.layers():
            x = layer(x)
            gate = x.sigmoid()
            slopes.append(gate * (1 + x * (1 - gate)))  # of silu
            x = x * gate
        back: Tensor = self.last.weight * slopes.pop()
        first, *later = self.layers()
        for layer in reversed(later):
            back = back.matmul(layer.weight) * slopes.pop()
        return back.matmul(first.weight).view_as(image)


class Ascent(nn.Module):
    """Noise z [batch, 784] to the images [batch, 1, 28, 28] that so many steps up a score's gradient find.

    The first step goes `stride` times the gradient, the last `settle` times that, no pixel further than
    `reach`. z within [-1, 1] is spread from paper to `brightest`.
    """

    def __init__(
        self, score: SmoothMlp, steps: int, stride: float, settle: float, reach: float, brightest: float
    ) -> None:
        super().__init__()
        self.score, self.reach, self.brightest = score, reach, brightest
        self.strides = [stride * (1 + (settle - 1) * i / max(1, steps - 1)) for i in range(steps)]

    def begin(self, z: Tensor) -> Tensor:
        """Where the climb from z starts."""
        return (z.clamp(-1, 1).view(-1, 1, 28, 28) + 1) / 2 * (self.brightest + 1) - 1

    def climb(self, image: Tensor, noise: float = 0.0) -> Tensor:
        """From `image`, within [-1, 1], with normal noise of this standard deviation in each step."""
        for stride in self.strides:
            image = image + (stride * self.score.gradient(image)).clamp(-self.reach, self.reach)
            if noise:
                image = image + noise * torch.randn_like(image)
            image = image.clamp(-1, 1)
        return image

    def forward(self, z: Tensor) -> Tensor:
        return self.climb(self.begin(z))


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
