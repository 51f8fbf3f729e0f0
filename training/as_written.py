"""What a system does as its paper has it, measured like the bundle that is shipped beside it."""

import dataclasses
from pathlib import Path
from tempfile import TemporaryDirectory

from service.manifest import AsWritten
from training import checkpoint, recipes
from training.evaluate import Yardstick, evaluate
from training.export import export, trained
from training.run import Run, RunError
from training.served import read_manifest


def check(run: Run, bundle: Path) -> None:
    """RunError unless the run is the whole of `train NAME --paper` for the bundle's system."""
    begun, system = run.read_config(), read_manifest(bundle).recipe
    fix = f"name the run of python -m training train {system} --paper, such as runs/{system}_paper"
    if begun["recipe"] != system:
        raise RunError(f"{run.folder}: a run of {begun['recipe']}, where {bundle} is one of {system}; {fix}")
    config, written = begun["config"], dataclasses.asdict(recipes.as_written(system))
    others = [
        f"{name} is {config.get(name)!r} in place of {written.get(name)!r}"
        for name in sorted(config.keys() | written.keys())
        if config.get(name) != written.get(name)
    ]
    if others:
        raise RunError(f"{run.folder}: not the paper's own settings ({'; '.join(others)}); {fix}")
    step = checkpoint.step(run.checkpoint)
    if step < config["steps"]:
        raise RunError(f"{run.folder}: has {step:,} of its {config['steps']:,} steps; train it to the end")


def measure(run: Run, yardstick: Yardstick) -> AsWritten:
    """The figures of a run of `train NAME --paper`, exported for as long as that takes."""
    name, recipe = trained(run)
    with TemporaryDirectory() as folder:
        bundle = export(recipe, name, Path(folder), yardstick.test, run)
        manifest = read_manifest(bundle)
        return AsWritten(
            config=manifest.config, training=manifest.training, metrics=evaluate(bundle, yardstick)
        )
