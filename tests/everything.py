"""Runs every suite whose tools are on this machine, and ends with a list of what was left out: `make test`.

Arguments are pytest's and choose among the tests that need no further tools; other suites are then left out.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.chromium import chromium
from tests.quick import ELSEWHERE

ROOT = Path(__file__).parents[1]
NO_TESTS = 5
"""pytest's exit code if no test was chosen."""


@dataclass(frozen=True)
class Suite:
    """Tests that a target of the Makefile runs."""

    what: str
    target: str
    needs: Callable[[], str] = lambda: ""
    """Return the tools that the suite lacks on this machine; empty if it lacks none."""


def web_needs() -> str:
    lacking = [] if shutil.which("npm") else ["npm (Debian's package npm)"]
    if not chromium():
        lacking.append("Chromium (Debian's package chromium, or CHROMIUM=/path/to/it)")
    return " and ".join(lacking)


def clients_need() -> str:
    return "" if (ROOT / ".venv-clients" / "installed").exists() else "their own environment (make clients)"


TESTED_WHERE_POSSIBLE = (
    Suite("tests/web, the pages in Chromium", "test-web", web_needs),
    Suite("tests/clients, the clients of Triton, KServe and OpenAI", "test-clients", clients_need),
)
TESTED_ELSEWHERE = (
    Suite("tests/ray, a Ray cluster of three nodes", "test-ray"),
    Suite("the drills with schemathesis, atheris and generated attacks", "test-hostile"),
    Suite("mutation testing", "mutants"),
)


def main(arguments: Sequence[str], run: Callable[[Sequence[str]], int]) -> int:
    """Run the tests with `run`, which returns a command's exit code. Return 0 if all that ran passed."""
    ignored = [f"--ignore={folder}" for folder in ELSEWHERE]
    code = run([sys.executable, "-m", "pytest", *ignored, *arguments])
    reason = ", no test was chosen" if code == NO_TESTS else ""
    failed = [f"tests (exit code {code}{reason})"] if code else []
    left_out = [f"{suite.what}: make {suite.target}" for suite in TESTED_ELSEWHERE]
    for suite in TESTED_WHERE_POSSIBLE:
        if arguments:
            left_out.append(f"{suite.what}: make {suite.target}; ARGS choose among the other tests")
        elif needs := suite.needs():
            left_out.append(f"{suite.what}: make {suite.target}; needs {needs}")
        elif run(["make", suite.target]):
            failed.append(f"{suite.what} (make {suite.target})")
    for title, lines in (("Left out:", left_out), ("FAILED:", failed)):
        if lines:
            sys.stdout.write("\n".join(["", title, *(f"- {line}" for line in lines), ""]))
            sys.stdout.flush()
    return 1 if failed else 0


def _run(command: Sequence[str]) -> int:
    return subprocess.run(command, cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], _run))
