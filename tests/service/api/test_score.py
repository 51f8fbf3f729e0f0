import base64
import json
import math
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from PIL import Image

from service.app import create_app
from service.schemas import ScoreResponse
from service.settings import Settings
from tests.service.api.pictures import digit, encoded, of_json, refused
from tests.service.bundles import BUILD, replace_role, rewrite_manifest, run, write_bundle
from tests.service.conftest import administered
from tests.service.queues import holding

pytestmark = pytest.mark.anyio


async def raw(client: httpx.AsyncClient, content: bytes, query: str = "") -> httpx.Response:
    return await client.post(f"/score{query}", content=content, headers={"Content-Type": "image/png"})


def scores(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["scores"]
    return found


async def test_a_form_an_image_body_and_json_say_the_same(client: httpx.AsyncClient) -> None:
    picture = encoded(digit())
    (body,) = scores(await raw(client, picture))
    (form,) = scores(await client.post("/score", files={"files": ("a.png", picture)}))
    (text,) = scores(await client.post("/score", json={"images": [base64.b64encode(picture).decode()]}))
    assert form.pop("file") == "a.png"
    assert body.pop("file") is text.pop("file") is None
    assert body == form == text
    assert body["preprocessing"] == []


async def test_the_score_is_that_of_the_generated_image_itself(client: httpx.AsyncClient) -> None:
    made = await client.post("/generate", json={"seed": 4, "labels": 3, "return_scores": True})
    image = made.json()["images"][0]
    (score,) = scores(await raw(client, base64.b64decode(image["b64_json"]), "?label=3"))
    assert score["logit"] == pytest.approx(image["score"], abs=1e-5)
    assert score["label"] == 3


async def test_without_a_label_the_score_is_over_all_ten_and_names_the_likeliest(
    client: httpx.AsyncClient,
) -> None:
    picture = encoded(digit())
    (any_label,) = scores(await raw(client, picture))
    each = [scores(await raw(client, picture, f"?label={y}"))[0]["logit"] for y in range(10)]
    assert any_label["logit"] == pytest.approx(math.log(sum(map(math.exp, each))), abs=1e-4)
    assert any_label["likeliest_label"] == int(np.argmax(each))
    assert any_label["probability"] == pytest.approx(1 / (1 + math.exp(-any_label["logit"])))


async def test_several_pictures_without_a_label_score_as_each_alone(client: httpx.AsyncClient) -> None:
    pictures = [encoded(digit(seed)) for seed in range(3)]
    alone = [scores(await raw(client, picture))[0] for picture in pictures]
    files = [("files", (f"{i}.png", picture)) for i, picture in enumerate(pictures)]
    together = scores(await client.post("/score", files=files))
    assert [one["logit"] for one in together] == pytest.approx([one["logit"] for one in alone], abs=1e-5)
    assert [one["likeliest_label"] for one in together] == [one["likeliest_label"] for one in alone]
    assert len({one["logit"] for one in together}) == 3


async def test_the_threshold_for_a_given_label_is_its_own(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path, "tiny", conditional=True)
    score = json.loads((folder / "manifest.json").read_text())["score"]
    rewrite_manifest(folder, score=score | {"label_threshold": 0.75})
    async with administered(tmp_path) as client:
        (over_labels,) = scores(await raw(client, encoded(digit())))
        (given,) = scores(await raw(client, encoded(digit()), "?label=3"))
    assert (over_labels["threshold"], over_labels["label"]) == (0.25, None)
    assert (given["threshold"], given["label"], given["likeliest_label"]) == (0.75, 3, None)


async def test_a_conditional_models_discriminator_may_do_without_labels(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path, "tiny", conditional=True)
    graph = BUILD["discriminator"](np.random.RandomState(0), False)
    replace_role(folder, "discriminator", graph)
    golden = json.loads((folder / "manifest.json").read_text())["golden"]
    images = np.frombuffer(base64.b64decode(golden["generator"]["images"]), np.uint8).reshape(-1, 28, 28)
    values = run(graph.SerializeToString(), "image", images, None).reshape(-1, 1)
    golden["discriminator"] |= {"labels": None, "values": values.tolist()}
    rewrite_manifest(folder, golden=golden)
    async with administered(tmp_path) as client:
        for query in ("", "?label=3"):
            assert len(scores(await raw(client, encoded(digit()), query))) == 1
        made = await client.post("/generate", json={"seed": 4, "return_scores": True})
        assert made.status_code == 200, made.text


async def test_a_critic_has_no_probability(client: httpx.AsyncClient) -> None:
    (score,) = scores(await raw(client, encoded(digit()), "?model=tiny_critic"))
    assert score["probability"] is None
    assert score["likeliest_label"] is None


async def test_many_files_keep_their_order_and_may_have_a_label_each(client: httpx.AsyncClient) -> None:
    files = [("files", (f"{i}.png", encoded(digit(i)))) for i in range(3)]
    answer = await client.post("/score", files=files, data={"label": "1,2,3"})
    parsed = ScoreResponse.model_validate_json(answer.content)
    assert [score.file for score in parsed.scores] == ["0.png", "1.png", "2.png"]
    assert [score.label for score in parsed.scores] == [1, 2, 3]
    assert len({score.logit for score in parsed.scores}) == 3
    assert parsed.model == "tiny_cond"


async def test_a_data_url_is_taken_for_its_data(client: httpx.AsyncClient) -> None:
    text = "data:image/png;base64," + base64.b64encode(encoded(digit())).decode()
    assert scores(await client.post("/score", json={"images": [text]})) == scores(
        await raw(client, encoded(digit()))
    )


def sixteen_bits() -> bytes:
    return encoded(Image.fromarray(digit().astype(np.uint16) * 257))


def palette() -> bytes:
    return encoded(Image.fromarray(digit()).convert("P"))


def rgba() -> bytes:
    picture = Image.new("RGBA", (28, 28), (255, 255, 255, 0))
    picture.putalpha(Image.fromarray(digit()))
    return encoded(picture)


def cmyk() -> bytes:
    return encoded(Image.fromarray(digit()).convert("CMYK"), "JPEG", quality=100, subsampling=0)


def animated() -> bytes:
    return encoded(Image.fromarray(digit()), "GIF", save_all=True, append_images=[Image.fromarray(digit(9))])


def large() -> bytes:
    return encoded(digit().repeat(10, 0).repeat(10, 1))


@pytest.mark.parametrize(
    ("picture", "word"),
    [
        (sixteen_bits, "16 bits scaled to 8"),
        (palette, "palette to grey"),
        (rgba, "transparency over black"),
        (cmyk, "colour to grey"),
        (animated, "first frame"),
        (large, "fitted to"),
    ],
)
async def test_every_kind_of_picture_scores_and_says_what_was_done(
    client: httpx.AsyncClient, picture: Any, word: str
) -> None:
    (score,) = scores(await raw(client, picture(), "?label=1"))
    assert any(word in step for step in score["preprocessing"]), score["preprocessing"]


@pytest.mark.parametrize("picture", [sixteen_bits, palette, rgba, animated])
async def test_the_same_pixels_in_another_kind_of_file_score_the_same(
    client: httpx.AsyncClient, picture: Any
) -> None:
    (plain,) = scores(await raw(client, encoded(digit()), "?label=1"))
    (other,) = scores(await raw(client, picture(), "?label=1"))
    assert other["logit"] == pytest.approx(plain["logit"], abs=1e-5)


async def test_preprocessing_can_be_switched(client: httpx.AsyncClient) -> None:
    picture = encoded(255 - digit())
    (as_is,) = scores(await raw(client, picture, "?label=1"))
    (inverted,) = scores(await raw(client, picture, "?label=1&invert=true"))
    (plain,) = scores(await raw(client, encoded(digit()), "?label=1"))
    assert as_is["preprocessing"] == []
    assert inverted["logit"] == pytest.approx(plain["logit"], abs=1e-5)
    (fitted,) = scores(await raw(client, encoded(digit()), "?label=1&fit=true"))
    assert any("centred" in step for step in fitted["preprocessing"])
    (whole,) = scores(await raw(client, large(), "?label=1&fit=false&invert=false"))
    assert whole["logit"] == pytest.approx(plain["logit"], abs=1e-3)


@pytest.mark.parametrize(
    ("content", "status", "word"),
    [
        (b"", 422, "send a picture"),
        (b"To whom it may concern", 422, "no image"),
        (encoded(digit())[:60], 422, "cut short"),
        (b"\x89PNG\r\n\x1a\n" + b"\x00" * 100, 422, "picture 0"),
        (encoded(np.zeros((2100, 2000), np.uint8)), 413, "4,000,000 pixels"),
        (encoded(digit()) + b"\x00" * (1 << 20), 413, "1,048,576 bytes"),
        (b"\x00" * (5 << 20), 413, "body exceeds"),
    ],
)
async def test_what_is_no_acceptable_picture_is_refused(
    client: httpx.AsyncClient, content: bytes, status: int, word: str
) -> None:
    refused(await raw(client, content), status, word)


async def test_a_refusal_says_which_picture(client: httpx.AsyncClient) -> None:
    files = [("files", ("a.png", encoded(digit()))), ("files", ("b.txt", b"text"))]
    refused(await client.post("/score", files=files), 422, "picture 1")


async def test_a_form_gives_each_option_once(client: httpx.AsyncClient) -> None:
    files = {"files": ("a.png", encoded(digit()))}
    refused(
        await client.post("/score", files=files, data={"label": ["1", "2"]}), 422, "form.label: give it once"
    )


async def test_too_many_files_are_refused(client: httpx.AsyncClient) -> None:
    most = {"model": "tiny", "images": [base64.b64encode(encoded(digit())).decode()] * 64}
    assert len(scores(await client.post("/score", json=most))) == 64
    files = [("files", (f"{i}.png", encoded(digit()))) for i in range(65)]
    refused(await client.post("/score", files=files), 413, "more than 64")
    many = {"images": [base64.b64encode(encoded(digit())).decode()] * 65}
    refused(await client.post("/score", json=many), 413, "more than 64")


@pytest.mark.parametrize(
    ("query", "status", "word"),
    [
        ("?label=10", 422, "label"),
        ("?label=1,2", 422, "2 labels for 1"),
        ("?model=tiny&label=1", 422, "takes no label"),
        ("?model=tiny_bare", 422, "has no discriminator: set `model` to one of tiny, tiny_cond, tiny_critic"),
        ("?model=began", 404, "no such model"),
        ("?colour=red", 422, "colour"),
        ("?invert=perhaps", 422, "query.invert"),
        ("?lable=1", 422, "did you mean label?"),
        ("?label=1&label=2", 422, "give it once"),
    ],
)
async def test_a_wrong_option_is_named(client: httpx.AsyncClient, query: str, status: int, word: str) -> None:
    refused(await raw(client, encoded(digit()), query), status, word)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"images": []}, "body.images"),
        ({"images": ["not base64!"]}, "body.images.0"),
        ({"images": ["é"]}, "body.images.0"),
        ({"image": "AAAA"}, "body.image"),
        ({"images": ["AAAA"], "label": "1"}, "body.label"),
    ],
)
async def test_wrong_json_is_named(client: httpx.AsyncClient, body: dict[str, Any], word: str) -> None:
    refused(await client.post("/score", json=body), 422, word)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"--x\r\n", "multipart/form-data; boundary=x"),
        (b"anything", "multipart/form-data"),
        (b"--x\r\nContent-Disposition: form-data\r\n\r\n\r\n--x--\r\n", "multipart/form-data; boundary=x"),
        (
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
        ),
    ],
)
async def test_a_broken_form_is_refused(client: httpx.AsyncClient, content: bytes, kind: str) -> None:
    answer = await client.post("/score", content=content, headers={"Content-Type": kind})
    refused(answer, 422, "")


