"""The contract between a system of the literature and the loop that trains it.

A recipe says *what* is minimised over *which* networks; `trainer.fit` says *how*.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from service.manifest import Paper, RoleName
from training.errors import TrainingError

__all__ = [
    "Batch",
    "Config",
    "GanConfig",
    "Images",
    "Losses",
    "Paper",
    "Phase",
    "Prior",
    "Recipe",
    "RoleName",
    "StabilisedConfig",
    "draw_z",
]

Prior = Literal["normal", "uniform"]
Images = Annotated[int, "images of a step"]
"""A setting that several processes share among them (training/distributed.py)."""
Losses = dict[str, Tensor]
"""`"loss"` is minimised; the others are logged as they are."""


class Batch(NamedTuple):
    """One fresh minibatch of real digits."""

    image: Tensor
    """float32 [batch, 1, 28, 28] in [-1, 1]."""
    label: Tensor
    """int64 [batch], 0 to 9."""
    step: int
    """How many optimizer steps this phase has taken: lazy regularisation is a pure function of it."""


@dataclass(frozen=True)
class Phase:
    """One player's turn: its own optimizer step on its own objective.

    The optimizer's parameters are the players; all others are frozen while it runs.
    """

    name: str
    objective: Callable[[Batch], Losses]
    optimizer: torch.optim.Optimizer
    repeats: int = 1
    """Steps in a row, each on a fresh minibatch: the literature's k or n_critic."""
    after_step: Callable[[], None] | None = None
    """Runs after each step: where WGAN clips its weights."""


@dataclass(frozen=True)
class Config:
    """What every recipe lets one set. Recipes add their own fields and defaults."""

    steps: int = 10_000
    """Rounds of all phases."""
    batch_size: Images = 256
    """Real images per minibatch."""
    seed: int = 0
    """Of the initial weights, the order of the images and every draw of z."""
    ema: float = 0.999
    """Decay of the exponential moving average of the weights, which is what gets exported; 0 turns it off."""
    bf16: bool = True
    """Matrix products and convolutions in bfloat16 (autocast); weights and sums stay float32."""
    anneal_from: float = 0.5
    """Fraction of the steps after which the learning rates begin to fall linearly."""
    anneal_to: float = 0.02
    """What the learning rates fall to, as a fraction of where they began; 1 keeps them constant."""

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 1 << 32:
            raise TrainingError(f"seed is {self.seed}: give one from 0 to {(1 << 32) - 1}")
        for name in ("steps", "batch_size"):
            if getattr(self, name) < 1:
                raise TrainingError(f"{name} is {getattr(self, name)}: give 1 or more")


@dataclass(frozen=True)
class StabilisedConfig(Config):
    """Settings of recipes with a discriminator D: the later literature's stabilisers."""

    r1_gamma: float = 1.0
    """Weight of R1 (arXiv 1801.04406); 0 turns it off."""
    r1_every: int = 8
    """R1 on every so many discriminator steps, multiplied by as many (lazy: arXiv 1912.04958)."""
    negatives: Images = 32
    """Pictures of no digit that D also sees as fakes in each of its steps (arXiv 2102.05113); 0 for none."""
    minibatch_deviation: bool = True
    """Shows D how much its features vary across the batch (arXiv 1710.10196)."""


@dataclass(frozen=True)
class GanConfig(StabilisedConfig):
    """The same of those whose players all take Adam's steps."""

    learning_rate: float = 1e-3
    """Adam's step size, of all players."""
    beta1: float = 0.0
    """Adam's decay of the mean gradient."""
    beta2: float = 0.99
    """Adam's decay of the mean squared gradient."""


class Recipe(nn.Module, ABC):
    """A system of the literature: its networks, its phases, and what of it is exported."""

    title: ClassVar[str]
    summary: ClassVar[str]
    """One sentence for the model's card."""
    paper: ClassVar[Paper]
    score: ClassVar[Literal["logit", "critic"] | None] = None
    conditional: ClassVar[bool] = False

    config: Config
    latent_dim: int
    prior: Prior = "normal"

    def __init__(self, config: Any) -> None:  # each recipe takes its own Config
        super().__init__()
        self.config = config

    @abstractmethod
    def phases(self) -> list[Phase]:
        """The players' turns, in order, with fresh optimizers. Called once per run."""

    @abstractmethod
    def exports(self) -> dict[RoleName, nn.Module]:
        """What is served, ready to run in eval mode: the generator maps z [batch, latent] (and label
        int64 [batch]) to images [batch, 1, 28, 28] in [-1, 1]; discriminator and encoder read those."""


def draw_z(prior: Prior, batch: int, latent_dim: int) -> Tensor:
    """z [batch, latent_dim] from N(0, I) or U(-1, 1)."""
    z = torch.randn(batch, latent_dim) if prior == "normal" else torch.rand(batch, latent_dim) * 2 - 1
    return z
