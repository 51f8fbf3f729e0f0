"""Remembers verdicts between runs, so that only what changed is tested again."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from tests.mutants.worker import Result


class Results:
    """A file of verdicts by key, appended to as they come: an interrupted run loses nothing."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[str, Result] = {}
        if file.exists():
            for line in file.read_text().splitlines():
                key, result = json.loads(line)
                self._known[key] = result

    def get(self, key: str) -> Result | None:
        return self._known.get(key)

    def put(self, key: str, result: Result) -> None:
        self._known[key] = result
        self._file.parent.mkdir(exist_ok=True)
        with self._file.open("a") as file:
            file.write(json.dumps([key, result]) + "\n")


def key_of(module: str, source: str, tests: Iterable[str], files: Iterable[Path]) -> str:
    """Digest of a module's text, the names of the tests that run, and the contents of their files."""
    digest = hashlib.sha256(json.dumps([module, source, list(tests)]).encode())
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
