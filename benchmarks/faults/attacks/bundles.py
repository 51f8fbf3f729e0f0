"""An attack by a bundle: its generator passes every check that does not run it, and runs for years."""

import asyncio
import json
import shutil
import urllib.error
import urllib.request
from hashlib import sha256
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from benchmarks.faults.attacks.attacker import Attacker
from benchmarks.faults.mutations import copy, read_manifest, write_manifest
from benchmarks.faults.process import ADMIN_KEY

VERSION = "1000"
TRIPS = 2**40
REFUSED_S = 15.0
"""PROOF_TIMEOUT_S of the drill, and time to read and prove the good bundles of the folder."""


async def endless_bundle(attacker: Attacker) -> None:
    """Reload with a version whose proof does not end; it must be refused, and later reloads must work."""
    manifests = sorted(attacker.folder.glob("*/*/manifest.json"))
    add_endless_version(next(path.parent for path in manifests if path.parent.name != VERSION))
    attacker.ready()
    while True:
        try:
            async with asyncio.timeout(REFUSED_S):
                status, text = await asyncio.to_thread(_reload, attacker.port)
        except TimeoutError:
            attacker.wrong[f"a reload was not answered within {REFUSED_S:g} s"] += 1
            continue
        attacker.counts[str(status)] += 1
        if status != 409 or VERSION not in text:
            attacker.wrong[f"a reload was answered {status}: {text[:100]}"] += 1


def add_endless_version(bundle: Path) -> Path:
    """A newer version of this bundle, whose generator ends in a loop over its image. Digest and size fit."""
    to = bundle.parent / VERSION
    shutil.rmtree(to, ignore_errors=True)
    copy(bundle, to)
    manifest = read_manifest(to)
    entry = manifest["roles"]["generator"]
    model = onnx.load_from_string((to / entry["file"]).read_bytes())
    loop_over_output(model)
    data = model.SerializeToString()
    (to / entry["file"]).unlink()
    (to / entry["file"]).write_bytes(data)
    entry |= {"sha256": sha256(data).hexdigest(), "bytes": len(data)}
    write_manifest(to, manifest)
    return to


def loop_over_output(model: onnx.ModelProto) -> None:
    """Pass the model's first output through a loop of TRIPS turns that changes nothing."""
    graph = model.graph
    output = graph.output[0]
    for node in graph.node:
        node.output[:] = ["before_loop" if name == output.name else name for name in node.output]
        node.input[:] = ["before_loop" if name == output.name else name for name in node.input]
    kind = output.type.tensor_type.elem_type
    body = helper.make_graph(
        [helper.make_node("Identity", [name], [f"{name}_out"]) for name in ("condition", "image")],
        "turn",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("condition", TensorProto.BOOL, []),
            helper.make_tensor_value_info("image", kind, None),
        ],
        [
            helper.make_tensor_value_info("condition_out", TensorProto.BOOL, []),
            helper.make_tensor_value_info("image_out", kind, None),
        ],
    )
    graph.initializer.append(helper.make_tensor("trips", TensorProto.INT64, [], [TRIPS]))
    graph.initializer.append(helper.make_tensor("always", TensorProto.BOOL, [], [True]))
    graph.node.append(helper.make_node("Loop", ["trips", "always", "before_loop"], [output.name], body=body))


def _reload(port: int) -> tuple[int, str]:
    url = f"http://127.0.0.1:{port}/admin/reload"
    request = urllib.request.Request(url, method="POST", headers={"X-API-Key": ADMIN_KEY})
    try:
        with urllib.request.urlopen(request, timeout=REFUSED_S) as answer:
            return answer.status, json.dumps(json.load(answer))
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
