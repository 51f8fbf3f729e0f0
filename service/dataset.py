"""Writes a labelled data set of generated digits as MNIST has it: two IDX files, resumable.

Image i is drawn from seed + i and shows the digit i mod 10, so every stretch of ten has each digit once, and
any part can be made again alone, on any machine.
"""

import asyncio
import json
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np

from service.client import AsyncClient, Images
from service.manifest import CLASSES, SIDE
from service.schemas import MAX_IMAGES

PIXELS = SIDE * SIDE
IMAGES_HEADER, LABELS_HEADER = 16, 8
IN_FLIGHT = 4
"""Requests under way at once: the service makes one batch of them while the answers of others travel."""


class DatasetError(Exception):
    """The folder cannot be written to as asked; the message names the fix."""


@dataclass(frozen=True)
class Plan:
    """What is written; kept beside it, so that no run goes on with another one's."""

    n: int
    seed: int
    split: Literal["train", "t10k"]
    model: str
    version: int
    digest: str
    """sha256 of the model's manifest: the same name may stand for another model elsewhere."""


async def plan(
    client: AsyncClient, n: int, seed: int, split: Literal["train", "t10k"], name: str | None
) -> Plan:
    """With the newest version of the model, or of the default one; DatasetError where it takes no labels."""
    known = await client.model(name or (await client.models())["default"])
    if not known["conditional"]:
        raise DatasetError(f"{known['name']} cannot be told which digit to draw: choose a conditional model")
    return Plan(n, seed, split, known["name"], known["version"], known["digest"])


async def write(
    client: AsyncClient, folder: Path, wanted: Plan, progress: Callable[[int], object] = lambda n: None
) -> Path:
    """Writes or completes the data set and gives the path of its images; `progress` hears how many more are
    there. What is complete is left as it is. DatasetError where the folder holds another plan's."""
    folder.mkdir(parents=True, exist_ok=True)
    images = folder / f"{wanted.split}-images-idx3-ubyte"
    agree(folder / f"{wanted.split}.json", wanted)
    if images.exists():
        progress(wanted.n)
        return images
    # Under another name until it is whole: a cut file would read as a short data set, or as none.
    part = images.with_name(f"{images.name}.part")
    with part.open("r+b" if part.exists() else "w+b") as out:
        done = _begin(out, wanted)
        progress(done)
        await _append(client, out, wanted, done, progress)
    (folder / f"{wanted.split}-labels-idx1-ubyte").write_bytes(labels_file(wanted.n))
    part.rename(images)
    return images


def labels_file(n: int) -> bytes:
    """The labels 0, 1, ..., 9, 0, ... in IDX: magic number 2049, count, a byte each."""
    return struct.pack(">II", 2049, n) + (np.arange(n) % CLASSES).astype(np.uint8).tobytes()


def agree(path: Path, wanted: Plan) -> None:
    """Writes down the plan, or compares it with the one that is there: DatasetError if that is another."""
    if not path.exists():
        path.write_text(json.dumps(asdict(wanted), indent=1) + "\n")
        return
    try:
        there: dict[str, Any] = json.loads(path.read_text())
    except ValueError:
        raise DatasetError(f"{path} is broken: remove it and what lies beside it") from None
    for name, value in asdict(wanted).items():
        if there.get(name) != value:
            raise DatasetError(
                f"{path} says {name} {there.get(name)!r}, not {value!r}: choose another folder"
            )


def _begin(out: BinaryIO, wanted: Plan) -> int:
    """How many images the file holds whole; what follows them goes. The file is then at its end."""
    size = out.seek(0, 2)
    done = min(max(0, size - IMAGES_HEADER) // PIXELS, wanted.n)
    out.seek(0)
    out.write(struct.pack(">IIII", 2051, wanted.n, SIDE, SIDE))
    out.truncate(out.seek(IMAGES_HEADER + done * PIXELS))
    return done


async def _append(
    client: AsyncClient, out: BinaryIO, wanted: Plan, done: int, progress: Callable[[int], object]
) -> None:
    """The images from `done` on, in order, several requests ahead of what is written."""
    starts = deque(range(done, wanted.n, MAX_IMAGES))
    waiting: deque[asyncio.Task[Images]] = deque()
    try:
        while starts or waiting:
            while starts and len(waiting) < IN_FLIGHT:
                waiting.append(asyncio.create_task(_images(client, wanted, starts.popleft())))
            rows = await waiting[0]
            waiting.popleft()
            out.write(rows.tobytes())
            out.flush()
            progress(len(rows))
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def _images(client: AsyncClient, wanted: Plan, start: int) -> Images:
    """Images start, start + 1, ... of the plan, as many as go into one request."""
    indices = range(start, min(start + MAX_IMAGES, wanted.n))
    return await client.array(
        model=wanted.model,
        version=wanted.version,
        seed=(wanted.seed + start) % 2**32,
        labels=[i % CLASSES for i in indices],
    )
