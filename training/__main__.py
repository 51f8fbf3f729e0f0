"""python -m training: from digits to bundles. `--help` after any command lists its options."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import tyro

from training import data, distributed, recipes
from training.errors import TrainingError
from training.run import Run, RunError
from training.trainer import fit

CORES = os.cpu_count() or 1
THREADS = max(1, CORES // distributed.ON_THIS_MACHINE)
DataDir = Annotated[
    Path | None,
    tyro.conf.arg(help="Folder with MNIST's four files; else MNIST_DIR, else they are downloaded once."),
]
Threads = Annotated[int, tyro.conf.arg(help="Processor threads; part of what makes a run repeatable.")]


class DeviceError(TrainingError):
    """A device that is not there."""


def configs(as_written: bool) -> Any:
    """One subcommand per recipe, whose defaults are the served bundle's or the paper's own."""
    choose = recipes.as_written if as_written else lambda name: recipes.config_class(name)()
    defaults = {name: choose(name) for name in recipes.names()}
    return tyro.extras.subcommand_type_from_defaults(
        defaults, {name: recipes.recipe_class(name).title for name in defaults}, prefix_names=False
    )


def train_command(as_written: bool) -> Callable[..., None]:
    def train(
        config: configs(as_written),  # type: ignore[valid-type]
        run_dir: Path | None = None,
        data_dir: DataDir = None,
        threads: Threads = THREADS,
        device: Literal["cpu", "cuda"] = "cpu",
        paper: bool = False,
    ) -> None:
        """Train one system; interrupted with Ctrl-C, the same command goes on where it stopped.

        On several processes: torchrun --nproc-per-node 2 -m training train NAME.

        Args:
            config: The system to train.
            run_dir: Where checkpoint, log and sample pictures go; by default runs/NAME.
            device: Where to train; cuda needs a build of torch that has it.
            paper: Take the paper's own settings as defaults, without later stabilisers.
        """
        name = type(config).__module__.rpartition(".")[2]
        if device == "cuda" and not torch.cuda.is_available():
            raise DeviceError("torch sees no CUDA device here: check nvidia-smi, or leave out --device cuda")
        torch.set_default_device(distributed.begin(device))
        torch.set_num_threads(threads)
        torch.manual_seed(config.seed)
        folder = run_dir or Path("runs") / (f"{name}_paper" if paper else name)
        digits = data.load("train", data_dir)
        finished = fit(recipes.recipe_class(name)(config), digits, Run(folder))
        distributed.end()
        if not distributed.FIRST:
            raise SystemExit(0 if finished else 130)
        if finished is None:
            print(f"Saved. To go on, run the same command again: {folder / 'checkpoint.pt'} is picked up.")
            raise SystemExit(130)
        print(f"Done. Samples are in {folder / 'samples'}; next: python -m training export {folder}")

    return train


def export(
    run_dir: tyro.conf.Positional[Path],
    models_dir: Path = Path("models"),
    name: str | None = None,
    version: int | None = None,
    data_dir: DataDir = None,
) -> None:
    """Turn a run into a bundle that the service loads.

    Args:
        run_dir: The run's folder, such as runs/gan.
        models_dir: Where bundles live.
        name: Its folder there and its name in the API; by default the recipe's.
        version: By default one more than the newest there.
    """
    from training import export as exporting  # onnx and onnxruntime are slow to import

    run = Run(run_dir)
    system, recipe = exporting.trained(run)
    test = data.load("t10k", data_dir)
    folder = exporting.export(recipe, name or system, models_dir, test, run, version)
    print(f"{folder} is ready: python -m service serve")


def write_report(run_dir: tyro.conf.Positional[Path]) -> None:
    """Show how a run learned: one page, report.html in its folder, which opens from disk in any browser.

    Args:
        run_dir: The run's folder, such as runs/gan; the run may still be going on.
    """
    from training import report

    print(f"Open {report.write(Run(run_dir))}")


def evaluate(
    bundles: tyro.conf.Positional[tuple[Path, ...]] = (),
    all: bool = False,
    as_written: Path | None = None,
    models_dir: Path = Path("models"),
    data_dir: DataDir = None,
    threads: Threads = CORES,
) -> None:
    """Measure bundles, beside the same figures for real digits, and record that in their manifests.

    Args:
        bundles: Folders of bundles, such as models/gan/1.
        all: The newest version of every model; also writes the leaderboard, models/README.md.
        as_written: A run of `train NAME --paper` to measure instead, for that system's bundle to record.
        models_dir: Where bundles live.
    """
    from training import as_written as paper  # these load onnxruntime and scipy
    from training import evaluate as measuring
    from training import leaderboard, served

    if all == bool(bundles) or (as_written and len(bundles) != 1):
        raise RunError("name the bundles to measure, such as models/gan/1, or say --all")
    for bundle in leaderboard.newest(models_dir) if all else bundles:
        served.read_manifest(bundle)  # a mistake is told before minutes of measuring
    if as_written:
        paper.check(Run(as_written), bundles[0])
    torch.set_num_threads(threads)
    yardstick = measuring.Yardstick(data.load("train", data_dir), data.load("t10k", data_dir))
    if all:
        measuring.evaluate_all(models_dir, yardstick)
        print(f"The leaderboard is {models_dir / 'README.md'}")
    for bundle in bundles:
        if as_written:
            measured = paper.measure(Run(as_written), yardstick)
            measuring.record(bundle, as_written=measured)
            metrics = measured.metrics
        else:
            metrics = measuring.evaluate(bundle, yardstick)
            measuring.record(bundle, metrics=metrics)
        print(bundle)
        for name, metric in metrics.items():
            floor = "" if metric.floor is None else f"   real {metric.floor:g}"
            print(f"  {name:28}{metric.value:10.4g}{floor}")


def find_directions(
    bundles: tyro.conf.Positional[tuple[Path, ...]] = (),
    all: bool = False,
    models_dir: Path = Path("models"),
    threads: Threads = CORES,
) -> None:
    """Find what the latent dimensions of bundles mean, measure it, and record it in their manifests.

    Args:
        bundles: Folders of bundles, such as models/gan/1.
        all: The newest version of every model.
        models_dir: Where bundles live.
    """
    from training import directions, leaderboard  # these load onnxruntime and scipy

    if all == bool(bundles):
        raise RunError("name the bundles to search, such as models/gan/1, or say --all")
    torch.set_num_threads(threads)
    for bundle in leaderboard.newest(models_dir) if all else bundles:
        print(f"{bundle}\n{directions.table(directions.write(bundle))}", flush=True)


def compare_labels(
    steps: int = 3000,
    models_dir: Path = Path("models"),
    runs_dir: Path = Path("runs/semisupervised"),
    data_dir: DataDir = None,
    threads: Threads = CORES,
) -> None:
    """Measure what unlabelled digits are worth with few labels: test errors with them and without them.

    Trains sgan without its fully connected discriminator, and the same net on the labels alone, with 100 and
    with 1,000 labels, three times each, and writes the errors next to the bundles, for the leaderboard.
    Training that was completed before is not repeated.

    Args:
        steps: Discriminator steps of each training.
        models_dir: Where bundles live.
        runs_dir: Where the trainings' folders go.
    """
    from training import semisupervised
    from training.recipes.sgan import Config

    torch.set_num_threads(threads)
    digits, test = data.load("train", data_dir), data.load("t10k", data_dir)
    # The judge that keeps the samples varied knows nothing of classes, and would make two nets of one.
    comparison = semisupervised.compare(Config(steps=steps, dense_judge=False), digits, test, runs_dir)
    if comparison is None:
        print("Saved. To go on, run the same command again.")
        raise SystemExit(130)
    semisupervised.write(models_dir, comparison)
    print("\n".join(semisupervised.table(comparison)))


def play_theory(out: Path = Path("runs/theory")) -> None:
    """Play the game in one dimension, where D can be held against the best D, and draw it.

    Args:
        out: The folder for game.webp, states.png, k.png and gradients.png.
    """
    from training import theory, theory_pictures  # matplotlib is slow to import

    torch.set_num_threads(1)  # the networks are tiny
    played = list(theory.play(theory.Game()))
    courses = [theory.course(k, theory.BUDGET) for k in (1, 10, 300)]
    theory_pictures.write(out, played, courses, theory.pushes(2 * theory.OPENING))
    print(f"Mean |D - 1/2| over the data: {played[-1].doubt:.4f}. The pictures are in {out}")


def write_guide() -> None:
    """Bring docs/guide.md up to date with what is shipped; run it where the repository is checked out."""
    from training import guide  # loads onnxruntime

    guide.write(Path())
    print(f"{guide.PAGE} is up to date")


def train_classifier(data_dir: DataDir = None, threads: Threads = CORES) -> None:
    """Train the digit classifier again whose features the metrics use. Figures change with its weights."""
    from training import classifier

    torch.set_num_threads(threads)
    digits, test = data.load("train", data_dir), data.load("t10k", data_dir)
    accuracy = classifier.train_and_save(digits, test, classifier.Config())
    print(f"{classifier.WEIGHTS}: {accuracy:.2%} of the test digits")


def list_recipes() -> None:
    """Every system: its name, its title, its paper."""
    for name in recipes.names():
        recipe = recipes.recipe_class(name)
        paper = recipe.paper
        print(f"{name:12} {recipe.title:32} {paper.title} ({paper.authors}, {paper.year}) {paper.url}")


def main() -> None:
    try:
        tyro.extras.subcommand_cli_from_dict(
            {
                "train": train_command("--paper" in sys.argv),
                "export": export,
                "report": write_report,
                "evaluate": evaluate,
                "directions": find_directions,
                "semisupervised": compare_labels,
                "classifier": train_classifier,
                "theory": play_theory,
                "guide": write_guide,
                "list": list_recipes,
            },
            prog="python -m training",
            description=__doc__,
            config=(tyro.conf.OmitArgPrefixes, tyro.conf.CascadeSubcommandArgs),
        )
    except (TrainingError, FileExistsError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
