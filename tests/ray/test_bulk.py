"""`digits dataset --ray`: shards that are, joined, what one machine writes; each made again alone."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from service.dataset import IMAGES_HEADER, LABELS_HEADER
from service.digits import main
from service.shards import PART
from tests.ray.conftest import ROOT, START_S, Cluster

pytest.importorskip("ray", reason="make test-ray")

N, SIZE, SHARDS = 2_050, 100, 21
PLAN = ["dataset", "--n", str(N), "--seed", str(2**32 - 1_000), "--model", "cgan"]
IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def command(cluster: Cluster, folder: Path) -> list[str]:
    shared = ["--ray", "--shard", str(SIZE), "--tasks", "2", "--url", cluster.url, "-o", str(folder)]
    return ["-m", "service.digits", *PLAN, *shared]


def shards(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and PART not in path.name)


def joined(folder: Path) -> tuple[bytes, bytes]:
    """Pixels and labels of all shards, without the headers of their files."""
    return (
        b"".join((path / IMAGES).read_bytes()[IMAGES_HEADER:] for path in shards(folder)),
        b"".join((path / LABELS).read_bytes()[LABELS_HEADER:] for path in shards(folder)),
    )


@pytest.fixture(scope="session")
def whole(native: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """What `digits dataset` writes from the service without Ray."""
    folder = tmp_path_factory.mktemp("whole")
    assert main([*PLAN, "--url", native, "-o", str(folder)]) == 0
    images, labels = (folder / IMAGES).read_bytes(), (folder / LABELS).read_bytes()
    return images[IMAGES_HEADER:], labels[LABELS_HEADER:]


@pytest.fixture(scope="session")
def made(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bulk") / "synthetic"
    assert cluster.run(*command(cluster, folder)) == f"{folder}\n"
    return folder


def test_the_bytes_are_those_of_one_machine(made: Path, whole: tuple[bytes, bytes]) -> None:
    assert len(shards(made)) == SHARDS
    assert joined(made) == whole


def test_a_lost_shard_is_made_again_alone(cluster: Cluster, made: Path, whole: tuple[bytes, bytes]) -> None:
    lost = shards(made)[7]
    shutil.rmtree(lost)
    before = {path: path.stat().st_ino for path in shards(made)}
    cluster.run(*command(cluster, made))
    assert {path: path.stat().st_ino for path in shards(made) if path != lost} == before
    assert joined(made) == whole


def test_a_killed_run_is_resumed(cluster: Cluster, whole: tuple[bytes, bytes], tmp_path: Path) -> None:
    running = subprocess.Popen(
        [sys.executable, *command(cluster, tmp_path)],
        cwd=ROOT,
        env=cluster.environment,
        stdout=subprocess.DEVNULL,
    )
    until = time.monotonic() + START_S
    while len(shards(tmp_path)) < 2:
        assert running.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    before = {path: path.stat().st_ino for path in shards(tmp_path)}
    assert 2 <= len(before) < SHARDS
    cluster.run(*command(cluster, tmp_path))
    assert {path: path.stat().st_ino for path in before} == before
    assert joined(tmp_path) == whole
    assert [path for path in tmp_path.iterdir() if PART in path.name] == []


def test_a_cluster_that_lets_nobody_in_is_said_with_the_fix(cluster: Cluster, tmp_path: Path) -> None:
    stranger = subprocess.run(
        [sys.executable, *command(cluster, tmp_path)],
        cwd=ROOT,
        env={**cluster.environment, "RAY_AUTH_TOKEN": "0" * 64},
        stderr=subprocess.PIPE,
        text=True,
        timeout=START_S,
        check=False,
    )
    assert stranger.returncode == 1
    assert "start one by ray start --head, or name it in RAY_ADDRESS" in stranger.stderr
