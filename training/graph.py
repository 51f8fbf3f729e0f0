"""Turns an exported module into an ONNX file whose images are uint8 [batch, 28, 28].

[-1, 1] never leaves the graph: the generator ends in uint8, discriminator and encoder begin with it.
"""

import copy
import logging
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from service.manifest import RoleName
from training import upsampling
from training.errors import TrainingError

OUTPUT = {"generator": "image", "discriminator": "score", "encoder": "z", "classifier": "logits"}
PARITY_BATCHES = (1, 3, 64)
SMALL = 1024
"""Up to so many values a tensor keeps float32: biases and constants cost nothing."""


class ExportError(TrainingError):
    """A graph that does not compute what the module computes, or a name that no bundle can have."""


class FromLatent(nn.Module):
    """A generator with its output as uint8 [batch, 28, 28], 255 is ink."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, *arguments: Tensor) -> Tensor:
        image: Tensor = self.generator(*arguments)
        return ((image.squeeze(1) + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


class FromImage(nn.Module):
    """A discriminator, encoder or classifier that reads uint8 [batch, 28, 28]."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *arguments: Tensor) -> Tensor:
        image, *label = arguments
        value: Tensor = self.network(image.float().unsqueeze(1) / 127.5 - 1, *label)
        return value


def to_onnx(role: RoleName, module: nn.Module, latent_dim: int, labelled: bool) -> bytes:
    """The module as a checked, self-contained ONNX model with a free batch size.

    Its weights are rounded to float16 and stored so, in half the bytes; they are float32 again when it is
    loaded, and everything is computed in float32.
    """
    module = round_to_half(copy.deepcopy(module))
    whole = (FromLatent(module) if role == "generator" else FromImage(module)).eval()
    names = [*(["z"] if role == "generator" else ["image"]), *(["label"] if labelled else [])]
    feeds = example(role, 1, latent_dim, labelled, seed=0)
    batch = torch.export.Dim("batch", min=1, max=65536)
    # The exporter warns of its own deprecations and of packages that this one does not use.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            whole,
            tuple(torch.from_numpy(feeds[name]) for name in names),
            input_names=names,
            output_names=[OUTPUT[role]],
            dynamic_shapes=(tuple({0: batch} for _ in names),),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    _strip(model)
    upsampling.rewrite(model)
    store_as_half(model)
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString(deterministic=True)
    _check_parity(role, whole, content, latent_dim, labelled)
    return bytes(content)


def example(
    role: RoleName, batch: int, latent_dim: int, labelled: bool, seed: int
) -> dict[str, NDArray[np.float32] | NDArray[np.uint8] | NDArray[np.int64]]:
    """Inputs of the role's shapes and types: z from N(0, I), images of random levels."""
    draw = np.random.default_rng(seed)
    feeds: dict[str, NDArray[np.float32] | NDArray[np.uint8] | NDArray[np.int64]] = {}
    if role == "generator":
        feeds["z"] = draw.standard_normal((batch, latent_dim), dtype=np.float32)
    else:
        feeds["image"] = draw.integers(0, 256, (batch, 28, 28), dtype=np.uint8)
    if labelled:
        feeds["label"] = draw.integers(0, 10, batch, dtype=np.int64)
    return feeds


def session(content: bytes, threads: int = 1) -> onnxruntime.InferenceSession:
    """The graph in onnxruntime on the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def round_to_half(module: nn.Module) -> nn.Module:
    """The same module, its larger weights rounded to what float16 can hold."""
    with torch.no_grad():
        for weight in module.parameters():
            if weight.numel() > SMALL:
                weight.copy_(weight.half())
    return module


def store_as_half(model: onnx.ModelProto) -> None:
    """Stores the larger float32 weights as float16, with a Cast back that onnxruntime folds on loading."""
    graph = model.graph
    casts = []
    for weight in graph.initializer:
        if weight.data_type != onnx.TensorProto.FLOAT or np.prod(weight.dims) <= SMALL:
            continue
        name, half = weight.name, f"{weight.name}.half"
        casts.append(onnx.helper.make_node("Cast", [half], [name], to=onnx.TensorProto.FLOAT))
        weight.CopyFrom(
            onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(weight).astype(np.float16), half)
        )
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _strip(model: onnx.ModelProto) -> None:
    """Drops what the exporter notes of this machine: stack traces and absolute source paths."""
    del model.metadata_props[:]
    model.doc_string = ""
    model.graph.doc_string = ""
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in [*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer]:
        del value.metadata_props[:]
        value.doc_string = ""
    del model.graph.metadata_props[:]


def _check_parity(role: RoleName, whole: nn.Module, content: bytes, latent_dim: int, labelled: bool) -> None:
    """onnxruntime against torch at several batches, and each row alone against the same row in company."""
    run = session(content)
    for batch in PARITY_BATCHES:
        feeds = example(role, batch, latent_dim, labelled, seed=batch)
        with torch.no_grad():
            expected = whole(*(torch.from_numpy(value) for value in feeds.values())).numpy()
        (got,) = run.run(None, feeds)
        if got.shape != expected.shape or got.dtype != expected.dtype:
            raise ExportError(
                f"{role}: {got.dtype} {got.shape} where torch gives {expected.dtype} {expected.shape}"
            )
        difference = np.abs(got.astype(np.float64) - expected.astype(np.float64)).max()
        # One grey level is a rounding at .5; float outputs may differ by float32's sums.
        bound = 1.0 if role == "generator" else 1e-3 * max(1.0, float(np.abs(expected).max()))
        if difference > bound:
            raise ExportError(f"{role}: differs from torch by {difference:g} at batch {batch}")
        alone = np.concatenate(
            [run.run(None, {k: v[i : i + 1] for k, v in feeds.items()})[0] for i in range(batch)]
        )
        if not np.array_equal(alone, got):
            raise ExportError(f"{role}: what it says of a row depends on its batch (batch {batch})")
