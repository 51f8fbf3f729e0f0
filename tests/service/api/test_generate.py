import asyncio
import json
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from service.api.sampling import Stopwatch
from service.app import create_app
from service.schemas import GenerateResponse
from service.settings import Settings
from tests.service.api.pictures import of_json, of_npy, of_png, of_zip, refused, tiles
from tests.service.bundles import LATENT, rewrite_manifest, write_bundle
from tests.service.conftest import administered
from tests.service.queues import holding

pytestmark = pytest.mark.anyio

SEED = 4_294_967_294  # Two below the end: seeds count on from 0.


async def ask(client: httpx.AsyncClient, **body: Any) -> httpx.Response:
    return await client.post("/generate", json=body)


async def test_image_i_of_a_seed_is_image_0_of_that_seed_plus_i(client: httpx.AsyncClient) -> None:
    together = of_json(await ask(client, n=5, seed=SEED))
    for i in range(5):
        alone = of_json(await ask(client, n=1, seed=(SEED + i) % 2**32))
        assert np.array_equal(together[i], alone[0])
    assert len({image.tobytes() for image in together}) == 5


async def test_bytes_do_not_depend_on_n_or_on_who_else_is_served(client: httpx.AsyncClient) -> None:
    alone = (await ask(client, n=3, seed=11, model="tiny")).json()["images"]
    crowd = await asyncio.gather(
        *(ask(client, n=1 + i % 40, seed=i, model="tiny") for i in range(30)),
        ask(client, n=200, seed=11, model="tiny"),
    )
    assert crowd[-1].json()["images"][:3] == alone


async def test_every_format_holds_the_same_pixels(client: httpx.AsyncClient) -> None:
    body = {"n": 6, "seed": 3, "columns": 3}
    expected = of_json(await ask(client, **body))
    png = await ask(client, **body, format="png", scale=2)
    assert png.headers["content-type"] == "image/png"
    assert np.array_equal(tiles(png.content, 3, 2), expected)
    npy = await ask(client, **body, format="npy")
    assert np.array_equal(of_npy(npy.content), expected)
    archive = await ask(client, **body, format="zip")
    assert archive.headers["content-type"] == "application/zip"
    named = of_zip(archive.content)
    assert np.array_equal(np.stack(list(named.values())), expected)
    labels = [image["label"] for image in (await ask(client, **body)).json()["images"]]
    assert list(named) == [f"{i:03d}_seed_{3 + i}_label_{label}.png" for i, label in enumerate(labels)]
    assert png.headers["x-seed"] == npy.headers["x-seed"] == archive.headers["x-seed"] == "3"


async def test_the_json_answer_is_as_documented(client: httpx.AsyncClient) -> None:
    answer = await ask(client, n=2, seed=9, return_latents=True, return_scores=True)
    parsed = GenerateResponse.model_validate_json(answer.content)
    assert (parsed.model, parsed.version, parsed.seed) == ("tiny_cond", 1, 9)
    assert [image.seed for image in parsed.images] == [9, 10]
    assert all(image.label is not None and image.score is not None for image in parsed.images)
    assert all(image.latent is not None and len(image.latent) == LATENT for image in parsed.images)
    assert parsed.timings is not None


async def test_a_seed_is_chosen_and_told_where_none_is_given(client: httpx.AsyncClient) -> None:
    one, two = (await ask(client)), (await ask(client))
    assert one.json()["seed"] != two.json()["seed"]
    assert np.array_equal(of_json(await ask(client, seed=one.json()["seed"])), of_json(one))


async def test_labels_are_one_for_all_or_one_each_or_drawn(client: httpx.AsyncClient) -> None:
    each = await ask(client, labels=[3, 1, 4], seed=2)
    assert [image["label"] for image in each.json()["images"]] == [3, 1, 4]
    same = await ask(client, n=3, labels=5, seed=2)
    assert [image["label"] for image in same.json()["images"]] == [5, 5, 5]
    drawn = await ask(client, n=40, seed=2)
    labels = [image["label"] for image in drawn.json()["images"]]
    assert len(set(labels)) > 5
    again = await ask(client, labels=labels, seed=2)
    assert np.array_equal(of_json(again), of_json(drawn)), "z does not depend on who chose the labels"


