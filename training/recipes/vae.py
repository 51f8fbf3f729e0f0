"""VAE: Auto-Encoding Variational Bayes, Kingma & Welling 2013, arXiv 1312.6114.

    L(theta, phi; x) = E_q(z|x)[log p(x|z)] - KL(q(z|x) || p(z)), to be maximised       (equation 3)

Algorithm 1: for a minibatch, draw epsilon, set z = mu(x) + sigma(x) * epsilon, and step encoder and decoder
together up the gradient of L. p(x|z) is Bernoulli per pixel or Gaussian. What is generated is the mean of
p(x|z); what the encoder answers is the mean of q(z|x). In the paper p(z) = N(0, I); the served bundle learns
p(z) with the rest, as an invertible map of N(0, I) (arXiv 1611.02731, section 3.2) inside both graphs.

    python -m training train vae            (as served)
    python -m training train vae --paper    (Bernoulli, p(z) = N(0, I), minibatches of 100; Adam for Adagrad)
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from training import losses
from training import recipe as contract
from training.flow import Flow, from_prior, kl_to_prior
from training.networks import GaussianEncoder, mlp, reparameterise
from training.recipe import Batch, Losses, Paper, Phase, Recipe


@dataclass(frozen=True)
class Config(contract.Config):
    steps: int = 16_000
    latent_dim: int = 24
    """Size of z."""
    likelihood: Literal["bernoulli", "gaussian"] = "gaussian"
    """p(x|z) of a pixel; "gaussian" has one variance for all, at its optimum (arXiv 2006.13202)."""
    flow: int = 8
    """Couplings of the learned prior (arXiv 1605.08803); 0 is N(0, I)."""
    beta: float = 1.0
    """Weight of the KL term (arXiv 1804.03599); 1 is the paper's bound."""
    learning_rate: float = 2e-3
    """Adam's step size."""


AS_WRITTEN = Config(
    batch_size=100, ema=0.0, anneal_to=1.0, latent_dim=20, likelihood="bernoulli", flow=0, learning_rate=1e-3
)


class Vae(Recipe):
    title = "VAE"
    summary = "A variational autoencoder: images to distributions over latents, and back."
    paper = Paper(
        title="Auto-Encoding Variational Bayes",
        authors="Kingma, Welling",
        year=2013,
        url="https://arxiv.org/abs/1312.6114",
    )

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.config: Config = config
        self.latent_dim = config.latent_dim
        self.encoder = GaussianEncoder(config.latent_dim, 512, 512)
        self.decoder = mlp(config.latent_dim, 512, 512, 784)
        self.flow = Flow(config.latent_dim, config.flow)

    def phases(self) -> list[Phase]:
        adam = torch.optim.Adam(self.parameters(), self.config.learning_rate, fused=True)
        return [Phase("autoencoder", self.bound, adam)]

    def bound(self, batch: Batch) -> Losses:
        mean, log_variance = self.encoder.distribution(batch.image)
        code = reparameterise(mean, log_variance)
        pixels = self.decoder(code)
        if self.config.likelihood == "bernoulli":
            reconstruction = losses.bernoulli_nll(2 * pixels, batch.image)  # tanh(a) is the mean of logit 2a
        else:
            reconstruction = losses.gaussian_nll(pixels.tanh(), batch.image)
        kl = kl_to_prior(code, mean, log_variance, self.flow)
        return {"loss": reconstruction + self.config.beta * kl, "reconstruction": reconstruction, "kl": kl}

    def exports(self) -> dict[contract.RoleName, nn.Module]:
        return from_prior(self.decoder, self.encoder, self.flow)
