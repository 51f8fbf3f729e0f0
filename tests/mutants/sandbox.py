"""A copy of the tree with a process that tests mutants in it, so that the working tree is never touched."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from tests.mutants.worker import Result, Task
from tests.selection import ROOT


class SandboxError(Exception):
    """The process that tests mutants ended."""


class Sandbox:
    """Use as a context manager; leaving it ends the process and removes the copy."""

    def __init__(self, snapshot: Path) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="mutants-"))
        shutil.copytree(snapshot, self._folder, dirs_exist_ok=True)
        # One thread each: several processes run at once, and forks do not share a pool of threads.
        limits = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.mutants.worker"],
            cwd=self._folder,
            env=os.environ | limits,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
        shutil.rmtree(self._folder)

    def run(self, task: Task) -> Result:
        """Block until the tests of one mutant ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(task) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise SandboxError("the worker ended: see its traceback above") from None
        line = self._process.stdout.readline()
        if not line:
            raise SandboxError("the worker ended: see its traceback above")
        result: Result = json.loads(line)
        return result


def tree() -> list[str]:
    """Paths of the files that git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [path for path in listed.stdout.split("\0") if path and (ROOT / path).is_file()]


@contextmanager
def snapshot() -> Iterator[Path]:
    """A copy of the tree as it is now: edits during a run do not change what is tested.

    It is compiled so that a changed source never runs from stale bytecode: Python's default check is by time
    and size, which a mutant of equal size would pass.
    """
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        folder = Path(name)
        for path in tree():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, target)
        # Python writes the bytecode of a changed source in the mode that it finds.
        compile_ = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash", "."]
        subprocess.run(compile_, cwd=folder, check=True)
        yield folder
