"""VAE with a plane for a latent space: Auto-Encoding Variational Bayes, Kingma & Welling 2013,
arXiv 1312.6114, figure 4b.

    L(theta, phi; x) = E_q(z|x)[log p(x|z)] - KL(q(z|x) || N(0, I)), to be maximised    (equation 3)

Algorithm 1 with two latent dimensions: every point of it decodes to a picture, neighbours look alike,
and the whole of what was learned fits on one sheet of paper. p(x|z) is Bernoulli per pixel. Under N(0, I) a
third of what is drawn comes from where digits meet and looks like an 8; the served bundle learns p(z) with
the rest, as an invertible map of N(0, I) (arXiv 1611.02731, section 3.2), which leaves little room between
digits, and asks more of the codes (beta), which smooths the map: stroke width has a slope on it. Two numbers
are few for a digit, so the mean of p(x|z), which the paper shows, is blurred: what is served is nearer to its
mode, the most probable picture (contrast).

    python -m training train vae_2d            (as served)
    python -m training train vae_2d --paper    (p(z) = N(0, I), means, minibatches of 100; Adam for Adagrad)
"""

from dataclasses import dataclass

import torch
from torch import nn

from training import losses
from training import recipe as contract
from training.flow import Flow, from_prior, kl_to_prior
from training.networks import Contrast, GaussianEncoder, mlp, reparameterise
from training.recipe import Batch, Losses, Paper, Phase, Recipe


@dataclass(frozen=True)
class Config(contract.Config):
    steps: int = 45_000
    flow: int = 8
    """Couplings of the learned prior (arXiv 1605.08803); 0 is N(0, I)."""
    beta: float = 2.0
    """Weight of the KL term (arXiv 1804.03599); 1 is the paper's bound."""
    contrast: float = 10.0
    """Factor of the pixels' logits in what is served: 1 is the mean of p(x|z), infinity its mode."""
    learning_rate: float = 1e-3
    """Adam's step size."""


AS_WRITTEN = Config(
    steps=20_000,
    batch_size=100,
    ema=0.0,
    anneal_to=1.0,
    flow=0,
    beta=1.0,
    contrast=1.0,
    learning_rate=5e-4,
)


class Vae2d(Recipe):
    title = "VAE, 2-D"
    summary = "A variational autoencoder with a plane for a latent space: all it knows, drawn as a map."
    paper = Paper(
        title="Auto-Encoding Variational Bayes",
        authors="Kingma, Welling",
        year=2013,
        url="https://arxiv.org/abs/1312.6114",
    )

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.config: Config = config
        self.latent_dim = 2
        self.encoder = GaussianEncoder(2, 512, 512, 256)
        self.decoder = mlp(2, 256, 256, 512, 784)
        self.flow = Flow(2, config.flow)

    def phases(self) -> list[Phase]:
        adam = torch.optim.Adam(self.parameters(), self.config.learning_rate, fused=True)
        return [Phase("autoencoder", self.bound, adam)]

    def bound(self, batch: Batch) -> Losses:
        mean, log_variance = self.encoder.distribution(batch.image)
        code = reparameterise(mean, log_variance)
        pixels = self.decoder(code)
        reconstruction = losses.bernoulli_nll(2 * pixels, batch.image)  # tanh(a) is the mean of logit 2a
        kl = kl_to_prior(code, mean, log_variance, self.flow)
        return {"loss": reconstruction + self.config.beta * kl, "reconstruction": reconstruction, "kl": kl}

    def exports(self) -> dict[contract.RoleName, nn.Module]:
        decoder = nn.Sequential(self.decoder, Contrast(self.config.contrast))
        return from_prior(decoder, self.encoder, self.flow)
