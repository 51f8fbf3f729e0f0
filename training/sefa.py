"""Directions without names or images, from a generator's weights alone: Shen & Zhou 2020, arXiv 2007.06600.

    max_n ||A n||^2, ||n|| = 1                                             (equation 4)

A is the first layer's matrix, so the n are the eigenvectors of A^T A: what that layer passes on the most.
"""

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

LAYERS = ("Gemm", "MatMul", "ConvTranspose")


def first_layer(model: onnx.ModelProto) -> Tensor | None:
    """A [outputs, latent_dim], float64, of the layer that reads all of z; None where none does, as where an
    invertible map comes first, whose layers read one half of z each."""
    weights = {weight.name: weight for weight in model.graph.initializer}
    z = "z"
    for node in model.graph.node:
        if node.op_type == "Cast" and node.input[0] in weights:
            weights[node.output[0]] = weights[node.input[0]]
        elif node.op_type == "Reshape" and node.input[0] == z:
            z = node.output[0]
        elif node.op_type in LAYERS and node.input[0] == z:
            matrix = torch.from_numpy(numpy_helper.to_array(weights[node.input[1]]).astype(np.float64))
            outputs_first = any(option.name == "transB" and option.i for option in node.attribute)
            return matrix if outputs_first else matrix.flatten(1).T
    return None


def components(matrix: Tensor) -> Tensor:
    """The n [latent_dim, latent_dim] in rows, the one that is passed on the most first."""
    strongest_last: Tensor = torch.linalg.eigh(matrix.T @ matrix).eigenvectors.T
    return strongest_last.flip(0)
