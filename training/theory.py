"""The game in one dimension, where everything can be seen: Goodfellow et al. 2014, arXiv 1406.2661, figure 1.

    min_G max_D  E_(x ~ p_data)[log D(x)] + E_z[log(1 - D(G(z)))]            (equation 1)
    D*(x) = p_data(x) / (p_data(x) + p_g(x))                                  (proposition 1)

Both densities are known here, so D can be held against D*, and p_g against p_data. Expectations are over
stratified samples, one in each of n slices of equal probability: little of what one sees is noise.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from training import losses
from training.trainer import annealed

SLICES = 256
X = torch.linspace(-4, 4, 401)
"""Where densities and D are looked at."""
MODES = ((0.4, -0.9, 0.45), (0.6, 1.1, 0.55))
"""Of p_data, a mixture of Gaussians: weight, mean, standard deviation."""
START = (-2.2, 0.4)
"""Where the untrained generator's samples lie: mean and standard deviation."""
FAR = (-3.0, 0.2)
"""The same where p_g hardly touches the data."""
RATE = 5e-3
"""Adam's, of G."""
SLOW = 3e-4
"""Adam's, of a D that needs many steps."""
OPENING = 300
"""Steps of D alone, before G's first."""
ROUNDS = 500
"""Steps of G, each after k of D."""
BUDGET = 1500
"""Steps of D when values of k are compared."""
MOVED = 12
"""Steps of G after which the third panel looks: it has moved, and not arrived."""
Loss = Literal["non_saturating", "minimax"]


def data_density(x: Tensor) -> Tensor:
    """p_data(x)."""
    return _mixture(x, lambda u: torch.exp(-u.square() / 2) / (2 * torch.pi) ** 0.5, scaled=True)


def data_quantile(share: Tensor) -> Tensor:
    """The x below which `share` of the data lie: the inverse of the distribution function."""
    grid, below = _distribution()
    return grid[torch.searchsorted(below, share).clamp_max(len(grid) - 1)]


@lru_cache(maxsize=1)
def _distribution() -> tuple[Tensor, Tensor]:
    """Points, and the share of the data below each."""
    grid = torch.linspace(-6, 6, 20_001)
    return grid, _mixture(grid, torch.special.ndtr, scaled=False)


def _mixture(x: Tensor, of_standard: Callable[[Tensor], Tensor], scaled: bool) -> Tensor:
    parts = [w * of_standard((x - mean) / std) / (std if scaled else 1.0) for w, mean, std in MODES]
    return torch.stack(parts).sum(0)


def sample_density(sample: Tensor, width: float = 0.08) -> Tensor:
    """The density of stratified samples [n] at X, smoothed by a Gaussian of this width."""
    distance = (X.unsqueeze(1) - sample) / width
    density: Tensor = torch.exp(-distance.square() / 2).mean(1) / (width * (2 * torch.pi) ** 0.5)
    return density


def best_discriminator(p_data: Tensor, p_g: Tensor) -> Tensor:
    """D* of two densities at the same points; 1/2 where neither has any mass."""
    return (p_data + 1e-9) / (p_data + p_g + 2e-9)


def stratified(n: int = SLICES) -> Tensor:
    """One uniform number in each of n equal slices of (0, 1), in order."""
    return ((torch.arange(n) + torch.rand(n)) / n).clamp(1e-4, 1 - 1e-4)


class Generator(nn.Module):
    """x = start + spread z + a small network of z; z ~ N(0, 1)."""

    def __init__(self, start: tuple[float, float]) -> None:
        super().__init__()
        self.start = nn.Parameter(torch.tensor(start))
        hidden = [nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh()]
        last = nn.Linear(32, 1)
        self.bend = nn.Sequential(*hidden, last)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, share: Tensor) -> Tensor:
        """The samples [n] of the latents that lie at these quantiles [n]."""
        z = torch.special.ndtri(share)
        bent: Tensor = self.bend(z.unsqueeze(1)).squeeze(1)
        sample: Tensor = self.start[0] + self.start[1] * z + bent
        return sample


class Discriminator(nn.Module):
    """Logits [n] of points [n]."""

    def __init__(self) -> None:
        super().__init__()
        first = nn.Linear(1, 64)
        self.net = nn.Sequential(first, nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))
        nn.init.normal_(first.weight, std=2.0)
        nn.init.uniform_(first.bias, -4, 4)

    def forward(self, x: Tensor) -> Tensor:
        logit: Tensor = self.net(x.unsqueeze(1)).squeeze(1)
        return logit


class State(NamedTuple):
    """What is seen of the game at one moment, at X."""

    opening: int
    """Steps of D alone so far."""
    step: int
    """Steps of G so far."""
    p_g: Tensor
    d: Tensor
    samples: Tensor
    """G at evenly spaced quantiles of z, [33]."""

    @property
    def best(self) -> Tensor:
        """D* against this p_g."""
        return best_discriminator(data_density(X), self.p_g)

    @property
    def doubt(self) -> float:
        """Mean |D - 1/2| over the data."""
        weight = data_density(X)
        return float(((self.d - 0.5).abs() * weight).sum() / weight.sum())


