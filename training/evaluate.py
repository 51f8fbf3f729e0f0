"""Measures bundles: what the exported files generate, each figure beside the same for real digits."""

import os
import statistics
from collections import defaultdict
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from service.manifest import Manifest, Metric
from training import classifier, leaderboard
from training.data import Digits
from training.metrics import classes, copies, frechet, kernel, neighbours, parzen, ranking
from training.metrics.distance import pixels
from training.metrics.pieces import connected_pieces
from training.progress import over
from training.served import Served, read_manifest

SAMPLES = 10_000
DRAWS = 3
VALIDATION = 1_000
"""Real digits that Parzen's sigma is chosen on."""
COPIES = 2_000
"""Samples of each draw whose nearest training digit is looked for: 60,000 distances for each."""
SCORED = 5_000
"""Images of each kind that the discriminator scores."""

Figures = dict[str, float]


class Yardstick:
    """Real digits and all that is computed of them only once, to measure generated ones by.

    Distances are to the test digits, at most 10,000. The floor of a figure is its value for as many
    training digits, the mean over disjoint draws of them: what a perfect generator would get.
    """

    def __init__(self, train: Digits, test: Digits, samples: int = SAMPLES, draws: int = DRAWS) -> None:
        self.draws = draws
        self.judge = classifier.load()
        self.test = Digits(test.image[:samples], test.label[:samples])
        self.train = train
        # The last sixth of the training digits, 10,000 of 60,000, is kept apart for Parzen's sigma.
        self._common = len(train) - len(train) // 6
        self.samples = min(samples, self._common)
        self._validation = pixels(train.image[self._common :][:VALIDATION])
        opinion = self.judge.judge(self.test.image)
        self.accuracy = classes.label_accuracy(opinion.logits, self.test.label)
        self._features = opinion.features
        self._gaussian = frechet.fit(opinion.features)
        self._manifold = neighbours.manifold(opinion.features)
        self._thresholds = copies.thresholds(train.image, self.test.image, self.test.label)

    @cached_property
    def floor(self) -> Figures:
        """Every figure of `measure` for real training digits."""
        drawn = []
        for draw in over(range(self.draws), "draws", "floor"):
            real = self.drawn(draw)
            drawn.append(self.measure(real.image, real.label))
        figures = {name: metric.value for name, metric in summarise(drawn, {}).items()}
        # Training digits are copies of themselves: of unseen ones, as many are near as the thresholds say.
        return figures | {"near_copies": copies.SHARE}

    def drawn(self, draw: int) -> Digits:
        """As many real training digits as there are samples; those of different draws are disjoint as long as
        there are enough. A conditional model is asked for their labels: the floor would not be its limit if
        its digits came in other proportions than MNIST's (with uniform labels, a good one's Fréchet distance
        was twice as large)."""
        order = torch.randperm(self._common, generator=torch.Generator().manual_seed(0))
        chosen = order.roll(-draw * self.samples)[: self.samples]
        return Digits(self.train.image[chosen], self.train.label[chosen])

    def measure(self, image: Tensor, label: Tensor | None) -> Figures:
        """The figures of images [n, 28, 28], asked for as `label` if they were."""
        features, logits = self.judge.judge(image)
        share = classes.shares(logits.argmax(1))
        density = parzen.parzen(pixels(image), self._validation, pixels(self.test.image))
        pieces = connected_pieces(image).double()
        return {
            "frechet_distance": frechet.frechet_distance(frechet.fit(features), self._gaussian),
            "kernel_distance": kernel.kernel_distance(features, self._features),
            **neighbours.compare(self._manifold, features)._asdict(),
            "parzen": density.log_likelihood,
            "parzen_sigma": density.sigma,
            "pieces": float(pieces.mean()),
            "over_two_pieces": float((pieces > 2).double().mean()),
            "near_copies": copies.near_copies(
                image[:COPIES], logits[:COPIES].argmax(1), self.train.image, self._thresholds
            ),
            "confidence": classes.confidence(logits),
            "mnist_score": classes.mnist_score(logits),
            "class_kl": classes.kl_to_uniform(share),
            **{f"share_of_{digit}": float(part) for digit, part in enumerate(share)},
            **({} if label is None else {"label_accuracy": classes.label_accuracy(logits, label)}),
        }


