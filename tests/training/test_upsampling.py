"""The rewritten graph computes what torch computes, and its slow transposed convolutions are gone."""

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from training import graph

Z = 20


class OnePixel(nn.Sequential):
    """DCGAN's: the first layer spreads z, given as one pixel."""

    def __init__(self) -> None:
        super().__init__(
            nn.Unflatten(1, (Z, 1, 1)),
            nn.ConvTranspose2d(Z, 12, 7, bias=False),
            nn.BatchNorm2d(12),
            nn.ReLU(),
            nn.ConvTranspose2d(12, 6, 4, 2, 1, bias=False),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.ConvTranspose2d(6, 1, 4, 2, 1),
            nn.Tanh(),
        )


class Doubled(nn.Sequential):
    """Two layers that double the size of 7x7 maps."""

    def __init__(self) -> None:
        super().__init__(
            nn.Linear(Z, 8 * 49),
            nn.Unflatten(1, (8, 7, 7)),
            nn.ConvTranspose2d(8, 5, 4, 2, 1),
            nn.LeakyReLU(0.2),
            nn.ConvTranspose2d(5, 1, 4, 2, 1),
            nn.Tanh(),
        )


class Forked(nn.Module):
    """The maps between the two layers are read twice, so they are needed as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(
            nn.Linear(Z, 8 * 49), nn.Unflatten(1, (8, 7, 7)), nn.ConvTranspose2d(8, 1, 4, 2, 1)
        )
        self.last = nn.ConvTranspose2d(1, 1, 4, 2, 1)

    def forward(self, z: Tensor) -> Tensor:
        maps = self.first(z).relu()
        image: Tensor = torch.tanh(self.last(maps) + nn.functional.interpolate(maps, (28, 28)))
        return image


def exported(module: nn.Module) -> tuple[onnx.ModelProto, bytes]:
    torch.manual_seed(0)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.3)
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            assert norm.running_mean is not None
            assert norm.running_var is not None
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
    content = graph.to_onnx("generator", module, Z, labelled=False)
    return onnx.load_from_string(content), content


def transposed(model: onnx.ModelProto) -> list[list[int]]:
    """Strides of the transposed convolutions that are left."""
    return [
        next(each.ints[:] for each in node.attribute if each.name == "strides")
        for node in model.graph.node
        if node.op_type == "ConvTranspose"
    ]


@pytest.mark.parametrize("module", [OnePixel, Doubled])
def test_cheaper_and_the_same(module: type[nn.Module]) -> None:
    generator = module()
    model, content = exported(generator)
    kinds = [node.op_type for node in model.graph.node]
    assert transposed(model) == [[4, 4]]
    assert kinds.count("Conv") == 4
    assert kinds.count("Gemm") == 1

    z = np.random.default_rng(1).standard_normal((5, Z), dtype=np.float32)
    (got,) = graph.session(content).run(None, {"z": z})
    with torch.no_grad():
        levels = (generator.eval()(torch.from_numpy(z)).squeeze(1).numpy() + 1) * 127.5
    assert levels.std() > 20  # not a flat picture, which anything would match
    # Weights are stored in half precision, and a level may round either way.
    assert np.abs(got - levels).max() < 1.5


def test_maps_that_are_read_twice_stay() -> None:
    model, _ = exported(Forked())
    assert transposed(model) == [[2, 2], [2, 2]]


def test_no_weight_is_left_over() -> None:
    model, _ = exported(OnePixel())
    read = {name for node in model.graph.node for name in node.input}
    assert {weight.name for weight in model.graph.initializer} <= read
