"""What each process of test_distributed.py runs: python -m torch.distributed.run -m tests.training.share."""

import dataclasses
import hashlib
import os
import sys
from pathlib import Path

import torch

from tests.training.conftest import few
from tests.training.small import smaller
from training import distributed, recipes
from training.data import Digits
from training.recipe import Config
from training.run import Run
from training.trainer import Intervals, fit

STEPS = {"gan": int(os.environ.get("GAN_STEPS", "12"))}
"""R1 is added at every eighth step. The others need fewer steps for what is particular to them."""
FEWER = 3


def in_float64() -> None:
    """Only a difference in what is computed is then seen: in float32 some recipes make of a last bit a tenth
    in a dozen steps."""
    torch.set_default_dtype(torch.float64)
    torch.Tensor.float = torch.Tensor.double  # type: ignore[method-assign]


def config(name: str) -> Config:
    whole = recipes.config_class(name)(**smaller(name))
    steps = STEPS.get(name, FEWER)
    return dataclasses.replace(whole, steps=steps, batch_size=32, bf16=False, ema=0.9)


def train(name: str, digits: Digits, folder: Path) -> None:
    torch.manual_seed(0)
    recipe = recipes.recipe_class(name)(config(name))
    fit(recipe, digits, Run(folder / name), Intervals(log=1, picture=1000, save=1000))
    weights = torch.cat([value.flatten() for value in recipe.state_dict().values()])
    digest = hashlib.sha256(weights.numpy().tobytes()).hexdigest()
    (folder / name / f"digest-{distributed.RANK}").write_text(digest)


def main() -> None:
    torch.set_num_threads(1)
    in_float64()
    distributed.begin("cpu")
    digits = Digits(few("train").image[:128], few("train").label[:128])
    for name in sys.argv[2:]:
        train(name, digits, Path(sys.argv[1]))
    distributed.end()


if __name__ == "__main__":
    main()
