"""The rivals as servers: an environment of its own for each, made when it is first needed.

What they run lies in rivals/: the same workloads on what people would use instead, as the documentation of
each has it. None of it is imported here. All answer POST /generate with `{"n", "format"}` and POST /score.
"""

import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.server import ROOT, Server
from benchmarks.workload import W2, W2_OWN_PATH, W3, W3_FORM, Workload

ENVIRONMENTS = ROOT / ".venv-rivals"
FOLDER = ROOT / "benchmarks" / "rivals"


@dataclass(frozen=True)
class Rival:
    """`group` is what it needs, among pyproject.toml's dependency groups as `rival-<group>`."""

    name: str
    group: str
    command: Sequence[str]
    """What its environment's Python runs."""
    environment: Mapping[str, str] = field(default_factory=dict)
    asked: Mapping[Workload, Workload] = field(default_factory=dict)


QUIET = ("--no-access-log", "--log-level", "warning")
TUTORIAL = Rival(
    "FastAPI + onnxruntime", "tutorial", ["-m", "uvicorn", "tutorial:app", "--port", "{port}", *QUIET]
)


def _lit(name: str, workers: int, timeout_s: float, fast_queue: bool = False) -> Rival:
    """LitServe, whose documentation leaves these values to the user.

    Without a batch timeout, its default, a lone client is served soonest; with one, batches fill and many
    clients get more. No value is best for both, so each has a row, and the best row counts in each column.
    """
    given = {"WORKERS": str(workers), "TIMEOUT": str(timeout_s), "FAST_QUEUE": str(int(fast_queue))}
    return Rival(name, "litserve", ["lit.py", "{port}"], given, {W3: W3_FORM})


BENTO = ["-m", "bentoml", "serve", "bento:Digits", "--host", "127.0.0.1", "--port", "{port}"]
RAY = {"RAY_SERVE_THROUGHPUT_OPTIMIZED": "1", "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
RIVALS = (
    TUTORIAL,
    replace(TUTORIAL, name="the same, 2 workers", command=[*TUTORIAL.command, "--workers", "2"]),
    _lit("LitServe, no batch timeout", 1, 0),
    _lit("LitServe, no batch timeout, fast queue", 1, 0, fast_queue=True),
    _lit("LitServe, batch timeout 10 ms", 1, 0.01),
    _lit("LitServe, batch timeout 10 ms, 2 workers", 2, 0.01),
    Rival(
        "BentoML, 2 workers",
        "bentoml",
        BENTO,
        {"BENTOML_DO_NOT_TRACK": "1"},
        {W2: W2_OWN_PATH, W3: W3_FORM},
    ),
    Rival("Ray Serve, throughput mode, 2 replicas", "ray", ["rayserve.py", "{port}"], RAY),
)


def server(rival: Rival, bundle: Path) -> Server:
    """The rival on the networks of this bundle."""
    python = environment(rival.group)
    folder = bundle.resolve()  # It runs in a folder of its own.
    networks = {role.upper(): str(folder / f"{role}.onnx") for role in ("generator", "discriminator")}
    return Server(
        rival.name,
        [str(python), *rival.command],
        {**networks, **rival.environment},
        folder=FOLDER,
        asked=rival.asked,
    )


def environment(group: str) -> Path:
    """Its Python; made, from a package index, where there is none for these requirements yet."""
    wanted = requirements(group)
    folder = ENVIRONMENTS / group
    python, installed = folder / "bin" / "python", folder / "installed.txt"
    if not installed.exists() or installed.read_text() != "\n".join(wanted):
        print(f"installing {', '.join(wanted)} into {folder}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *wanted], check=True)
        installed.write_text("\n".join(wanted))
    return python


def requirements(group: str) -> list[str]:
    """Of pyproject.toml's group rival-<group>, and what all rivals share."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    own: list[str] = [line for line in groups[f"rival-{group}"] if isinstance(line, str)]
    shared: list[str] = groups["rival"]
    return [*own, *shared]
