"""Tiny but valid bundles: networks of one matrix product, so that pixels depend on z (and label) alone."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

LATENT = 4
PIXELS = 28 * 28
IMAGE: list[str | int] = ["batch", 28, 28]

Array = NDArray[Any]


def write_bundle(
    models_dir: Path,
    name: str,
    version: int = 1,
    *,
    conditional: bool = False,
    kind: str = "logit",
    prior: str = "normal",
    roles: tuple[str, ...] = ("generator", "discriminator"),
    preview: bytes | None = None,
) -> Path:
    """Writes models_dir/<name>/<version>/ and returns that folder. Weights follow from name and version."""
    folder = models_dir / name / str(version)
    folder.mkdir(parents=True)
    weights = np.random.RandomState(sum(name.encode()) + version)
    graphs = {role: BUILD[role](weights, conditional).SerializeToString() for role in roles}
    for role, data in graphs.items():
        (folder / f"{role}.onnx").write_bytes(data)
    if preview is not None:
        (folder / "preview.png").write_bytes(preview)
    (folder / "manifest.json").write_text(
        json.dumps(manifest(graphs, name, version, conditional=conditional, kind=kind, prior=prior))
    )
    return folder


def rewrite_manifest(folder: Path, **changes: Any) -> None:
    """Replaces top-level members of a bundle's manifest."""
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def replace_role(folder: Path, role: str, model: onnx.ModelProto) -> None:
    """Puts another graph into the bundle with a digest that fits, so that only its content can be refused."""
    data = model.SerializeToString()
    (folder / f"{role}.onnx").write_bytes(data)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["roles"][role] = _role(role, data)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def manifest(
    graphs: dict[str, bytes], name: str, version: int, *, conditional: bool, kind: str, prior: str
) -> dict[str, Any]:
    labels = [3, 0, 9] if conditional else None
    z = np.random.RandomState(0).standard_normal((3, LATENT)).astype(np.float32)
    images = run(graphs["generator"], "z", z, labels)
    encoded = base64.b64encode(images.tobytes()).decode()
    golden: dict[str, Any] = {
        "generator": {
            "z": z.tolist(),
            "labels": labels,
            "images": encoded,
            "sha256": hashlib.sha256(images.tobytes()).hexdigest(),
        }
    }
    for role in set(graphs) - {"generator"}:
        given = labels if role == "discriminator" else None
        values = run(graphs[role], "image", images, given).reshape(3, -1)
        golden[role] = {"images": encoded, "labels": given, "values": values.tolist(), "tolerance": 1e-3}
    score = {
        "kind": kind,
        "threshold": 0.25,
        "real_quantiles": [-1.0, 1.0, 3.0],
        "generated_quantiles": [-3.0, -1.0, 1.0],
    }
    return {
        "name": name,
        "version": version,
        "title": f"Tiny {name}",
        "summary": "One matrix product, for tests.",
        "paper": {"title": "None", "authors": "Nobody", "year": 2014, "url": "https://example.org"},
        "recipe": "tiny",
        "config": {},
        "latent_dim": LATENT,
        "prior": prior,
        "conditional": conditional,
        "score": score if "discriminator" in graphs else None,
        "roles": {role: _role(role, data) for role, data in graphs.items()},
        "golden": golden,
        "directions": [{"name": "ink", "vector": [1.0, 0.0, 0.0, 0.0], "range": [-3.0, 3.0]}],
        "metrics": {"fid": {"value": 9.0, "floor": 1.0}},
        "training": {
            "images": 0,
            "seconds": 0.0,
            "device": "cpu",
            "threads": 1,
            "seed": 0,
            "libraries": {"numpy": np.__version__},
        },
        "licence": "MIT",
    }


def run(data: bytes, name: str, rows: Array, labels: list[int] | None) -> Array:
    """What the graph gives for these rows on the processor."""
    session = ort.InferenceSession(data, providers=["CPUExecutionProvider"])
    feeds: dict[str, Array] = {name: rows}
    if labels is not None:
        feeds["label"] = np.array(labels, np.int64)
    return np.asarray(session.run(None, feeds)[0])


