"""What is no digit, for a discriminator to learn that it is none.

A discriminator is only ever asked about real digits and its own generator's, so elsewhere its score means
nothing: uniform noise may well score above a digit. Negative data augmentation (Sinha et al. 2021, arXiv
2102.05113) adds transformed data to what D must call generated. The optimum of the game stays where it was,
since no digit is among them, and the score becomes one that can be asked about any picture.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from training import distributed
from training.losses import called_fake


def taught(
    discriminator: nn.Module, image: Tensor, n: int, logit: Callable[[Tensor], Tensor] | None = None
) -> Tensor:
    """What D pays for not calling n non-digits generated, n / batch of called_fake; 0 for n = 0.

    They are made of the first n of the real digits `image` [batch, 1, 28, 28]. `logit` says of a picture what
    D does, where D needs more than the picture. D is in eval mode: what is no digit must be told alone, by
    the statistics of digits, as when it is served, not by how its minibatch differs from theirs.
    """
    if not n:
        return torch.zeros(())
    discriminator.eval()
    judged = (logit or discriminator)(negatives(image[:n].detach()))
    discriminator.train()
    return n / len(image) * called_fake(judged)


def negatives(image: Tensor) -> Tensor:
    """As many non-digits as real digits `image` [n, 1, 28, 28] in [-1, 1]; a quarter each of noise,
    inverted digits, digits with their quadrants exchanged, and flat grey or dimmed noise."""
    noise, inverted, jigsaw, flat = image.tensor_split(4)
    return torch.cat([_noise(noise), -inverted, _exchange_quadrants(jigsaw), _flat(flat)])


def _noise(image: Tensor) -> Tensor:
    """Each pixel uniform, or, every other image, ink or paper by the toss of a coin."""
    noise = torch.rand_like(image) * 2 - 1
    tossed = distributed.row_numbers(noise) % 2 == 0
    noise[tossed] = noise[tossed].sign()
    return noise


def _exchange_quadrants(image: Tensor) -> Tensor:
    """Rolls by half a picture both ways: every stroke is there, in the wrong place."""
    return image.roll((14, 14), (2, 3))


def _flat(image: Tensor) -> Tensor:
    """One level everywhere, with noise of a random strength around it."""
    level = torch.rand(len(image), 1, 1, 1) * 2 - 1
    strength = torch.rand(len(image), 1, 1, 1)
    return (level + strength * torch.randn_like(image)).clamp(-1, 1)
