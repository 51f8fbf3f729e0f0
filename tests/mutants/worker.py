"""Runs tests against one changed module after another, in a copy of the tree that is the current folder.

Reads a task per line from stdin and writes a result per line to stdout, both JSON. Libraries are imported
once; each task runs in a fork of that process.
"""

import contextlib
import importlib
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import TypedDict

PRELOADED = (
    "torch",
    "hypothesis.extra.numpy",
    "anyio.pytest_plugin",
    "tests.service.conftest",
    "training.__main__",
)
OWN = ("service", "training", "benchmarks", "tests")
"""Packages that a fork imports anew, since one of their modules is changed."""
FLAGS = ("-x", "-q", "--no-header", "--tb=short", "--hypothesis-seed=0", "--basetemp=.pytest")
PLUGINS = ("-p", "no:cacheprovider", "-p", "no:randomly")
# Plugins that the libraries above import; pytest would rewrite their assertions, which nothing here needs.
WARNINGS = ("-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning")
POLL_S = 0.02


class Task(TypedDict):
    module: str
    """Path of the module to overwrite; it is restored afterwards."""
    source: str
    tests: list[str]
    limit_s: float


class Result(TypedDict):
    verdict: str
    """"passed", "failed", "timeout", or "error" where pytest ran no tests."""
    seconds: float
    output: str
    """The last lines that pytest wrote."""


def run(task: Task) -> Result:
    """Put the source in place, run the tests in a fork, restore."""
    path, log = Path(task["module"]), Path(".output")
    original = path.read_bytes()
    path.write_text(task["source"])
    begin = time.monotonic()
    try:
        child = os.fork()
        if child == 0:
            _test(task["tests"], log)
        status = _wait(child, begin + task["limit_s"])
        # Servers that a test started and did not end are in the child's group.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        if status is None:
            os.waitpid(child, 0)
    finally:
        path.write_bytes(original)
    if status is None:
        verdict = "timeout"
    else:
        # Pytest's codes: 2 is also an error while a test file is imported, 5 says that there are no tests.
        verdict = {0: "passed", 1: "failed", 2: "failed"}.get(os.waitstatus_to_exitcode(status), "error")
    output = log.read_text(errors="replace")[-2000:]
    return {"verdict": verdict, "seconds": time.monotonic() - begin, "output": output}


def _test(tests: list[str], log: Path) -> None:
    """Run pytest in this process and exit with its code."""
    os.setsid()
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(file, stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    code = 1
    try:
        import pytest

        code = pytest.main([*FLAGS, *PLUGINS, *WARNINGS, *tests])
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _wait(child: int, until: float) -> int | None:
    """The child's status; None when `until` passed first."""
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        time.sleep(POLL_S)
    return None


def preload() -> None:
    """Import every library that the project's own modules import, and forget the project's modules."""
    for name in PRELOADED:
        importlib.import_module(name)
    for name in list(sys.modules):
        if name.partition(".")[0] in OWN:
            del sys.modules[name]


def main() -> None:
    preload()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(run(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
