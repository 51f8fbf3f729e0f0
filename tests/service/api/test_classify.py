"""POST /classify: probabilities of the digits, by a model's classifier."""

import base64
from pathlib import Path

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from service.api.classify import softmax
from service.schemas import ClassifyResponse
from tests.service.api.pictures import digit, encoded, refused
from tests.service.bundles import run

pytestmark = pytest.mark.anyio


@given(hnp.arrays(np.float32, (3, 10), elements=st.floats(-1e4, 1e4, width=32)))
def test_probabilities_sum_to_one_and_keep_the_order(logits: NDArray[np.float32]) -> None:
    probabilities = softmax(logits)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    best = np.take_along_axis(probabilities, logits.argmax(axis=1)[:, None], axis=1)
    assert (best == probabilities.max(axis=1, keepdims=True)).all()


async def test_a_form_and_json_name_the_digit(client: httpx.AsyncClient, models_dir: Path) -> None:
    data = [encoded(digit(i)) for i in range(3)]
    files = [("files", (f"{i}.png", one)) for i, one in enumerate(data)]
    form = ClassifyResponse.model_validate_json(
        (await client.post("/classify", files=files, data={"model": "tiny"})).content
    )
    body = {"model": "tiny", "images": [base64.b64encode(one).decode() for one in data]}
    text = ClassifyResponse.model_validate_json((await client.post("/classify", json=body)).content)
    assert (form.model, form.version) == ("tiny", 2)
    assert [one.file for one in form.classifications] == ["0.png", "1.png", "2.png"]
    classifier = (models_dir / "tiny" / "2" / "classifier.onnx").read_bytes()
    logits = run(classifier, "image", np.stack([digit(i) for i in range(3)]), None)
    for answer in (form, text):
        np.testing.assert_allclose([one.probabilities for one in answer.classifications], softmax(logits))
        assert [one.label for one in answer.classifications] == logits.argmax(axis=1).tolist()


async def test_pictures_are_prepared_as_for_the_score(client: httpx.AsyncClient) -> None:
    large = encoded(digit().repeat(10, 0).repeat(10, 1))
    classified = await client.post("/classify?model=tiny", content=large)
    scored = await client.post("/score?model=tiny", content=large)
    (one,), (other,) = classified.json()["classifications"], scored.json()["scores"]
    assert one["preprocessing"] == other["preprocessing"] != []


async def test_a_model_without_a_classifier_names_those_with_one(client: httpx.AsyncClient) -> None:
    answer = await client.post("/classify", content=encoded(digit()))
    assert refused(answer, 422, "has no classifier: set `model` to one of tiny")["code"] == "no-classifier"


async def test_what_belongs_to_other_endpoints_is_refused(client: httpx.AsyncClient) -> None:
    refused(await client.post("/classify?model=tiny&label=3", content=encoded(digit())), 422, "label")
    refused(await client.post("/classify?model=tiny", content=b"text"), 422, "no image")
