"""The Open Inference Protocol's infer: the same pixels as the native API, and every refusal named."""

import gzip
import json
import math
import time
import zlib
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from service.engine.batcher import Batcher
from service.engine.session import Array
from service.errors import ServiceError
from service.settings import MIB
from tests.service.api.pictures import Images, of_json, of_npy
from tests.service.api.test_v2 import refused
from tests.service.bundles import LATENT, run

pytestmark = pytest.mark.anyio

TYPES: dict[str, Any] = {"FP32": np.float32, "INT64": np.int64, "UINT8": np.uint8}
NAMES = {"float32": "FP32", "int64": "INT64", "uint8": "UINT8"}


def given(name: str, array: Array, *, raw: bool = False) -> dict[str, Any]:
    described = {"name": name, "shape": list(array.shape), "datatype": NAMES[array.dtype.name]}
    if raw:
        return described | {"parameters": {"binary_data_size": array.nbytes}}
    return described | {"data": array.ravel().tolist()}


def output(answer: httpx.Response) -> Array:
    """The one output, from JSON or raw."""
    assert answer.status_code == 200, answer.text
    length = answer.headers.get("inference-header-content-length")
    text = answer.content if length is None else answer.content[: int(length)]
    (found,) = json.loads(text)["outputs"]
    dtype = TYPES[found["datatype"]]
    data = (
        np.array(found["data"], dtype)
        if length is None
        else np.frombuffer(answer.content[int(length) :], dtype)
    )
    return np.asarray(data).reshape(found["shape"])


def z_of(seeds: range) -> Array:
    return np.stack([np.random.RandomState(seed).standard_normal(LATENT) for seed in seeds]).astype(
        np.float32
    )


Z = given("z", z_of(range(7, 9)))
LABEL = given("label", np.array([3, 4]))


async def infer(
    client: httpx.AsyncClient, *inputs: dict[str, Any], model: str = "tiny", **more: Any
) -> httpx.Response:
    return await client.post(f"/v2/models/{model}/infer", json={"inputs": inputs, **more})


async def native(client: httpx.AsyncClient, **body: Any) -> Images:
    return of_npy((await client.post("/generate", json={"format": "npy", **body})).content)


async def test_a_seeds_latents_give_the_image_of_generate(client: httpx.AsyncClient) -> None:
    answer = await infer(client, Z, LABEL, model="tiny_cond", id="mine")
    wanted = await native(client, seed=7, n=2, labels=[3, 4])
    np.testing.assert_array_equal(output(answer), wanted)
    assert answer.json() | {"outputs": []} == {
        "model_name": "tiny_cond",
        "model_version": "1",
        "id": "mine",
        "outputs": [],
    }


@pytest.mark.parametrize("model", ["tiny", "tiny_cond", "tiny_critic"])
async def test_seeds_may_be_given_in_place_of_latents(client: httpx.AsyncClient, model: str) -> None:
    answer = await infer(client, given("seed", np.array([2**32 - 1, 0, 1])), model=model)
    np.testing.assert_array_equal(output(answer), await native(client, model=model, seed=2**32 - 1, n=3))


async def test_raw_tensors_both_ways_give_the_same(client: httpx.AsyncClient) -> None:
    z = z_of(range(7, 9))
    for raw in (
        {"parameters": {"binary_data_output": True}},
        {"outputs": [{"name": "image", "parameters": {"binary_data": True}}]},
    ):
        text = json.dumps({"inputs": [given("z", z, raw=True)], **raw}).encode()
        headers = {"Inference-Header-Content-Length": str(len(text))}
        answer = await client.post("/v2/models/tiny/infer", content=text + z.tobytes(), headers=headers)
        assert answer.headers["content-type"] == "application/octet-stream"
        np.testing.assert_array_equal(output(answer), await native(client, model="tiny", seed=7, n=2))


async def test_what_an_output_says_of_itself_goes_before_the_default(client: httpx.AsyncClient) -> None:
    said = [{"name": "image", "parameters": {"binary_data": False}}]
    answer = await infer(client, Z, parameters={"binary_data_output": True}, outputs=said)
    assert answer.headers["content-type"] == "application/json"
    assert output(answer).shape == (2, 28, 28)