def generator(weights: np.random.RandomState, conditional: bool) -> onnx.ModelProto:
    """image = uint8(clip(128 + 60 z W (+ 20 shift[label])))."""
    constants: dict[str, Any] = {
        "w": (60 * weights.standard_normal((LATENT, PIXELS))).astype(np.float32),
        "grey": np.float32(128),
        "low": np.float32(0),
        "high": np.float32(255),
        "shape": np.array([-1, 28, 28], np.int64),
    }
    nodes = [
        helper.make_node("MatMul", ["z", "w"], ["product"]),
        helper.make_node("Add", ["product", "grey"], ["ink" if not conditional else "unshifted"]),
    ]
    if conditional:
        constants["shift"] = (20 * weights.standard_normal((10, PIXELS))).astype(np.float32)
        nodes += [
            helper.make_node("Gather", ["shift", "label"], ["shifts"]),
            helper.make_node("Add", ["unshifted", "shifts"], ["ink"]),
        ]
    nodes += [
        helper.make_node("Clip", ["ink", "low", "high"], ["clipped"]),
        helper.make_node("Cast", ["clipped"], ["flat"], to=TensorProto.UINT8),
        helper.make_node("Reshape", ["flat", "shape"], ["image"]),
    ]
    inputs = [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["batch", LATENT])]
    return build(nodes, inputs, conditional, ("image", TensorProto.UINT8, IMAGE), constants)


