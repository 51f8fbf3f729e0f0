"""POST /encode: latents of uploads, what the generator makes of them, and missing pixels filled in."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from service.app import create_app
from service.schemas import EncodeResponse
from service.settings import Settings
from tests.service.api.pictures import Images, digit, encoded, of_png, refused
from tests.service.bundles import LATENT, run, write_bundle
from tests.service.queues import holding

pytestmark = pytest.mark.anyio

MISSING = np.arange(28)[:, None].repeat(28, 1) >= 14
MASK = encoded((MISSING * 255).astype(np.uint8))


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def encodings(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["encodings"]
    return found


def picture(text: str) -> Images:
    return of_png(base64.b64decode(text))


async def ask(client: httpx.AsyncClient, **body: Any) -> httpx.Response:
    return await client.post("/encode", json={"model": "tiny", "images": [b64(encoded(digit()))]} | body)


async def test_the_latent_is_what_the_encoder_says(client: httpx.AsyncClient, models_dir: Path) -> None:
    images = [b64(encoded(digit(i))) for i in range(3)]
    answer = await ask(client, images=images)
    parsed = EncodeResponse.model_validate_json(answer.content)
    assert (parsed.model, parsed.version) == ("tiny", 2)
    encoder = (models_dir / "tiny" / "2" / "encoder.onnx").read_bytes()
    wanted = run(encoder, "image", np.stack([digit(i) for i in range(3)]), None)
    np.testing.assert_array_equal(np.array([one.latent for one in parsed.encodings], np.float32), wanted)
    assert all(one.reconstruction is one.filled is None for one in parsed.encodings)


async def test_a_form_an_image_body_and_json_say_the_same(client: httpx.AsyncClient) -> None:
    data = encoded(digit())
    headers = {"Content-Type": "image/png"}
    query = {"model": "tiny", "reconstruct": "true", "mask": b64(MASK), "rounds": "3"}
    (body,) = encodings(await client.post("/encode", content=data, headers=headers, params=query))
    files = {"files": ("a.png", data), "mask": ("mask.png", MASK)}
    fields = {"model": "tiny", "reconstruct": "true", "rounds": "3"}
    (form,) = encodings(await client.post("/encode", files=files, data=fields))
    (text,) = encodings(await ask(client, reconstruct=True, mask=b64(MASK), rounds=3))
    assert form.pop("file") == "a.png"
    assert body.pop("file") is text.pop("file") is None
    assert body == form == text
    assert body["preprocessing"] == []


async def test_the_reconstruction_is_the_decoded_latent(client: httpx.AsyncClient) -> None:
    (one,) = encodings(await ask(client, reconstruct=True))
    assert len(one["latent"]) == LATENT
    decoded = await client.post("/decode", json={"model": "tiny", "latents": [one["latent"]]})
    assert one["reconstruction"] == decoded.json()["images"][0]["b64_json"]


async def test_missing_pixels_are_filled_and_the_others_kept(client: httpx.AsyncClient) -> None:
    (one,) = encodings(await ask(client, mask=b64(MASK), reconstruct=True))
    filled = picture(one["filled"])
    np.testing.assert_array_equal(filled[~MISSING], digit()[~MISSING])
    assert not np.array_equal(filled[MISSING], digit()[MISSING])
    hidden = np.where(MISSING, np.uint8(99), digit())
    (other,) = encodings(await ask(client, images=[b64(encoded(hidden))], mask=b64(MASK), reconstruct=True))
    assert other["filled"] == one["filled"]
    (of_filled,) = encodings(await ask(client, images=[one["filled"]], reconstruct=True))
    assert of_filled["latent"] == one["latent"]
    assert of_filled["reconstruction"] == one["reconstruction"]


async def test_twenty_rounds_unless_said_otherwise(client: httpx.AsyncClient) -> None:
    default, twenty, one = [
        encodings(await ask(client, mask=b64(MASK), **rounds))[0]["filled"]
        for rounds in ({}, {"rounds": 20}, {"rounds": 1})
    ]
    assert default == twenty
    assert (await ask(client, mask=b64(MASK), rounds=1)).json()["encodings"][0]["filled"] == one


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({"model": "tiny_cond"}, 422, "tiny_cond has no encoder: set `model` to one of tiny"),
        ({"rounds": 3}, 422, "without a mask"),
        ({"rounds": 101, "mask": b64(MASK)}, 422, "body.rounds"),
        ({"mask": "no!"}, 422, "mask: is not base64"),
        ({"mask": b64(b"text")}, 422, "mask: this is no image"),
        ({"mask": b64(encoded(np.zeros((28, 28), np.uint8)))}, 422, "mask: no pixel of it is white"),
        ({"mask": b64(encoded(np.full((14, 14), 255, np.uint8)))}, 422, "mask: it must be 28x28"),
        ({"label": 3}, 422, "takes no label"),
        ({"reconstruct": "true"}, 422, "body.reconstruct"),
        ({"recontsruct": True}, 422, "did you mean reconstruct?"),
    ],
)
async def test_what_cannot_be_encoded_is_refused_with_the_fix(
    client: httpx.AsyncClient, body: dict[str, Any], status: int, word: str
) -> None:
    refused(await ask(client, **body), status, word)


async def test_the_code_tells_that_there_is_no_encoder(client: httpx.AsyncClient) -> None:
    assert refused(await ask(client, model="tiny_bare"), 422, "tiny_bare")["code"] == "no-encoder"


async def test_the_limits_of_uploads_hold(client: httpx.AsyncClient, app: FastAPI) -> None:
    refused(await ask(client, images=[b64(encoded(digit()))] * 65), 413, "more than 64")
    refused(await client.post("/encode?model=tiny", content=b"\x89" * (5 << 20)), 413, "body exceeds")
    # A mask in a form is no picture: 64 pictures are allowed beside it.
    files = [("files", (f"{i}.png", encoded(digit()))) for i in range(64)]
    answer = await client.post("/encode?model=tiny", files=[*files, ("mask", ("m.png", MASK))])
    assert len(encodings(answer)) == 64
    with holding(app.state.registry.get("tiny").encoder):
        refused(await ask(client), 503, "are waiting")


@pytest.fixture
async def conditional(tmp_path: Path, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a conditional model with an encoder."""
    write_bundle(tmp_path, "tiny", 1, conditional=True, roles=("generator", "encoder"))
    app = create_app(settings.model_copy(update={"models_dir": tmp_path, "default_model": "tiny"}))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            yield client


async def test_a_conditional_models_generator_is_told_the_label(conditional: httpx.AsyncClient) -> None:
    assert len(encodings(await ask(conditional))) == 1
    refused(await ask(conditional, reconstruct=True), 422, "say which digits")
    refused(await ask(conditional, mask=b64(MASK)), 422, "say which digits")
    (three,) = encodings(await ask(conditional, reconstruct=True, label=3))
    (four,) = encodings(await ask(conditional, reconstruct=True, label=4))
    assert three["latent"] == four["latent"]
    assert three["reconstruction"] != four["reconstruction"]
