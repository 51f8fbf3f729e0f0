"""Shards: one after another they are the data set of one machine, and each is made again alone."""

import json
from pathlib import Path

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from service import dataset, shards
from service.client import AsyncClient
from service.dataset import DatasetError, Plan
from service.shards import PART, Shard
from tests.service.test_dataset import client, idx, planned

pytestmark = pytest.mark.anyio

N, SIZE = 110, 40
"""Three shards, the last one not full; seeds begin anew in the first."""
IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


async def wanted(app: FastAPI) -> Plan:
    return await planned(app, n=N, seed=2**32 - 5)


async def made(app: FastAPI, folder: Path) -> list[Shard]:
    them = shards.begin(folder, await wanted(app), SIZE)
    for shard in them:
        await shards.make(client(app), shard)
    return them


async def test_shards_joined_are_the_data_set_of_one_machine(app: FastAPI, tmp_path: Path) -> None:
    await dataset.write(client(app), tmp_path / "whole", await wanted(app))
    them = await made(app, tmp_path / "shards")
    assert [shard.folder.name for shard in them] == [f"train-{i:05}-of-00003" for i in range(3)]
    # By name, as a reader of the folder finds them.
    folders = sorted(path for path in (tmp_path / "shards").iterdir() if path.is_dir())
    for name in (IMAGES, LABELS):
        joined = np.concatenate([idx(folder / name) for folder in folders])
        np.testing.assert_array_equal(joined, idx(tmp_path / "whole" / name))


async def test_a_shard_is_a_data_set_of_its_own(app: FastAPI, tmp_path: Path) -> None:
    _, second, _ = await made(app, tmp_path / "shards")
    alone = await planned(app, n=SIZE, seed=(2**32 - 5 + SIZE) % 2**32)
    await dataset.write(client(app), tmp_path / "alone", alone)
    for path in (tmp_path / "alone").iterdir():
        assert (second.folder / path.name).read_bytes() == path.read_bytes()


async def test_only_what_is_missing_is_made(app: FastAPI, tmp_path: Path) -> None:
    first, second, _ = await made(app, tmp_path)
    before = (second.folder / IMAGES).read_bytes()
    for path in second.folder.iterdir():
        path.unlink()
    second.folder.rmdir()
    kept = (first.folder / IMAGES).stat()
    await made(app, tmp_path)
    assert (second.folder / IMAGES).read_bytes() == before
    assert (first.folder / IMAGES).stat() == kept


async def test_what_is_cut_leaves_no_shard(app: FastAPI, tmp_path: Path) -> None:
    first, *_ = shards.begin(tmp_path, await wanted(app), SIZE)
    with pytest.raises(httpx.ReadError):
        await shards.make(client(app, most=0), first)
    assert [path.name for path in tmp_path.iterdir()] == ["train.json"]
    # A killed process cannot tidy up: the next run does.
    killed = first.folder.with_name(f"{first.folder.name}{PART}0123")
    killed.mkdir()
    (killed / f"{IMAGES}.part").write_bytes(b"half")
    shards.begin(tmp_path, await wanted(app), SIZE)
    assert not killed.exists()


async def test_two_may_make_the_same_shard(
    app: FastAPI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *_ = shards.begin(tmp_path, await wanted(app), SIZE)
    write = dataset.write
    overtaken = False

    async def slowly(service: AsyncClient, folder: Path, plan: Plan) -> Path:
        """Another one is done before this one renames."""
        nonlocal overtaken
        path = await write(service, folder, plan)
        if not overtaken:
            overtaken = True
            await shards.make(client(app), first)
        return path

    monkeypatch.setattr(dataset, "write", slowly)
    await shards.make(client(app), first)
    assert overtaken
    assert sorted(path.name for path in tmp_path.iterdir()) == [first.folder.name, "train.json"]
    assert idx(first.folder / IMAGES).shape == (SIZE, 28, 28)


async def test_another_division_is_refused_in_the_same_folder(app: FastAPI, tmp_path: Path) -> None:
    shards.begin(tmp_path, await wanted(app), SIZE)
    assert json.loads((tmp_path / "train.json").read_text())["shard"] == SIZE
    with pytest.raises(DatasetError, match="says shard 40, not 50"):
        shards.begin(tmp_path, await wanted(app), 50)


@pytest.mark.parametrize("size", [0, 25])
async def test_a_shard_begins_with_a_0(app: FastAPI, tmp_path: Path, size: int) -> None:
    with pytest.raises(DatasetError, match="take a multiple of 10"):
        shards.begin(tmp_path, await wanted(app), size)