@pytest.mark.parametrize("role", ["discriminator", "encoder", "classifier"])
async def test_the_networks_that_read_images(client: httpx.AsyncClient, models_dir: Path, role: str) -> None:
    images = await native(client, model="tiny", seed=1, n=3)
    answer = await infer(client, given("image", images), model=f"tiny.{role}")
    network = (models_dir / "tiny" / "2" / f"{role}.onnx").read_bytes()
    np.testing.assert_array_equal(output(answer), run(network, "image", images, None))


async def test_an_older_version_may_be_asked(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v2/models/tiny/versions/1/infer", json={"inputs": [Z]})
    np.testing.assert_array_equal(output(answer), await native(client, model="tiny", version=1, seed=7, n=2))
    assert answer.json()["model_version"] == "1"


@pytest.mark.parametrize(("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_bodies_may_be_compressed_both_ways(
    client: httpx.AsyncClient, encoding: str, compress: Any
) -> None:
    body = compress(json.dumps({"inputs": [Z]}).encode())
    headers = {"Content-Encoding": encoding, "Accept-Encoding": encoding}
    answer = await client.post("/v2/models/tiny/infer", content=body, headers=headers)
    assert answer.headers["content-encoding"] == encoding
    assert answer.headers["vary"] == "Accept-Encoding"
    np.testing.assert_array_equal(output(answer), await native(client, model="tiny", seed=7, n=2))


@pytest.mark.parametrize("accepted", ["", "identity", "br", "gzip;q=0, br", "gzip; q=0.00"])
async def test_an_answer_is_not_compressed_for_who_does_not_ask(
    client: httpx.AsyncClient, accepted: str
) -> None:
    answer = await client.post(
        "/v2/models/tiny/infer", json={"inputs": [Z]}, headers={"Accept-Encoding": accepted}
    )
    assert "content-encoding" not in answer.headers
    assert output(answer).shape == (2, 28, 28)


async def test_the_header_counts_json_before_compression(client: httpx.AsyncClient) -> None:
    z = z_of(range(40))
    text = json.dumps(
        {"inputs": [given("z", z, raw=True)], "parameters": {"binary_data_output": True}}
    ).encode()
    headers = {
        "Inference-Header-Content-Length": str(len(text)),
        "Content-Encoding": "gzip",
        "Accept-Encoding": "deflate;q=0.5, br",
    }
    answer = await client.post(
        "/v2/models/tiny/infer", content=gzip.compress(text + z.tobytes()), headers=headers
    )
    assert answer.headers["content-encoding"] == "deflate"
    assert output(answer).shape == (40, 28, 28)


@pytest.mark.parametrize(
    ("body", "encoding", "status", "word"),
    [
        (b"text", "gzip", 400, "is not gzip"),
        (gzip.compress(b"{}")[:-1], "gzip", 400, "cut short"),
        (gzip.compress(b"{}") + b"x", "gzip", 400, "goes on after"),
        (b"{}", "br", 400, "as gzip, as deflate"),
        (gzip.compress(b" " * (5 * MIB)), "gzip", 413, "4,194,304 bytes"),
        (zlib.compress(b" " * (2 * MIB)), "deflate", 413, "the JSON exceeds 1,048,576 bytes"),
    ],
)
async def test_a_compressed_body_is_bounded_and_whole(
    client: httpx.AsyncClient, body: bytes, encoding: str, status: int, word: str
) -> None:
    headers = {"Content-Encoding": encoding}
    refused(await client.post("/v2/models/tiny/infer", content=body, headers=headers), status, word)


@pytest.mark.parametrize(
    ("model", "inputs", "word"),
    [
        ("tiny", [LABEL, Z], "tiny has no 'label', but z"),
        ("tiny", [LABEL], "tiny has no 'label', but z"),
        ("tiny_cond", [Z], "label is missing, INT64 [-1]"),
        ("tiny_cond", [LABEL], "z is missing, FP32 [-1, 4]"),
        ("tiny_cond", [Z, given("label", np.array([3]))], "same number of rows"),
        ("tiny_cond", [Z, given("label", np.array([3, 10]))], "input label: goes from 0 to 9"),
        ("tiny_cond", [Z, given("label", np.array([-1, 3]))], "input label: goes from 0 to 9"),
        (
            "tiny",
            [given("z", np.zeros((2, 5), np.float32))],
            "must be FP32 [-1, 4], -1 for any number, not FP32 [2, 5]",
        ),
        ("tiny", [given("z", np.zeros(4, np.float32))], "not FP32 [4]"),
        ("tiny", [given("z", np.zeros((0, 4), np.float32))], "1 to 256"),
        ("tiny", [given("z", np.zeros((257, 4), np.float32))], "1 to 256"),
        ("tiny", [given("z", np.full((1, 4), 101, np.float32))], "beyond 100"),
        ("tiny", [given("seed", np.array([2**32]))], "input seed: goes from 0 to 4294967295"),
        ("tiny", [given("seed", np.array([1])), Z], "tiny has no 'z', but seed"),
        ("tiny.encoder", [given("seed", np.array([1]))], "tiny.encoder has no 'seed', but image"),
        ("tiny.encoder", [given("image", np.zeros((1, 28, 28), np.float32))], "must be UINT8"),
    ],
)
async def test_a_wrong_input_is_refused_with_the_fix(
    client: httpx.AsyncClient, model: str, inputs: list[dict[str, Any]], word: str
) -> None:
    refused(await infer(client, *inputs, model=model), 400, word)


@pytest.mark.parametrize("shape", [[0, 2**31 - 1, 2**31 - 1], [2**31 - 1] * 8])
@pytest.mark.parametrize("more", [{"data": []}, {"parameters": {"binary_data_size": 0}}])
async def test_a_shape_that_overflows_is_refused(
    client: httpx.AsyncClient, shape: list[int], more: dict[str, Any]
) -> None:
    z = {"name": "z", "datatype": "FP32", "shape": shape, **more}
    refused(await infer(client, z, model="tiny"), 400, "input z: its shape has more than 1,024 numbers")


@pytest.mark.parametrize("value", [math.nan, math.inf])
async def test_a_latent_that_is_no_number_is_refused_raw_and_as_json(
    client: httpx.AsyncClient, value: float
) -> None:
    z = np.full((1, LATENT), value, np.float32)
    for raw in (True, False):
        text = json.dumps({"inputs": [given("z", z, raw=raw)]}).encode()
        headers = {"Inference-Header-Content-Length": str(len(text))}
        body = text + (z.tobytes() if raw else b"")
        refused(await client.post("/v2/models/tiny/infer", content=body, headers=headers), 400, "beyond 100")


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"outputs": [{"name": "score"}]}, "the only output is image"),
        ({"outputs": []}, "the only output is image"),
        ({"outputs": [{"name": "image"}] * 2}, "the only output is image"),
        ({"outputs": [{"name": "image", "parameters": {"classification": 3}}]}, "classification"),
        ({"parameters": {"sequence_id": 1}}, "sequence_id"),
        ({"parameters": {"timeout": 0}}, "timeout"),
        ({"imputs": []}, "did you mean inputs?"),
    ],
)
async def test_what_is_not_offered_is_refused(
    client: httpx.AsyncClient, more: dict[str, Any], word: str
) -> None:
    refused(await infer(client, Z, **more), 400, word)


