"""SGAN: Semi-Supervised Learning with Generative Adversarial Networks, Odena 2016, arXiv 1606.01583, with
D written as in Salimans et al. 2016, arXiv 1606.03498, section 5.

D has K + 1 outputs: logits l_1..l_K for the digits, and 0 for "generated", so that the log-odds of being real
are log sum_k exp l_k(x) and D(x) = Z(x) / (Z(x) + 1) with Z(x) = sum_k exp l_k(x).

    L_D = -E_(x,y)[log p(y | x, real)] - E_x[log D(x)] - E_z[log(1 - D(G(z)))]

Only `labels` of the 60,000 digits come with their label; the others teach D what digits look like. G
minimises -E_z[log D(G(z))] and, weighted, the distance of its images' mean features from real ones'.

    python -m training train sgan                   (as served)
    python -m training train sgan --labels 1000     (with 1,000 labels)
    python -m training train sgan --no-adversarial  (the same net on the labels alone, to compare with)
    python -m training train sgan --paper           (the paper's terms alone)
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from training import losses
from training import recipe as contract
from training.distributed import whole
from training.negatives import taught
from training.networks import MinibatchDeviation, ToImage, mlp
from training.recipe import Batch, Losses, Paper, Phase, Recipe, draw_z

CLASSES = 10


@dataclass(frozen=True)
class Config(contract.GanConfig):
    steps: int = 10_000
    latent_dim: int = 100
    """Size of z."""
    labels: int = 100
    """How many digits come with their label, a tenth of them of each class: the first that the run sees."""
    labelled_batch: contract.Images = 64
    """Labelled digits per discriminator step, drawn from those."""
    adversarial: bool = True
    """False leaves out the GAN and trains the classifier on the labelled digits alone."""
    feature_matching: float = 0.0
    """Weight of feature matching (arXiv 1606.03498, section 3.1) in G's objective."""


AS_WRITTEN = Config(
    ema=0.0,
    anneal_to=1.0,
    learning_rate=2e-4,
    beta1=0.5,
    beta2=0.999,
    r1_gamma=0.0,
    negatives=0,
    minibatch_deviation=False,
)


class Discriminator(nn.Module):
    """The log-odds of being real [batch]: log Z(x)."""

    def __init__(self, minibatch_deviation: bool) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Flatten(), mlp(784, 512, 512, 256), nn.LeakyReLU(0.2))
        deviation = [MinibatchDeviation()] if minibatch_deviation else []
        self.head = nn.Sequential(*deviation, nn.Linear(256 + len(deviation), CLASSES))
        self.classifier = nn.Sequential(self.features, self.head)

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.classifier(image)
        return logits.float().logsumexp(1)


class Sgan(Recipe):
    title = "Semi-supervised GAN"
    summary = "A GAN whose discriminator is also a classifier, taught by a handful of labels."
    paper = Paper(
        title="Semi-Supervised Learning with Generative Adversarial Networks",
        authors="Odena",
        year=2016,
        url="https://arxiv.org/abs/1606.01583",
    )
    score = "logit"
    known_image: Tensor
    known_label: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.config: Config = config
        self.latent_dim = config.latent_dim
        self.generator = nn.Sequential(mlp(config.latent_dim, 256, 512, 512, 784), ToImage())
        self.discriminator = Discriminator(config.minibatch_deviation)
        # Part of the state, so that a resumed run knows the same labels. A row of zeros is a free place.
        self.register_buffer("known_image", torch.zeros(config.labels, 1, 28, 28))
        self.register_buffer("known_label", torch.zeros(config.labels, CLASSES))

    def phases(self) -> list[Phase]:
        rate, betas = self.config.learning_rate, (self.config.beta1, self.config.beta2)
        d = torch.optim.Adam(self.discriminator.parameters(), rate, betas, fused=True)
        g = torch.optim.Adam(self.generator.parameters(), rate, betas, fused=True)
        phases = [Phase("discriminator", self.discriminate, d), Phase("generator", self.generate, g)]
        return phases if self.config.adversarial else phases[:1]

    def labelled(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Images and labels of `labelled_batch` draws from the digits whose labels are known.

        Every other label in `batch` stays unread, once a tenth of `labels` of each class has come by.
        """
        each = self.config.labels // CLASSES
        if self.known_label.sum() < each * CLASSES:
            image, label = whole(batch.image), whole(batch.label)
            for digit in range(CLASSES):
                first = digit * each + int(self.known_label[:, digit].sum())
                new = image[label == digit][: (digit + 1) * each - first]
                self.known_image[first : first + len(new)] = new
                self.known_label[first : first + len(new), digit] = 1
        known = self.known_label.sum(1).nonzero().squeeze(1)
        drawn = known[torch.randint(len(known), (self.config.labelled_batch,))]
        return self.known_image[drawn], self.known_label[drawn]

    def discriminate(self, batch: Batch) -> Losses:
        config = self.config
        image, label = self.labelled(batch)
        logits = self.discriminator.classifier(image).float()
        supervised = cross_entropy(logits, label)
        right = (logits.argmax(1) == label.argmax(1)).float().mean()
        logged = {"classes": supervised, "right": right}
        if not config.adversarial:
            return {"loss": supervised, **logged}
        z = draw_z(self.prior, len(batch.image), self.latent_dim)
        regularise = config.r1_gamma > 0 and batch.step % config.r1_every == 0
        image = batch.image.requires_grad_(regularise)
        real = self.discriminator(image)
        fake = self.discriminator(self.generator(z).detach())
        loss = supervised + losses.discriminator_loss(real, fake)
        logged |= {"D(x)": real.sigmoid().mean(), "D(G(z))": fake.sigmoid().mean()}
        loss = loss + taught(self.discriminator, batch.image, config.negatives)
        if regularise:
            logged["r1"] = losses.r1(image, real)
            loss = loss + config.r1_gamma / 2 * config.r1_every * logged["r1"]
        return {"loss": loss, **logged}

    def generate(self, batch: Batch) -> Losses:
        image = self.generator(draw_z(self.prior, len(batch.image), self.latent_dim))
        adversarial = losses.non_saturating(self.discriminator(image))
        if not self.config.feature_matching:
            return {"loss": adversarial}
        features = self.discriminator.features
        matching = losses.feature_matching(features(batch.image), features(image))
        return {"loss": adversarial + self.config.feature_matching * matching, "features": matching}

    def exports(self) -> dict[contract.RoleName, nn.Module]:
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "classifier": self.discriminator.classifier,
        }
