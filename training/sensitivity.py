"""How a generator's images answer to small moves of z: its Jacobians, by finite differences.

An exported graph has no gradients to ask for, so every move is tried: a tenth of z's length, forth and
back. For z ~ N(0, I) the mean over seeds is what a linear regression of the trait on z would find, by
Stein's lemma E[a(z) z] = E[grad a(z)], from far fewer images, and it holds for other priors too.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from service.manifest import SIDE
from training import traits
from training.classifier import Classifier
from training.served import Served
from training.traits import Reading

SEEDS = range(1_000, 1_040)
STEP = 0.1
"""Of z's typical length."""
SMOOTH = 7
"""Cosines each way where z is a picture: from none to three waves across it."""
SPREAD = {"normal": 1.0, "uniform": 3**-0.5}
"""The standard deviation of each coordinate of z."""


class Sensitivity(NamedTuple):
    """What changes for each unit of each move."""

    moves: Tensor
    """float64 [moves, latent_dim]: orthonormal."""
    trait: Tensor
    """float64 [seeds, moves, traits]: in standard deviations of each trait."""
    pixels: Tensor
    """float64 [moves, moves]: the mean over seeds of J J^T, J being the change of every pixel."""


def sensitivity(served: Served, judge: Classifier, spread: Tensor) -> Sensitivity:
    """Moves the z of every seed forth and back along every move; `spread` [traits] are the units."""
    manifest = served.manifest
    along = moves(manifest.latent_dim)
    step = STEP * manifest.latent_dim**0.5 * SPREAD[manifest.prior]
    z, label = served.draw(SEEDS)
    repeated = None if label is None else label.repeat_interleave(len(along))

    def moved(by: float) -> tuple[Tensor, Reading]:
        image = served.decode((z.unsqueeze(1) + by * along).flatten(0, 1).float(), repeated)
        return image.double(), traits.read(judge, image)

    (back, before), (forth, after) = moved(-step), moved(step)
    shape = (len(SEEDS), len(along), -1)
    trait = ((after.trait - before.trait) / spread / (2 * step)).reshape(shape)
    pixel = ((forth - back) / (2 * step)).reshape(shape)
    return Sensitivity(along, trait, gram(pixel))


def gram(change: Tensor) -> Tensor:
    """The mean over seeds of J J^T [moves, moves] for changes J [seeds, moves, anything]: v J J^T v is how
    much a move along v changes in all, squared."""
    return torch.einsum("smx,snx->mn", change, change) / len(change)


def moves(latent_dim: int) -> Tensor:
    """Unit vectors [moves, latent_dim] along which z is moved: its coordinates, one by one.

    Where z is itself a picture, the noise that an energy-based model climbs from, no pixel of it matters
    alone: there they are the smoothest pictures, the first cosines of the discrete cosine transform.
    """
    if latent_dim != SIDE * SIDE:
        return torch.eye(latent_dim, dtype=torch.float64)
    middle = torch.arange(SIDE, dtype=torch.float64) + 0.5
    wave = torch.cos(torch.pi / SIDE * torch.arange(SMOOTH).unsqueeze(1) * middle)
    wave = wave / wave.norm(dim=1, keepdim=True)
    return torch.einsum("ay,bx->abyx", wave, wave).reshape(SMOOTH * SMOOTH, latent_dim)
