"""A bundle's networks run as the service runs them."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import training.served
from service.engine.latent import draw
from tests.service.bundles import LATENT, write_bundle
from training import graph
from training.served import BundleError, Served


def test_images_are_those_of_their_seeds_whatever_the_batch(tmp_path: Path) -> None:
    served = Served(write_bundle(tmp_path, "gan"))
    image, label = served.generate(range(1000, 1300))
    assert label is None
    assert image.shape == (300, 28, 28)
    assert image.dtype == torch.uint8
    assert torch.equal(image[271:273], served.generate(range(1271, 1273))[0])
    z, _ = draw([1005], LATENT, "normal", False)
    session = graph.session((tmp_path / "gan" / "1" / "generator.onnx").read_bytes())
    assert np.array_equal(session.run(None, {"z": z})[0][0], image[5].numpy())


def test_a_conditional_model_draws_its_labels_or_takes_them(tmp_path: Path) -> None:
    served = Served(write_bundle(tmp_path, "cgan", conditional=True))
    image, drawn = served.generate(range(20))
    assert drawn is not None
    assert len(set(drawn.tolist())) > 3
    again, asked = served.generate(range(20), drawn)
    assert torch.equal(image, again)
    other, asked = served.generate(range(20), (drawn + 1) % 10)
    assert asked is not None
    assert asked.tolist() == ((drawn + 1) % 10).tolist()
    assert not torch.equal(image, other)


def test_a_conditional_score_is_over_all_labels(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path, "cgan", conditional=True)
    served = Served(folder)
    image = served.generate(range(3))[0]
    session = graph.session((folder / "discriminator.onnx").read_bytes())
    each = [session.run(None, {"image": image.numpy(), "label": np.full(3, digit)})[0] for digit in range(10)]
    assert served.score(image).tolist() == pytest.approx(np.logaddexp.reduce(each).tolist(), rel=1e-5)


def test_the_time_per_image_is_that_of_the_fastest_batch_over_its_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The start, then the beginning and the end of each of three runs: 0.8, 0.4 and 0.6 seconds.
    clock = iter([0.0, 0.0, 0.8, 1.0, 1.4, 1.5, 2.1, 9.0])
    monkeypatch.setattr(training.served, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    served = Served(write_bundle(tmp_path, "gan"))
    assert served.microseconds(8, seconds=3) == pytest.approx(0.4 / 8 * 1e6)


def test_a_folder_that_is_no_bundle_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="name a bundle's folder"):
        Served(tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(BundleError, match="name a bundle's folder"):
        Served(tmp_path / "manifest.json")
    with pytest.raises(BundleError, match=r"manifest\.json: "):
        Served(tmp_path)
