"""docs/guide.md's figures and pictures. What stands between its marks is made of bundles, recipes and
training/README.md, and made again by `python -m training guide`: it cannot drift.

A mark is a line `<!-- system gan -->` or `<!-- directions -->`; what was made ends at `<!-- end -->`.
"""

import re
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from service.engine.latent import method_for, path
from service.manifest import Direction, Manifest, Metric
from training import recipes
from training.errors import TrainingError
from training.leaderboard import newest
from training.served import Served, read_manifest

PAGE = Path("docs/guide.md")
PICTURES = Path("docs/guide")
MARKED = re.compile(
    r"(<!-- (?P<kind>system|directions)(?: (?P<name>\w+))? -->\n).*?(<!-- end -->)", re.DOTALL
)
TRIED = re.compile(r"^\| (`train .*) \| (.*) \|$", re.MULTILINE)
WALKED = ("autoencoder", "vae", "gan")
WALKS, STEPS = ((3, 4), (5, 6)), 12
ZOOM = 2


class GuideError(TrainingError):
    """A guide that asks for what is not there."""


def filled(text: str, root: Path) -> str:
    """The page with everything between its marks made anew from what lies in the repository at `root`."""
    shipped = {read_manifest(folder).name: folder for folder in newest(root / "models")}
    tried = (root / "training" / "README.md").read_text()

    def made(mark: re.Match[str]) -> str:
        if mark["kind"] == "directions":
            content = directions([read_manifest(folder) for folder in shipped.values()])
        else:
            content = system(mark["name"], shipped.get(mark["name"]), tried)
        return f"{mark[1]}\n\n{content}\n\n{mark[4]}"

    return MARKED.sub(made, text)


def system(name: str, bundle: Path | None, tried: str) -> str:
    """A system's objective, samples and figures, and what was tried on the way to it."""
    if name not in recipes.names():
        raise GuideError(f"{PAGE} asks for the system {name}; there are {', '.join(recipes.names())}")
    parts = [objective(name)]
    if bundle is None:
        parts.append(f"No bundle of it is shipped yet: `make train RECIPE={name}` trains one.")
    else:
        manifest = read_manifest(bundle)
        folder = f"models/{name}/{manifest.version}"
        parts.append(
            f'<img src="../{folder}/preview.png" width="280" alt="A hundred samples of the {manifest.title}">'
        )
        parts.append(
            f"{figures(manifest.metrics)} (`python -m training evaluate {folder}`). More of them:"
            f' `curl "localhost:8000/generate?model={name}&n=64&seed=1&scale=3" -o {name}.png`'
        )
        if manifest.as_written:
            parts.append(
                f"With the paper's own settings, `make train RECIPE={name} ARGS=--paper`:"
                f" {figures(manifest.as_written.metrics)}."
            )
    found = [row for row in TRIED.findall(tried) if re.search(rf"`(train )?{name}\b", row[0])]
    if found:
        parts.append(
            "\n".join(["What was tried:", "", *(f"- {command}: {showed}" for command, showed in found)])
        )
    return "\n\n".join(parts)


def objective(name: str) -> str:
    """The indented formulas at the head of the recipe."""
    module = sys.modules[recipes.recipe_class(name).__module__]
    head = (module.__doc__ or "").split("    python -m training")[0]
    lines = [line for line in head.splitlines() if line.startswith("    ") and line.strip()]
    return "\n".join(lines)


def figures(metrics: dict[str, Metric]) -> str:
    """The ones that say most, in a sentence."""
    if "frechet_distance" not in metrics:
        return "Not measured yet"

    def beside(name: str, word: str, style: str = ".2f") -> str:
        value, floor = metrics[name].value, metrics[name].floor
        return f"{word} {value:{style}}" + ("" if floor is None else f" (real {floor:{style}})")

    said = [
        beside("frechet_distance", "Fréchet distance"),
        beside("precision", "precision"),
        beside("recall", "recall"),
        beside("pieces", "pieces of ink an image"),
    ]
    if "label_accuracy" in metrics:
        said.append(beside("label_accuracy", "right digit", ".1%"))
    if "classifier_accuracy" in metrics:
        said.append(beside("classifier_accuracy", "its classifier's accuracy", ".2%"))
    if "reconstruction_error" in metrics:
        said.append(beside("reconstruction_error", "squared error of a reconstructed pixel", ".4f"))
    return ", ".join(said)


def directions(manifests: list[Manifest]) -> str:
    """Slant and stroke width of every model, with all that the conditional one has, and landscapes."""
    commands = [
        f"`python -m training directions models/{one.name}/{one.version}` found those of `{one.name}`; the"
        " others' were found alike."
        for one in manifests
        if one.conditional
    ]
    rows = ["| model | direction | from end to end | correlation | digits kept |"]
    rows.append("| --- | --- | --- | ---: | ---: |")
    for manifest in manifests:
        for direction in manifest.directions:
            if direction.name in ("slant", "stroke_width") or manifest.conditional:
                rows.append(_row(manifest, direction))
    seen = [
        _landscape(manifest, one) for manifest in manifests for one in manifest.directions if one.landscape
    ]
    return "\n".join([*commands, "", *rows, "", *seen])


def _landscape(manifest: Manifest, direction: Direction) -> str:
    assert direction.landscape is not None
    picture = f"../models/{manifest.name}/{manifest.version}/{direction.landscape.file}"
    return f'<img src="{picture}" width="19%" alt="{direction.name} all over the plane of {manifest.name}">'


def _row(manifest: Manifest, direction: Direction) -> str:
    found = direction.found
    if found is None:
        raise GuideError(f"{manifest.name}: run python -m training directions on it")
    picture = f"../models/{manifest.name}/{manifest.version}/{found.picture.file}"
    named = direction.name if direction.name == found.trait else f"{direction.name} ({found.trait})"
    return (
        f'| `{manifest.name}` | {named} | <img src="{picture}" width="294" alt="{direction.name}">'
        f" | {found.correlation:.3f} | {found.kept:.1%} |"
    )


def between(models: Path) -> Image.Image:
    """From seed to seed in latent space, a row for each walk of some models."""
    rows: dict[str, list[NDArray[np.uint8]]] = {}
    for folder in newest(models):
        served = Served(folder)
        manifest = served.manifest
        method = method_for(manifest.prior, manifest.latent_dim)
        for start, goal in WALKS if manifest.name in WALKED else ():
            z = torch.cat([served.draw(range(seed, seed + 1))[0] for seed in (start, goal)]).numpy()
            way = torch.from_numpy(path(z[0], z[1], STEPS, method, loop=False))
            rows.setdefault(manifest.name, []).append(np.hstack(list(served.decode(way, None).numpy())))
    sheet = Image.fromarray(np.vstack([row for name in WALKED for row in rows[name]]))
    return sheet.resize((sheet.width * ZOOM, sheet.height * ZOOM), Image.Resampling.NEAREST)


def write(root: Path) -> None:
    """Brings the page and its picture up to date."""
    page = root / PAGE
    page.write_text(filled(page.read_text(), root))
    (root / PICTURES).mkdir(exist_ok=True)
    between(root / "models").save(root / PICTURES / "between.png", optimize=True)
