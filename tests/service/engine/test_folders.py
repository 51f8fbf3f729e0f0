"""Which folders are bundles, and which are refused."""

from pathlib import Path

import pytest

from service.engine.refusal import BundleError
from service.engine.folders import find_bundles
from tests.service.bundles import write_bundle


@pytest.mark.parametrize("name", ["Tiny", "tiny model", "_tiny", "a" * 65])
def test_a_folder_that_cannot_be_a_name_is_refused(tmp_path: Path, name: str) -> None:
    write_bundle(tmp_path, "tiny")
    (tmp_path / name).mkdir()
    with pytest.raises(BundleError, match="is not a model's name"):
        find_bundles(tmp_path)


@pytest.mark.parametrize("version", ["0", "01", "v1", "latest", "-1", "1.0", "²"])
def test_a_folder_that_cannot_be_a_version_is_refused(tmp_path: Path, version: str) -> None:
    (tmp_path / "tiny" / version).mkdir(parents=True)
    with pytest.raises(BundleError, match="is not a version"):
        find_bundles(tmp_path)


def test_what_is_hidden_or_a_file_is_passed_over(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path, "tiny")
    (tmp_path / ".cache" / "1").mkdir(parents=True)
    (tmp_path / "tiny" / ".2.tmp").mkdir()
    (tmp_path / "tiny" / "notes.txt").write_text("x")
    (tmp_path / "leaderboard.png").write_bytes(b"x")
    assert find_bundles(tmp_path) == [folder]
