"""Loading many bundles at once."""

import threading
from pathlib import Path

import pytest

from service.engine.loading import load_all
from service.engine.refusal import BundleError

FOLDERS = [Path(name) for name in "abcde"]


def test_what_is_loaded_keeps_its_order() -> None:
    barrier = threading.Barrier(2)

    def load(folder: Path) -> str:
        if folder.name in "ab":
            barrier.wait(10)
        return folder.name

    assert load_all(FOLDERS, load, 2, 60) == list("abcde")


def test_the_first_error_is_raised() -> None:
    def load(folder: Path) -> None:
        if folder.name in "bd":
            raise ValueError(folder.name)

    with pytest.raises(ValueError, match="b"):
        load_all(FOLDERS, load, 2, 60)


def test_a_bundle_that_hangs_is_named_while_others_load() -> None:
    go = threading.Event()

    def load(folder: Path) -> None:
        if folder.name == "b":
            go.wait(60)

    with pytest.raises(BundleError, match=r"^b: did not finish its self-test within 0\.2 s.*PROOF_TIMEOUT_S"):
        load_all(FOLDERS, load, 2, 0.2)
    go.set()
