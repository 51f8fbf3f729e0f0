"""Images per second of our training loop, and of plain PyTorch scripts with a DataLoader.

    MNIST_DIR=... python -m benchmarks training

Both run in turn on the same digits and threads: whole steps, with all that a step does.
"""

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from benchmarks import plain_scripts
from benchmarks.machine import machine
from benchmarks.stopwatch import kernel, median, rate
from benchmarks.table import count, ratio, table, times
from training import data, recipes
from training.run import Run
from training.trainer import Intervals, fit

PAIRS = {"cgan": "dcgan", "dcgan": "dcgan", "gan": "gan"}
"""Each of our recipes, and the script that it is held against."""
NEVER = 1 << 40


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks training", description=__doc__)
    parser.add_argument("--recipes", nargs="+", choices=PAIRS, default=list(PAIRS), help="[all three]")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="[all cores]")
    parser.add_argument("--rounds", type=int, default=3, help="[3]")
    parser.add_argument("--steps", type=int, default=64, help="of ours that are timed, and then a half [64]")
    parser.add_argument("--quick", action="store_true", help="one round of moments: does it run at all?")
    given = parser.parse_args(arguments)
    rounds, steps, seconds = (1, 2, 0.0) if given.quick else (given.rounds, given.steps, 8.0)
    torch.set_num_threads(given.threads)
    digits = data.load("train", verify=not given.quick)
    found: dict[str, list[float]] = {
        f"{kind} {name}": [] for name in given.recipes for kind in ("ours", "plain")
    }
    calibration = []
    for _ in range(rounds):
        calibration.append(rate(kernel, 0.2))
        for name in given.recipes:
            found[f"ours {name}"].append(ours(name, digits, steps))
            found[f"plain {name}"].append(plain(PAIRS[name], digits, seconds))
    print(machine())
    print(
        f"{given.threads} threads; medians of {rounds} rounds; matrix product {median(calibration):.0f}/s.\n"
    )
    print("## training")
    print(report(given.recipes, found))


def ours(name: str, digits: data.Digits, steps: int) -> float:
    """Images/s of the recipe as `train` runs it, after a quarter of the steps that warms it up."""
    warm = max(1, steps // 4)
    # The last step also saves and draws samples; it is not among the timed.
    config = recipes.config_class(name)(steps=warm + steps + warm)
    with TemporaryDirectory() as folder:
        run = Run(Path(folder))
        fit(recipes.recipe_class(name)(config), digits, run, Intervals(log=warm, picture=NEVER, save=NEVER))
        logged = {int(line["step"]): line["seconds"] for line in run.lines()}
    begin, end = warm, warm + steps - steps % warm
    return float((end - begin) * config.batch_size / (logged[end] - logged[begin]))


def plain(kind: str, digits: data.Digits, seconds: float) -> float:
    """Images/s of the script, after three steps that warm it up."""
    steps = plain_scripts.steps(kind, digits.image, digits.label)
    for _ in range(3):
        next(steps)
    begin, images = time.perf_counter(), next(steps)
    while time.perf_counter() - begin < seconds:
        images += next(steps)
    return images / (time.perf_counter() - begin)


def report(names: Sequence[str], found: dict[str, list[float]]) -> str:
    rows = []
    for name in names:
        own, script = found[f"ours {name}"], found[f"plain {name}"]
        rows.append([name, count(median(own)), PAIRS[name], count(median(script)), times(ratio(own, script))])
    return table(["recipe", "images/s", "plain script", "images/s", "ours over the script's"], rows)
