"""The bundle of dcgan in the graph that PyTorch exports, from this repository's history.

Later versions hold the same weights in a graph that export has rewritten (`training/upsampling.py`).
"""

import contextlib
import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.server import ROOT

COMMIT, BUNDLE = "8d31480", "models/dcgan/2"


@contextlib.contextmanager
def plain_dcgan(root: Path = ROOT) -> Iterator[Path]:
    """Yield its folder, which ends with the block. RuntimeError if the repository here has no such commit."""
    command = ["git", "archive", "--format=tar", COMMIT, BUNDLE]
    done = subprocess.run(command, cwd=root, capture_output=True)
    if done.returncode:
        raise RuntimeError(
            f"{BUNDLE} of commit {COMMIT} cannot be read: {done.stderr.decode().strip()}. Fetch the whole"
            " history (git fetch --unshallow), or name a bundle with --plain."
        )
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder, BUNDLE)
