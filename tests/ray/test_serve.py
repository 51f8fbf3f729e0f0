"""The service under `serve run`: the native bytes and refusals, and as many replicas as there is work for."""

import threading
import time
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests import same_bytes
from tests.ray.conftest import ROOT, START_S, Cluster
from tests.same_bytes import PIXELS, ROWS
from tests.service.api.pictures import refused

pytest.importorskip("ray", reason="make test-ray")

REPLICAS = """
import ray
from ray import serve

ray.init("auto", log_to_driver=False, logging_level="error")
(deployment,) = serve.status().applications["default"].deployments.values()
print(deployment.replica_states["RUNNING"])
"""


@pytest.mark.parametrize("way", PIXELS)
def test_the_same_pixels(cluster: Cluster, native: str, way: str, tmp_path: Path) -> None:
    np.testing.assert_array_equal(PIXELS[way](cluster.url, tmp_path), same_bytes.native(native))


@pytest.mark.parametrize("way", ROWS)
def test_the_same_file(cluster: Cluster, native: str, way: str, tmp_path: Path) -> None:
    assert ROWS[way](cluster.url, tmp_path) == same_bytes.native_row(native)


def test_a_refusal_is_the_service_s(cluster: Cluster) -> None:
    answer = httpx.post(f"{cluster.url}/generate", json={"labels": 70})
    refused(answer, 422, "less than or equal to 9")


def test_work_that_waits_starts_a_replica(cluster: Cluster) -> None:
    assert cluster.run("-c", REPLICAS) == "1\n"
    done = threading.Event()

    def ask() -> None:
        with httpx.Client(timeout=60) as client:
            while not done.is_set():
                client.post(f"{cluster.url}/generate", json={"n": 256, "format": "npy"})

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for asker in askers:
        asker.start()
    try:
        until = time.monotonic() + START_S
        while cluster.run("-c", REPLICAS) != "2\n":
            assert time.monotonic() < until, "no second replica came"
            time.sleep(2)
    finally:
        done.set()
        for asker in askers:
            asker.join()


def test_the_replicas_queue_is_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    from service.ray_app import Arguments, app

    monkeypatch.setenv("QUEUE_IMAGES", "500")
    deployment = app(Arguments(max_replicas=3, target=7, cpus=2))._bound_deployment
    assert deployment.max_ongoing_requests == deployment.max_queued_requests == 500
    assert deployment.ray_actor_options["num_cpus"] == 2
    scaling = deployment._deployment_config.autoscaling_config
    assert (scaling.min_replicas, scaling.max_replicas) == (1, 3)
    assert scaling.target_ongoing_requests == 7


def test_what_is_sent_to_the_cluster(tmp_path: Path) -> None:
    """`.rayignore` lets the service and the models through, in Ray's own reading of it."""
    from ray._private.runtime_env.packaging import _get_ignore_file

    ignored = _get_ignore_file(ROOT, ".rayignore")
    sent = [".", "service", "service/api/generate.py", "models", "models/cgan/5/manifest.json"]
    assert [path for path in sent if ignored(ROOT / path)] == []
    kept = ["tests", "tests/ray", "runs", "training/recipes/gan.py", "README.md"]
    assert [path for path in kept if not ignored(ROOT / path)] == []
