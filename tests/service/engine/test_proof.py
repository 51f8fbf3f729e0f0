"""Bundles are tested in a process of their own."""

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.engine import proof
from service.engine.proof import Prover
from service.engine.refusal import BundleError
from service.engine.session import ProviderError
from tests.service.bundles import endless_to_load, replace_role, write_bundle, write_endless

SHORT_S = 3.0
"""The bound of what never ends; long enough for the tiny bundles on a busy machine."""


@pytest.fixture
def prover() -> Iterator[Prover]:
    prover = Prover("cpu", SHORT_S)
    yield prover
    prover.end()


def test_a_good_bundle_gives_the_digest_of_its_manifest(prover: Prover, tmp_path: Path) -> None:
    folder = write_bundle(tmp_path, "tiny")
    assert prover.prove(folder) == hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()


def test_a_bad_one_is_refused_in_the_words_of_its_loading(prover: Prover, tmp_path: Path) -> None:
    bad, good = write_bundle(tmp_path, "bad"), write_bundle(tmp_path, "good")
    (bad / "generator.onnx").unlink()
    with pytest.raises(BundleError, match=r"generator\.onnx: No such file") as caught:
        prover.prove(bad)
    assert caught.value.path == bad / "generator.onnx"
    assert prover.prove(good)


def test_a_bundle_that_never_ends_is_refused_and_the_next_one_is_tested(
    prover: Prover, tmp_path: Path
) -> None:
    loading = write_bundle(tmp_path, "loading", roles=("generator",))
    replace_role(loading, "generator", endless_to_load())
    for folder in (write_endless(tmp_path, "running"), loading):
        with pytest.raises(BundleError, match="did not finish its self-test within 3 s"):
            prover.prove(folder)
    assert prover.prove(write_bundle(tmp_path, "good"))


def test_a_provider_that_is_missing_is_told(tmp_path: Path) -> None:
    prover = Prover("cuda", SHORT_S)
    with pytest.raises(ProviderError, match="PROVIDER=cpu"):
        prover.prove(write_bundle(tmp_path, "tiny"))
    prover.end()


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ("import os; os.abort()", r"ended the process of its self-test \(signal 6\)"),
        ("print('{}'); input(); raise SystemExit(7)", r"ended the process of its self-test \(exit code 7\)"),
        ("print('{}'); input(); print('x' * 1000000)", "ended the process of its self-test"),
        ("print('{}'); input(); print('nonsense')", "ended the process of its self-test"),
    ],
)
def test_a_process_that_crashes_or_writes_nonsense_refuses_the_bundle(
    prover: Prover, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, wrong: str
) -> None:
    (tmp_path / "crash.py").write_text(body)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(proof, "__name__", "crash")
    if "abort" in body:
        wrong = r"did not start \(signal 6\)"
    with pytest.raises(BundleError, match=wrong):
        prover.prove(tmp_path / "tiny" / "1")


def test_close_ends_a_test_that_goes_on(tmp_path: Path) -> None:
    prover = Prover("cpu", 3600)
    folder = write_endless(tmp_path, "endless")
    errors: list[BundleError] = []

    def prove() -> None:
        for _ in range(2):
            try:
                prover.prove(folder)
            except BundleError as error:
                errors.append(error)

    thread = threading.Thread(target=prove, daemon=True)
    thread.start()
    while prover._child is None:
        time.sleep(0.01)
    prover.close()
    thread.join(30)
    assert not thread.is_alive()
    assert "shutting down" in errors[1].wrong


def test_the_process_ends_with_the_service(prover: Prover, tmp_path: Path) -> None:
    prover.prove(write_bundle(tmp_path, "tiny"))
    child = prover._child
    assert child is not None
    assert child.stdin is not None
    child.stdin.write(b'"%s"\n' % os.fsencode(write_endless(tmp_path, "endless")))
    child.stdin.close()
    assert child.wait(30) == 0
