"""models/README.md with its pictures: every system side by side, from the manifests' figures."""

import os
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from service.manifest import Manifest, Metric
from training import pareto, semisupervised
from training.data import Digits
from training.metrics.catalogue import CATALOGUE, Entry
from training.semisupervised import Comparison
from training.served import BundleError, Served, read_manifest

COLUMNS = (
    "frechet_distance",
    "precision",
    "recall",
    "density",
    "coverage",
    "parzen",
    "pieces",
    "near_copies",
    "class_kl",
    "label_accuracy",
    "auc_generated",
    "microseconds_per_image",
    "training_seconds",
)
TILES = 20
ZOOM = 2
MARGIN = 130


def newest(models: Path) -> list[Path]:
    """The newest version of every model in a folder of bundles."""
    if not models.is_dir():
        raise BundleError(f"{models} is no folder: name that of the bundles with --models-dir")
    found = []
    for folder in sorted(models.iterdir()):
        versions = [path for path in folder.glob("[0-9]*") if path.name.isdigit()]
        if versions:
            found.append(max(versions, key=lambda path: int(path.name)))
    return found


def write(models: Path, test: Digits) -> None:
    """Writes README.md and its two pictures into `models`, the best Fréchet distance first."""
    bundles = [bundle for bundle in newest(models) if "frechet_distance" in read_manifest(bundle).metrics]
    bundles.sort(key=lambda bundle: read_manifest(bundle).metrics["frechet_distance"].value)
    manifests = [read_manifest(bundle) for bundle in bundles]
    _replace(models / "README.md", page(manifests, semisupervised.read(models)).encode())
    for name, image in (("leaderboard.png", picture(bundles, test)), ("cost.png", pareto.picture(manifests))):
        temporary = models / f".{name}.partial"
        image.save(temporary, format="png", optimize=True)
        os.replace(temporary, models / name)


def page(manifests: list[Manifest], labels: Comparison | None = None) -> str:
    """The page as Markdown; `labels` is what `semisupervised` measured."""
    used = {name for manifest in manifests for name in manifest.metrics}
    named: dict[Entry, list[str]] = {}
    for name in CATALOGUE:
        if name in used:
            named.setdefault(CATALOGUE[name], []).append(f"`{name}`")
    meanings = [
        f"- **{entry.title}** ({', '.join(names)}): {entry.meaning}" for entry, names in named.items()
    ]
    paper = (
        "A system's second row is the paper's own algorithm, without later stabilisers (`train NAME"
        " --paper`); it is not shipped. "
        if any(manifest.as_written for manifest in manifests)
        else ""
    )
    return "\n".join(
        [
            "# Models",
            "",
            "One folder per model, one below it per version. `python -m training evaluate --all` measured"
            " what the exported files generate and wrote this page.",
            "",
            "![Real digits, then the same seeds of every system](leaderboard.png)",
            "",
            *table(manifests),
            "",
            "The top row is the floor: the same figures for as many real training digits, which a perfect"
            " generator would get. ± is the standard deviation over repeated draws of z. Conditional models"
            f" were asked for the labels of those training digits. {paper}Each manifest has all figures;"
            " times are of the machine that measured them.",
            "",
            "![Fréchet distance against the cost of an image](cost.png)",
            "",
            *([] if labels is None else _few_labels(labels)),
            "## What the figures say",
            "",
            *meanings,
            "",
        ]
    )


def _few_labels(labels: Comparison) -> list[str]:
    return [
        "## A classifier from few labels",
        "",
        "Test errors of a variant of `sgan` that is not shipped: without the fully connected discriminator,"
        f" and trained for {labels.steps:,} steps"
        f" (`python -m training semisupervised --steps {labels.steps}`)."
        " *With unlabelled digits* it is trained by the GAN and by three regularisers that read "
        "unlabelled digits (consistency, certainty and balance). *From the labels alone* the same net has"
        " neither the GAN nor these regularisers, so the difference is due to all of them together. ± is "
        "the standard deviation over seeds; each seed draws other labels. The accuracy of the shipped "
        "classifier is in its manifest (`classifier_accuracy`).",
        "",
        *semisupervised.table(labels),
        "",
    ]


def table(manifests: list[Manifest]) -> list[str]:
    """The rows of the table, the floor on top."""
    titles = ["system", "paper", "of floor", *(CATALOGUE[name].title for name in COLUMNS)]
    rows = [titles, ["---", "---", *["---:"] * (len(titles) - 2)]]
    floor = {
        name: m.floor for manifest in manifests for name, m in manifest.metrics.items() if m.floor is not None
    }
    rows.append(["real digits", "", "1", *(_floor(name, floor) for name in COLUMNS)])
    for manifest in manifests:
        paper = manifest.paper
        name = f"[`{manifest.name}`]({manifest.name}/{manifest.version}) {manifest.title}"
        cited = f"[{paper.authors.split(',')[0].removesuffix(' et al.')} {paper.year}]({paper.url})"
        rows.append([name, cited, *_figures(manifest.metrics)])
        if manifest.as_written:
            rows.append(
                [f"`{manifest.name}` as its paper has it", "", *_figures(manifest.as_written.metrics)]
            )
    return ["| " + " | ".join(row) + " |" for row in rows]


def _floor(name: str, floor: dict[str, float]) -> str:
    return format(floor[name], CATALOGUE[name].style) if name in floor else ""


def _figures(metrics: dict[str, Metric]) -> list[str]:
    return [_multiple(metrics["frechet_distance"]), *(_cell(name, metrics.get(name)) for name in COLUMNS)]


def _multiple(metric: Metric) -> str:
    return f"{metric.value / metric.floor:.2g}" if metric.floor else ""


def _cell(name: str, metric: Metric | None) -> str:
    if metric is None:
        return ""
    style = CATALOGUE[name].style
    value = format(metric.value, style)
    spread = None if metric.spread is None else format(metric.spread, style)
    return value if spread is None else f"{value} ± {spread}"


def picture(bundles: list[Path], test: Digits) -> Image.Image:
    """A row of real digits, then one per bundle: the images of seeds 0 to 19, of the digits 0 to 9 if it can
    be asked for them."""
    wanted = torch.arange(TILES) % 10
    seen = {digit: iter(torch.nonzero(test.label == digit).flatten().tolist()) for digit in range(10)}
    rows = [("real digits", test.image[[next(seen[digit]) for digit in wanted.tolist()]])]
    for bundle in bundles:
        served = Served(bundle)
        label = wanted if served.manifest.conditional else None
        rows.append((served.manifest.name, served.generate(range(TILES), label)[0]))
    side = 28 * ZOOM
    canvas = Image.new("L", (MARGIN + TILES * side, len(rows) * side), 255)
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(16)
    for index, (name, images) in enumerate(rows):
        top = index * side
        pen.text((8, top + side // 2), name, 0, font, anchor="lm")
        canvas.paste(_strip(images).resize((TILES * side, side), Image.Resampling.NEAREST), (MARGIN, top))
    return canvas


def _strip(images: Tensor) -> Image.Image:
    """uint8 [n, 28, 28] side by side."""
    return Image.fromarray(np.concatenate(list(images.numpy()), 1))


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.partial")
    temporary.write_bytes(content)
    os.replace(temporary, path)
