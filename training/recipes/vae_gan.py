"""VAE/GAN: Autoencoding beyond Pixels Using a Learned Similarity Metric, Larsen et al., arXiv 1512.09300.

    L_prior = KL(q(z|x) || p(z))
    L_llike = -E_q(z|x)[log p(D_l(x) | z)],  p = N(D_l(G(z)), sigma^2 I)
    L_GAN   = log D(x) + log(1 - D(G(z))) + log(1 - D(G(z_p))),  z ~ q(z|x), z_p ~ p(z)

Algorithm 1: the encoder steps down L_prior + L_llike, the decoder G, which is the GAN's generator, down
gamma L_llike - L_GAN, and D up L_GAN. Reconstructions are compared in D's features D_l, not in pixels. Here
G maximises log D in place of minimising log(1 - D), whose gradient vanishes. The paper has sigma = 1, so the
size of D's features decides how much reconstruction counts; in the served bundle sigma is at its optimum
(arXiv 2006.13202). It adds R1, negatives, minibatch deviation and averaged weights as well.

    python -m training train vae_gan            (as served)
    python -m training train vae_gan --paper    (the paper's RMSProp(3e-4) and no later stabilisers)
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training import losses
from training import recipe as contract
from training.negatives import taught
from training.networks import GaussianEncoder, ToImage, judged, mlp, reparameterise
from training.recipe import Batch, Losses, Paper, Phase, Recipe, draw_z


@dataclass(frozen=True)
class Config(contract.StabilisedConfig):
    steps: int = 10_000
    latent_dim: int = 32
    """Size of z."""
    beta: float = 6.0
    """Weight of L_prior (arXiv 1804.03599); 1 is the paper's. More makes codes fill the prior, which
    G is sampled from."""
    gamma: float = 0.0003
    """Weight of the reconstruction against the GAN in the decoder's objective."""
    unit_variance: bool = False
    """sigma = 1 in L_llike."""
    learning_rate: float = 1e-3
    """Step size of the three players."""
    adam: bool = True
    """Adam(0, 0.99); else RMSProp as in the paper."""


AS_WRITTEN = Config(
    ema=0.0,
    anneal_to=1.0,
    beta=1.0,
    gamma=0.01,
    unit_variance=True,
    learning_rate=3e-4,
    adam=False,
    r1_gamma=0.0,
    negatives=0,
    minibatch_deviation=False,
)


class Discriminator(nn.Module):
    """Images [batch, 1, 28, 28] to logits [batch]."""

    def __init__(self, minibatch_deviation: bool) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Flatten(), mlp(784, 1024, 512))
        """D_l: [batch, 512]."""
        self.judge = nn.Sequential(
            nn.LeakyReLU(0.2),
            nn.Linear(512, 256),
            nn.LeakyReLU(0.2),
            *judged(256, minibatch_deviation),
        )

    def forward(self, image: Tensor) -> Tensor:
        logit: Tensor = self.judge(self.features(image))
        return logit


class VaeGan(Recipe):
    title = "VAE/GAN"
    summary = "A VAE whose decoder is a GAN's generator; images are compared in the discriminator's eyes."
    paper = Paper(
        title="Autoencoding beyond Pixels Using a Learned Similarity Metric",
        authors="Larsen, Sønderby, Larochelle, Winther",
        year=2015,
        url="https://arxiv.org/abs/1512.09300",
    )
    score = "logit"

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.config: Config = config
        self.latent_dim = config.latent_dim
        self.encoder = GaussianEncoder(config.latent_dim, 512, 256)
        self.generator = nn.Sequential(mlp(config.latent_dim, 256, 512, 1024, 784), ToImage())
        self.discriminator = Discriminator(config.minibatch_deviation)

    def phases(self) -> list[Phase]:
        return [
            Phase("encoder", self.encode, self.optimizer(self.encoder)),
            Phase("decoder", self.decode, self.optimizer(self.generator)),
            Phase("discriminator", self.discriminate, self.optimizer(self.discriminator)),
        ]

    def optimizer(self, player: nn.Module) -> torch.optim.Optimizer:
        rate = self.config.learning_rate
        if self.config.adam:
            return torch.optim.Adam(player.parameters(), rate, (0.0, 0.99), fused=True)
        return torch.optim.RMSprop(player.parameters(), rate)

    def encode(self, batch: Batch) -> Losses:
        mean, log_variance = self.encoder.distribution(batch.image)
        image = self.generator(reparameterise(mean, log_variance))
        prior = losses.kl_to_normal(mean, log_variance)
        likelihood = self.likelihood(image, batch.image)
        return {"loss": self.config.beta * prior + likelihood, "kl": prior, "reconstruction": likelihood}

    def decode(self, batch: Batch) -> Losses:
        again, fresh = self.fakes(batch)
        # In batches of their own, here and in D's step, so that each has its own deviation.
        logits = torch.cat([self.discriminator(again), self.discriminator(fresh)])
        adversarial = losses.non_saturating(logits)
        loss = adversarial + self.config.gamma * self.likelihood(again, batch.image)
        return {"loss": loss, "adversarial": adversarial}

    def discriminate(self, batch: Batch) -> Losses:
        config = self.config
        regularise = config.r1_gamma > 0 and batch.step % config.r1_every == 0
        fakes = [image.detach() for image in self.fakes(batch)]
        image = batch.image.requires_grad_(regularise)
        real = self.discriminator(image)
        again, fresh = (self.discriminator(fake) for fake in fakes)
        loss = losses.discriminator_loss(real, fresh) + losses.called_fake(again)
        logged = {"D(x)": real.sigmoid().mean(), "D(G(z))": fresh.sigmoid().mean()}
        loss = loss + taught(self.discriminator, batch.image, config.negatives)
        if regularise:
            logged["r1"] = losses.r1(image, real)
            loss = loss + config.r1_gamma / 2 * config.r1_every * logged["r1"]
        return {"loss": loss, **logged}

    def fakes(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """G(z) with z ~ q(z|x), and G(z_p) with z_p ~ p(z)."""
        z = reparameterise(*self.encoder.distribution(batch.image))
        prior = draw_z(self.prior, len(z), self.latent_dim)
        again, fresh = self.generator(torch.cat([z, prior])).chunk(2)
        return again, fresh

    def likelihood(self, image: Tensor, real: Tensor) -> Tensor:
        """L_llike up to a constant, of distances in D's features."""
        features = self.discriminator.features
        if self.config.unit_variance:
            return losses.squared_error(features(image), features(real)) / 2
        return losses.gaussian_nll(features(image), features(real))

    def exports(self) -> dict[contract.RoleName, nn.Module]:
        return {"generator": self.generator, "discriminator": self.discriminator, "encoder": self.encoder}
