"""Images found by climbing a score: a network with its gradient written out, and the climb."""

import itertools

import torch
from torch import Tensor, nn
from torch.nn.functional import silu


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
