"""What `sgan` is worth to a classifier that has few labels: `python -m training semisupervised`.

The same net learns the same few labelled digits twice: with all other digits, without their labels, by the
GAN and by consistency, certainty and balance; and from the labels alone, without any of these. So the
difference is not due to the GAN alone. The net is that of `sgan` without its fully connected discriminator
(`dense_judge=False`), which the shipped bundle has. Each seed draws other labels. Test errors of that kind
are the table of Salimans et al. 2016 (arXiv 1606.03498, section 6.1).
"""

import dataclasses
import os
import statistics
from pathlib import Path
from typing import cast

import torch
from pydantic import BaseModel

from training import data
from training.data import Digits
from training.metrics.classes import label_accuracy
from training.recipes.sgan import Config, Sgan
from training.run import Run
from training.trainer import fit

FILE = "semisupervised.json"
LABELS = (100, 1000)
SEEDS = (0, 1, 2)


class Trial(BaseModel, frozen=True):
    """Test errors, from 0 to 1, of one net with one draw of labels."""

    labels: int
    seed: int
    gan: float
    alone: float


class Comparison(BaseModel, frozen=True):
    """What models/semisupervised.json holds."""

    steps: int
    """Of each training."""
    trials: list[Trial]


def compare(config: Config, digits: Digits, test: Digits, runs: Path) -> Comparison | None:
    """Trains what is not yet trained in the folder `runs`; None when Ctrl-C ended it early."""
    trials = []
    for labels in LABELS:
        for seed in SEEDS:
            errors = {}
            for name, adversarial in (("gan", True), ("alone", False)):
                chosen = dataclasses.replace(config, labels=labels, seed=seed, adversarial=adversarial)
                torch.manual_seed(seed)
                recipe = Sgan(chosen)
                # Each phase takes its own minibatches, so left to themselves the two would read other labels.
                index = 0
                while not recipe.knows_all:
                    recipe.labelled(digits.minibatch(config.batch_size, seed, index))
                    index += 1
                trained = fit(recipe, digits, Run(runs / f"{labels}-{seed}-{name}"))
                if trained is None:
                    return None
                errors[name] = round(error(cast(Sgan, trained), test), 4)
            trials.append(Trial(labels=labels, seed=seed, **errors))
    return Comparison(steps=config.steps, trials=trials)


@torch.no_grad()
def error(recipe: Sgan, test: Digits) -> float:
    """Share of the test digits that the recipe's classifier takes for another digit."""
    classifier = recipe.eval().discriminator.classifier
    logits = torch.cat([classifier(data.scale(image)) for image in test.image.split(500)])  # type: ignore[no-untyped-call]
    return 1 - label_accuracy(logits, test.label)


def write(models: Path, comparison: Comparison) -> None:
    """Puts it beside the bundles, for the leaderboard."""
    models.mkdir(parents=True, exist_ok=True)
    temporary = models / f".{FILE}.partial"
    temporary.write_text(comparison.model_dump_json(indent=2) + "\n")
    os.replace(temporary, models / FILE)


def read(models: Path) -> Comparison | None:
    """What was written there, if anything was."""
    path = models / FILE
    return Comparison.model_validate_json(path.read_bytes()) if path.exists() else None


def table(comparison: Comparison) -> list[str]:
    """Mean test errors over the seeds, with their standard deviation, as Markdown."""
    seeds = len({trial.seed for trial in comparison.trials})
    rows = [
        "| labels | error with unlabelled digits | error from the labels alone | seeds |",
        "| ---: | ---: | ---: | ---: |",
    ]
    for labels in sorted({trial.labels for trial in comparison.trials}):
        of = [trial for trial in comparison.trials if trial.labels == labels]
        gan, alone = (_mean([getattr(trial, name) for trial in of]) for name in ("gan", "alone"))
        rows.append(f"| {labels:,} | {gan} | {alone} | {seeds} |")
    return rows


def _mean(errors: list[float]) -> str:
    return f"{statistics.mean(errors):.1%} ± {statistics.stdev(errors):.1%}"
