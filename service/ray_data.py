"""Shards of a data set made by the tasks of a Ray cluster: `digits dataset --ray`. Needs the extra `ray`."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx

from service import shards
from service.client import AsyncClient, DigitsError
from service.dataset import DatasetError
from service.shards import Shard

RETRIES = 30
"""Of each request: a service that all tasks ask may be full for minutes, or start again."""


def make(missing: Sequence[Shard], url: str, key: str | None, tasks: int) -> Iterator[int]:
    """Makes these shards, at most so many at once, and gives of each, as it is done, its number of images.

    Every task asks the service at `url`, so every machine must reach it there, and see the shards' folder
    under its name here. DatasetError where the cluster, the service or the folder cannot be had.
    """
    try:
        import ray
        from ray.data import DataContext, TaskPoolStrategy
        from ray.exceptions import RayError
    except ImportError:
        raise DatasetError("--ray needs more packages: pip install '.[client,ray]'") from None

    async def asked(shard: Shard) -> None:
        async with AsyncClient(url, key=key, retries=RETRIES) as client:
            await shards.make(client, shard)

    def made(row: dict[str, Any]) -> dict[str, Any]:
        """What went wrong is told as a sentence: the cluster would make a traceback of an exception."""
        shard = missing[row["item"]]
        try:
            asyncio.run(asked(shard))
        except (DigitsError, DatasetError, httpx.TransportError, OSError) as error:
            return {"item": row["item"], "error": f"{shard.folder.name}: {error or type(error).__name__}"}
        return {"item": row["item"], "error": ""}

    try:
        # The machines need this package's dependencies, not the package: they get the one that runs here.
        package = {"py_modules": [str(Path(__file__).parent)]}
        ray.init("auto", runtime_env=package, log_to_driver=False, logging_level="warning")
    except ConnectionError:
        raise DatasetError(
            "no Ray cluster lets us in: start one by ray start --head, or name it in RAY_ADDRESS;"
            " where it wants a token, RAY_AUTH_MODE=token and RAY_AUTH_TOKEN"
        ) from None
    try:
        DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        numbers = ray.data.from_items(list(range(len(missing))), override_num_blocks=len(missing))
        # A task waits for the service most of its time, whose replicas may have taken all processors.
        for row in numbers.map(made, num_cpus=0, compute=TaskPoolStrategy(size=tasks)).iter_rows():
            if row["error"]:
                raise DatasetError(row["error"])
            shard = missing[row["item"]]
            if not shard.folder.exists():
                raise DatasetError(f"{shard.folder} was made, but not here: all machines must see one folder")
            yield shard.plan.n
    except RayError as error:
        raise DatasetError(f"the cluster gave up: {error}") from None
    finally:
        ray.shutdown()
