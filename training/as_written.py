"""What a system does as its paper has it, measured like the bundle that is shipped beside it."""

from pathlib import Path
from tempfile import TemporaryDirectory

from service.manifest import AsWritten
from training.evaluate import Yardstick, evaluate
from training.export import export, trained
from training.run import Run
from training.served import read_manifest


def measure(run: Run, yardstick: Yardstick) -> AsWritten:
    """The figures of a run of `train NAME --paper`, exported for as long as that takes."""
    name, recipe = trained(run)
    with TemporaryDirectory() as folder:
        bundle = export(recipe, name, Path(folder), yardstick.test, run)
        manifest = read_manifest(bundle)
        return AsWritten(
            config=manifest.config, training=manifest.training, metrics=evaluate(bundle, yardstick)
        )
