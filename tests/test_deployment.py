"""What ships beside the code says what it should: locks, container files, make targets, settings' page."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from service import __version__
from service.settings import Settings
from tests import settings_table

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
# Each lock with the extras of pyproject.toml that it resolves.
LOCKS = {
    "service": ("cpu",),
    "service-cuda": ("cuda",),
    "dev": ("cpu", "client", "training", "test"),
}


def lock(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.lock").read_text()


def pins(name: str) -> dict[str, Version]:
    """Package to version."""
    found = re.findall(r"^([a-z0-9][a-z0-9._-]*)==([^\s;\\]+)", lock(name), re.MULTILINE)
    return {canonicalize_name(package): Version(version) for package, version in found}


def stage(name: str) -> list[str]:
    """The Dockerfile's instructions from `FROM ... AS name` up to the next FROM, continued lines joined."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", " ")
    stages = re.split(r"^(?=FROM )", text, flags=re.MULTILINE)
    (wanted,) = [each for each in stages if re.match(rf"FROM \S+ AS {name}\n", each)]
    return [line for line in wanted.splitlines() if line]


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_what_pyproject_asks_for(name: str) -> None:
    extras = [PROJECT["optional-dependencies"][extra] for extra in LOCKS[name]]
    pinned = pins(name)
    for text in sum(extras, PROJECT["dependencies"]):
        wanted = Requirement(text)
        assert pinned[canonicalize_name(wanted.name)] in wanted.specifier, f"{text}: run make lock"


@pytest.mark.parametrize("name", ["service", "service-cuda", "hostile"])
def test_every_package_of_such_a_lock_has_hashes(name: str) -> None:
    for entry in re.split(r"^(?=[a-z0-9])", lock(name), flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in entry, entry


@pytest.mark.parametrize("name", ["service", "service-cuda"])
def test_the_service_needs_nothing_of_training(name: str) -> None:
    training = {
        canonicalize_name(Requirement(text).name) for text in PROJECT["optional-dependencies"]["training"]
    }
    assert not training & set(pins(name))


def test_exactly_one_onnxruntime_per_environment() -> None:
    held = {name: {package for package in pins(name) if package.startswith("onnxruntime")} for name in LOCKS}
    assert held == {"service": {"onnxruntime"}, "service-cuda": {"onnxruntime-gpu"}, "dev": {"onnxruntime"}}


def test_locks_agree_on_every_package_they_share() -> None:
    service, cuda, dev = (pins(name) for name in LOCKS)
    assert service.items() <= dev.items()
    assert {package: service[package] for package in service.keys() & cuda.keys()}.items() <= cuda.items()
    assert cuda["onnxruntime-gpu"] == service["onnxruntime"], "the self-tests were written by that version"


@pytest.mark.parametrize("name", [*LOCKS, "hostile"])
def test_a_lock_names_no_host(name: str) -> None:
    assert "://" not in lock(name)
    assert "index-url" not in lock(name)


@pytest.mark.parametrize(
    ("stage_name", "lock_name"), [("packages", "service"), ("packages-cuda", "service-cuda")]
)
def test_an_image_installs_its_lock_and_nothing_else(stage_name: str, lock_name: str) -> None:
    installs = [line for line in stage(stage_name) if "pip" in line]
    assert len(installs) == 1
    assert installs[0].endswith(f"install --no-cache-dir --require-hashes -r /tmp/{lock_name}.lock")
    assert f"COPY requirements/{lock_name}.lock /tmp/" in stage(stage_name)


@pytest.mark.parametrize(("target", "packages"), [("cpu", "packages"), ("cuda", "packages-cuda")])
def test_a_target_is_the_hardened_base_with_packages_models_and_service(target: str, packages: str) -> None:
    lines = stage(target)
    assert lines[0] == f"FROM base AS {target}"
    assert [line for line in lines if line.startswith("COPY")] == [
        f"COPY --from={packages} /opt/venv /opt/venv",
        "COPY --from=app /app/models models",
        "COPY --from=app /app/service service",
    ]
    assert not any(line.startswith(("RUN", "USER", "ENTRYPOINT", "CMD", "HEALTHCHECK")) for line in lines)


def test_the_base_runs_as_a_numbered_user_in_exec_form_with_a_health_check() -> None:
    lines = stage("base")
    assert "USER 10001:10001" in lines
    assert "STOPSIGNAL SIGTERM" in lines
    assert 'ENTRYPOINT ["python", "-m", "service"]' in lines
    assert 'CMD ["serve"]' in lines
    (check,) = [line for line in lines if line.startswith("HEALTHCHECK")]
    command = json.loads(check[check.index("CMD ") + 4 :])
    assert command[:3] == ["python", "-IS", "-c"]
    compile(command[3], "HEALTHCHECK", "exec")
    assert "/health/ready" in command[3]


def test_without_a_target_the_image_is_the_cpu_one() -> None:
    assert DOCKERFILE.rstrip().splitlines()[-1] == "FROM cpu"


def test_what_the_dockerfile_copies_is_sent_to_the_engine() -> None:
    ignore = (ROOT / ".dockerignore").read_text().split("\n")
    assert "*" in ignore
    for source in re.findall(r"^COPY (?!--from)(\S+) ", DOCKERFILE, re.MULTILINE):
        assert f"!{source}" in ignore
        assert (ROOT / source).exists()


def test_every_build_is_on_the_base_image_that_is_pinned() -> None:
    """Only stages and PYTHON_IMAGE are built upon; `make image` and Compose's --env-file give its digest."""
    pin = (ROOT / "deploy/images.env").read_text()
    assert re.search(r"^PYTHON_IMAGE=python:3\.11-slim@sha256:[0-9a-f]{64}$", pin, re.MULTILINE)
    for text in (DOCKERFILE, (ROOT / "deploy/nginx.Dockerfile").read_text()):
        assert "\nARG PYTHON_IMAGE=python:3.11-slim\n" in text
        stages = set(re.findall(r"^FROM \S+ AS (\S+)", text, re.MULTILINE))
        assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) <= stages | {"${PYTHON_IMAGE}"}
    for service in COMPOSE["services"].values():
        if "build" in service:
            assert service["build"]["args"] == {"PYTHON_IMAGE": "${PYTHON_IMAGE:-python:3.11-slim}"}


