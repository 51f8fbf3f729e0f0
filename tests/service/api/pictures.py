"""Reads what the service writes, with libraries that the service does not write with; and uploads to it."""

import base64
import io
import json
import zipfile
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Images = NDArray[np.uint8]


def digit(seed: int = 0) -> Images:
    """A grey 28x28 picture with something in the middle of it."""
    image = np.zeros((28, 28), np.uint8)
    image[6:22, 8:20] = np.random.default_rng(seed).integers(1, 256, (16, 12), dtype=np.uint8)
    return image


def encoded(image: Images | Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(out, kind, **options)
    return out.getvalue()


def of_json(answer: httpx.Response) -> Images:
    """The images [n, 28, 28] of a JSON answer."""
    assert answer.status_code == 200, answer.text
    return np.stack([of_png(base64.b64decode(image["b64_json"])) for image in answer.json()["images"]])


def of_png(content: bytes) -> Images:
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.mode == "L"
        return np.asarray(picture)


def tiles(content: bytes, columns: int, scale: int = 1) -> Images:
    """The tiles of a grid [n, 28, 28], in reading order."""
    picture = of_png(content)[::scale, ::scale]
    rows = picture.shape[0] // 28
    return picture.reshape(rows, 28, columns, 28).swapaxes(1, 2).reshape(-1, 28, 28)


def of_npy(content: bytes) -> Images:
    images: Images = np.load(io.BytesIO(content), allow_pickle=False)
    return images


def of_zip(content: bytes) -> dict[str, Images]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: of_png(archive.read(name)) for name in archive.namelist()}


def frames(content: bytes) -> list[Images]:
    """The frames of an animation."""
    with Image.open(io.BytesIO(content)) as film:
        out = []
        for i in range(getattr(film, "n_frames", 1)):
            film.seek(i)
            out.append(np.asarray(film.convert("L")))
        return out


def refused(answer: httpx.Response, status: int, word: str) -> dict[str, Any]:
    """The answer is a problem of that status whose text says the word."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = json.loads(answer.content)
    assert word in problem["detail"], problem["detail"]
    return problem