async def test_a_list_of_one_label_is_for_all(client: httpx.AsyncClient) -> None:
    one = await ask(client, n=3, seed=7, labels=[4])
    np.testing.assert_array_equal(of_json(one), of_json(await ask(client, n=3, seed=7, labels=4)))
    assert [image["label"] for image in one.json()["images"]] == [4, 4, 4]
    assert len(of_json(await ask(client, labels=[4]))) == 1


async def test_truncation_draws_z_towards_the_centre(client: httpx.AsyncClient) -> None:
    full = (await ask(client, seed=1, return_latents=True)).json()["images"][0]["latent"]
    half = (await ask(client, seed=1, return_latents=True, truncation=0.5)).json()["images"][0]["latent"]
    np.testing.assert_allclose(half, np.array(full) / 2, rtol=1e-6)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"n": 0}, "body.n"),
        ({"n": 257}, "body.n"),
        ({"n": "4"}, "body.n"),
        ({"n": True}, "body.n"),
        ({"seed": -1}, "body.seed"),
        ({"seed": 2**32}, "body.seed"),
        ({"labels": 10}, "body.labels.0: Input should be less than or equal to 9"),
        ({"labels": []}, "body.labels"),
        ({"labels": "7"}, "body.labels"),
        ({"labels": True}, "body.labels"),
        ({"n": 3, "labels": [1, 2]}, "2 labels for 3 images"),
        ({"model": "tiny", "labels": 1}, "takes no labels"),
        ({"truncation": 0}, "body.truncation"),
        ({"truncation": 1.5}, "body.truncation"),
        ({"directions": {"slant": 1.0}}, "no such direction"),
        ({"n": 256, "scale": 16}, "lower n or scale"),
        ({"format": "jpeg"}, "body.format"),
        ({"sed": 1}, "body.sed: there is no such field; did you mean seed?"),
        ({"return_scores": True, "format": "npy"}, "only format json"),
        ({"return_latents": True, "format": "png"}, "only format json"),
        ({"model": "tiny_bare", "return_scores": True}, "no discriminator"),
        ({"model": "../etc"}, "body.model"),
    ],
)
async def test_a_wrong_field_is_named_with_the_fix(
    client: httpx.AsyncClient, body: dict[str, Any], word: str
) -> None:
    refused(await ask(client, **body), 422, word)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400"])
async def test_what_is_no_finite_number_is_refused(client: httpx.AsyncClient, number: str) -> None:
    answer = await client.post("/generate", content=f'{{"truncation": {number}}}')
    refused(answer, 422, "truncation")


async def test_an_unknown_model_or_version_names_the_known(client: httpx.AsyncClient) -> None:
    refused(await ask(client, model="began"), 404, "tiny_cond")
    refused(await ask(client, model="tiny", version=9), 404, "1, 2")


async def test_a_query_gives_the_picture_that_a_body_gives(client: httpx.AsyncClient) -> None:
    picture = await client.get("/generate?n=4&seed=7&scale=3&labels=1,2&labels=3,4&truncation=0.8")
    assert picture.headers["content-type"] == "image/png"
    body = {"n": 4, "seed": 7, "scale": 3, "labels": [1, 2, 3, 4], "truncation": 0.8, "format": "png"}
    assert picture.content == (await ask(client, **body)).content


async def test_a_seeded_picture_can_be_cached_and_another_query_has_another_tag(
    client: httpx.AsyncClient,
) -> None:
    first = await client.get("/generate?seed=7&model=tiny&version=2")
    assert first.headers["cache-control"] == "public, max-age=31536000, immutable"
    tag = first.headers["etag"]
    again = await client.get(
        "/generate?seed=7&model=tiny&version=2", headers={"If-None-Match": f'"x", W/{tag}'}
    )
    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["etag"] == tag
    for other in (
        "seed=8&model=tiny&version=2",
        "seed=7&model=tiny&version=1",
        "seed=7&n=2&model=tiny&version=2",
    ):
        assert (await client.get(f"/generate?{other}")).headers["etag"] != tag
    newest = await client.get("/generate?seed=7&model=tiny")
    assert "must-revalidate" in newest.headers["cache-control"]
    assert (await client.get("/generate?model=tiny")).headers["cache-control"] == "no-store"


