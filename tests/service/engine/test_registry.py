"""Which models are found, and how they are asked for."""

import asyncio
import math
import shutil
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.engine.proof import Prover
from service.engine.refusal import BundleError
from service.engine.registry import Registry
from service.engine.session import ProviderError
from service.errors import ServiceError
from tests.service.bundles import LATENT, rewrite_manifest, write_bundle, write_endless


def load(models_dir: Path, default: str = "tiny", **changes: Any) -> Registry:
    given: dict[str, Any] = {"provider": "cpu", "threads": 2, "max_batch": 64, "queue_images": 1024}
    return Registry(models_dir, default, **(given | changes))


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


def test_cuda_where_there_is_none_refuses_to_load(models_dir: Path) -> None:
    with pytest.raises(ProviderError, match="PROVIDER=cpu"):
        load(models_dir, provider="cuda")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A models' folder to change: tiny 1 (the default) and other 1."""
    write_bundle(tmp_path, "tiny")
    write_bundle(tmp_path, "other")
    return tmp_path


@pytest.fixture
def changing(folder: Path) -> Iterator[Registry]:
    registry = load(folder)
    yield registry
    registry.close()


def served(registry: Registry) -> dict[str, list[int]]:
    return {model.manifest.name: registry.versions(model.manifest.name) for model in registry.models()}


def spoil(bundle: Path) -> None:
    path = bundle / "generator.onnx"
    path.write_bytes(path.read_bytes()[:-1] + b"!")


def test_reload_serves_what_the_folder_holds_now(changing: Registry, folder: Path) -> None:
    write_bundle(folder, "tiny", 2)
    write_bundle(folder, "third")
    shutil.rmtree(folder / "other")
    assert changing.reload() == ()
    assert served(changing) == {"tiny": [2, 1], "third": [1]}
    assert changing.get().manifest.version == 2
    assert changing.changes == {"done": 1, "refused": 0}


def test_what_did_not_change_is_kept(changing: Registry, folder: Path) -> None:
    before = {name: changing.get(name) for name in ("tiny", "other")}
    rewrite_manifest(folder / "other" / "1", title="New")
    changing.reload()
    assert changing.get("tiny") is before["tiny"]
    assert changing.get("other") is not before["other"]
    assert changing.get("other").manifest.title == "New"


def test_a_bad_new_version_leaves_the_old_one_serving(changing: Registry, folder: Path) -> None:
    spoil(write_bundle(folder, "tiny", 2))
    (refused,) = changing.reload()
    assert (refused.name, refused.version, refused.state) == ("tiny", 2, "refused")
    assert refused.reason.startswith("tiny/2/generator.onnx: is corrupted")
    assert str(folder) not in refused.reason
    assert served(changing) == {"tiny": [1], "other": [1]}
    assert changing.unserved == (refused,)
    assert changing.changes == {"done": 0, "refused": 1}


@pytest.mark.parametrize("manifest", [True, False])
def test_a_version_spoilt_in_place_goes_on_as_it_was(
    changing: Registry, folder: Path, manifest: bool
) -> None:
    before = changing.get("other")
    if manifest:
        (folder / "other/1/manifest.json").write_text("{")
    else:
        spoil(folder / "other" / "1")
    assert [(one.name, one.version) for one in changing.reload()] == [("other", 1)]
    assert changing.get("other") is before


def test_of_several_versions_only_the_spoilt_ones_are_refused(changing: Registry, folder: Path) -> None:
    for version in (2, 3):
        write_bundle(folder, "other", version)
    assert changing.reload() == ()
    before = {version: changing.get("other", version) for version in (1, 2, 3)}
    spoil(folder / "other" / "2")
    spoil(write_bundle(folder, "other", 4))
    write_bundle(folder, "other", 5)
    refused = changing.reload()
    assert [(one.name, one.version) for one in refused] == [("other", 2), ("other", 4)]
    assert served(changing) == {"tiny": [1], "other": [5, 3, 2, 1]}
    assert {version: changing.get("other", version) for version in (1, 2, 3)} == before


def test_a_folder_that_is_no_model_does_not_prevent_a_reload(changing: Registry, folder: Path) -> None:
    (folder / "lost+found").mkdir()
    assert changing.reload() == ()


def test_a_bundle_that_never_ends_is_refused_and_the_others_are_served(folder: Path) -> None:
    registry = load(folder, proof_timeout_s=3.0)
    write_endless(folder, "endless")
    write_bundle(folder, "third")
    (refused,) = registry.reload()
    assert (refused.name, refused.version) == ("endless", 1)
    assert refused.reason.startswith("endless/1: did not finish its self-test within 3 s")
    assert served(registry) == {"tiny": [1], "other": [1], "third": [1]}
    registry.close()


def test_a_bundle_that_never_ends_does_not_hold_up_the_start(folder: Path) -> None:
    write_endless(folder, "endless")
    with pytest.raises(BundleError, match="did not finish its self-test within 1 s"):
        load(folder, proof_timeout_s=1.0)


