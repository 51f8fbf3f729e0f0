"""Autoencoder: Reducing the Dimensionality of Data with Neural Networks, Hinton & Salakhutdinov 2006, Science
313, doi 10.1126/science.1127647.

    min_(E,G) E_x[|x - G(E(x))|^2]

A deterministic encoder E and decoder G around a narrow code; the decoder alone is the generator. Nothing
tells E how to lay out its codes, so a point between two of them can decode to nothing. To sample, a density
is fitted to the training digits' codes as they are learned: by maximum likelihood an invertible map of
N(0, I) (arXiv 1605.08803), or, without couplings, a normal with a mean and a variance for each coordinate.

    python -m training train autoencoder            (as served)
    python -m training train autoencoder --paper    (a code of 30, a normal fitted to it)
"""

from dataclasses import dataclass

import torch
from torch import nn

from training import losses
from training import recipe as contract
from training.flow import Flow, WithFlow
from training.networks import ToImage, mlp
from training.recipe import Batch, Losses, Paper, Phase, Recipe


@dataclass(frozen=True)
class Config(contract.Config):
    steps: int = 16_000
    latent_dim: int = 20
    """Size of the code."""
    flow: int = 8
    """Couplings of the map from N(0, I) to codes; 0 leaves a scale and a shift for each coordinate."""
    learning_rate: float = 2e-3
    """Adam's step size."""


AS_WRITTEN = Config(ema=0.0, anneal_to=1.0, latent_dim=30, flow=0, learning_rate=1e-3)


class Autoencoder(Recipe):
    title = "Autoencoder"
    summary = "A deterministic encoder and decoder; samples come from a density fitted to its codes."
    paper = Paper(
        title="Reducing the Dimensionality of Data with Neural Networks",
        authors="Hinton, Salakhutdinov",
        year=2006,
        url="https://doi.org/10.1126/science.1127647",
    )

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.config: Config = config
        self.latent_dim = config.latent_dim
        self.encoder = nn.Sequential(nn.Flatten(), mlp(784, 512, 256, config.latent_dim))
        self.decoder = nn.Sequential(mlp(config.latent_dim, 256, 512, 784), ToImage())
        self.flow = Flow(config.latent_dim, config.flow)

    def phases(self) -> list[Phase]:
        rate = self.config.learning_rate
        both = [*self.encoder.parameters(), *self.decoder.parameters()]
        return [
            Phase("autoencoder", self.reconstruct, torch.optim.Adam(both, rate, fused=True)),
            Phase("prior", self.fit_prior, torch.optim.Adam(self.flow.parameters(), rate, fused=True)),
        ]

    def reconstruct(self, batch: Batch) -> Losses:
        return {"loss": losses.squared_error(self.decoder(self.encoder(batch.image)), batch.image)}

    def fit_prior(self, batch: Batch) -> Losses:
        return {"loss": -self.flow.log_density(self.encoder(batch.image).float()).mean()}

    def exports(self) -> dict[contract.RoleName, nn.Module]:
        return {
            "generator": nn.Sequential(self.flow, self.decoder),
            "encoder": WithFlow(self.encoder, self.flow),
        }
