"""The replicas of docker-compose.yml under a project name of their own, driven by the engine's commands."""

import json
import os
import select
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.ports import free_port

ROOT = Path(__file__).parents[1]
PROJECT = "replicas"
HEALTHY_S = 120
GRACE_S = 30


class Stack:
    """nginx and so many replicas, gone with the block. `url` is where nginx listens, on loopback."""

    def __init__(self) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._environment = os.environ | {"CPU_PORT": f"127.0.0.1:{port}"}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._compose("down", "--timeout", str(GRACE_S))

    def scale(self, replicas: int) -> None:
        """Starts or ends replicas until there are so many, all healthy; those that stay are not touched."""
        self._compose(
            "up", "--detach", "--no-recreate", "--timeout", str(GRACE_S), "--scale", f"service={replicas}"
        )
        for container in [*self.replicas(), *self._containers("proxy")]:
            self.wait_until_healthy(container)

    def replicas(self) -> list[str]:
        """The containers' ids."""
        return self._containers("service")

    def kill(self, container: str) -> None:
        """SIGKILL from outside, as the kernel's out-of-memory killer sends it; PermissionError unless root.

        `docker kill` would tell the engine that the container is not wanted any more. It is gone afterwards:
        what it had in flight is what was under way then.
        """
        process = os.pidfd_open(int(self._inspect(container)["State"]["Pid"]))
        signal.pidfd_send_signal(process, signal.SIGKILL)
        select.select([process], [], [], GRACE_S)
        os.close(process)

    def restart(self, container: str) -> None:
        """SIGTERM, time to drain, start, healthy."""
        _run("docker", "restart", "--time", str(GRACE_S), container)
        self.wait_until_healthy(container)

    def run_inside(self, container: str, program: str) -> str:
        """What this Python program prints in the container."""
        return _run("docker", "exec", container, "python", "-c", program)

    def wait_until_healthy(self, container: str) -> None:
        until = time.monotonic() + HEALTHY_S
        while self._inspect(container)["State"]["Health"]["Status"] != "healthy":
            if time.monotonic() > until:
                raise TimeoutError(
                    f"{container[:12]} did not become healthy: see docker logs {container[:12]}"
                )
            time.sleep(0.2)

    def _containers(self, service: str) -> list[str]:
        return self._compose("ps", "--quiet", service).split()

    def _inspect(self, container: str) -> Any:
        (found,) = json.loads(_run("docker", "inspect", container))
        return found

    def _compose(self, *arguments: str) -> str:
        return _run("docker-compose", "--project-name", PROJECT, *arguments, environment=self._environment)


def _run(*command: str, environment: dict[str, str] | None = None) -> str:
    """Its standard output; RuntimeError, with what it said, where it fails."""
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
    return done.stdout
