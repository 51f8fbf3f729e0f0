"""EBM: Implicit Generation and Generalization in Energy-Based Models, Du & Mordatch 2019, arXiv 1903.08689.

    p(x) = exp(-E(x)) / Z,   x_k = x_(k-1) - lambda/2 grad E(x_(k-1)) + w_k            (equations 1 and 2)
    L = E_(x+)[E(x+)] - E_(x-)[E(x-)] + alpha E[E(x+)^2 + E(x-)^2]                     (algorithm 1)

A discriminator that generates by itself: D = -E. Algorithm 1: draw starts from a replay buffer, some of them
made fresh from noise; climb D for K steps; take where that ends as the negatives x-; lower D there and raise
it at the data; put the x- back into the buffer. What is served is that climb from the noise z, unrolled and
without w. The served bundle adds WGAN-GP's penalty, which gives D a slope of 1 all the way from noise to
digits, so that a climb arrives; climbs that begin at faint noise and end in small steps; averaged weights.

    python -m training train ebm            (as served)
    python -m training train ebm --paper    (the paper's loss and constants)
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training import losses
from training import recipe as contract
from training.ascent import Ascent, SmoothMlp
from training.distributed import whole
from training.errors import TrainingError
from training.recipe import Batch, Losses, Paper, Phase, Recipe, draw_z


@dataclass(frozen=True)
class Config(contract.Config):
    steps: int = 16_000
    batch_size: contract.Images = 128
    ema: float = 0.99
    climb: int = 40
    """K, steps of each climb."""
    stride: float = 3.0
    """How far a climb's first step goes along D's gradient: lambda / 2."""
    settle: float = 0.07
    """Its last step's stride, as a share of the first's."""
    reach: float = 0.1
    """How far a step may move a pixel, of 2 from paper to ink."""
    brightest: float = -0.5
    """The level up to which the noise that climbs begin from is spread; 1 is ink."""
    noise: float = 0.005
    """Standard deviation of w."""
    buffer: int = 2048
    """Images in the replay buffer."""
    fresh: float = 0.9
    """Share of the climbs that start from noise, as the served ones do; the others start from the buffer."""
    alpha: float = 0.001
    """Weight of the squared energies."""
    penalty: float = 10.0
    """Weight of the gradient penalty (arXiv 1704.00028); 0 turns it off."""
    learning_rate: float = 3e-4
    """Adam's step size."""
    beta1: float = 0.0
    """Adam's decay of the mean gradient."""


AS_WRITTEN = Config(
    ema=0.0,
    anneal_to=1.0,
    climb=60,
    stride=10.0,
    settle=1.0,
    reach=2.0,
    brightest=1.0,
    fresh=0.05,
    alpha=1.0,
    penalty=0.0,
    learning_rate=1e-4,
)


class Ebm(Recipe):
    title = "Energy-based model"
    summary = "A discriminator that generates by itself: images are found by climbing it from noise."
    paper = Paper(
        title="Implicit Generation and Generalization in Energy-Based Models",
        authors="Du, Mordatch",
        year=2019,
        url="https://arxiv.org/abs/1903.08689",
    )
    score = "critic"  # minus an energy, whose zero is anywhere: no log-odds
    chains: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        if config.buffer < config.batch_size:
            raise TrainingError(f"buffer is {config.buffer}: it is to hold a batch of {config.batch_size}")
        self.config: Config = config
        self.latent_dim, self.prior = 784, "uniform"
        self.discriminator = SmoothMlp(784, 512, 256)
        self.generator = Ascent(
            self.discriminator, config.climb, config.stride, config.settle, config.reach, config.brightest
        )
        self.register_buffer("chains", self.generator.begin(torch.rand(config.buffer, 784) * 2 - 1))

    def phases(self) -> list[Phase]:
        rate, betas = self.config.learning_rate, (self.config.beta1, 0.999)
        adam = torch.optim.Adam(self.discriminator.parameters(), rate, betas, fused=True)
        return [Phase("discriminator", self.discriminate, adam)]

    def noise(self, n: int) -> Tensor:
        """Where n climbs begin."""
        return self.generator.begin(draw_z(self.prior, n, self.latent_dim))

    @torch.no_grad()
    def negatives(self, n: int) -> Tensor:
        """n images [n, 1, 28, 28] to which D has been climbed, put back into the buffer."""
        slots = torch.randperm(len(self.chains))[:n]
        fresh = torch.rand(n, 1, 1, 1) < self.config.fresh
        start = torch.where(fresh, self.noise(n), self.chains[slots])
        found = self.generator.climb(start, self.config.noise)
        self.chains[whole(slots)] = whole(found)
        return found

    def discriminate(self, batch: Batch) -> Losses:
        config, n = self.config, len(batch.image)
        found = self.negatives(n)
        real, fake = self.discriminator(batch.image).float(), self.discriminator(found).float()
        loss = losses.wasserstein(real, fake) + config.alpha * (real.square() + fake.square()).mean()
        logged = {"D(x+)": real.mean(), "D(x-)": fake.mean()}
        if config.penalty:
            # Between digits and both ends of a climb: the slope is needed all the way.
            ends = torch.where(torch.rand(n, 1, 1, 1) < 0.5, self.noise(n), found)
            logged["penalty"] = losses.gradient_penalty(self.discriminator, batch.image, ends)
            loss = loss + config.penalty * logged["penalty"]
        return {"loss": loss, **logged}

    def exports(self) -> dict[contract.RoleName, nn.Module]:
        return {"generator": self.generator, "discriminator": self.discriminator}
