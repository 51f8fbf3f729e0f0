"""What every endpoint that takes pictures answers of them."""

import base64
import io

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.service.api.pictures import digit, encoded

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
