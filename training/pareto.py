"""Quality against cost: which systems no other beats in both, drawn."""

from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from service.manifest import Manifest

FRONT, REST, TEXT = "#2563a8", "#8b9099", "#3b3f46"
COST, QUALITY = "microseconds_per_image", "frechet_distance"
Point = tuple[float, float]


def front(points: Sequence[Point]) -> list[int]:
    """Indices of the points that no other beats or equals in both coordinates, the cheapest first."""
    chosen: list[int] = []
    for index in sorted(range(len(points)), key=points.__getitem__):
        if not chosen or points[index][1] < points[chosen[-1]][1]:
            chosen.append(index)
    return chosen


def point(manifest: Manifest) -> Point:
    """µs per image, and the Fréchet distance in multiples of real digits'."""
    distance = manifest.metrics[QUALITY]
    assert distance.floor  # evaluate measures both
    return manifest.metrics[COST].value, distance.value / distance.floor


def picture(manifests: Sequence[Manifest]) -> Image.Image:
    """Each system's point, both axes logarithmic, and a line through those on the front."""
    points = [point(manifest) for manifest in manifests]
    best = front(points)
    figure = Figure(figsize=(7.6, 4.6), dpi=110, facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    axes.step(
        *zip(*(points[index] for index in best), strict=True), where="post", color=FRONT, lw=1, alpha=0.5
    )
    for index, (manifest, (cost, distance)) in enumerate(zip(manifests, points, strict=True)):
        color = FRONT if index in best else REST
        axes.plot(cost, distance, "o", ms=6, color=color)
        # Neighbours do not write over each other: the front to the left, the others in turn above and below.
        offset, side = ((-7, -4), "right") if index in best else ((6, 4 if index % 2 else -10), "left")
        axes.annotate(
            manifest.name,
            (cost, distance),
            offset,
            textcoords="offset points",
            ha=side,
            fontsize=9,
            color=TEXT,
        )
    axes.axhline(1, color=REST, lw=0.8, ls=(0, (2, 3)))
    axes.text(
        0.995, 1.03, "real digits", color=REST, fontsize=8, ha="right", transform=axes.get_yaxis_transform()
    )
    axes.set(xscale="log", yscale="log", xlabel="µs per image, one processor thread, batches of 64")
    axes.set_ylabel("Fréchet distance, in multiples of the floor")
    axes.margins(x=0.2, y=0.12)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=TEXT, labelsize=8)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    return Image.fromarray(pixels).convert("RGB")