async def test_only_a_named_model_and_version_are_kept_for_good(client: httpx.AsyncClient) -> None:
    """Which model answers a request that names none is a setting, and the newest version changes."""
    for query in ("", "&version=1", "&model=tiny"):
        answer = await client.get(f"/generate?seed=7{query}")
        assert answer.headers["cache-control"] == "public, max-age=0, must-revalidate"


async def test_a_tag_depends_on_the_bytes_of_the_manifest(tmp_path: Path) -> None:
    tags = set()
    folder = write_bundle(tmp_path, "tiny")
    for title in ("One", "Other"):
        rewrite_manifest(folder, title=title)
        async with administered(tmp_path) as client:
            tags.add((await client.get("/generate?seed=7&model=tiny&version=1")).headers["etag"])
    assert len(tags) == 2


async def test_a_tag_depends_on_the_provider(client: httpx.AsyncClient, app: FastAPI) -> None:
    """A processor's bytes may differ from those of a graphics card."""
    tag = (await client.get("/generate?seed=7&model=tiny")).headers["etag"]
    object.__setattr__(app.state.registry.get("tiny"), "provider", "cuda")
    assert (await client.get("/generate?seed=7&model=tiny")).headers["etag"] != tag


@pytest.mark.parametrize("header", ["*", " * ", '"x", {}', "W/{}", '"x",W/{}', "{}"])
async def test_a_caller_that_has_the_picture_is_told_so(client: httpx.AsyncClient, header: str) -> None:
    tag = (await client.get("/generate?seed=7")).headers["etag"]
    answer = await client.get("/generate?seed=7", headers={"If-None-Match": header.format(tag)})
    assert (answer.status_code, answer.content) == (304, b"")


@pytest.mark.parametrize("header", ["", '"x"', '"*"', "W/x"])
async def test_a_caller_that_has_another_picture_gets_this_one(
    client: httpx.AsyncClient, header: str
) -> None:
    answer = await client.get("/generate?seed=7", headers={"If-None-Match": header})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")


async def test_a_file_answer_is_named(client: httpx.AsyncClient) -> None:
    shown = {
        "png": ("image/png", "inline"),
        "npy": ("application/octet-stream", "attachment"),
        "zip": ("application/zip", "attachment"),
    }
    for kind, (media_type, disposition) in shown.items():
        answer = await ask(client, seed=9, model="tiny", version=1, format=kind)
        assert answer.headers["content-type"] == media_type
        assert answer.headers["content-disposition"] == f'{disposition}; filename="tiny-9.{kind}"'
        assert (answer.headers["x-model"], answer.headers["x-model-version"]) == ("tiny", "1")


async def test_a_direction_moves_the_latent_vector(client: httpx.AsyncClient) -> None:
    plain = (await ask(client, seed=3, n=2, return_latents=True)).json()["images"]
    moved = (await ask(client, seed=3, n=2, return_latents=True, directions={"ink": -2.0})).json()["images"]
    expected = np.array([one["latent"] for one in plain]) - np.array([2, 0, 0, 0])
    np.testing.assert_allclose([one["latent"] for one in moved], expected, atol=1e-6)
    picture = await client.get("/generate?seed=3&n=2&directions=ink:-2&format=json&return_latents=true")
    assert [one["latent"] for one in picture.json()["images"]] == [one["latent"] for one in moved]


async def test_what_a_tag_stands_for_has_the_same_bytes_in_json_too(client: httpx.AsyncClient) -> None:
    one, two = [await client.get("/generate?seed=7&format=json&n=2") for _ in range(2)]
    assert one.headers["etag"] == two.headers["etag"]
    assert one.content == two.content


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("n=0", "query.n"),
        ("n=x", "query.n"),
        ("seed=1&seed=2", "give it once"),
        ("colour=red", "query.colour"),
        ("labels=1,x", "query.labels"),
        ("truncation=nan", "query.truncation"),
        ("directions=slant", "query.directions"),
        ("lables=1", "did you mean labels?"),
        ("return_scores=true", "only format json"),
    ],
)
async def test_a_wrong_query_is_named(client: httpx.AsyncClient, query: str, word: str) -> None:
    refused(await client.get(f"/generate?{query}"), 422, word)


