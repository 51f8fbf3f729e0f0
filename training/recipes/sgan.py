"""SGAN: Semi-Supervised Learning with Generative Adversarial Networks, Odena 2016, arXiv 1606.01583, with
D written as in Salimans et al. 2016, arXiv 1606.03498, section 5.

D has K + 1 outputs: logits l_1..l_K for the digits, and 0 for "generated", so that the log-odds of being real
are log sum_k exp l_k(x) and D(x) = Z(x) / (Z(x) + 1) with Z(x) = sum_k exp l_k(x).

    L_D = -E_(x,y)[log p(y | x, real)] - E_x[log D(x)] - E_z[log(1 - D(G(z)))]

Only `labels` of the 60,000 digits come with their label; the others teach D what digits look like. G
minimises -E_z[log D(G(z))]. The served bundle adds what makes use of digits without a label in the classes,
too: p(y | x) is to be the same for a digit moved by up to two pixels (consistency: Zhang et al. 2020, arXiv
1910.12027), sure of each digit and balanced over all (Springenberg 2016, arXiv 1511.06390). Such a classifier
cares little for where a digit stands or how it leans, and G, judged by it alone, draws a few digits well; a
second judge, fully connected and without classes, keeps G varied.

    python -m training train sgan                   (as served)
    python -m training train sgan --labels 1000     (with 1,000 labels)
    python -m training train sgan --no-adversarial  (the same net on the labels alone, to compare with)
    python -m training train sgan --paper           (the paper's terms alone)
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad

from training import losses
from training import recipe as contract
from training.deviation import MinibatchDeviation
from training.distributed import mean, whole
from training.errors import TrainingError
from training.negatives import taught
from training.networks import ToImage, dense_judge, mlp, strided
from training.recipe import Batch, Losses, Paper, Phase, Recipe, draw_z

CLASSES = 10
RAREST = 5_421
"""How many 5s MNIST has to train on, fewer than of any other digit."""
MOVE = 2
"""Pixels that a digit may be moved by, either way, and still be the same digit."""


@dataclass(frozen=True)
class Config(contract.GanConfig):
    steps: int = 12_000
    batch_size: contract.Images = 128
    negatives: contract.Images = 16
    latent_dim: int = 100
    """Size of z."""
    labels: int = 100
    """How many digits come with their label, a tenth of them of each class: the first that the run sees."""
    labelled_batch: contract.Images = 64
    """Labelled digits per discriminator step, drawn from those."""
    adversarial: bool = True
    """False trains the classifier on the labelled digits alone: without the GAN, and without consistency,
    certainty and balance, which read the others, too."""
    channels: int = 16
    """Channels of the classifier's 14x14 maps; twice as many at 7x7, four times at 3x3."""
    dense_judge: bool = True
    """Whether a fully connected judge without classes looks at each image, too."""
    classifier_share: float = 0.25
    """What the classifier then counts for in G's objective, from 0 to 1; the other judge has the rest."""
    consistency: float = 3.0
    """Weight of |p(y | x) - p(y | x moved)|^2 (arXiv 1910.12027)."""
    certainty: float = 0.1
    """Weight of the entropy of p(y | x), which is to be small for each x (arXiv 1511.06390)."""
    balance: float = 1.0
    """Weight of the negative entropy of E_x[p(y | x)], which is to be uniform (arXiv 1511.06390)."""


AS_WRITTEN = Config(
    ema=0.0,
    anneal_to=1.0,
    learning_rate=2e-4,
    beta1=0.5,
    beta2=0.999,
    r1_gamma=0.0,
    negatives=0,
    minibatch_deviation=False,
    dense_judge=False,
    consistency=0.0,
    certainty=0.0,
    balance=0.0,
)


