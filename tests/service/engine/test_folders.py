"""Which folders are bundles, and which are refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.engine.folders import find_bundles
from service.engine.refusal import BundleError
from tests.service.bundles import write_bundle


@pytest.mark.parametrize("name", ["lost+found", "Tiny", "tiny model", "_tiny", "a" * 65])
def test_a_folder_that_cannot_be_a_name_is_passed_over_with_a_warning(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write_bundle(tmp_path, "tiny")
    (tmp_path / name / "1").mkdir(parents=True)
    assert find_bundles(tmp_path) == [folder]
    (warning,) = caplog.messages
    assert warning.startswith(f"passed over {tmp_path / name}: it is not a model's name")


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root reads every folder, so the error is raised here."""
    write_bundle(tmp_path, "tiny")
    closed = write_bundle(tmp_path, "closed").parent
    iterdir = Path.iterdir

    def guarded(path: Path) -> Iterator[Path]:
        if path == closed:
            raise PermissionError(13, "Permission denied")
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", guarded)
    with pytest.raises(BundleError, match=r"closed: cannot be read \(Permission denied\): let the"):
        find_bundles(tmp_path)


@pytest.mark.parametrize("name", ["x" * 300, "/".join(["x" * 200] * 30)])
def test_a_path_that_is_too_long_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(BundleError, match=r"cannot be read \(File name too long\): set MODELS_DIR"):
        find_bundles(tmp_path / name)


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
