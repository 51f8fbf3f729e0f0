"""The drills of `python -m benchmarks faults`, in short, on tiny models."""

import pytest

from tests.service.conftest import anyio_backend, models_dir

__all__ = ["anyio_backend", "models_dir"]


@pytest.fixture(autouse=True)
def default_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the servers that the drills start serve by default."""
    monkeypatch.setenv("DEFAULT_MODEL", "tiny_cond")
