"""Which machine the figures are of."""

import os
import platform
from pathlib import Path

import onnxruntime


def machine() -> str:
    """Return its processor, Python and onnxruntime in a phrase.

    Absolute figures drift with the neighbours of a virtual machine, ratios much less.
    """
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.machine()
    return (
        f"{len(os.sched_getaffinity(0))} cores of {name}, Python {platform.python_version()}, "
        f"onnxruntime {onnxruntime.__version__}"
    )
