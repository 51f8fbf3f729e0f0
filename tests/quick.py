"""python -m tests.quick: ruff on the Python files that changed, and the tests of what changed, within 20 s.

Changed means: differs from the last commit, or is new and not ignored by git. What does not fit into the time
is left out with a message; `make test` runs everything.
"""

import re
import subprocess
import sys
import time

import pytest

from tests.selection import ROOT, suite_of

LIMIT_S = 17.0
"""No test starts later than this after the start, which leaves the last one some seconds."""


ELSEWHERE = ("tests/web", "tests/clients", "tests/ray")
"""Tests with a make target of their own."""


class OutOfTime:
    """A pytest plugin that skips every test that would start after the limit."""

    def __init__(self, until: float) -> None:
        self._until = until
        self.skipped = 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        if time.monotonic() > self._until:
            self.skipped += 1
            pytest.skip("out of time")


def changed_files() -> list[str]:
    """Paths relative to the root, without deleted files."""
    found: set[str] = set()
    for command in (
        ("diff", "--name-only", "--diff-filter=d", "HEAD"),
        ("ls-files", "--others", "--exclude-standard"),
    ):
        listed = subprocess.run(["git", *command], cwd=ROOT, check=True, capture_output=True, text=True)
        found |= set(listed.stdout.splitlines())
    return sorted(found)


def tests_for(changed: list[str]) -> list[str]:
    """Changed test files first, then those of the changed modules; none of `ELSEWHERE`."""
    own = [path for path in changed if re.fullmatch(r"tests/(.*/)?test_\w+\.py", path)]
    tests = own + [test for path in changed for test in suite_of(path)]
    return list(dict.fromkeys(test for test in tests if not test.startswith(ELSEWHERE)))


def ruff(python: list[str]) -> int:
    """Lint and check the format of these files; ruff's exit code."""
    for check in (["check"], ["format", "--check"]):
        if code := subprocess.run(
            [sys.executable, "-m", "ruff", *check, "--quiet", *python], cwd=ROOT
        ).returncode:
            return code
    return 0


def main(arguments: list[str]) -> int:
    until = time.monotonic() + LIMIT_S
    changed = changed_files()
    python = [path for path in changed if path.endswith(".py")]
    if python and (code := ruff(python)):
        return code
    for path in python:
        if not path.startswith("tests/") and not suite_of(path):
            print(f"no tests known for {path}: add them to tests/selection.toml")
    tests = tests_for(changed)
    if not tests:
        print(f"{len(changed)} files changed, none with tests of its own: make test runs everything")
        return 0
    clock = OutOfTime(until)
    code = int(pytest.main(["-q", "-x", "-r", "fE", *tests, *arguments], plugins=[clock]))
    if clock.skipped:
        print(f"{clock.skipped} tests left out after {LIMIT_S:g} s: make test runs everything")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
