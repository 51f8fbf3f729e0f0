"""How a run went, small enough to ship: its curves as `history.json`, its sample pictures as one WebP."""

import hashlib
import io
import json
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image
from pydantic import BaseModel

from service.manifest import File
from service.manifest import History as Entry
from training.run import Run

CURVES, PICTURES = "history.json", "history.webp"
POINTS = 200
FRAMES = (24, 20, 17, 14, 11, 8, 5, 2)
"""The first of these numbers of pictures that fits is taken."""
SIDE = 280
FRAME_BYTES = 150_000
QUALITIES = (80, 60, 40, 25)
"""WebP's, the best first; below the last, strokes smear, and fewer pictures say more."""
NO_CURVE = {"step", "seconds", "images"}


class History(BaseModel):
    """What a page needs to show how a model learned."""

    steps: list[int]
    """The last step of each point."""
    curves: dict[str, list[float | None]]
    """By the log's names: the mean over the steps since the point before; None where nothing was measured."""
    frames: list[int]
    """The steps of the sample pictures, all of the same latents."""


def read(run: Run, points: int = POINTS, frames: int = FRAMES[0], until: float = math.inf) -> History:
    """The log and the pictures' steps up to `until`, thinned to at most `points` and `frames`."""
    steps, curves = thinned(run.lines(until), points)
    return History(steps=steps, curves=curves, frames=spread(list(run.pictures(until)), frames))


def thinned(
    lines: Sequence[dict[str, float]], points: int
) -> tuple[list[int], dict[str, list[float | None]]]:
    """Steps and curves of a log whose lines are put together to at most `points`, each of as many lines."""
    names = [name for name in dict.fromkeys(name for line in lines for name in line) if name not in NO_CURVE]
    parts = np.array_split(np.arange(len(lines)), min(points, len(lines))) if lines else []
    groups = [[lines[i] for i in part] for part in parts]
    curves = {
        name: [_mean([line[name] for line in group if name in line]) for group in groups] for name in names
    }
    return [int(group[-1]["step"]) for group in groups], curves


def _mean(values: list[float]) -> float | None:
    """To five significant digits: more would be noise."""
    return float(f"{math.fsum(values) / len(values):.5g}") if values else None


def spread(steps: list[int], most: int) -> list[int]:
    """At most so many of them, evenly among all, with the first and the last."""
    if len(steps) <= most:
        return steps
    return [steps[i] for i in np.linspace(0, len(steps) - 1, most).round().astype(int)]


def files(run: Run, until: float = math.inf) -> dict[str, bytes]:
    """What a bundle holds of a run up to a step, by file name."""
    history, steps = read(run, until=until), list(run.pictures(until))
    for most in FRAMES:
        history.frames = spread(steps, most)
        pictures = as_webp(run, history.frames)
        if pictures is not None:
            return {CURVES: as_json(history), PICTURES: pictures}
    raise AssertionError("two pictures in WebP's quality 25 are a few kilobytes")


def entry(contents: dict[str, bytes]) -> Entry:
    """What its manifest says of them."""
    curves, frames = (
        File(file=name, sha256=hashlib.sha256(contents[name]).hexdigest(), bytes=len(contents[name]))
        for name in (CURVES, PICTURES)
    )
    return Entry(curves=curves, frames=frames)


def as_json(history: History) -> bytes:
    return json.dumps(history.model_dump(), separators=(",", ":")).encode()


def as_webp(run: Run, frames: Sequence[int]) -> bytes | None:
    """The pictures of these steps, 280x280 each, one below the other, in the best quality that fits; None if
    none does."""
    pictures = run.pictures()
    strip = Image.new("L", (SIDE, SIDE * len(frames)))
    for row, step in enumerate(frames):
        with Image.open(pictures[step]) as picture:
            strip.paste(picture, (0, row * SIDE))
    for quality in QUALITIES:
        content = io.BytesIO()
        strip.save(content, "WEBP", quality=quality, method=4)
        if content.tell() <= FRAME_BYTES:
            return content.getvalue()
    return None
