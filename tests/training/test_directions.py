"""Directions, found in a generator whose dimensions are known, and measured by what they must not do."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor
from torch.nn import functional

from service.manifest import Direction
from tests.service.bundles import LATENT, write_bundle
from tests.training.conftest import few
from training import course, directions, sefa, sensitivity, traits
from training.attributes import ATTRIBUTES
from training.course import Straight
from training.directions import Candidate, Search
from training.served import Served, read_manifest


class Drawn(Served):
    """A conditional generator of one real digit for each label: z[0] leans it, and makes it wider by as much
    as z[1] does; z[2] makes it taller; z[3] does nothing."""

    def decode(self, z: Tensor, label: Tensor | None) -> Tensor:
        assert label is not None
        digits = few("t10k")
        real = torch.stack([digits.image[digits.label == digit][0] for digit in range(10)])
        lean, wide, tall = 0.15 * z[:, 0], 0.08 * (z[:, 0] + z[:, 1]), 0.06 * z[:, 2]
        grow_x, grow_y, none = (-wide).exp(), (-tall).exp(), torch.zeros(len(z))
        # Of each pixel of the image, where it is taken from; y is down, so a lean to the right adds with y.
        rows = torch.stack([grow_x, lean, none, none, grow_y, none], 1).reshape(-1, 2, 3)
        where = functional.affine_grid(rows, [len(z), 1, 28, 28], align_corners=False)
        source = real[label].float().unsqueeze(1)
        return functional.grid_sample(source, where, align_corners=False).squeeze(1).round().byte()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Direction]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(directions, "SAMPLE", range(300))
        patch.setattr(sensitivity, "SEEDS", range(1_000, 1_020))
        patch.setattr(course, "SEEDS", range(5_000, 5_040))
        served = Drawn(write_bundle(tmp_path_factory.mktemp("models"), "drawn", conditional=True))
        yield {direction.name: direction for direction, _ in Search(served).directions()}


def test_a_direction_moves_its_own_attribute_and_undoes_what_comes_with_it(
    found: dict[str, Direction],
) -> None:
    """z[0] alone would also widen: the direction of slant takes that back by z[1]. Not by exactly as much, as
    a real digit is no ellipse, and leaning changes its width as measured."""
    slant = np.array(found["slant"].vector)
    assert -1.5 < slant[1] / slant[0] < -0.7
    assert abs(slant[2:]).max() < 0.1 * abs(slant[0])
    width = np.array(found["width"].vector)
    assert width[1] > 0
    assert abs(np.delete(width, 1)).max() < 0.25 * width[1]


def test_what_was_measured_is_true_and_within_the_bars(found: dict[str, Direction]) -> None:
    assert {"slant", "width", "height"} <= set(found)
    for name in ("slant", "width", "height"):
        direction = found[name]
        assert direction.found is not None
        assert direction.found.method == "regression"
        assert direction.found.trait == name
        assert direction.found.correlation >= 0.99
        assert direction.found.kept >= 0.95
        assert max(direction.found.moves, key=direction.found.moves.__getitem__) == name
        low, high = direction.range
        assert -2 <= low < 0 < high <= 2
    assert "top_heaviness" not in found


def test_z3_does_nothing_so_no_direction_has_much_of_it(found: dict[str, Direction]) -> None:
    for direction in found.values():
        if direction.found and direction.found.method == "regression":
            vector = np.array(direction.vector)
            assert abs(vector[3]) < 0.1 * np.linalg.norm(vector)


def test_directions_are_written_with_their_pictures_and_nothing_else_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: dict[str, Direction]
) -> None:
    bundle = write_bundle(tmp_path, "drawn", conditional=True)
    before = read_manifest(bundle).model_dump()
    (bundle / "direction-gone.webp").write_bytes(b"of an earlier search")
    one = found["slant"]
    assert one.found is not None
    one_file = one.found.picture.file
    monkeypatch.setattr(Search, "__init__", lambda self, served: None)
    monkeypatch.setattr(Search, "directions", lambda self: iter([(one, {one_file: b"picture"})]))
    assert directions.write(bundle) == [one]
    after = read_manifest(bundle)
    assert after.directions == [one]
    assert after.model_dump() | {"directions": before["directions"]} == before
    assert [path.name for path in bundle.glob("*.webp")] == [one_file]
    assert not list(bundle.glob(".*"))
    assert (bundle / one.found.picture.file).read_bytes() == b"picture"
    assert "slant" in directions.table([one])
    assert "no direction" in directions.table([])


def test_a_search_that_is_killed_leaves_the_files_that_the_manifest_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: dict[str, Direction]
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    bundle = write_bundle(tmp_path, "drawn", conditional=True)
    (named := bundle / "direction-slant.webp").write_bytes(b"of an earlier search")
    one = found["slant"]
    assert one.found is not None
    files = {one.found.picture.file: b"picture"}
    monkeypatch.setattr(Search, "__init__", lambda self, served: None)
    monkeypatch.setattr(Search, "directions", lambda self: iter([(one, files)]))
    monkeypatch.setattr(directions, "record", killed)
    with pytest.raises(KeyboardInterrupt):
        directions.write(bundle)
    assert named.read_bytes() == b"of an earlier search"
    assert one.found.picture.file == f"direction-slant-{one.found.picture.sha256[:8]}.webp"


def test_correlation_is_spearmans_and_ties_are_no_order() -> None:
    rising, falling = torch.tensor([1.0, 2.0, 5.0, 5.5]), torch.tensor([9.0, 3.0, 1.0, 0.0])
    assert course.correlation(rising.unsqueeze(0)) == pytest.approx(1)
    assert course.correlation(torch.stack([rising, falling])) == pytest.approx(0)
    assert course.correlation(torch.ones(1, 4)) == 0
    assert course.correlation(torch.tensor([[1.0, 1.0, 2.0, 2.0]])) == pytest.approx(0.894, abs=0.001)


def test_log_odds_are_those_of_the_softmax_and_do_not_end_where_it_does() -> None:
    logits = torch.tensor([[2.0, 1.0, -1.0], [400.0, 0.0, 0.0]])
    p = logits[:1].double().softmax(1)
    assert torch.allclose(traits.log_odds(logits)[:1], (p / (1 - p)).log())
    assert traits.log_odds(logits)[1, 0] == pytest.approx(400 - np.log(2))


def test_an_attribute_varies_within_a_digit_and_log_odds_among_all() -> None:
    label = torch.tensor([1, 1, 2, 2])
    trait = torch.zeros(4, len(traits.NAMES), dtype=torch.float64)
    trait[:, 0] = torch.tensor([0.0, 1.0, 10.0, 11.0])
    trait[:, len(ATTRIBUTES)] = torch.tensor([0.0, 0.0, 3.0, 3.0])
    spread = traits.spread(traits.Reading(trait, label))
    assert spread[0] == pytest.approx(torch.tensor([-0.5, 0.5, -0.5, 0.5]).std())
    assert spread[len(ATTRIBUTES)] == pytest.approx(torch.tensor([0.0, 0.0, 3.0, 3.0]).std())


@pytest.mark.parametrize("latent_dim", [2, 100, 784])
def test_moves_are_orthonormal(latent_dim: int) -> None:
    moves = sensitivity.moves(latent_dim)
    assert moves.shape[1] == latent_dim
    assert torch.allclose(moves @ moves.T, torch.eye(len(moves), dtype=torch.float64), atol=1e-6)


def model(*nodes: onnx.NodeProto, **weights: NDArray[np.floating]) -> onnx.ModelProto:
    shape: list[str | int] = ["batch", LATENT]
    return helper.make_model(
        helper.make_graph(
            list(nodes),
            "first",
            [helper.make_tensor_value_info("z", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(weight, name) for name, weight in weights.items()],
        )
    )


def test_the_first_layer_is_read_from_the_graph_however_it_is_written() -> None:
    matrix = np.random.RandomState(0).standard_normal((6, LATENT)).astype(np.float32)
    gemm = model(helper.make_node("Gemm", ["z", "w"], ["y"], transB=1), w=matrix)
    cast = helper.make_node("Cast", ["h"], ["w"], to=TensorProto.FLOAT)
    halved = model(cast, helper.make_node("MatMul", ["z", "w"], ["y"]), h=matrix.T.astype(np.float16))
    shaped = helper.make_node("Reshape", ["z", "s"], ["x"])
    kernel = matrix.T.reshape(LATENT, 6, 1, 1)
    spread = model(shaped, helper.make_node("ConvTranspose", ["x", "w"], ["y"]), w=kernel)
    for written in (gemm, halved, spread):
        read = sefa.first_layer(written)
        assert read is not None
        assert read.numpy() == pytest.approx(matrix, rel=1e-3)
    part = helper.make_node("Slice", ["z"], ["x"])
    half = model(part, helper.make_node("MatMul", ["x", "w"], ["y"]), w=matrix)
    assert sefa.first_layer(half) is None


def test_sefa_names_first_what_the_layer_passes_on_the_most() -> None:
    matrix = torch.diag(torch.tensor([1.0, 5.0, 2.0], dtype=torch.float64))
    found = sefa.components(matrix).abs()
    assert torch.allclose(found, torch.tensor([[0, 1, 0], [0, 0, 1], [1, 0, 0]], dtype=torch.float64))


def test_of_several_ways_to_a_name_the_first_that_holds_is_taken() -> None:
    class Tried(Search):
        def __init__(self) -> None:
            self.measurements: list[tuple[str, float]] = []

        def candidates(self) -> Iterator[Candidate]:
            for name, length in (("slant", 1.0), ("slant", 2.0), ("slant", 3.0), ("width", 4.0)):
                way = Straight(torch.full((2,), length, dtype=torch.float64))
                yield Candidate(name, "regression", 0, way)

        def measured(self, candidate: Candidate) -> Any:
            assert isinstance(candidate.way, Straight)
            self.measurements.append((candidate.name, length := float(candidate.way.vector[0])))
            return None if length == 1 else (length, {})

    search = Tried()
    kept: list[Any] = [*search.directions()]
    assert kept == [(2, {}), (4, {})]
    assert search.measurements == [("slant", 1), ("slant", 2), ("width", 4)]
