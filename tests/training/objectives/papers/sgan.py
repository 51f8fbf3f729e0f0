"""SGAN, arXiv 1606.01583, with D of arXiv 1606.03498, section 5: K logits, and 0 for "generated"."""

import torch
from torch import Tensor

from tests.training.objectives.draws import Draws
from tests.training.objectives.formula import Case, Turn
from tests.training.objectives.terms import latents, log_d, log_not_d, stabilisers
from training.recipe import Batch
from training.recipes.sgan import Sgan

TINY = {"latent_dim": 6, "labels": 20, "labelled_batch": 8, "channels": 4}
ALONE = {"consistency": 0.0, "certainty": 0.0, "balance": 0.0}
PAPER = {"dense_judge": False, "r1_gamma": 0.0, "negatives": 0, "minibatch_deviation": False, **ALONE}
SERVED = {**TINY, "r1_gamma": 3.0, "r1_every": 4, "negatives": 8, "certainty": 0.7, "classifier_share": 0.2}
CASES = {
    "paper": Case({**TINY, **PAPER}),
    "served": Case(SERVED),
    "served, between two R1": Case(SERVED, step=5),
    "labels alone": Case({**SERVED, "adversarial": False}, without=("generator",)),
}


def logits(recipe: Sgan, image: Tensor) -> list[Tensor]:
    """The log-odds of being real, log sum_k exp l_k by the classifier, and the dense network's."""
    d, c = recipe.discriminator, recipe.discriminator.classifier
    features = c.features(image)
    odds = c.classes(features).double().exp().sum(1).log()
    if c.deviation is not None and c.variety is not None:
        odds = odds + c.variety(c.deviation(features)[:, -1:]).squeeze(1)
    return [odds] if d.dense is None else [odds, d.dense(image)]


def first_of_each_class(batch: Batch, each: int) -> tuple[Tensor, Tensor]:
    """The images whose labels are known after the first minibatch, in the order of their classes."""
    rows = torch.cat([(batch.label == digit).nonzero().squeeze(1)[:each] for digit in range(10)])
    assert len(rows) == 10 * each
    return batch.image[rows], batch.label[rows]


def moved(image: Tensor, corner: Tensor) -> Tensor:
    """Images moved by up to two pixels, by `corner` [batch, 2, 1] from 0 to 4; paper comes in."""
    again = torch.full_like(image, -1)
    for i, (down, right) in enumerate((corner.squeeze(2) - 2).tolist()):
        for row in range(28):
            for column in range(28):
                if 0 <= row + down < 28 and 0 <= column + right < 28:
                    again[i, 0, row, column] = image[i, 0, row + down, column + right]
    return again


def of_classes(recipe: Sgan, image: Tensor, draws: Draws) -> Tensor:
    """Consistency (arXiv 1910.12027), certainty and balance (arXiv 1511.06390) of unlabelled digits."""
    config, classifier = recipe.config, recipe.discriminator.classifier
    if not (config.consistency or config.certainty or config.balance):
        return torch.zeros((), dtype=torch.float64)
    p = classifier(image).double().softmax(1)
    q = classifier(moved(image, draws.integers(len(image), 2, 1))).double().softmax(1)
    consistency = (p - q).pow(2).sum(1).mean()
    of_each = -(p * p.log()).sum(1).mean()
    of_all = -(p.mean(0) * p.mean(0).log()).sum()
    value: Tensor = config.consistency * consistency + config.certainty * of_each - config.balance * of_all
    return value


def discriminate(recipe: Sgan, batch: Batch, draws: Draws) -> Tensor:
    """-E[log p(y | x, real)] on labelled digits - E[log D(x)] - E[log(1 - D(G(z)))] on all."""
    d, config = recipe.discriminator, recipe.config
    known_image, known_label = first_of_each_class(batch, config.labels // 10)
    drawn = draws.integers(config.labelled_batch)
    p = d.classifier(known_image[drawn]).double().softmax(1)
    supervised: Tensor = -p[torch.arange(len(drawn)), known_label[drawn]].log().mean()
    if not config.adversarial:
        return supervised
    x = batch.image.clone().requires_grad_()
    real = logits(recipe, x)
    fake = logits(recipe, recipe.generator(latents(recipe, draws, len(x))))
    value: Tensor = supervised - log_d(torch.stack(real)) - log_not_d(torch.stack(fake))
    value = value + of_classes(recipe, batch.image, draws)
    return value + stabilisers(
        recipe, d, lambda image: torch.stack(logits(recipe, image)), real, x, batch, draws
    )


def generate(recipe: Sgan, batch: Batch, draws: Draws) -> Tensor:
    """-E[log D(G(z))]: `classifier_share` of the classifier's, the rest of the dense network's."""
    image = recipe.generator(latents(recipe, draws, len(batch.image)))
    each = [-log_d(logit) for logit in logits(recipe, image)]
    if len(each) == 1:
        return each[0]
    share = recipe.config.classifier_share
    return share * each[0] + (1 - share) * each[1]


TURNS = {
    "discriminator": Turn(("discriminator",), discriminate),
    "generator": Turn(("generator",), generate),
}