class Classifier(nn.Module):
    """Images [batch, 1, 28, 28] to the digits' logits [batch, 10], which say how real an image is, too."""

    def __init__(self, channels: int, minibatch_deviation: bool) -> None:
        super().__init__()
        self.features = nn.Sequential(*strided(channels, batch_norm=False))
        self.classes = nn.Linear(36 * channels, CLASSES)
        self.deviation = MinibatchDeviation() if minibatch_deviation else None
        self.variety = nn.Linear(1, 1, bias=False) if minibatch_deviation else None

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.classes(self.features(image))
        return logits

    def judge(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """The log-odds of being real [batch], log Z(x), and the digits' logits.

        How much the features vary over the batch says whether it is real, and nothing of which digits it has.
        """
        features = self.features(image)
        logits: Tensor = self.classes(features).float()
        odds = logits.logsumexp(1)
        if self.deviation is not None and self.variety is not None:
            odds = odds + self.variety(self.deviation(features)[:, -1:].float()).squeeze(1)
        return odds, logits


class Discriminator(nn.Module):
    """The judges' mean log-odds of being real [batch]."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.classifier = Classifier(config.channels, config.minibatch_deviation)
        self.dense = dense_judge(config.minibatch_deviation) if config.dense_judge else None
        share = config.classifier_share
        self.shares = [share, 1 - share] if config.dense_judge else [1.0]

    def each(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """The log-odds [judges, batch], and the digits' logits [batch, 10]."""
        odds, logits = self.classifier.judge(image)
        each = [odds] if self.dense is None else [odds, self.dense(image).float()]
        return torch.stack(each), logits

    def forward(self, image: Tensor) -> Tensor:
        odds, _ = self.each(image)
        return odds.mean(0)


def moved(image: Tensor) -> Tensor:
    """Images [batch, 1, 28, 28], each moved by up to two pixels along both axes; -1 comes in at the edges."""
    batch = len(image)
    padded = pad(image.squeeze(1), (MOVE, MOVE, MOVE, MOVE), value=-1.0)
    corner = torch.randint(2 * MOVE + 1, (batch, 2, 1)) + torch.arange(28)
    row, column = corner[:, 0, :, None], corner[:, 1, None, :]
    return padded[torch.arange(batch)[:, None, None], row, column].unsqueeze(1)


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
        if not CLASSES <= config.labels <= CLASSES * RAREST or config.labels % CLASSES:
            raise TrainingError(
                f"labels is {config.labels}: give a multiple of 10, as many of each digit, up to"
                f" {CLASSES * RAREST:,}"
            )
        self.config: Config = config
        self.latent_dim = config.latent_dim
        self.generator = nn.Sequential(mlp(config.latent_dim, 256, 512, 512, 784), ToImage())
        self.discriminator = Discriminator(config)
        # Part of the state, so that a resumed run knows the same labels. A row of zeros is a free place.
        self.register_buffer("known_image", torch.zeros(config.labels, 1, 28, 28))
        self.register_buffer("known_label", torch.zeros(config.labels, CLASSES))

    def phases(self) -> list[Phase]:
        rate, betas = self.config.learning_rate, (self.config.beta1, self.config.beta2)
        d = torch.optim.Adam(self.discriminator.parameters(), rate, betas, fused=True)
        g = torch.optim.Adam(self.generator.parameters(), rate, betas, fused=True)
        phases = [Phase("discriminator", self.discriminate, d), Phase("generator", self.generate, g)]
        return phases if self.config.adversarial else phases[:1]

    @property
    def knows_all(self) -> bool:
        """Whether every label that is to be known has come by."""
        return bool(self.known_label.sum() == self.config.labels // CLASSES * CLASSES)

    def labelled(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Images and labels of `labelled_batch` draws from the digits whose labels are known.

        Every other label in `batch` stays unread, once a tenth of `labels` of each class has come by.
        """
        if not self.knows_all:
            each = self.config.labels // CLASSES
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
        if not config.adversarial:  # nor consistency, certainty and balance, which need no label
            return {"loss": supervised, **logged}
        z = draw_z(self.prior, len(batch.image), self.latent_dim)
        regularise = config.r1_gamma > 0 and batch.step % config.r1_every == 0
        image = batch.image.requires_grad_(regularise)
        real, logits = self.discriminator.each(image)
        fake, _ = self.discriminator.each(self.generator(z).detach())
        loss = supervised + losses.discriminator_loss(real, fake)
        logged |= {"D(x)": real.sigmoid().mean(), "D(G(z))": fake.sigmoid().mean()}
        loss = loss + self.unlabelled(batch.image.detach(), logits)
        d = self.discriminator
        loss = loss + taught(d, batch.image, config.negatives, lambda image: d.each(image)[0])
        if regularise:
            logged["r1"] = losses.r1_of_each(image, real)
            loss = loss + config.r1_gamma / 2 * config.r1_every * logged["r1"]
        return {"loss": loss, **logged}

    def unlabelled(self, image: Tensor, logits: Tensor) -> Tensor:
        """What digits without a label teach of the classes; `logits` [batch, 10] are those of `image`."""
        config = self.config
        if not (config.consistency or config.certainty or config.balance):
            return torch.zeros(())
        p = logits.softmax(1)
        other = self.discriminator.classifier(moved(image)).float().softmax(1)
        consistency = (p - other).square().sum(1).mean()
        unsure, balance = losses.entropy(p).mean(), losses.entropy(mean(p.mean(0)))
        value: Tensor = (
            config.consistency * consistency + config.certainty * unsure - config.balance * balance
        )
        return value

    def generate(self, batch: Batch) -> Losses:
        z = draw_z(self.prior, len(batch.image), self.latent_dim)
        each, _ = self.discriminator.each(self.generator(z))
        return {"loss": losses.shared(self.discriminator.shares, each)}

    def exports(self) -> dict[contract.RoleName, nn.Module]:
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "classifier": self.discriminator.classifier,
        }
