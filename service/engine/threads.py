"""How many processors this process may use, by the container's quota as well as the machine's mask."""

import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def available_threads(root: Path = CGROUP) -> int:
    """Whole processors, at least 1: the smaller of the affinity mask and the cgroup's quota, rounded up.

    onnxruntime and os.cpu_count() see the machine's processors whatever the quota is, and a pool of 64
    threads in a container of 2 is throttled instead of fast.
    """
    mask = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota(root)
    return mask if quota is None else max(1, min(mask, -int(-quota // 1)))


def _quota(root: Path) -> float | None:
    """Processors per cgroup v2 (`cpu.max`: "200000 100000" or "max 100000") or v1; None is unlimited."""
    try:
        if (root / "cpu.max").exists():
            quota, period = (root / "cpu.max").read_text().split()
        else:
            quota = (root / "cpu" / "cpu.cfs_quota_us").read_text().strip()
            period = (root / "cpu" / "cpu.cfs_period_us").read_text().strip()
        if quota == "max" or int(quota) <= 0 or int(period) <= 0:
            return None
        return int(quota) / int(period)
    except (OSError, ValueError):
        return None
