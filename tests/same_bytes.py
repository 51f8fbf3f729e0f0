"""Every way to ask for the ten digits of SEED: the same pixels; and the same file, where one is asked for."""

import asyncio
import base64
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from service import digits, shards
from service.client import AsyncClient, Client
from service.dataset import IMAGES_HEADER, Plan, plan
from tests.service.api.pictures import Images, of_json, of_npy, of_zip, tiles

SEED, LABELS = 42, list(range(10))
ASKED: dict[str, Any] = {"model": "cgan", "seed": SEED, "labels": LABELS}
ROW: dict[str, Any] = {**ASKED, "format": "png", "columns": 10}


def post(url: str, path: str, body: Mapping[str, Any]) -> httpx.Response:
    answer = httpx.post(url + path, json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer


def get(url: str, **query: Any) -> httpx.Response:
    answer = httpx.get(f"{url}/generate", params=query, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer


def native(url: str) -> Images:
    """What the others are compared with: uint8 [10, 28, 28] of POST /generate."""
    return of_npy(post(url, "/generate", {**ASKED, "format": "npy"}).content)


def native_row(url: str) -> bytes:
    """The ten side by side, as a PNG of POST /generate."""
    return post(url, "/generate", ROW).content


def latents(url: str) -> list[list[float]]:
    told = post(url, "/generate", {**ASKED, "return_latents": True}).json()
    return [image["latent"] for image in told["images"]]


def inferred(url: str, *given: Mapping[str, Any]) -> Images:
    label = {"name": "label", "datatype": "INT64", "shape": [10], "data": LABELS}
    told = post(url, "/v2/models/cgan/infer", {"inputs": [*given, label]}).json()
    return np.array(told["outputs"][0]["data"], np.uint8).reshape(told["outputs"][0]["shape"])


def by_seed(url: str, folder: Path) -> Images:
    seeds = [SEED + i for i in range(10)]
    return inferred(url, {"name": "seed", "datatype": "INT64", "shape": [10], "data": seeds})


def by_latent(url: str, folder: Path) -> Images:
    z = [number for row in latents(url) for number in row]
    return inferred(url, {"name": "z", "datatype": "FP32", "shape": [10, len(z) // 10], "data": z})


def by_client(url: str, folder: Path) -> Images:
    with Client(url) as client:
        return client.array(**ASKED)


def by_async_client(url: str, folder: Path) -> Images:
    async def asked() -> Images:
        async with AsyncClient(url) as client:
            return await client.array(**ASKED)

    return asyncio.run(asked())


def by_command(url: str, folder: Path) -> Images:
    return of_npy(drawn(url, folder / "digits.npy"))


def by_dataset(url: str, folder: Path) -> Images:
    asked = f"dataset --model cgan --n 10 --seed {SEED} --url {url} -o {folder / 'whole'}"
    assert digits.main(shlex.split(asked)) == 0
    return of_idx(folder / "whole" / "train-images-idx3-ubyte")


def by_shard(url: str, folder: Path) -> Images:
    """The third of four shards: ten digits of a data set that began twenty seeds earlier."""

    async def made() -> Path:
        async with AsyncClient(url) as client:
            wanted: Plan = await plan(client, 40, SEED - 20, "train", "cgan")
            shard = shards.begin(folder / "shards", wanted, 10)[2]
            await shards.make(client, shard)
            return shard.folder

    return of_idx(asyncio.run(made()) / "train-images-idx3-ubyte")


def of_idx(path: Path) -> Images:
    return np.frombuffer(path.read_bytes(), np.uint8, offset=IMAGES_HEADER).reshape(-1, 28, 28)


def drawn(url: str, out: Path) -> bytes:
    """The file that the command `digits` writes."""
    asked = f"0123456789 --model cgan --seed {SEED} --scale 1 --url {url} -o {out}"
    assert digits.main(shlex.split(asked)) == 0
    return out.read_bytes()


def by_prompt(url: str, folder: Path) -> bytes:
    asked = {"prompt": "write 0123456789", "model": "cgan", "seed": SEED}
    told = post(url, "/v1/images/generations", asked).json()
    return base64.b64decode(told["data"][0]["b64_json"])


def by_client_row(url: str, folder: Path) -> bytes:
    with Client(url) as client:
        return client.picture(**ASKED, columns=10)


Way = Callable[[str, Path], Images]
PIXELS: dict[str, Way] = {
    "POST /generate in JSON": lambda url, _: of_json(post(url, "/generate", ASKED)),
    "POST /generate as zip": lambda url, _: np.stack(
        list(of_zip(post(url, "/generate", {**ASKED, "format": "zip"}).content).values())
    ),
    "POST /generate as PNG": lambda url, _: tiles(native_row(url), 10),
    "GET /generate as npy": lambda url, _: of_npy(get(url, **ASKED, format="npy").content),
    "POST /decode": lambda url, _: of_json(
        post(url, "/decode", {"model": "cgan", "labels": LABELS, "latents": latents(url)})
    ),
    "/v2 infer by seed": by_seed,
    "/v2 infer by latent": by_latent,
    "Client": by_client,
    "AsyncClient": by_async_client,
    "digits": by_command,
    "digits dataset": by_dataset,
    "a shard": by_shard,
}
ROWS: dict[str, Callable[[str, Path], bytes]] = {
    "GET /generate": lambda url, _: get(url, **ROW).content,
    "/v1/images/generations": by_prompt,
    "Client": by_client_row,
    "digits": lambda url, folder: drawn(url, folder / "digits.png"),
}
"""Ways to one PNG of all ten, which is the same file."""