async def test_a_query_for_scores_of_a_model_without_a_discriminator_is_named(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/generate?model=tiny_bare&return_scores=true&format=json")
    refused(answer, 422, "query.return_scores")


@pytest.mark.parametrize("amount", [-3.0, 3.0])
async def test_the_ends_of_a_direction_are_allowed(client: httpx.AsyncClient, amount: float) -> None:
    assert (await ask(client, directions={"ink": amount})).status_code == 200
    refused(await ask(client, directions={"ink": 1.01 * amount}), 422, "ink goes from -3 to 3")


async def test_a_model_without_directions_says_so(tmp_path: Path) -> None:
    rewrite_manifest(write_bundle(tmp_path, "tiny"), directions=[])
    async with administered(tmp_path) as client:
        refused(await ask(client, directions={"ink": 1.0}), 422, "it has none")


def test_timings_are_milliseconds_between_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([6_500_000, 9_500_999])
    monkeypatch.setattr(time, "perf_counter_ns", lambda: next(moments))
    watch = Stopwatch(_last=5_000_000)
    watch.mark("draw")
    watch.mark("run")
    assert watch.marks == {"draw": 1.5, "run": 3.0}


async def test_a_full_queue_is_503_with_retry_after(client: httpx.AsyncClient, app: Any) -> None:
    generator = app.state.registry.get().generator
    with holding(generator, generator.backlog.bounds.images - 9):
        answer = await ask(client, n=10)
        refused(answer, 503, "1015 images are waiting")
        assert answer.headers["retry-after"] == "1"
        assert (await ask(client, n=9)).status_code == 200
    assert (await ask(client, n=10)).status_code == 200
    assert generator.backlog.images == 0


async def test_what_never_fits_the_queue_is_told_so(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"queue_images": 10}))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://service") as client,
    ):
        answer = await ask(client, n=11)
        refused(answer, 422, "11 images exceed the queue's 10")
        assert "retry-after" not in answer.headers


@pytest.mark.parametrize("query", ["labels=7", "directions=nope:1", "n=100&scale=16"])
async def test_a_tag_does_not_hide_what_is_wrong(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"/generate?model=tiny&seed=1&{query}", headers={"If-None-Match": "*"})
    refused(answer, 422, "query.")


async def test_the_empty_tiles_of_a_grid_count_too(client: httpx.AsyncClient) -> None:
    body = {"n": 82, "scale": 16, "columns": 81}
    refused(await ask(client, **body, format="png"), 422, "162 tiles at scale 16")
    assert (await ask(client, **body)).status_code == 200


async def test_where_keys_are_asked_for_no_cache_shares_an_answer(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"api_keys": [SecretStr("a-key-of-some-length")]}))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        headers = {"X-API-Key": "a-key-of-some-length"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://service", headers=headers
        ) as keyed:
            for path in ("/generate?seed=1&model=tiny&version=2", "/models/tiny/preview.png"):
                answer = await keyed.get(path)
                assert answer.headers["cache-control"].startswith("private, max-age=")


async def test_head_says_what_get_would(client: httpx.AsyncClient) -> None:
    for path in ("/generate?seed=1", "/models/tiny/preview.png", "/health/live", "/models"):
        head, get = await client.head(path), await client.get(path)
        assert head.status_code == 200
        assert head.headers["content-type"] == get.headers["content-type"]
        assert head.headers["content-length"] == get.headers["content-length"]


def test_a_real_server_takes_plain_curl_and_keeps_the_promise_of_seeds(http: httpx.Client) -> None:
    labels = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5]
    body = json.dumps({"n": 16, "labels": labels, "seed": 7, "format": "png"})
    # What `curl -d` says of its body.
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = http.post("/generate", content=body, headers=form)
    assert answer.status_code == 200
    assert of_png(answer.content).shape == (112, 112)
    one = http.get("/generate?seed=10&labels=3")
    assert np.array_equal(tiles(answer.content, 4)[3], of_png(one.content))
    refused(http.post("/generate", json={"n": 1000}), 422, "body.n")
