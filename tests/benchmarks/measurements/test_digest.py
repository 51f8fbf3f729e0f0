"""Digests notice changes of code, and nothing else."""

from pathlib import Path

import pytest

from benchmarks.measurements.digest import code, digest, matching

SOURCE = '''"""About the module."""

import os  # For the path.


class A:
    """About
    the class."""

    name: str = "a # b"
    """About the name."""

    def f(self) -> str:
        """About f."""
        # Why.
        return """kept"""
'''
CODE = '''import os
class A:
    name: str = "a # b"
    def f(self) -> str:
        return """kept"""'''


def test_comments_docstrings_and_blank_lines_are_left_out() -> None:
    assert code(SOURCE) == CODE


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("service/a.py", "service/web/b.js", "models/x/1/c.onnx", "service/__pycache__/a.pyc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    return tmp_path


def test_patterns_include_folders_and_exclude(tree: Path) -> None:
    assert matching(["service/*", "!service/web/*"], tree) == ["service/a.py"]
    assert matching(["models/*.onnx", "service/*.js"], tree) == ["models/x/1/c.onnx", "service/web/b.js"]


def test_a_pattern_without_a_file_is_refused(tree: Path) -> None:
    with pytest.raises(ValueError, match=r"'servce/\*' matches no file"):
        digest(["servce/*"], tree)


@pytest.mark.parametrize(
    ("name", "content", "changes"),
    [
        ("service/a.py", "x = 2\n", True),
        ("service/a.py", "# A comment.\nx = 1\n", False),
        ("service/web/b.js", "// A comment.\nx = 1\n", True),
        ("service/new.py", "", True),
        ("models/x/1/c.onnx", "other", False),
    ],
)
def test_the_digest_changes_with_the_code(tree: Path, name: str, content: str, changes: bool) -> None:
    before = digest(["service/*"], tree)
    (tree / name).write_text(content)
    assert (digest(["service/*"], tree) != before) is changes