def test_the_image_has_the_projects_version() -> None:
    assert f'org.opencontainers.image.version="{__version__}"' in DOCKERFILE


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_a_compose_service_is_hardened(name: str) -> None:
    service: dict[str, Any] = COMPOSE["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"].split(":")[0] not in ("root", "0")
    assert service["pids_limit"] > 0
    assert service["mem_limit"]
    assert [mount.split(":")[0] for mount in service["tmpfs"]] == ["/tmp"]
    assert service["restart"] == "unless-stopped"
    assert "privileged" not in service


@pytest.mark.parametrize("name", ["prometheus", "grafana"])
def test_monitoring_is_of_one_release_and_for_this_machine_only(name: str) -> None:
    service: dict[str, Any] = COMPOSE["services"][name]
    assert service["profiles"] == ["monitoring"]
    assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+\.\d+@sha256:[0-9a-f]{64}", service["image"])
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    for mount in service["volumes"]:
        source = mount.split(":")[0]
        assert (ROOT / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]


def test_the_dashboard_asks_the_prometheus_beside_it() -> None:
    grafana = ROOT / "deploy/grafana"
    (source,) = yaml.safe_load((grafana / "provisioning/datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    dashboard = json.loads((grafana / "dashboards/service.json").read_text())
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"]} == {source["uid"]}
    assert source["url"] == "http://prometheus:9090"


def test_prometheus_asks_every_replica() -> None:
    (job,) = yaml.safe_load((ROOT / "deploy/prometheus.yml").read_text())["scrape_configs"]
    (found,) = job["dns_sd_configs"]
    assert found["names"] == ["service"]
    assert str(found["port"]) in COMPOSE["services"]["service"]["expose"]


def test_compose_gives_the_service_time_to_drain() -> None:
    drain = Settings.model_fields["drain_delay_s"].default + Settings.model_fields["drain_timeout_s"].default
    for service in COMPOSE["services"].values():
        assert int(service["stop_grace_period"].removesuffix("s")) > drain


def test_compose_brings_up_the_cpu_service_behind_port_8000_by_default() -> None:
    default = {name for name, service in COMPOSE["services"].items() if "profiles" not in service}
    assert default == {"service", "proxy"}
    assert COMPOSE["services"]["service"]["build"]["target"] == "cpu"
    assert "ports" not in COMPOSE["services"]["service"], "two replicas cannot have the same port"
    assert COMPOSE["services"]["proxy"]["ports"] == ["${CPU_PORT:-8000}:8000"]
    assert COMPOSE["services"]["gpu"]["build"]["target"] == "cuda"
    (device,) = COMPOSE["services"]["gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]


def directive(name: str) -> str:
    """What nginx.conf says of it, in its one place."""
    (value,) = re.findall(rf"^\s*{name} ([^;]+);$", (ROOT / "deploy/nginx.conf").read_text(), re.MULTILINE)
    return str(value)


def test_nginx_finds_replicas_that_come_and_asks_no_post_twice() -> None:
    assert directive("proxy_pass") == "http://$replicas:8000", "looked up once without a variable"
    assert directive(r"set \$replicas") == "service"
    assert re.fullmatch(r"127\.0\.0\.11 valid=1s ipv6=off", directive("resolver"))
    assert directive("proxy_next_upstream").split() == ["error", "timeout"], "not non_idempotent"


def test_nginx_leaves_limits_and_deadlines_to_the_service() -> None:
    fields = Settings.model_fields
    largest = max(field.default for name, field in fields.items() if name.endswith("_body_bytes"))
    assert int(directive("client_max_body_size").removesuffix("m")) * 2**20 > largest
    assert int(directive("proxy_read_timeout").removesuffix("s")) > fields["deadline_s"].default
    assert directive("large_client_header_buffers") == f"4 {fields['header_bytes'].default // 1024}k"


def test_the_proxys_image_is_the_base_with_nginx_and_no_root() -> None:
    text = (ROOT / "deploy/nginx.Dockerfile").read_text()
    assert re.findall("^FROM (.*)", text, re.MULTILINE) == ["${PYTHON_IMAGE}"]
    assert "USER 10001:10001\n" in text
    assert "STOPSIGNAL SIGQUIT\n" in text


@pytest.mark.parametrize("package", ["service", "training"])
def test_nothing_is_reported_to_onnxruntimes_maker(package: str) -> None:
    """Whoever imports onnxruntime through us has imported `service` first, which turns its telemetry off."""
    module = {"service": "service.engine.session", "training": "training.graph"}[package]
    watch = (
        "import builtins, os, sys; load = builtins.__import__\n"
        "def spy(name, *rest):\n"
        "    if name == 'onnxruntime' and name not in sys.modules:\n"
        "        print(os.environ.get('ORT_DISABLE_TELEMETRY'))\n"
        "    return load(name, *rest)\n"
        f"builtins.__import__ = spy; import {module}"
    )
    environment = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [sys.executable, "-c", watch], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1"]


def test_make_lists_its_targets() -> None:
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    listed = set(re.findall(r"^make ([a-z-]+)", shown, re.MULTILINE))
    (phony,) = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert listed == set(phony.split()) - {"help"}


def test_make_train_asks_for_a_recipe() -> None:
    refused = subprocess.run(["make", "-n", "train"], cwd=ROOT, capture_output=True, text=True)
    assert refused.returncode != 0
    assert "make train RECIPE=" in refused.stderr


def test_the_settings_page_is_current() -> None:
    assert (ROOT / "docs/settings.md").read_text() == settings_table.page(), "run make settings"


def test_every_setting_says_what_it_is() -> None:
    for variable, flag, default, meaning in settings_table.rows():
        assert meaning.endswith("."), (variable, flag, default)
