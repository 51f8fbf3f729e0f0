"""Tensors of the Open Inference Protocol, in JSON and raw: sizes, shapes and types that may lie."""

import json
from typing import Any

from benchmarks.faults.adversary.draws import Chance, damaged, often, size, weighted

MODELS = ["cgan", "cgan.discriminator", "dcgan", "vae.encoder", "sgan.classifier", "nowhere"]
INPUTS = {"z": "FP32", "label": "INT64", "seed": "INT64", "image": "UINT8"}
WIDTHS = {"z": [64], "label": [], "seed": [], "image": [28, 28]}
BYTES = {"FP32": 4, "INT64": 8, "UINT8": 1}
ROWS = 16
INFER_BYTES = 4_000_000
ODD_SIZES = [0, 1, 2**31 - 1, 2**31, 2**62, -1, 1.5, "1", None]


def tensors(chance: Chance) -> tuple[str, str, bytes, object]:
    """The shape's name, a model, a body, and the length of its JSON where raw tensors follow it."""
    rows = size(chance, ROWS)
    names = weighted(
        chance, [(3, ["seed"]), (3, ["z", "label"]), (2, ["image"]), (1, ["seed", "label"]), (1, ["x"])]
    )
    raw = often(chance, 0.5)
    inputs, tail = [], b""
    kind = "right"
    for name in names:
        entry, data = _input(chance, name, rows, raw)
        if often(chance, 0.4):
            kind = _changed(chance, entry)
        inputs.append(entry)
        tail += data
    if often(chance, 0.1):
        kind, inputs = "many inputs", inputs * size(chance, 1_000)
    body: dict[str, Any] = {"inputs": inputs}
    if often(chance, 0.2):
        body["outputs"] = [{"name": chance.choice(["image", "score", "x"])}] * size(chance, 20)
    if often(chance, 0.2):
        body["parameters"] = {"binary_data_output": True, "timeout": chance.choice([1, 10**6, 0, 2**63])}
    text = json.dumps(body).encode()
    if often(chance, 0.05):
        text = damaged(chance, text)[1]
    length: object = len(text) if raw else None
    if often(chance, 0.1):
        kind, length = "a lying length", chance.choice([0, len(text) + 1, 2**40, -1, "x", len(text) - 1])
    return kind, chance.choice(MODELS), (text + tail)[:INFER_BYTES], length


def _input(chance: Chance, name: str, rows: int, raw: bool) -> tuple[dict[str, Any], bytes]:
    """A tensor as JSON, and its raw bytes where it has them."""
    datatype = INPUTS.get(name, "FP32")
    shape = [rows, *WIDTHS.get(name, [])]
    count = 1
    for number in shape:
        count *= number
    entry: dict[str, Any] = {"name": name, "datatype": datatype, "shape": shape}
    if raw:
        data = bytes(count * BYTES[datatype])
        entry["parameters"] = {"binary_data_size": len(data)}
        return entry, data
    entry["data"] = [chance.randrange(10)] * count
    return entry, b""


def _changed(chance: Chance, entry: dict[str, Any]) -> str:
    """Make one thing of the tensor wrong; its name."""
    change = chance.choice(["shape", "dimensions", "datatype", "size", "data", "nested data", "parameters"])
    if change == "shape":
        entry["shape"] = [chance.choice(ODD_SIZES) for _ in range(chance.randrange(1, 10))]
    elif change == "dimensions":
        entry["shape"] = entry["shape"] + [1] * size(chance, 10_000)
    elif change == "datatype":
        entry["datatype"] = chance.choice(["FP64", "BYTES", "BOOL", "INT8", "", "X" * 1000, None, 1])
    elif change == "size":
        entry["parameters"] = {"binary_data_size": chance.choice([0, 1, 7, 2**31, 2**63, -1, "8", None])}
    elif change == "data":
        entry["data"] = [chance.choice([1e300, -1, 10**30, None, "a", True, [], 0.5])] * size(chance, 100_000)
    elif change == "nested data":
        nested: Any = [0]
        for _ in range(size(chance, 150)):
            nested = [nested]
        entry["data"] = nested
    else:
        entry["parameters"] = {f"k{number}": number for number in range(size(chance, 10_000))}
    return change
