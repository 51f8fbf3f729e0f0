"""A data set in shards, for machines to make apart from each other.

A shard is a folder with a data set of its own: the one that `service.dataset` writes for its stretch of the
seeds. Each stretch begins with the digit 0, so the shards' images and labels, one shard after another, are
those of the whole data set; and a shard that is lost is made again alone.
"""

import shutil
import uuid
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from service import dataset
from service.client import AsyncClient
from service.dataset import DatasetError, Plan
from service.manifest import CLASSES

PART = ".part-"
"""Stands in the name of a folder that is being written."""


@dataclass(frozen=True)
class Sharded(Plan):
    """A plan with its division, which no later run may change either."""

    shard: int
    """Images of each shard; the last one may have fewer."""


@dataclass(frozen=True)
class Shard:
    folder: Path
    """Absolute. Where it exists, it is whole."""
    plan: Plan


def begin(folder: Path, wanted: Plan, size: int) -> list[Shard]:
    """Every shard in order, of this many images each, after the folder was made ready: what a killed run left
    half written goes. DatasetError where the folder holds another plan's, or the size is none."""
    if size % CLASSES or size < 1:
        raise DatasetError(f"a shard of {size} images would not begin with a 0: take a multiple of {CLASSES}")
    folder.mkdir(parents=True, exist_ok=True)
    dataset.agree(folder / f"{wanted.split}.json", Sharded(**asdict(wanted), shard=size))
    for left in folder.glob(f"{wanted.split}-*{PART}*"):
        shutil.rmtree(left)
    starts = range(0, wanted.n, size)
    return [
        Shard(
            folder.resolve() / f"{wanted.split}-{number:05}-of-{len(starts):05}",
            replace(wanted, n=min(size, wanted.n - start), seed=(wanted.seed + start) % 2**32),
        )
        for number, start in enumerate(starts)
    ]


async def make(client: AsyncClient, shard: Shard) -> None:
    """Writes the shard, unless it is there. Two may make the same one at once: a cluster starts a task anew
    when it believes that the machine of the first one is gone."""
    if shard.folder.exists():
        return
    part = shard.folder.with_name(f"{shard.folder.name}{PART}{uuid.uuid4().hex[:8]}")
    try:
        await dataset.write(client, part, shard.plan)
        try:
            part.rename(shard.folder)
        except OSError:
            if not shard.folder.exists():
                raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
