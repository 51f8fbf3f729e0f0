"""Tests mutants: first against the tests of their module, and what survives against a wider suite."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue

from tests.mutants.operators import Mutant
from tests.mutants.results import Results, key_of
from tests.mutants.sandbox import Sandbox
from tests.mutants.worker import Result
from tests.selection import files_of, suite_of, wider_suite_of

BASELINE_LIMIT_S = 900
PATIENCE = 5
"""A mutant whose tests take this many times as long as without it, and `GRACE_S` more, has timed out."""
GRACE_S = 20


class BaselineError(Exception):
    """Tests that fail without a mutation cannot tell a mutant from the original."""


class Runner:
    """Tests mutants in a few processes. A verdict that is known already costs nothing."""

    def __init__(self, results: Results, snapshot: Path, processes: int, wider: bool) -> None:
        self._results = results
        self._snapshot = snapshot
        self._suites = (suite_of, wider_suite_of) if wider else (suite_of,)
        self._processes = processes
        self._lock = threading.Lock()
        self._baseline = threading.Lock()
        self._idle: SimpleQueue[Sandbox] = SimpleQueue()
        self._stack = ExitStack()
        self._made = 0

    def survivors(self, mutants: Sequence[Mutant], tested: Callable[[], object]) -> list[Mutant]:
        """Return the mutants that no test notices. Calls `tested` after each mutant."""

        def survives(mutant: Mutant) -> bool:
            found = self._survives(mutant)
            tested()
            return found

        with self._stack, ThreadPoolExecutor(self._processes) as pool:
            verdicts = list(pool.map(survives, mutants))
        return [mutant for mutant, survived in zip(mutants, verdicts, strict=True) if survived]

    def _survives(self, mutant: Mutant) -> bool:
        for suite in self._suites:
            tests = suite(mutant.module)
            if tests and self._result(mutant.module, mutant.source, tests)["verdict"] != "passed":
                return False
        return True

    def _result(self, module: str, source: str, tests: list[str]) -> Result:
        key = key_of(module, source, tests, files_of(tests, self._snapshot))
        with self._lock:
            known = self._results.get(key)
        if known:
            return known
        limit_s = GRACE_S + PATIENCE * self._baseline_s(module, tests)
        return self._run(key, module, source, tests, limit_s)

    def _baseline_s(self, module: str, tests: list[str]) -> float:
        """Seconds that the tests take without a mutation."""
        source = (self._snapshot / module).read_text()
        key = key_of(module, source, tests, files_of(tests, self._snapshot))
        with self._baseline:
            with self._lock:
                found = self._results.get(key)
            found = found or self._run(key, module, source, tests, BASELINE_LIMIT_S)
        if found["verdict"] != "passed":
            raise BaselineError(
                f"{' '.join(tests)}: {found['verdict']} without a mutation\n{found['output']}"
            )
        return found["seconds"]

    def _run(self, key: str, module: str, source: str, tests: list[str], limit_s: float) -> Result:
        sandbox = self._take()
        try:
            result = sandbox.run({"module": module, "source": source, "tests": tests, "limit_s": limit_s})
        finally:
            self._idle.put(sandbox)
        # A baseline that fails must be run again after it was mended elsewhere, so it is not remembered.
        if limit_s != BASELINE_LIMIT_S or result["verdict"] == "passed":
            with self._lock:
                self._results.put(key, result)
        return result

    def _take(self) -> Sandbox:
        with self._lock:
            make = self._made < self._processes
            self._made += make
        if not make:
            return self._idle.get()
        sandbox = Sandbox(self._snapshot)
        with self._lock:
            self._stack.enter_context(sandbox)
        return sandbox
