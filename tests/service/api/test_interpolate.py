import io
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from service.schemas import InterpolateResponse
from tests.service.api.pictures import frames, of_json, refused, tiles
from tests.service.bundles import LATENT

pytestmark = pytest.mark.anyio

A, B = [1.0, 0.0, 2.0, -1.0], [0.0, 3.0, -1.0, 0.5]


async def ask(client: httpx.AsyncClient, **body: Any) -> httpx.Response:
    return await client.post("/interpolate", json=body)


async def test_the_ends_are_the_images_of_their_seeds(client: httpx.AsyncClient) -> None:
    walk = of_json(await ask(client, **{"from": 1, "to": 2}, steps=5, labels=7))
    assert len(walk) == 5
    for seed, end in ((1, walk[0]), (2, walk[-1])):
        alone = of_json(await client.post("/generate", json={"seed": seed, "labels": 7}))
        assert np.array_equal(end, alone[0])


async def test_vectors_walk_too_and_the_way_is_told(client: httpx.AsyncClient) -> None:
    answer = await ask(client, **{"from": A, "to": B}, steps=3, labels=7, method="lerp")
    parsed = InterpolateResponse.model_validate_json(answer.content)
    assert parsed.method == "lerp"
    assert parsed.images[1].latent == pytest.approx([(a + b) / 2 for a, b in zip(A, B, strict=True)])


async def test_auto_is_slerp_for_a_normal_prior_and_lerp_for_a_uniform_one(client: httpx.AsyncClient) -> None:
    ends = {"from": 1, "to": 2}
    assert (await ask(client, **ends, model="tiny")).json()["method"] == "slerp"
    assert (await ask(client, **ends, model="tiny_critic")).json()["method"] == "lerp"


async def test_slerp_keeps_to_the_sphere(client: httpx.AsyncClient) -> None:
    images = (await ask(client, **{"from": A, "to": B}, steps=9, labels=1, method="slerp")).json()["images"]
    norms = [float(np.linalg.norm(image["latent"])) for image in images]
    expected = np.linspace(np.linalg.norm(A), np.linalg.norm(B), 9)
    np.testing.assert_allclose(norms, expected, rtol=1e-5)


async def test_a_loop_comes_back_without_repeating_its_ends(client: httpx.AsyncClient) -> None:
    there = of_json(await ask(client, **{"from": 1, "to": 2}, steps=4, labels=7))
    loop = of_json(await ask(client, **{"from": 1, "to": 2}, steps=4, labels=7, loop=True))
    assert np.array_equal(loop, np.concatenate([there, there[2:0:-1]]))


async def test_the_label_is_that_of_the_seed_where_none_is_given(client: httpx.AsyncClient) -> None:
    label = (await client.post("/generate", json={"seed": 21})).json()["images"][0]["label"]
    walk = (await ask(client, **{"from": 21, "to": 2}, steps=3)).json()["images"]
    assert [image["label"] for image in walk] == [label] * 3


async def test_labels_may_change_on_the_way(client: httpx.AsyncClient) -> None:
    walk = (await ask(client, **{"from": 1, "to": 2}, steps=3, labels=[1, 2, 3], loop=True)).json()["images"]
    assert [image["label"] for image in walk] == [1, 2, 3, 2]


@pytest.mark.parametrize("kind", ["gif", "webp"])
async def test_an_animation_has_every_frame_pixel_for_pixel(client: httpx.AsyncClient, kind: str) -> None:
    body = {"from": 1, "to": 2, "steps": 6, "labels": 7, "loop": True}
    expected = of_json(await ask(client, **body))
    film = await ask(client, **body, format=kind, scale=2)
    assert film.headers["content-type"] == f"image/{kind}"
    shown = frames(film.content)
    assert len(shown) == 10
    for frame, image in zip(shown, expected, strict=True):
        assert np.array_equal(frame[::2, ::2], image)


@pytest.mark.parametrize(
    ("kind", "given", "shown"),
    [
        ("gif", 250, 250),
        ("webp", 250, 250),
        ("webp", 85, 85),
        ("gif", None, 80),
        ("webp", None, 80),
    ],
)
async def test_a_frame_is_shown_for_so_many_milliseconds(
    client: httpx.AsyncClient, kind: str, given: int | None, shown: int
) -> None:
    body = {"from": 1, "to": 2, "steps": 4, "labels": 7, "format": kind}
    film = await ask(client, **body | ({} if given is None else {"frame_ms": given}))
    with Image.open(io.BytesIO(film.content)) as animation:
        durations = []
        for frame in range(4):
            animation.seek(frame)
            animation.load()
            durations.append(animation.info["duration"])
    assert durations == [shown] * 4


