"""NVIDIA's `tritonclient[http]`, unmodified, against /v2."""

import io
import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.clients.conftest import ADMIN_KEY

triton = pytest.importorskip("tritonclient.http", reason="make test-clients")


@pytest.fixture
def client(address: str) -> Iterator[Any]:
    with triton.InferenceServerClient(address) as client:
        yield client


def native(address: str, **body: Any) -> Any:
    """Images [n, 28, 28] of /generate."""
    data = json.dumps({"format": "npy", **body}).encode()
    with urllib.request.urlopen(f"http://{address}/generate", data) as answer:
        return np.load(io.BytesIO(answer.read()))


def tensor(name: str, array: Any, *, binary: bool = True) -> Any:
    kind = {"float32": "FP32", "int64": "INT64", "uint8": "UINT8"}[array.dtype.name]
    given = triton.InferInput(name, list(array.shape), kind)
    given.set_data_from_numpy(array, binary_data=binary)
    return given


def z_of(seed: int, width: int = 64) -> Any:
    return np.random.RandomState(seed).standard_normal(width).astype(np.float32)[None]


def test_health_and_metadata(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("cgan")
    (version,) = client.get_model_metadata("cgan")["versions"]
    assert client.is_model_ready("cgan.discriminator", version)
    assert not client.is_model_ready("nothing")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    metadata = client.get_model_metadata("cgan")
    assert [one["name"] for one in metadata["inputs"]] == ["z", "label"]
    assert client.get_model_config("vae.encoder")["output"][0]["name"] == "z"
    assert {
        "name": "cgan",
        "version": version,
        "state": "READY",
        "reason": "",
    } in client.get_model_repository_index()


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False, None])
def test_infer_gives_the_pixels_of_generate(
    client: Any, address: str, binary_in: bool, binary_out: bool | None
) -> None:
    inputs = [tensor("z", z_of(7), binary=binary_in), tensor("label", np.array([3]), binary=binary_in)]
    outputs = None if binary_out is None else [triton.InferRequestedOutput("image", binary_data=binary_out)]
    answer = client.infer("cgan", inputs, outputs=outputs, request_id="mine")
    np.testing.assert_array_equal(answer.as_numpy("image"), native(address, seed=7, labels=3))
    assert answer.get_response()["id"] == "mine"


@pytest.mark.parametrize("request_algorithm", [None, "gzip", "deflate"])
@pytest.mark.parametrize("response_algorithm", [None, "gzip", "deflate"])
def test_compressed_both_ways(
    client: Any, address: str, request_algorithm: str | None, response_algorithm: str | None
) -> None:
    seeds = np.arange(5, 45)
    answer = client.infer(
        "cgan",
        [tensor("seed", seeds)],
        request_compression_algorithm=request_algorithm,
        response_compression_algorithm=response_algorithm,
    )
    np.testing.assert_array_equal(answer.as_numpy("image"), native(address, seed=5, n=40))


def test_networks_that_read_images(client: Any, address: str) -> None:
    images = native(address, seed=7, n=4, labels=[1, 2, 3, 4])
    labels = np.array([1, 2, 3, 4])
    (version,) = client.get_model_metadata("cgan.discriminator")["versions"]
    inputs = [tensor("image", images), tensor("label", labels)]
    score = client.infer("cgan.discriminator", inputs, model_version=version)
    assert score.as_numpy("score").shape == (4,)
    z = client.infer("vae.encoder", [tensor("image", images)]).as_numpy("z")
    assert z.shape == (4, 24)
    assert client.infer("vae", [tensor("z", z)]).as_numpy("image").shape == (4, 28, 28)


def test_asynchronous_requests(client: Any, address: str) -> None:
    pending = [client.async_infer("cgan", [tensor("seed", np.array([seed]))]) for seed in range(4)]
    images = np.concatenate([one.get_result().as_numpy("image") for one in pending])
    np.testing.assert_array_equal(images, native(address, seed=0, n=4))


def test_statistics(client: Any) -> None:
    def counts() -> tuple[int, int]:
        (found,) = client.get_inference_statistics("gan")["model_stats"]
        return found["inference_count"], found["execution_count"]

    before = counts()
    client.infer("gan", [tensor("seed", np.arange(8))])
    assert counts() == (before[0] + 8, before[1] + 1)
    assert len(client.get_inference_statistics()["model_stats"]) > 1


def test_loading_and_unloading_with_the_admin_key(client: Any) -> None:
    key = {"Authorization": f"Bearer {ADMIN_KEY}"}
    with pytest.raises(triton.InferenceServerException, match="key"):
        client.unload_model("gan")
    client.unload_model("gan", headers=key)
    assert not client.is_model_ready("gan")
    states = {one["name"]: one["state"] for one in client.get_model_repository_index()}
    assert states["gan"] == "UNAVAILABLE"
    client.load_model("gan", headers=key)
    assert client.is_model_ready("gan.discriminator")


def test_errors_are_the_clients_own_exception(client: Any) -> None:
    with pytest.raises(triton.InferenceServerException, match="there is no such model"):
        client.infer("nothing", [tensor("seed", np.array([1]))])
    with pytest.raises(triton.InferenceServerException, match="label is missing"):
        client.infer("cgan", [tensor("z", z_of(1))])
    with pytest.raises(triton.InferenceServerException, match="deadline"):
        client.infer("cgan", [tensor("seed", np.arange(256))], timeout=1)
