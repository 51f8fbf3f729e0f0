"""deploy/kubernetes.yaml is what the published schemas allow, and agrees with the service's settings."""

from pathlib import Path
from typing import Any

import httpx
import kubernetes_validate
import pytest
import yaml

from service.settings import Settings

MANIFEST = Path(__file__).parents[2] / "deploy/kubernetes.yaml"
OBJECTS: dict[str, Any] = {one["kind"]: one for one in yaml.safe_load_all(MANIFEST.read_text())}
NEWEST = kubernetes_validate.latest_version()


def container() -> Any:
    (found,) = OBJECTS["Deployment"]["spec"]["template"]["spec"]["containers"]
    return found


@pytest.mark.parametrize("kind", ["Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler"])
def test_an_object_is_valid_to_the_last_field(kind: str) -> None:
    kubernetes_validate.validate(OBJECTS[kind], NEWEST, strict=True)


def test_a_pod_has_time_to_drain() -> None:
    delay = {one["name"]: one["value"] for one in container()["env"]}["DRAIN_DELAY_S"]
    drain = float(delay) + Settings.model_fields["drain_timeout_s"].default
    assert OBJECTS["Deployment"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > drain


def test_a_pod_is_hardened_as_a_compose_service_is() -> None:
    pod = OBJECTS["Deployment"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert [mount["mountPath"] for mount in container()["volumeMounts"]] == ["/tmp"]


def test_a_probe_asks_for_what_it_is_about() -> None:
    names = ("startup", "readiness", "liveness")
    paths = {name: container()[f"{name}Probe"]["httpGet"]["path"] for name in names}
    assert paths == {"startup": "/health/ready", "readiness": "/health/ready", "liveness": "/health/live"}


def test_selectors_find_the_pods() -> None:
    labels = OBJECTS["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert OBJECTS["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert OBJECTS["Service"]["spec"]["selector"] == labels
    assert OBJECTS["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert OBJECTS["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] == "mnist-gan-service"


async def test_the_autoscaler_watches_a_metric_that_there_is(client: httpx.AsyncClient) -> None:
    (metric,) = OBJECTS["HorizontalPodAutoscaler"]["spec"]["metrics"]
    name = metric["pods"]["metric"]["name"]
    assert f"# TYPE {name} gauge" in (await client.get("/metrics")).text
    target = int(metric["pods"]["target"]["averageValue"])
    assert target < Settings.model_fields["queue_images"].default


def test_kserve_runs_the_same_container() -> None:
    (custom,) = OBJECTS["InferenceService"]["spec"]["predictor"]["containers"]
    assert OBJECTS["InferenceService"]["apiVersion"] == "serving.kserve.io/v1beta1"
    assert (custom["image"], custom["resources"]) == (container()["image"], container()["resources"])