def endless(*, always: bool) -> onnx.ModelProto:
    """A generator with a Loop of about 2^60 steps: always, or only if a coordinate of z is above 50."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["on"], ["still"]), helper.make_node("Neg", ["ink_in"], ["ink_out"])],
        "body",
        [
            helper.make_tensor_value_info("step", TensorProto.INT64, []),
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("ink_in", TensorProto.FLOAT, ["batch", PIXELS]),
        ],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("ink_out", TensorProto.FLOAT, ["batch", PIXELS]),
        ],
    )
    constants: dict[str, Any] = {
        "w": np.ones((LATENT, PIXELS), np.float32),
        "true": np.array(True),
        "bound": np.float32(-1 if always else 50),
        "many": np.array(2**55, np.int64),
        "shape": np.array([-1, 28, 28], np.int64),
        "zero": np.float32(0),
    }
    nodes = [
        helper.make_node("MatMul", ["z", "w"], ["product"]),
        helper.make_node("ReduceMax", ["zero" if always else "z"], ["largest"], keepdims=0),
        helper.make_node("Sub", ["largest", "bound"], ["excess"]),
        helper.make_node("Relu", ["excess"], ["factor"]),
        helper.make_node("Cast", ["factor"], ["whole"], to=TensorProto.INT64),
        helper.make_node("Mul", ["whole", "many"], ["steps"]),
        helper.make_node("Loop", ["steps", "true", "product"], ["ink"], body=body),
        helper.make_node("Mul", ["ink", "zero"], ["blank"]),
        helper.make_node("Cast", ["blank"], ["flat"], to=TensorProto.UINT8),
        helper.make_node("Reshape", ["flat", "shape"], ["image"]),
    ]
    inputs = [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["batch", LATENT])]
    return build(nodes, inputs, False, ("image", TensorProto.UINT8, IMAGE), constants)


def endless_to_load() -> onnx.ModelProto:
    """A generator that onnxruntime takes minutes to load, because it computes constants in advance."""
    side, products = 1000, 20_000
    constants: dict[str, Any] = {
        "small": np.float32(1e-3),
        "square": np.array([side, side], np.int64),
        "w": np.zeros((LATENT, PIXELS), np.float32),
        "shape": np.array([-1, 28, 28], np.int64),
    }
    nodes = [
        helper.make_node("Expand", ["small", "square"], ["m0"]),
        *(helper.make_node("MatMul", [f"m{i}", "m0"], [f"m{i + 1}"]) for i in range(products)),
        helper.make_node("ReduceMean", [f"m{products}"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["z", "w"], ["product"]),
        helper.make_node("Add", ["product", "mean"], ["ink"]),
        helper.make_node("Cast", ["ink"], ["flat"], to=TensorProto.UINT8),
        helper.make_node("Reshape", ["flat", "shape"], ["image"]),
    ]
    inputs = [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["batch", LATENT])]
    return build(nodes, inputs, False, ("image", TensorProto.UINT8, IMAGE), constants)


def write_endless(models_dir: Path, name: str, version: int = 1, *, always: bool = True) -> Path:
    """Writes a bundle with the generator `endless`; one that is not always endless passes its self-test."""
    folder = write_bundle(models_dir, name, version, roles=("generator",))
    model = endless(always=always)
    replace_role(folder, "generator", model)
    text = json.loads((folder / "manifest.json").read_text())
    blank = np.zeros((3, 28, 28), np.uint8).tobytes()
    text["golden"]["generator"] |= {
        "images": base64.b64encode(blank).decode(),
        "sha256": hashlib.sha256(blank).hexdigest(),
    }
    (folder / "manifest.json").write_text(json.dumps(text))
    return folder


def discriminator(weights: np.random.RandomState, conditional: bool) -> onnx.ModelProto:
    """score = mean over pixels of x * (w (+ v[label])), x in [0, 1]."""
    table = weights.standard_normal((10, PIXELS)).astype(np.float32) / 28
    constants: dict[str, Any] = {
        "w": table[:1] if not conditional else table,
        "shape": np.array([-1, PIXELS], np.int64),
        "axis": np.array([1], np.int64),
        "white": np.float32(255),
    }
    if not conditional:
        constants["zero"] = np.array(0, np.int64)
    nodes = [
        helper.make_node("Cast", ["image"], ["raw"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["raw", "white"], ["unit"]),
        helper.make_node("Reshape", ["unit", "shape"], ["flat"]),
        helper.make_node("Gather", ["w", "label" if conditional else "zero"], ["weights"]),
        helper.make_node("Mul", ["flat", "weights"], ["terms"]),
        helper.make_node("ReduceSum", ["terms", "axis"], ["score"], keepdims=0),
    ]
    inputs = [helper.make_tensor_value_info("image", TensorProto.UINT8, IMAGE)]
    return build(nodes, inputs, conditional, ("score", TensorProto.FLOAT, ["batch"]), constants)


def _linear(output: str, width: int, weights: np.random.RandomState) -> onnx.ModelProto:
    constants = {
        "w": weights.standard_normal((PIXELS, width)).astype(np.float32) / (255 * 28),
        "shape": np.array([-1, PIXELS], np.int64),
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["raw"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["raw", "shape"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], [output]),
    ]
    inputs = [helper.make_tensor_value_info("image", TensorProto.UINT8, IMAGE)]
    return build(nodes, inputs, False, (output, TensorProto.FLOAT, ["batch", width]), constants)


def encoder(weights: np.random.RandomState, conditional: bool) -> onnx.ModelProto:
    return _linear("z", LATENT, weights)


def classifier(weights: np.random.RandomState, conditional: bool) -> onnx.ModelProto:
    return _linear("logits", 10, weights)


BUILD = {
    "generator": generator,
    "discriminator": discriminator,
    "encoder": encoder,
    "classifier": classifier,
}


def build(
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    conditional: bool,
    output: tuple[str, int, list[str | int]],
    constants: dict[str, Any],
) -> onnx.ModelProto:
    if conditional:
        inputs = [*inputs, helper.make_tensor_value_info("label", TensorProto.INT64, ["batch"])]
    graph = helper.make_graph(
        nodes,
        "tiny",
        inputs,
        [helper.make_tensor_value_info(*output)],
        [numpy_helper.from_array(np.asarray(value), key) for key, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def _role(role: str, data: bytes) -> dict[str, Any]:
    return {"file": f"{role}.onnx", "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
