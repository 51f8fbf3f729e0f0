"""The one training loop. It knows phases, not systems."""

import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import cast

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from training import checkpoint, distributed
from training.data import Digits
from training.errors import TrainingError
from training.progress import bar
from training.recipe import Batch, Losses, Phase, Recipe, draw_z
from training.run import Run
from training.watch import Watch

ROWS = torch.arange(10).repeat_interleave(10)
"""What a picture asks of a conditional recipe: a row for each digit."""
BATCH = 100
SPREAD = 0x9E3779B1
"""An odd number near 2^32 over the golden ratio: its small multiples lie far apart, modulo 2^32."""


class DivergedError(TrainingError):
    """A loss that is no longer a number."""


@dataclass(frozen=True)
class Intervals:
    """Every so many steps."""

    log: int = 50
    picture: int = 1000
    save: int = 1000


def fit(recipe: Recipe, digits: Digits, run: Run, intervals: Intervals | None = None) -> Recipe | None:
    """Trains `recipe` for its config's steps, resuming from the run's checkpoint if there is one.

    Returns the recipe with the averaged weights (the raw ones where EMA is off), or None when Ctrl-C
    ended it early, after saving. Step s is a pure function of the weights and (seed, s): minibatches and
    noise are drawn from a generator that is reseeded for each step, so a resumed run equals an unbroken one
    bit by bit, for the same number of threads and processes. It runs on torch's default device, where
    `recipe` must be. Of several processes, each with the same recipe, the first one writes.
    """
    config, intervals = recipe.config, intervals or Intervals()
    device = torch.get_default_device()
    digits = digits.to(device)
    phases = recipe.phases()
    decay = get_ema_multi_avg_fn(config.ema)  # type: ignore[no-untyped-call]
    average = AveragedModel(recipe, multi_avg_fn=decay, use_buffers=True)
    modules = {"recipe": recipe, "average": average}
    optimizers = {phase.name: phase.optimizer for phase in phases}
    rates = {phase.name: [group["lr"] for group in phase.optimizer.param_groups] for phase in phases}
    exported = cast(Recipe, average.module) if config.ema else recipe
    writes = distributed.FIRST

    begin = checkpoint.restore(run.checkpoint, config, modules, optimizers) if run.checkpoint.exists() else 0
    before = run.begin(type(recipe).__module__.rpartition(".")[2], config, begin) if writes else 0.0
    recipe.config = distributed.share(config)
    draws = sum(phase.repeats for phase in phases)
    started, done = time.monotonic(), begin
    watch = Watch(digits)
    size = config.batch_size
    # Kept from step to step: lazy R1 is measured at few of those that are logged.
    figures: dict[str, float] = {}
    with (
        bar(config.steps * size, "images", begun=begin * size, shown=writes) as progress,
        _stop_between_steps() as stop,
    ):
        for step in range(begin, config.steps):
            torch.manual_seed(step_seed(config.seed, step))
            factor = annealed(step / config.steps, config.anneal_from, config.anneal_to)
            drawn = step * draws
            for phase in phases:
                for group, rate in zip(phase.optimizer.param_groups, rates[phase.name], strict=True):
                    group["lr"] = rate * factor
                for repeat in range(phase.repeats):
                    batch = digits.minibatch(size, config.seed, drawn, step * phase.repeats + repeat)
                    drawn += 1
                    with distributed.as_one():
                        with torch.autocast(device.type, torch.bfloat16, enabled=config.bf16):
                            losses = objective(recipe, phase, distributed.deal(batch))
                        figures |= take_step(phase, losses, step)
            if config.ema:
                average.update_parameters(recipe)
            done = step + 1
            progress.update(size)
            stopping = distributed.any_of(bool(stop))  # read once: what breaks the loop is also saved
            last = done == config.steps or stopping
            pictured = writes and (last or is_pictured(done, intervals.picture))
            if writes and (done % intervals.log == 0 or pictured):
                progress.set_postfix({k: f"{v:.3g}" for k, v in figures.items()}, refresh=False)
                watched = pictured and not stopping  # whoever stops a run waits for it
                quality = watch.figures(sample(exported, watch.label)) if watched else {}
                elapsed = before + time.monotonic() - started
                run.log(done, {**figures, **quality, "seconds": elapsed, "images": done * size})
            if pictured:
                run.picture(done, sample(exported, ROWS))
            if writes and (done % intervals.save == 0 or last):
                checkpoint.save(run.checkpoint, done, config, modules, optimizers)
            if stopping:
                break
    return exported if done == config.steps else None


def step_seed(seed: int, step: int) -> int:
    """Return the seed, of 32 bits, of the random numbers of one step.

    torch's generator on the CPU ignores all higher bits. Two seeds give different numbers at every step, and
    runs of the first hundred seeds have no number in common within a million steps.
    """
    return (seed * SPREAD + step) % (1 << 32)


def objective(recipe: Recipe, phase: Phase, batch: Batch) -> Losses:
    """The phase's losses, with every parameter frozen that is not one of its players."""
    recipe.requires_grad_(False)
    for group in phase.optimizer.param_groups:
        for parameter in group["params"]:
            parameter.requires_grad_(True)
    return phase.objective(batch)


def take_step(phase: Phase, losses: Losses, step: int) -> dict[str, float]:
    """One optimizer step down `losses["loss"]`; returns all of them as "phase/name"."""
    figures = distributed.average(
        {f"{phase.name}/{name}": float(value.detach()) for name, value in losses.items()}
    )
    for name, value in figures.items():
        if not math.isfinite(value):
            raise DivergedError(
                f"{name} is {value} at step {step}: training diverged; lower the learning rate or raise the"
                " regularisation. The last checkpoint is from before"
            )
    phase.optimizer.zero_grad()
    torch.autograd.backward(losses["loss"])
    distributed.average_gradients(phase.optimizer)
    phase.optimizer.step()
    if phase.after_step:
        phase.after_step()
    return figures


def is_pictured(step: int, interval: int) -> bool:
    """At every multiple of the interval; and before the first at its half, quarter, ... and 64th, since most
    is learned early."""
    return step % interval == 0 or step in {interval >> halvings for halvings in range(1, 7)}


def annealed(progress: float, begin: float, end_factor: float) -> float:
    """1 until `begin` (a fraction of the run), then linear to `end_factor` at the run's end."""
    if progress <= begin:
        return 1.0
    return 1.0 + (end_factor - 1.0) * (progress - begin) / (1.0 - begin)


@torch.no_grad()
def sample(recipe: Recipe, label: torch.Tensor) -> torch.Tensor:
    """Images [n, 1, 28, 28] from the same latents at every call, of the labels [n] if it is conditional."""
    was_training = recipe.training
    recipe.eval()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        z = draw_z(recipe.prior, len(label), recipe.latent_dim)
    generate = recipe.exports()["generator"]
    arguments = (z, label.to(z.device)) if recipe.conditional else (z,)
    parts = range(0, len(label), BATCH)
    images = [generate(*(whole[i : i + BATCH] for whole in arguments)) for i in parts]
    recipe.train(was_training)
    return torch.cat(images)


@contextmanager
def _stop_between_steps() -> Iterator[list[int]]:
    """Collects SIGINT and SIGTERM, so that a step is never cut in half; a second one ends at once."""
    caught: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        if caught:
            raise KeyboardInterrupt
        caught.append(number)

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
