"""The number of threads follows the container's quota."""

import os
from pathlib import Path

import pytest

from service.engine.threads import available_threads


@pytest.fixture(autouse=True)
def _sixteen_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)))


@pytest.mark.parametrize(
    ("quota", "threads"),
    [
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("50000 100000", 1),
        ("max 100000", 16),
        ("9900000 100000", 16),
    ],
)
def test_cgroup_v2(tmp_path: Path, quota: str, threads: int) -> None:
    (tmp_path / "cpu.max").write_text(quota + "\n")
    assert available_threads(tmp_path) == threads


@pytest.mark.parametrize(("quota", "threads"), [("300000", 3), ("-1", 16)])
def test_cgroup_v1(tmp_path: Path, quota: str, threads: int) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota + "\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert available_threads(tmp_path) == threads


@pytest.mark.parametrize("text", ["", "nonsense", "1", "0 0"])
def test_an_unreadable_quota_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "cpu.max").write_text(text)
    assert available_threads(tmp_path) == 16


def test_without_cgroups_the_mask_counts(tmp_path: Path) -> None:
    assert available_threads(tmp_path) == 16
