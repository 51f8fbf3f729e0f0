"""One network in onnxruntime."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from service.engine.session import CPU, CUDA, Port, ProviderError, Session
from tests.service import bundles

Z = np.random.RandomState(1).standard_normal((64, bundles.LATENT)).astype(np.float32)


@pytest.fixture(scope="module")
def data() -> bytes:
    return bytes(bundles.generator(np.random.RandomState(0), False).SerializeToString())


def test_inputs_and_outputs_are_described(data: bytes) -> None:
    session = Session(data, "cpu")
    assert session.inputs == {"z": Port("float32", (None, bundles.LATENT))}
    assert session.outputs == {"image": Port("uint8", (None, 28, 28))}
    assert session.provider == "cpu"


def test_runs_from_several_threads_agree(data: bytes) -> None:
    session = Session(data, "cpu")
    alone = session.run({"z": Z})
    with ThreadPoolExecutor(4) as executor:
        for images in executor.map(lambda _: session.run({"z": Z}), range(50)):
            assert np.array_equal(images, alone)


def test_auto_without_cuda_is_the_processor(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(ort, "get_available_providers", lambda: [CPU])
    assert Session(data, "auto").provider == "cpu"


def test_cuda_that_is_not_installed_is_refused(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(ort, "get_available_providers", lambda: [CPU])
    with pytest.raises(ProviderError, match=r"onnxruntime-gpu.*PROVIDER=cpu"):
        Session(data, "cuda")


class _Fallback:
    """onnxruntime on a machine without a driver: it offers CUDA, and then quietly runs on the processor."""

    def __init__(self, real: type[ort.InferenceSession]) -> None:
        self.real = real
        self.asked: list[str] = []

    def __call__(self, data: bytes, options: ort.SessionOptions, providers: list[object]) -> object:
        self.asked = [item[0] if isinstance(item, tuple) else str(item) for item in providers]
        return self.real(data, options, providers=[CPU])


@pytest.fixture
def fallback(monkeypatch: pytest.MonkeyPatch) -> _Fallback:
    fallback = _Fallback(ort.InferenceSession)
    monkeypatch.setattr(ort, "get_available_providers", lambda: [CUDA, CPU])
    monkeypatch.setattr(ort, "preload_dlls", lambda: None)
    monkeypatch.setattr(ort, "InferenceSession", fallback)
    return fallback


def test_cuda_that_does_not_initialise_is_refused(fallback: _Fallback, data: bytes) -> None:
    with pytest.raises(ProviderError, match="did not initialise"):
        Session(data, "cuda")
    assert fallback.asked == [CUDA, CPU]


def test_auto_with_cuda_that_does_not_initialise_is_the_processor(fallback: _Fallback, data: bytes) -> None:
    assert Session(data, "auto").provider == "cpu"
    assert fallback.asked == [CPU]


@pytest.mark.parametrize("data", [b"", b"junk", b"\x08\x0a"])
def test_what_is_no_network_is_refused_with_the_reason(data: bytes) -> None:
    with pytest.raises(ValueError, match="onnxruntime refuses it"):
        Session(data, "cpu")


def test_external_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even in the working directory, where onnxruntime looks for them."""
    model = bundles.generator(np.random.RandomState(0), False)
    path = tmp_path / "x.onnx"
    onnx.save_model(model, str(path), save_as_external_data=True, location="w.bin", size_threshold=1024)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="another file"):
        Session(path.read_bytes(), "cpu")