@pytest.mark.parametrize(
    ("timeout_us", "expected_s"), [(20_000, 0.02), (3_000_000, 3), (20_000_000, 10), (None, 10)]
)
async def test_a_timeout_shortens_the_deadline(
    client: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    timeout_us: int | None,
    expected_s: float,
) -> None:
    """Timeouts are in microseconds; one beyond the service's own deadline, 10 seconds, changes nothing."""
    left_s = []

    async def submit(batcher: Batcher, feeds: object, until: float) -> Array:
        left_s.append(until - time.monotonic())
        raise ServiceError(504, "deadline", "the deadline passed")

    monkeypatch.setattr(Batcher, "submit", submit)
    parameters = {} if timeout_us is None else {"timeout": timeout_us}
    refused(await infer(client, Z, parameters=parameters), 504, "deadline")
    # A busy machine may take a while between both readings of the clock.
    assert expected_s - 2.5 < left_s[0] <= expected_s


def test_a_real_server_infers(http: httpx.Client) -> None:
    wanted = of_json(http.post("/generate", json={"model": "tiny", "seed": 7, "n": 2}))
    np.testing.assert_array_equal(output(http.post("/v2/models/tiny/infer", json={"inputs": [Z]})), wanted)
    refused(http.post("/v2/models/tiny/infer", content=b"\x00" * (5 * MIB)), 413, "4,194,304")
