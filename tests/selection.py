"""Finds the tests of a module: by name, and by the table in tests/selection.toml where names do not tell."""

import fnmatch
import tomllib
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[1]
TABLE = tomllib.loads((ROOT / "tests" / "selection.toml").read_text())


def suite_of(module: str) -> list[str]:
    """Test files of one module, most specific first: service/api/score.py is tested by
    tests/service/api/test_score.py and by those that the table adds. Paths are relative to the root."""
    path = PurePosixPath(module)
    mirrored = str("tests" / path.parent / f"test_{path.name}")
    added = [
        test
        for pattern, tests in TABLE["modules"].items()
        if fnmatch.fnmatch(module, pattern)
        for test in tests
    ]
    found = [mirrored] if (ROOT / mirrored).exists() else []
    return list(dict.fromkeys(found + added))


def wider_suite_of(module: str) -> list[str]:
    """Test files and folders that may notice what the module's own tests do not."""
    for pattern, tests in TABLE["wider"].items():
        if fnmatch.fnmatch(module, pattern):
            return list(tests)
    return []


def files_of(tests: list[str], root: Path = ROOT) -> list[Path]:
    """Every Python file that these tests consist of: themselves, and the helpers in their folders."""
    found: set[Path] = set()
    for test in tests:
        path = root / test
        found |= set(path.rglob("*.py")) if path.is_dir() else {path}
        folder = path if path.is_dir() else path.parent
        while folder != root:
            found |= {one for one in folder.glob("*.py") if not one.name.startswith("test_")}
            folder = folder.parent
    return sorted(found)
