"""The Open Inference Protocol: metadata, health, repository index and statistics."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.service.api.pictures import digit, encoded
from tests.service.bundles import LATENT
from tests.service.queues import holding

pytestmark = pytest.mark.anyio


def refused(answer: httpx.Response, status: int, word: str) -> None:
    """The answer is an error of that status in the protocol's shape whose text says the word."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["error"]
    assert word in answer.json()["error"]


async def stats(client: httpx.AsyncClient, name: str = "tiny") -> dict[str, Any]:
    (found,) = (await client.get(f"/v2/models/{name}/stats")).json()["model_stats"]
    assert isinstance(found, dict)
    return found


async def test_the_server_says_what_it_speaks(client: httpx.AsyncClient) -> None:
    answer = (await client.get("/v2")).json()
    assert answer["name"] == "mnist-gan-service"
    assert "binary_tensor_data" in answer["extensions"]


@pytest.mark.parametrize("path", ["", "/models/tiny", "/models/tiny.encoder", "/models/tiny/versions/1"])
async def test_it_is_live_and_ready_until_it_drains(
    client: httpx.AsyncClient, app: FastAPI, path: str
) -> None:
    ready = f"/v2/health{path}/ready" if not path else f"/v2{path}/ready"
    assert (await client.get(ready)).status_code == 200
    app.state.draining = True
    refused(await client.get(ready), 503, "shutting down")
    assert (await client.get("/v2/health/live")).json() == {"live": True}


async def test_every_network_is_a_model_with_its_tensors(client: httpx.AsyncClient) -> None:
    generator = (await client.get("/v2/models/tiny_cond")).json()
    assert generator == {
        "name": "tiny_cond",
        "versions": ["1"],
        "platform": "onnxruntime_onnx",
        "inputs": [
            {"name": "z", "datatype": "FP32", "shape": [-1, LATENT]},
            {"name": "label", "datatype": "INT64", "shape": [-1]},
        ],
        "outputs": [{"name": "image", "datatype": "UINT8", "shape": [-1, 28, 28]}],
    }
    encoder = (await client.get("/v2/models/tiny.encoder")).json()
    assert encoder["inputs"] == [{"name": "image", "datatype": "UINT8", "shape": [-1, 28, 28]}]
    assert encoder["outputs"] == [{"name": "z", "datatype": "FP32", "shape": [-1, LATENT]}]


async def test_versions_are_those_that_have_the_network(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v2/models/tiny")).json()["versions"] == ["2", "1"]
    # Version 1 has no encoder.
    assert (await client.get("/v2/models/tiny.encoder")).json()["versions"] == ["2"]
    refused(await client.get("/v2/models/tiny.encoder/versions/1"), 404, "there are 2")
    assert (await client.get("/v2/models/tiny.encoder/versions/2")).status_code == 200


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("began", "there are tiny, tiny.discriminator"),
        ("tiny.critic", "no such model"),
        ("tiny.generator", "no such model"),
        ("tiny/versions/3", "there are 2, 1"),
        ("tiny/versions/x", "a number"),
        ("tiny/versions/" + "9" * 5000, "a number"),
        ("%00", "no such model"),
    ],
)
async def test_what_is_not_there_is_404(client: httpx.AsyncClient, path: str, word: str) -> None:
    refused(await client.get(f"/v2/models/{path}"), 404, word)
    refused(await client.get(f"/v2/models/{path}/ready"), 404, word)
    refused(await client.get(f"/v2/models/{path}/stats"), 404, word)


async def test_the_frameworks_own_errors_are_in_the_protocols_shape(client: httpx.AsyncClient) -> None:
    refused(await client.get("/v2/systemsharedmemory/status"), 404, "no such path")
    refused(await client.get("/v2/models/tiny/infer"), 405, "POST")


async def test_the_configuration_has_the_same_tensors(client: httpx.AsyncClient) -> None:
    config = (await client.get("/v2/models/tiny_cond/config")).json()
    assert config["max_batch_size"] == 0
    assert config["input"][0] == {"name": "z", "data_type": "TYPE_FP32", "dims": [-1, LATENT]}
    assert config["output"] == [{"name": "image", "data_type": "TYPE_UINT8", "dims": [-1, 28, 28]}]


async def test_requests_inferences_and_executions_are_counted_apart(client: httpx.AsyncClient) -> None:
    assert (await stats(client))["last_inference"] == 0
    for n in (3, 1, 1):
        await client.post("/generate", json={"model": "tiny", "n": n})
    found = await stats(client)
    assert (found["name"], found["version"]) == ("tiny", "2")
    assert (found["inference_count"], found["execution_count"]) == (5, 3)
    assert found["inference_stats"]["success"]["count"] == 3
    assert found["inference_stats"]["queue"]["count"] == 3
    assert found["inference_stats"]["compute_infer"]["count"] == 3
    assert found["inference_stats"]["success"]["ns"] >= found["inference_stats"]["compute_infer"]["ns"] > 0
    assert found["last_inference"] > 1.7e12
    sizes = {batch["batch_size"]: batch["compute_infer"]["count"] for batch in found["batch_stats"]}
    assert sizes == {1: 2, 3: 1}
    assert (await stats(client, "tiny/versions/1"))["execution_count"] == 0


async def test_what_the_queue_refuses_counts_as_failed(client: httpx.AsyncClient, app: FastAPI) -> None:
    model = app.state.registry.get("tiny")
    z = {"name": "z", "datatype": "FP32", "shape": [1, LATENT], "data": [0.0] * LATENT}
    seed = {"name": "seed", "datatype": "INT64", "shape": [1], "data": [1]}
    with holding(model.generator), holding(model.discriminator):
        for one in (z, seed):
            answer = await client.post("/v2/models/tiny/infer", json={"inputs": [one]})
            refused(answer, 503, "are waiting")
            assert answer.headers["retry-after"] == "1"
        assert (await client.post("/generate", json={"model": "tiny"})).status_code == 503
        assert (await client.post("/score?model=tiny", content=encoded(digit()))).status_code == 503
    assert (await stats(client))["inference_stats"]["fail"]["count"] == 3
    assert (await stats(client, "tiny.discriminator"))["inference_stats"]["fail"]["count"] == 1


async def test_statistics_of_all_are_those_of_each(client: httpx.AsyncClient) -> None:
    whole = (await client.get("/v2/models/stats")).json()["model_stats"]
    assert len(whole) == len((await client.post("/v2/repository/index")).json())
    assert await stats(client) in whole
