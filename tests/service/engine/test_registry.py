"""Which models are found, and how they are asked for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.engine.bundle import BundleError
from service.engine.registry import Registry, find_bundles
from service.engine.session import ProviderError
from service.errors import ServiceError
from tests.service.bundles import write_bundle


class Silent:
    """An observer that hears nothing."""

    def ran(self, images: int, seconds: float) -> None: ...

    def failed(self, images: int) -> None: ...

    def dropped(self, reason: str, images: int) -> None: ...


def load(models_dir: Path, default: str = "tiny", **changes: Any) -> Registry:
    given: dict[str, Any] = {"provider": "cpu", "threads": 2, "max_batch": 64, "queue_images": 1024}
    return Registry.load(models_dir, default, observer=lambda *_: Silent(), **(given | changes))


@pytest.fixture(scope="module")
def registry(models_dir: Path) -> Iterator[Registry]:
    registry = load(models_dir)
    yield registry
    registry.close()


def test_every_version_is_listed_the_newest_first(registry: Registry) -> None:
    assert [(model.manifest.name, model.manifest.version) for model in registry.models()] == [
        ("tiny", 2),
        ("tiny", 1),
        ("tiny_bare", 1),
        ("tiny_cond", 1),
        ("tiny_critic", 1),
    ]
    assert registry.versions("tiny") == [2, 1]


def test_the_newest_version_of_the_default_answers(registry: Registry) -> None:
    assert registry.get() is registry.get("tiny", 2)
    assert registry.get("tiny") is registry.get("tiny", 2)
    assert registry.get("tiny", 1).manifest.version == 1
    assert registry.default == "tiny"


@pytest.mark.parametrize("name", ["nope", "", "..", "../tiny", "tiny/1", "README.md", ".unfinished", "TINY"])
def test_an_unknown_name_is_404_with_the_known_ones(registry: Registry, name: str) -> None:
    with pytest.raises(ServiceError) as caught:
        registry.get(name)
    assert (caught.value.status, caught.value.code) == (404, "unknown-model")
    assert "tiny, tiny_bare, tiny_cond, tiny_critic" in caught.value.detail


def test_an_unknown_version_is_404_with_the_known_ones(registry: Registry) -> None:
    with pytest.raises(ServiceError) as caught:
        registry.get("tiny", 3)
    assert (caught.value.status, caught.value.code) == (404, "unknown-version")
    assert "1, 2" in caught.value.detail


def test_a_model_has_the_roles_of_its_bundle(registry: Registry) -> None:
    assert registry.get("tiny_bare").discriminator is None
    assert registry.get("tiny", 1).encoder is None
    assert registry.get("tiny", 2).encoder is not None
    assert set(registry.get("tiny_cond").generator.inputs) == {"z", "label"}


def test_numbers_order_versions_not_letters(tmp_path: Path) -> None:
    for version in (2, 9, 10):
        write_bundle(tmp_path, "tiny", version)
    registry = load(tmp_path)
    assert registry.get().manifest.version == 10
    registry.close()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"none: is not a folder: set MODELS_DIR"):
        load(tmp_path / "none")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    with pytest.raises(BundleError, match="holds no models"):
        load(tmp_path)


def test_an_unknown_default_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    (write_bundle(tmp_path, "tiny") / "generator.onnx").unlink()
    with pytest.raises(BundleError, match="no model 'cgan', the default: set DEFAULT_MODEL to one of tiny"):
        load(tmp_path, "cgan")


def test_one_bad_bundle_refuses_them_all(tmp_path: Path) -> None:
    write_bundle(tmp_path, "tiny")
    bad = write_bundle(tmp_path, "other") / "generator.onnx"
    bad.write_bytes(bad.read_bytes()[:-1] + b"!")
    with pytest.raises(BundleError, match=r"other/1/generator\.onnx: is corrupted"):
        load(tmp_path)


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


def test_cuda_where_there_is_none_refuses_to_load(models_dir: Path) -> None:
    with pytest.raises(ProviderError, match="PROVIDER=cpu"):
        load(models_dir, provider="cuda")