def evaluate(bundle: Path, yardstick: Yardstick) -> dict[str, Metric]:
    """Every figure of the bundle in this folder, the mean over repeated draws of z with its spread."""
    served = Served(bundle)
    floor = yardstick.floor | {"auc_generated": 0.5}
    n = yardstick.samples
    real = served.score(yardstick.test.image[:SCORED]) if served.has("discriminator") else None
    drawn = []
    for draw in over(range(yardstick.draws), "draws", served.manifest.name):
        image, label = served.generate(range(draw * n, (draw + 1) * n), yardstick.drawn(draw).label)
        figures = yardstick.measure(image, label)
        if real is not None:
            figures["auc_generated"] = ranking.auc(real, served.score(image[:SCORED]))
        drawn.append(figures)
    metrics = summarise(drawn, floor)
    if real is not None:
        metrics |= discrimination(served, real, yardstick)
    if served.has("encoder"):
        metrics["reconstruction_error"] = _once(reconstruction_error(served, yardstick.test))
    if served.has("classifier"):
        right = classes.label_accuracy(served.classify(yardstick.test.image), yardstick.test.label)
        metrics["classifier_accuracy"] = _once(right, yardstick.accuracy)
    return metrics | {
        "microseconds_per_image": _once(served.microseconds(64)),
        "microseconds_alone": _once(served.microseconds(1)),
        "training_seconds": _once(served.manifest.training.seconds),
    }


def discrimination(served: Served, real: Tensor, yardstick: Yardstick) -> dict[str, Metric]:
    """The AUC of `real`, the scores of test digits, against noise and against the same digits inverted; and
    of training digits against them, which a discriminator can tell apart only by remembering."""
    image = yardstick.test.image[:SCORED]
    noise = torch.randint(0, 256, image.shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return {
        "auc_noise": _once(ranking.auc(real, served.score(noise))),
        "auc_inverted": _once(ranking.auc(real, served.score(255 - image))),
        "auc_train": _once(ranking.auc(served.score(yardstick.train.image[:SCORED]), real), 0.5),
    }


def reconstruction_error(served: Served, digits: Digits) -> float:
    """Mean squared difference per pixel, in [0, 1], of digits and what is decoded from their codes."""
    label = digits.label if served.manifest.conditional else None
    again = served.decode(served.encode(digits.image, digits.label), label)
    return float((pixels(again) - pixels(digits.image)).square().mean())


def evaluate_all(models: Path, yardstick: Yardstick) -> None:
    """Measures the newest version of every model, records the figures and writes the leaderboard."""
    for bundle in leaderboard.newest(models):
        record(bundle, metrics=evaluate(bundle, yardstick))
    leaderboard.write(models, yardstick.test)


def summarise(drawn: list[Figures], floor: Mapping[str, float]) -> dict[str, Metric]:
    """Mean and standard deviation of each figure over the draws, with its floor."""
    values: dict[str, list[float]] = defaultdict(list)
    for figures in drawn:
        for name, value in figures.items():
            values[name].append(value)
    return {
        name: Metric(
            value=_short(statistics.fmean(several)),
            floor=_short(floor[name]) if name in floor else None,
            spread=_short(statistics.stdev(several)) if len(several) > 1 else None,
        )
        for name, several in values.items()
    }


def record(bundle: Path, **fields: object) -> None:
    """Puts figures into the bundle's manifest, which a reader sees before or after, never half."""
    manifest = read_manifest(bundle)
    whole = Manifest.model_validate(manifest.model_dump() | fields)
    temporary = bundle / ".manifest.json.partial"
    temporary.write_text(whole.model_dump_json(indent=1) + "\n")
    os.replace(temporary, bundle / "manifest.json")


def _once(value: float, floor: float | None = None) -> Metric:
    """A figure that does not depend on the draw of z."""
    return Metric(value=_short(value), floor=None if floor is None else _short(floor))


def _short(value: float) -> float:
    """Five significant digits: more would be noise."""
    return float(f"{value:.5g}")