@pytest.mark.parametrize("loop", [False, True])
async def test_directions_move_every_step(client: httpx.AsyncClient, loop: bool) -> None:
    body = {"from": A, "to": B, "steps": 4, "labels": 7, "loop": loop}
    plain = (await ask(client, **body)).json()["images"]
    moved = (await ask(client, **body, directions={"ink": 1.5})).json()["images"]
    # The direction of the tiny models is the first coordinate.
    expected = np.array([one["latent"] for one in plain]) + np.array([1.5, 0, 0, 0])
    np.testing.assert_allclose([one["latent"] for one in moved], expected, atol=1e-6)
    assert all(one["b64_json"] != other["b64_json"] for one, other in zip(plain, moved, strict=True))


@pytest.mark.parametrize(("directions", "word"), [({"slant": 1.0}, "it has ink"), ({"ink": 3.5}, "-3 to 3")])
async def test_a_wrong_direction_is_named(
    client: httpx.AsyncClient, directions: dict[str, float], word: str
) -> None:
    refused(await ask(client, **{"from": 1, "to": 2}, directions=directions), 422, word)


@pytest.mark.parametrize("kind", ["json", "png", "gif", "webp"])
async def test_an_answer_names_its_model(client: httpx.AsyncClient, kind: str) -> None:
    answer = await ask(client, **{"from": 1, "to": 2}, steps=3, model="tiny", format=kind)
    assert (answer.headers["x-model"], answer.headers["x-model-version"]) == ("tiny", "2")
    if kind == "json":
        assert (answer.json()["model"], answer.json()["version"]) == ("tiny", 2)
        assert set(answer.json()["timings"]) == {"draw", "run", "encode"}
    else:
        assert answer.headers["content-type"] == f"image/{kind}"
        named = f'inline; filename="tiny-interpolation.{kind}"'
        assert answer.headers["content-disposition"] == named


async def test_a_loop_counts_the_frames_of_its_way_back(client: httpx.AsyncClient) -> None:
    """At scale 16, an answer holds at most 83 images."""
    body = {"from": 1, "to": 2, "labels": 7, "scale": 16}
    assert len(of_json(await ask(client, **body, steps=42, loop=True))) == 82
    refused(await ask(client, **body, steps=43, loop=True), 422, "84 tiles")
    assert len(of_json(await ask(client, **body, steps=83))) == 83


async def test_a_strip_is_one_row(client: httpx.AsyncClient) -> None:
    body = {"from": 1, "to": 2, "steps": 5, "labels": 7}
    strip = await ask(client, **body, format="png")
    assert np.array_equal(tiles(strip.content, 5), of_json(await ask(client, **body)))


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"to": 1}, "body.from"),
        ({"from": 1}, "body.to"),
        ({"from": -1, "to": 1}, "body.from"),
        ({"from": [0.0], "to": 1, "labels": 1}, f"has {LATENT} numbers, this one 1"),
        ({"from": A, "to": [1e3, 0.0, 0.0, 0.0], "labels": 1}, "beyond 100"),
        ({"from": A, "to": B}, "is conditional"),
        ({"from": 1, "to": 2, "steps": 1}, "body.steps"),
        ({"from": 1, "to": 2, "steps": 129}, "body.steps"),
        ({"from": 1, "to": 2, "steps": 4, "labels": [1, 2]}, "2 labels for 4"),
        ({"from": 1, "to": 2, "method": "cubic"}, "body.method"),
        ({"from": 1, "to": 2, "model": "tiny", "labels": 3}, "takes no labels"),
        ({"from": 1, "to": 2, "format": "mp4"}, "body.format"),
        ({"from": 1, "to": 2, "steps": 128, "loop": True, "scale": 16}, "lower"),
    ],
)
async def test_a_wrong_field_is_named_with_the_fix(
    client: httpx.AsyncClient, body: dict[str, Any], word: str
) -> None:
    refused(await ask(client, **body), 422, word)


def test_a_real_server_animates_and_refuses(http: httpx.Client) -> None:
    body: dict[str, Any] = {"from": 1, "to": 2, "steps": 4, "labels": 7, "format": "gif"}
    assert len(frames(http.post("/interpolate", json=body).content)) == 4
    refused(http.post("/interpolate", json={**body, "steps": 1}), 422, "body.steps")