async def test_auto_is_the_same_as_saying_nothing(client: httpx.AsyncClient) -> None:
    drawing = encoded(np.kron(255 - digit(), np.ones((4, 4), np.uint8)))
    plain, said = await raw(client, drawing), await raw(client, drawing, "?fit=auto&invert=auto")
    assert scores(plain) == scores(said)
    body = {"images": [base64.b64encode(drawing).decode()], "fit": "auto", "invert": "auto"}
    assert scores(await client.post("/score", json=body))[0]["logit"] == scores(plain)[0]["logit"]


async def test_decoding_ends_at_the_deadline(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"deadline_s": 1e-6}))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://service") as client,
    ):
        large = encoded(np.kron(digit(), np.ones((4, 4), np.uint8)))
        refused(await client.post("/score", files=[("files", ("a.png", large))]), 504, "picture 0")


async def test_a_full_queue_is_told_before_anything_is_decoded(
    client: httpx.AsyncClient, app: FastAPI
) -> None:
    discriminator = app.state.registry.get().discriminator
    with holding(discriminator, discriminator.backlog.bounds.images - 9):
        answer = await raw(client, b"not even an image")
        assert "retry-after" in answer.headers
        refused(answer, 503, "are waiting")


async def test_an_option_is_said_once(client: httpx.AsyncClient) -> None:
    files = {"files": ("a.png", encoded(digit()))}
    refused(await client.post("/score?label=1", files=files, data={"label": "2"}), 422, "not in both")


def test_a_real_server_scores_uploads_and_refuses_text(http: httpx.Client) -> None:
    image = of_json(http.post("/generate", json={"seed": 1, "labels": 7}))[0]
    answer = http.post("/score", files={"files": ("seven.png", encoded(image))})
    assert scores(answer)[0]["file"] == "seven.png"
    refused(http.post("/score", files={"files": ("notes.txt", b"hello")}), 422, "no image")
