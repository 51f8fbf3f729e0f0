"""Landscapes of a plane on which no straight line leans every digit."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from service.engine.landscape import read_landscape
from tests.service.bundles import write_bundle
from tests.training.conftest import few
from training import attributes, classifier, course, directions, landscape, sefa, sensitivity
from training.course import Straight, Traveller
from training.served import Served
from training.traits import NAMES


class Leaning(Served):
    """A 7 that leans to the right with z0 in the upper half of the plane and to the left in the lower."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.manifest = self.manifest.model_copy(update={"latent_dim": 2})

    def decode(self, z: Tensor, label: Tensor | None) -> Tensor:
        digits = few("t10k")
        seven = digits.image[digits.label == 7][0]
        lean = 0.15 * z[:, 0] * torch.where(z[:, 1] < 0, 1, -1)
        one, none = torch.ones(len(z)), torch.zeros(len(z))
        rows = torch.stack([one, lean, none, none, one, none], 1).reshape(-1, 2, 3)
        where = functional.affine_grid(rows, [len(z), 1, 28, 28], align_corners=False)
        source = seven.float().expand(len(z), 1, 28, 28)
        return functional.grid_sample(source, where, align_corners=False).squeeze(1).round().byte()


SPREAD = torch.full((len(NAMES),), 0.1, dtype=torch.float64)


@pytest.fixture
def plane(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Leaning:
    monkeypatch.setattr(landscape, "SIDE", 33)
    monkeypatch.setattr(course, "SEEDS", range(5_000, 5_030))
    monkeypatch.setattr(directions, "SAMPLE", range(200))
    monkeypatch.setattr(sensitivity, "SEEDS", range(1_000, 1_010))
    return Leaning(write_bundle(tmp_path, "leaning"))


def test_each_attribute_is_measured_at_every_point_in_its_own_deviations(plane: Leaning) -> None:
    heights = landscape.survey(plane, classifier.load(), SPREAD)
    assert heights.shape == (len(attributes.ATTRIBUTES), 33, 33)
    row, column = 4, 29
    z = torch.tensor([[-4 + 8 * column / 32, -4 + 8 * row / 32]])
    there = attributes.measure(plane.decode(z, None))[0] / 0.1
    assert heights[:, row, column] == pytest.approx(there, abs=1e-4)


def test_its_slope_leans_all_where_no_straight_line_does(plane: Leaning) -> None:
    judge = classifier.load()
    slope = landscape.slope(plane, "slant", landscape.survey(plane, judge, SPREAD)[0])
    amounts = np.linspace(-1, 1, course.AMOUNTS).tolist()
    traveller = Traveller(plane, judge)
    climbed = course.correlation(traveller.follow(slope, amounts).trait[..., 0])
    straight = Straight(torch.tensor([0.1, 0.0], dtype=torch.float64))
    walked = course.correlation(traveller.follow(straight, amounts).trait[..., 0])
    assert climbed > 0.9
    assert abs(walked) < 0.5


def test_the_search_finds_it_and_gives_its_files(plane: Leaning, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sefa, "first_layer", lambda model: None)
    found = {one.name: (one, files) for one, files in directions.Search(plane).directions()}
    direction, files = found["slant"]
    assert direction.vector is None
    assert direction.landscape is not None
    assert direction.found is not None
    assert direction.found.method == "landscape"
    assert direction.found.correlation >= 0.9
    picture, entry = direction.found.picture, direction.landscape
    assert set(files) == {picture.file, entry.file}
    assert picture.file == f"direction-slant-{picture.sha256[:8]}.webp"
    assert entry.file == f"landscape-slant-{entry.sha256[:8]}.png"
    assert read_landscape(files[entry.file], entry)
