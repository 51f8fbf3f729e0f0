"""KServe's REST client, unmodified, against /v2."""

import asyncio
import io
import urllib.request
from typing import Any

import numpy as np
import pytest

httpx = pytest.importorskip("httpx", reason="make test-clients")
kserve = pytest.importorskip("kserve", reason="make test-clients")


def ask(address: str, call: str, *arguments: Any) -> Any:
    """What this method of the client gives."""

    async def asked() -> Any:
        async with kserve.InferenceRESTClient(kserve.RESTConfig(protocol="v2")) as client:
            return await getattr(client, call)(f"http://{address}", *arguments)

    return asyncio.run(asked())


def test_health(address: str) -> None:
    assert ask(address, "is_server_live") is True
    assert ask(address, "is_server_ready") is True
    assert ask(address, "is_model_ready", "vae.encoder") is True
    assert ask(address, "is_model_ready", "nothing") is False


@pytest.mark.parametrize("binary", [True, False])
def test_infer_gives_the_pixels_of_generate(address: str, binary: bool) -> None:
    seed = kserve.InferInput("seed", [2], "INT64")
    seed.set_data_from_numpy(np.array([7, 8]), binary_data=binary)
    image = kserve.protocol.infer_type.RequestedOutput("image", {"binary_data": binary})
    request = kserve.InferRequest("cgan", [seed], request_outputs=[image], request_id="mine")
    answer = ask(address, "infer", request, "cgan")
    with urllib.request.urlopen(f"http://{address}/generate?n=2&seed=7&format=npy") as native:
        wanted = np.load(io.BytesIO(native.read()))
    np.testing.assert_array_equal(answer.outputs[0].as_numpy(), wanted)
    assert answer.id == "mine"


def test_a_refusal_is_the_clients_own_error(address: str) -> None:
    seed = kserve.InferInput("seed", [1], "INT64", [1])
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        ask(address, "infer", kserve.InferRequest("nothing", [seed]), "nothing")
