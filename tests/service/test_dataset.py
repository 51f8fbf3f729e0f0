"""Data sets: MNIST's own files, balanced, the same however often they were interrupted."""

import json
import struct
from pathlib import Path

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from numpy.typing import NDArray

from service import dataset
from service.client import AsyncClient
from service.dataset import DatasetError, Plan

pytestmark = pytest.mark.anyio

N = 1300
"""Six requests: more than go on at once, the last one not full."""


class Counted(httpx.ASGITransport):
    """Counts requests for images, and fails after so many."""

    def __init__(self, app: FastAPI, most: int = 1000) -> None:
        super().__init__(app)
        self.asked = 0
        self.most = most

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/generate":
            self.asked += 1
            if self.asked > self.most:
                raise httpx.ReadError("cut")
        return await super().handle_async_request(request)


def client(app: FastAPI, most: int = 1000) -> AsyncClient:
    return AsyncClient("http://service", transport=Counted(app, most), retries=0)


async def planned(app: FastAPI, n: int = N, seed: int = 2**32 - 5, name: str | None = None) -> Plan:
    return await dataset.plan(client(app), n, seed, "train", name)


def idx(path: Path) -> NDArray[np.uint8]:
    """An IDX file of unsigned bytes, read by its own description (magic 0, 0, 8, dimensions)."""
    data = path.read_bytes()
    assert data[:3] == b"\x00\x00\x08"
    shape = struct.unpack(f">{data[3]}I", data[4 : 4 + 4 * data[3]])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


async def test_images_and_labels_are_those_of_generate(app: FastAPI, tmp_path: Path) -> None:
    heard: list[int] = []
    path = await dataset.write(client(app), tmp_path, await planned(app), heard.append)
    assert path == tmp_path / "train-images-idx3-ubyte"
    images, labels = idx(path), idx(tmp_path / "train-labels-idx1-ubyte")
    assert images.shape == (N, 28, 28)
    assert np.bincount(labels).tolist() == [130] * 10
    assert sum(heard) == N
    # Seeds count on from 0 after the last.
    for i in (0, 4, 5, 700, N - 1):
        alone = await client(app).array(seed=(2**32 - 5 + i) % 2**32, labels=int(labels[i]))
        np.testing.assert_array_equal(images[i], alone[0])


@pytest.mark.parametrize("cut", [0, 5, dataset.IMAGES_HEADER + 3 * dataset.PIXELS + 17])
async def test_an_interrupted_run_goes_on_to_the_same_bytes(app: FastAPI, tmp_path: Path, cut: int) -> None:
    wanted = await planned(app)
    whole = await dataset.write(client(app), tmp_path / "whole", wanted)
    with pytest.raises(httpx.ReadError):
        await dataset.write(client(app, most=4), tmp_path / "cut", wanted)
    part = tmp_path / "cut" / "train-images-idx3-ubyte.part"
    assert part.exists()
    assert not part.with_suffix("").exists()
    if cut:  # As a crash amid a write leaves it.
        part.write_bytes(part.read_bytes()[:cut])
    asking = client(app)
    resumed = await dataset.write(asking, tmp_path / "cut", wanted)
    assert resumed.read_bytes() == whole.read_bytes()
    assert not part.exists()


async def test_what_is_there_is_not_asked_for_again(app: FastAPI, tmp_path: Path) -> None:
    wanted = await planned(app)
    with pytest.raises(httpx.ReadError):
        await dataset.write(client(app, most=3), tmp_path, wanted)
    written = (tmp_path / "train-images-idx3-ubyte.part").stat().st_size
    done = (written - dataset.IMAGES_HEADER) // dataset.PIXELS
    heard: list[int] = []
    await dataset.write(client(app), tmp_path, wanted, heard.append)
    assert heard[0] == done
    assert sum(heard) == N
    transport = Counted(app)
    await dataset.write(AsyncClient("http://service", transport=transport), tmp_path, wanted)
    assert transport.asked == 0


async def test_another_plan_is_refused_in_the_same_folder(app: FastAPI, tmp_path: Path) -> None:
    await dataset.write(client(app), tmp_path, await planned(app, n=20))
    with pytest.raises(DatasetError, match="says n 20, not 30"):
        await dataset.write(client(app), tmp_path, await planned(app, n=30))
    (tmp_path / "train.json").write_text("{")
    with pytest.raises(DatasetError, match="is broken"):
        await dataset.write(client(app), tmp_path, await planned(app, n=20))


async def test_the_plan_pins_the_model(app: FastAPI, tmp_path: Path) -> None:
    await dataset.write(client(app), tmp_path, await planned(app, n=1))
    kept = json.loads((tmp_path / "train.json").read_text())
    assert (kept["model"], kept["version"], len(kept["digest"])) == ("tiny_cond", 1, 64)


async def test_a_model_without_labels_is_refused(app: FastAPI) -> None:
    with pytest.raises(DatasetError, match="tiny cannot be told which digit"):
        await planned(app, name="tiny")
