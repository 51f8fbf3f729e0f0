"""What the generating endpoints share: from checked latent vectors and labels to images."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request

from service.api import state
from service.engine.batcher import Batcher
from service.engine.latent import Floats, shift
from service.engine.registry import Model
from service.engine.session import Array
from service.errors import ServiceError, invalid_fields
from service.imaging.encode import tiling
from service.manifest import RoleName
from service.schemas import MAX_PIXELS

Labels = NDArray[np.int64]
Images = NDArray[np.uint8]


@dataclass(slots=True)
class Stopwatch:
    """Milliseconds between marks, by name."""

    marks: dict[str, float] = field(default_factory=dict)
    _last: int = field(default_factory=time.perf_counter_ns)

    def mark(self, name: str) -> None:
        now = time.perf_counter_ns()
        self.marks[name] = (now - self._last) // 1000 / 1000
        self._last = now


def refuse(field_name: str, message: str) -> ServiceError:
    """422 for one field of the body, in the shape of pydantic's own refusals."""
    return invalid_fields([{"loc": [field_name], "msg": message, "type": "value_error"}], "body")


def network(request: Request, model: Model, role: RoleName) -> Batcher:
    """The model's network of that role; 422 that names the models which have one."""
    found: Batcher | None = getattr(model, role)
    if found is None:
        owners = {other.manifest.name for other in state.registry(request).models() if getattr(other, role)}
        raise ServiceError(
            422,
            f"no-{role}",
            f"{model.manifest.name} has no {role}: set `model` to one of {', '.join(sorted(owners))}"
            if owners
            else f"{model.manifest.name} has no {role}, and no other model here has one",
        )
    return found


def check_scale(n: int, scale: int, kind: str = "json", columns: int | None = None) -> None:
    """422 where n images of 28 * scale pixels a side are more than an answer may hold. In a PNG what is left
    of the grid's last row counts too."""
    tiles = math.prod(tiling(n, columns)) if kind == "png" else n
    if tiles * (28 * scale) ** 2 > MAX_PIXELS:
        fix = "lower n or scale" if tiles == n else "lower columns, n or scale"
        raise refuse("scale", f"{tiles} tiles at scale {scale} exceed {MAX_PIXELS:,} pixels: {fix}")


def given_labels(model: Model, labels: Sequence[int] | None, n: int, field: str = "labels") -> Labels | None:
    """Labels int64 [n] from one digit for all or one each; None where none were given."""
    if labels is None:
        return None
    if not model.manifest.conditional:
        raise refuse(
            field, f"{model.manifest.name} takes no {field}: leave it out, or ask a conditional model"
        )
    if len(labels) == 1:
        return np.full(n, labels[0], np.int64)
    if len(labels) != n:
        raise refuse(field, f"{len(labels)} labels for {n} images: give one digit, or a list of {n}")
    return np.array(labels, np.int64)


def given_latents(request: Request, model: Model, latents: Sequence[Sequence[float]], name: str) -> Floats:
    """z float32 [n, latent_dim]; 422 for another width or a coordinate beyond the limit."""
    width = model.manifest.latent_dim
    limit = state.settings(request).latent_limit
    for row in latents:
        if len(row) != width:
            raise refuse(
                name, f"a latent vector of {model.manifest.name} has {width} numbers, this one {len(row)}"
            )
    z = np.array(latents, np.float64)
    if np.abs(z).max() > limit:
        raise refuse(name, f"a coordinate is beyond {limit:g}: latents come from N(0, 1) or [-1, 1]")
    return z.astype(np.float32)


def check_directions(model: Model, directions: Mapping[str, float]) -> None:
    """422 for a direction that the model has not, or an amount out of its range."""
    known = {direction.name: direction for direction in model.manifest.directions} if directions else {}
    for name, amount in directions.items():
        if name not in known:
            names = ", ".join(known) or "none"
            raise refuse("directions", f"{model.manifest.name} has no such direction; it has {names}")
        low, high = known[name].range
        if not low <= amount <= high:
            raise refuse("directions", f"{name} goes from {low:g} to {high:g}")


def moved(model: Model, z: Floats, directions: Mapping[str, float]) -> Floats:
    """z along the model's named directions, which `check_directions` has passed."""
    if not directions:
        return z
    known = [direction for direction in model.manifest.directions if direction.name in directions]
    moves = [(one.vector, directions[one.name]) for one in known if one.vector is not None]
    if moves:
        z = shift(z, moves)
    # One after the other, and it matters which is first: as the model names them, not as the request does.
    for one in known:
        if one.name in model.landscapes:
            climbed = model.landscapes[one.name].climb(z.astype(np.float64), directions[one.name])
            z = climbed.astype(np.float32)
    return z


def deadline(request: Request) -> float:
    """When this request must be answered, on the clock of time.monotonic."""
    return time.monotonic() + state.settings(request).deadline_s


async def run(model: Model, z: Floats, labels: Labels | None, until: float) -> Images:
    """Images uint8 [n, 28, 28] of these latents."""
    feeds: dict[str, Array] = {"z": z} if labels is None else {"z": z, "label": labels}
    return await model.generator.submit(feeds, until)


async def scores(model: Model, images: Images, labels: Labels | None, until: float) -> NDArray[np.float32]:
    """The discriminator's score [n] of each image, given its label where the discriminator takes one."""
    if model.discriminator is None:
        raise refuse("return_scores", f"{model.manifest.name} has no discriminator: leave return_scores out")
    feeds: dict[str, Array] = {"image": images}
    if labels is not None and "label" in model.discriminator.inputs:
        feeds["label"] = labels
    return await model.discriminator.submit(feeds, until)
