"""What every endpoint that takes pictures answers of them."""

import base64
import io

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.service.api.pictures import digit, encoded, refused

pytestmark = pytest.mark.anyio

UPLOADS = [("score", "scores"), ("encode", "encodings"), ("classify", "classifications")]


@pytest.mark.parametrize(("path", "member"), UPLOADS)
async def test_the_picture_that_the_networks_saw_comes_back_if_asked_for(
    client: httpx.AsyncClient, path: str, member: str
) -> None:
    large = np.kron(digit(), np.ones((4, 4), np.uint8))
    body = {"model": "tiny", "images": [base64.b64encode(encoded(large)).decode()], "fit": True}
    (silent,) = (await client.post(f"/{path}", json=body)).json()[member]
    assert silent["image"] is None
    (said,) = (await client.post(f"/{path}", json=body | {"return_images": True})).json()[member]
    seen = Image.open(io.BytesIO(base64.b64decode(said.pop("image"))))
    assert (seen.mode, seen.size) == ("L", (28, 28))
    again = {"model": "tiny", "images": [base64.b64encode(encoded(np.asarray(seen))).decode()], "fit": False}
    (same,) = (await client.post(f"/{path}", json=again)).json()[member]
    for answer in (said, silent, same):
        answer.pop("preprocessing")
        answer.pop("image", None)
    assert said == silent == same


@pytest.mark.parametrize(("path", "member"), UPLOADS)
async def test_each_answer_holds_its_own_picture(client: httpx.AsyncClient, path: str, member: str) -> None:
    pictures = [digit(seed) for seed in range(3)]
    images = [base64.b64encode(encoded(picture)).decode() for picture in pictures]
    body = {"model": "tiny", "images": images, "return_images": True}
    answers = (await client.post(f"/{path}", json=body)).json()[member]
    seen = [np.asarray(Image.open(io.BytesIO(base64.b64decode(one["image"])))) for one in answers]
    np.testing.assert_array_equal(seen, pictures)


@pytest.mark.parametrize(("path", "member"), UPLOADS)
async def test_an_answer_is_json_with_its_timings(client: httpx.AsyncClient, path: str, member: str) -> None:
    answer = await client.post(f"/{path}?model=tiny", files={"files": ("a.png", encoded(digit()))})
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()) == {"model", "version", member, "timings"}
    assert {"decode", "run"} <= set(answer.json()["timings"])
    assert all(time >= 0 for time in answer.json()["timings"].values())


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
async def test_these_formats_are_read(client: httpx.AsyncClient, kind: str) -> None:
    content = encoded(Image.fromarray(digit()), kind)
    answer = await client.post("/score", content=content, headers={"Content-Type": "image/png"})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("kind", ["TIFF", "JPEG2000", "PPM", "TGA", "PCX", "ICO", "SGI", "PDF", "DIB"])
async def test_other_formats_are_refused(client: httpx.AsyncClient, kind: str) -> None:
    content = encoded(Image.fromarray(digit()), kind)
    answer = await client.post("/score", content=content, headers={"Content-Type": "image/png"})
    refused(answer, 422, "PNG, JPEG, GIF, WebP or BMP")
