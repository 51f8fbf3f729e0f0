"""The peers' graph comes out of the history."""

from pathlib import Path

import pytest

from benchmarks.plain_graph import BUNDLE, COMMIT, plain_dcgan


def test_a_repository_without_the_commit_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match=rf"{BUNDLE} of commit {COMMIT} cannot be read: .*--unshallow"),
        plain_dcgan(tmp_path),
    ):
        pass