def test_what_is_new_is_tested_in_another_process_first(
    changing: Registry, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_bundle(folder, "third")
    monkeypatch.setattr(Prover, "prove", lambda prover, bundle: "0" * 64)
    (refused,) = changing.reload()
    assert refused.reason.startswith("third/1/manifest.json: was replaced during the self-test")
    assert served(changing) == {"tiny": [1], "other": [1]}


@pytest.mark.anyio
async def test_close_does_not_wait_for_a_change_that_hangs(changing: Registry) -> None:
    begun, go = threading.Event(), threading.Event()

    def stuck() -> None:
        begun.set()
        go.wait()

    change = asyncio.ensure_future(changing.aside(stuck))
    assert await asyncio.to_thread(begun.wait, 10)
    changing.close()
    assert not change.done()
    go.set()
    await change


@pytest.mark.anyio
async def test_a_run_that_never_ends_is_a_failure_and_the_service_goes_on(folder: Path) -> None:
    write_endless(folder, "endless", always=False)
    registry = load(folder, run_limit_s=1.0)
    batcher = registry.get("endless").generator
    for rows in (1, 64):
        with pytest.raises(ServiceError) as caught:
            await batcher.submit({"z": np.full((rows, LATENT), 60, np.float32)}, math.inf)
        assert caught.value.code == "inference-failed"
        await batcher.submit({"z": np.zeros((rows, LATENT), np.float32)}, math.inf)
    assert not batcher.on_loop(1), "its runs were measured, and happen in threads from now on"
    registry.close()


def test_a_bad_new_model_is_refused_and_the_others_serve(changing: Registry, folder: Path) -> None:
    spoil(write_bundle(folder, "third"))
    assert [(one.name, one.version) for one in changing.reload()] == [("third", 1)]
    assert served(changing) == {"tiny": [1], "other": [1]}


def test_one_spoilt_version_of_several_goes_on_and_the_others_change(tmp_path: Path) -> None:
    for version in (1, 2, 3):
        write_bundle(tmp_path, "tiny", version)
    registry = load(tmp_path)
    before = {version: registry.get("tiny", version) for version in (1, 2, 3)}
    spoil(tmp_path / "tiny" / "2")
    rewrite_manifest(tmp_path / "tiny" / "3", title="New")
    write_bundle(tmp_path, "tiny", 4)
    spoil(write_bundle(tmp_path, "tiny", 5))
    assert [(one.name, one.version) for one in registry.reload()] == [("tiny", 2), ("tiny", 5)]
    assert served(registry) == {"tiny": [4, 3, 2, 1]}
    assert registry.get("tiny", 1) is before[1]
    assert registry.get("tiny", 2) is before[2]
    assert registry.get("tiny", 3).manifest.title == "New"
    registry.close()


def test_a_model_that_is_gone_for_a_bad_version_goes_on_as_it_was(changing: Registry, folder: Path) -> None:
    (folder / "other/1").rename(folder / "other/2")
    changing.reload()
    assert served(changing) == {"tiny": [1], "other": [1]}


def test_the_default_stays_when_it_is_gone_from_the_folder(changing: Registry, folder: Path) -> None:
    shutil.rmtree(folder / "tiny")
    (refused,) = changing.reload()
    assert (refused.name, refused.version) == ("tiny", None)
    assert served(changing) == {"tiny": [1], "other": [1]}


def test_everything_stays_when_the_folder_cannot_be_read(changing: Registry, folder: Path) -> None:
    (folder / "other" / "latest").mkdir()
    (refused,) = changing.reload()
    assert (refused.name, refused.version) == (None, None)
    assert served(changing) == {"tiny": [1], "other": [1]}
    (folder / "other" / "latest").rmdir()
    assert changing.reload() == changing.unserved == ()


def test_what_was_unloaded_stays_told_when_the_folder_cannot_be_read(
    changing: Registry, folder: Path
) -> None:
    changing.unload("other")
    (folder / "other" / "latest").mkdir()
    for change in (changing.reload, lambda: changing.load("other")):
        (refused,) = change()
        assert refused.name is None
        assert {(one.name, one.state) for one in changing.unserved} == {
            ("other", "unloaded"),
            (None, "refused"),
        }


@pytest.mark.anyio
async def test_changes_that_wait_leave_other_threads_free(changing: Registry) -> None:
    begun, go = threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        go.wait(10)

    waiting = [asyncio.ensure_future(changing.aside(slow)) for _ in range(64)]
    assert await asyncio.wait_for(asyncio.to_thread(begun.wait, 10), 10)
    done = [one for one in waiting if one.done()]
    go.set()
    await asyncio.gather(*waiting)
    assert done == []


def test_unload_and_load_again(changing: Registry, folder: Path) -> None:
    changing.unload("other")
    assert served(changing) == {"tiny": [1]}
    assert [(one.name, one.version, one.state) for one in changing.unserved] == [("other", 1, "unloaded")]
    write_bundle(folder, "other", 2)
    assert changing.load("other") == ()
    assert served(changing) == {"tiny": [1], "other": [2, 1]}
    assert changing.unserved == ()


def test_load_touches_no_other_model(changing: Registry, folder: Path) -> None:
    write_bundle(folder, "tiny", 2)
    spoil(folder / "other" / "1")
    assert [one.name for one in changing.load("other")] == ["other"]
    changing.load("tiny")
    assert served(changing) == {"tiny": [2, 1], "other": [1]}
    assert [one.name for one in changing.unserved] == ["other"]


@pytest.mark.parametrize("name", ["nope", "..", "other/1", ""])
def test_load_and_unload_of_an_unknown_model_are_404(changing: Registry, name: str) -> None:
    for change in (changing.load, changing.unload):
        with pytest.raises(ServiceError) as caught:
            change(name)
        assert (caught.value.status, caught.value.code) == (404, "unknown-model")
    assert served(changing) == {"tiny": [1], "other": [1]}


def test_the_default_cannot_be_unloaded(changing: Registry) -> None:
    with pytest.raises(ServiceError) as caught:
        changing.unload("tiny")
    assert (caught.value.status, caught.value.code) == (409, "default-model")
    assert served(changing) == {"tiny": [1], "other": [1]}


def test_a_replaced_model_is_freed_once_nobody_uses_it(changing: Registry, folder: Path) -> None:
    used = changing.get("other")
    gone = weakref.ref(used.generator)
    changing.unload("other")
    assert used.generator is gone()
    del used
    assert gone() is None, "freed by its last reference, not by a collector that may not run"
