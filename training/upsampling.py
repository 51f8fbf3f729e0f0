"""A generator's transposed convolutions written as what costs onnxruntime less: the same function.

onnxruntime's ConvTranspose scatters, one image at a time. Three facts avoid most of that:

- On a 1x1 input it is a matrix product: a Gemm.
- With kernel 4, stride 2 and padding 1, the outputs of even rows see only taps 1 and 3 of the kernel, those
  of odd rows taps 0 and 2, and columns likewise. So it is four 2x2 convolutions, one per parity (p, q), whose
  maps have the size of the input (Dumoulin & Visin 2016, arXiv 1603.07285, chapter 4).
- Where another such layer follows, the four maps need not be interleaved: it reads parity (p, q) at pixel
  (i, j) as pixel (2i + p, 2j + q), so it is one transposed convolution of stride 4 with a 6x6 kernel.
"""

from collections.abc import Iterator

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Nodes = list[onnx.NodeProto]
ACTIVATIONS = ("Relu", "LeakyRelu")
DOUBLING = {"kernel_shape": [4, 4], "strides": [2, 2], "pads": [1, 1, 1, 1], "group": 1}
TAPS = ((3, 1), (2, 0))
"""Taps of a kernel of 4 that outputs of parity 0 and 1 see, in the order of the pixels that they meet."""


def rewrite(model: onnx.ModelProto) -> None:
    """Replaces the transposed convolutions of `model` that have a cheaper form. Changes it in place."""
    graph = model.graph
    # The nodes of each match are listed anew: a replacement ends in none that matches again.
    while match := next(_matches(graph), None):
        _replace(graph, *match)


def _matches(graph: onnx.GraphProto) -> Iterator[tuple[Nodes, Nodes]]:
    """Chains of nodes with what can take their place."""
    for node in graph.node:
        if node.op_type == "ConvTranspose" and _from_one_pixel(graph, node):
            yield [node], list(_as_product(graph, node))
        elif chain := _doubled_twice(graph, node):
            yield chain, list(_as_parities(graph, *chain))


def _from_one_pixel(graph: onnx.GraphProto, node: onnx.NodeProto) -> bool:
    """Whether the input is z viewed as [batch, latent, 1, 1]."""
    maker = _maker(graph, node.input[0])
    return (
        maker is not None
        and maker.op_type == "Reshape"
        and _constant(graph, maker.input[1])[2:].tolist() == [1, 1]
        and _attributes(node)["pads"] == [0, 0, 0, 0]
    )


def _as_product(graph: onnx.GraphProto, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
    weight, bias = (_constant(graph, name) for name in node.input[1:])
    channels, height, width = weight.shape[1:]
    prefix, out = node.input[1], node.output[0]
    matrix = _add(graph, f"{prefix}.matrix", weight.reshape(len(weight), -1))
    spread = _add(graph, f"{prefix}.bias", np.repeat(bias, height * width))
    shape = _add(graph, f"{prefix}.shape", np.array([-1, channels, height, width]))
    yield helper.make_node("Flatten", [node.input[0]], [f"{out}.flat"], axis=1)
    yield helper.make_node("Gemm", [f"{out}.flat", matrix, spread], [f"{out}.product"])
    yield helper.make_node("Reshape", [f"{out}.product", shape], [out])


def _doubled_twice(graph: onnx.GraphProto, node: onnx.NodeProto) -> Nodes | None:
    """The chain of doubling, activation, doubling that `node` begins, if it does."""
    activation = _reader(graph, node.output[0]) if _doubles(node) else None
    if activation is None or activation.op_type not in ACTIVATIONS:
        return None
    last = _reader(graph, activation.output[0])
    return [node, activation, last] if last is not None and _doubles(last) else None


def _doubles(node: onnx.NodeProto) -> bool:
    return node.op_type == "ConvTranspose" and _attributes(node).items() >= DOUBLING.items()


def _as_parities(
    graph: onnx.GraphProto, first: onnx.NodeProto, activation: onnx.NodeProto, last: onnx.NodeProto
) -> Iterator[onnx.NodeProto]:
    weight, bias = _constant(graph, first.input[1]), first.input[2]
    late = _constant(graph, last.input[1])
    maps, kernels = [], []
    for p, q in np.ndindex(2, 2):
        name = f"{first.output[0]}.{p}{q}"
        kernel = weight[:, :, TAPS[p], :][:, :, :, TAPS[q]].swapaxes(0, 1)
        stored = _add(graph, f"{first.input[1]}.{p}{q}", kernel)
        pads = [1 - p, 1 - q, p, q]
        yield helper.make_node("Conv", [first.input[0], stored, bias], [name], kernel_shape=[2, 2], pads=pads)
        active = helper.make_node(activation.op_type, [name], [f"{name}.active"])
        active.attribute.extend(activation.attribute)
        yield active
        maps.append(active.output[0])
        kernels.append(np.pad(late, [(0, 0), (0, 0), (2 * p, 2 - 2 * p), (2 * q, 2 - 2 * q)]))
    wide = _add(graph, f"{last.input[1]}.parities", np.concatenate(kernels))
    yield helper.make_node("Concat", maps, [activation.output[0]], axis=1)
    yield helper.make_node(
        "ConvTranspose",
        [activation.output[0], wide, last.input[2]],
        [last.output[0]],
        kernel_shape=[6, 6],
        strides=[4, 4],
        pads=[1, 1, 1, 1],
    )


def _replace(graph: onnx.GraphProto, old: Nodes, new: Nodes) -> None:
    """Puts `new` in the place of `old`, and drops the weights and shapes that nothing needs any more."""
    # A value has one maker, so an output's name identifies its node.
    gone = {node.output[0] for node in old}
    nodes: Nodes = []
    for node in graph.node:
        if node.output[0] == old[-1].output[0]:
            nodes += new
        elif node.output[0] not in gone:
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    read = {name for node in nodes for name in node.input}
    kept = [weight for weight in graph.initializer if weight.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    del graph.value_info[:]


def _maker(graph: onnx.GraphProto, name: str) -> onnx.NodeProto | None:
    return next((node for node in graph.node if name in node.output), None)


def _reader(graph: onnx.GraphProto, name: str) -> onnx.NodeProto | None:
    """The one node that reads this value, or None."""
    readers = [node for node in graph.node if name in node.input]
    return readers[0] if len(readers) == 1 else None


def _attributes(node: onnx.NodeProto) -> dict[str, object]:
    return {each.name: helper.get_attribute_value(each) for each in node.attribute}


def _constant(graph: onnx.GraphProto, name: str) -> NDArray[np.generic]:
    return numpy_helper.to_array(next(weight for weight in graph.initializer if weight.name == name))


def _add(graph: onnx.GraphProto, name: str, value: NDArray[np.generic]) -> str:
    graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
    return name