@dataclass
class Game:
    """Two players and their optimizers."""

    k: int = 5
    """Steps of D per step of G."""
    loss: Loss = "non_saturating"
    discriminator_rate: float = 2e-3
    start: tuple[float, float] = START
    seed: int = 0

    def __post_init__(self) -> None:
        torch.manual_seed(self.seed)
        self.generator, self.discriminator = Generator(self.start), Discriminator()
        self.of_g = torch.optim.Adam(self.generator.parameters(), RATE, (0.0, 0.99))
        self.of_d = torch.optim.Adam(self.discriminator.parameters(), self.discriminator_rate, (0.0, 0.99))

    def discriminate(self) -> None:
        """One step of D."""
        with torch.no_grad():
            fake = self.generator(stratified())
        loss = losses.discriminator_loss(
            self.discriminator(data_quantile(stratified())), self.discriminator(fake)
        )
        self.of_d.zero_grad()
        torch.autograd.backward(loss)
        self.of_d.step()

    def gradient(self, loss: Loss) -> Tensor:
        """How each sample [n] is pushed: minus the gradient of G's loss by G(z), times n."""
        sample = self.generator(stratified()).detach().requires_grad_(True)
        (push,) = torch.autograd.grad(losses.GENERATOR_LOSSES[loss](self.discriminator(sample)), sample)
        pushed: Tensor = -push * len(sample)
        return pushed

    def generate(self) -> None:
        """One step of G."""
        loss = losses.GENERATOR_LOSSES[self.loss](self.discriminator(self.generator(stratified())))
        self.of_g.zero_grad()
        torch.autograd.backward(loss)
        self.of_g.step()

    @torch.no_grad()
    def look(self, opening: int, step: int) -> State:
        middles = (torch.arange(1000) + 0.5) / 1000
        return State(
            opening,
            step,
            sample_density(self.generator(middles)),
            torch.sigmoid(self.discriminator(X)),
            self.generator(torch.linspace(0.01, 0.99, 33)),
        )

    @torch.no_grad()
    def distance(self) -> float:
        """Wasserstein-1 between p_g and p_data: the mean distance of their quantiles."""
        middles = (torch.arange(1000) + 0.5) / 1000
        return float((self.generator(middles).sort().values - data_quantile(middles)).abs().mean())


def play(game: Game, opening: int = OPENING, rounds: int = ROUNDS) -> Iterator[State]:
    """D learns while G waits; then both play. Yields what is worth drawing, often at first."""
    yield game.look(0, 0)
    for step in range(1, opening + 1):
        game.discriminate()
        if step % max(1, opening // 6) == 0:
            yield game.look(step, 0)
    for step in range(1, rounds + 1):
        factor = annealed(step / rounds, 0.5, 0.02)
        for optimizer, rate in ((game.of_g, RATE), (game.of_d, game.discriminator_rate)):
            optimizer.param_groups[0]["lr"] = rate * factor
        for _ in range(game.k):
            game.discriminate()
        game.generate()
        often = 4 if step <= 40 else 15 if step <= 100 else 50
        if step % often == 0:
            yield game.look(opening, step)


def four_states(states: Sequence[State]) -> list[State]:
    """The paper's: D untrained; D near its optimum; G moved along D's gradient; both at the end."""
    ready = [state for state in states if state.step == 0]
    moved = next(state for state in states if state.step >= MOVED)
    return [ready[0], ready[-1], moved, states[-1]]


class Course(NamedTuple):
    """How far p_g is from p_data, by what was spent."""

    k: int
    spent: list[int]
    """Steps of D."""
    distance: list[float]
    """Wasserstein-1."""


def course(k: int, budget: int) -> Course:
    """The minimax game with so many steps of D in all, and a D that learns slowly, so that k matters."""
    game = Game(k, "minimax", discriminator_rate=SLOW, start=FAR)
    spent, distance = [0], [game.distance()]
    for step in range(1, budget + 1):
        game.discriminate()
        if step % k == 0:
            game.generate()
        if step % 20 == 0:
            spent.append(step)
            distance.append(game.distance())
    return Course(k, spent, distance)


class Pushes(NamedTuple):
    """How hard G is pushed while D alone learns."""

    steps: list[int]
    fooled: list[float]
    """Mean D(G(z))."""
    size: dict[Loss, list[float]]
    """Mean absolute gradient by G(z) under each of G's losses."""


def pushes(steps: int) -> Pushes:
    """D against a p_g that stays far from the data."""
    game = Game(start=FAR)
    found = Pushes([], [], {"minimax": [], "non_saturating": []})
    for step in range(steps + 1):
        if step % 10 == 0:
            found.steps.append(step)
            with torch.no_grad():
                found.fooled.append(
                    float(torch.sigmoid(game.discriminator(game.generator(stratified()))).mean())
                )
            for loss, size in found.size.items():
                size.append(float(game.gradient(loss).abs().mean()))
        game.discriminate()
    return found
