"""Ways in which a bundle can be wrong: each makes one of a good bundle, in a folder of its own."""

import json
import os
import random
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

Manifest = dict[str, Any]
Mutation = Callable[[Path, Manifest, random.Random], None]
"""Spoils the bundle in this folder; what it changes in the manifest is written afterwards."""


def copy(bundle: Path, to: Path) -> None:
    """The bundle again, as the version that the folder `to` is named for. Files are links to the same bytes:
    replace them, never write into them."""
    to.mkdir(parents=True)
    for file in bundle.iterdir():
        try:
            os.link(file, to / file.name)
        except OSError:  # Another file system.
            shutil.copyfile(file, to / file.name)
    write_manifest(to, read_manifest(to) | {"version": int(to.name)})


def mutate(folder: Path, kind: str, chance: random.Random) -> None:
    """Spoils the bundle in this folder in the way of this name, one of MUTATIONS."""
    manifest = read_manifest(folder)
    MUTATIONS[kind](folder, manifest, chance)
    if kind not in RAW:
        write_manifest(folder, manifest)


def read_manifest(folder: Path) -> Manifest:
    manifest: Manifest = json.loads((folder / "manifest.json").read_bytes())
    return manifest


def write_manifest(folder: Path, manifest: Manifest) -> None:
    _replace(folder / "manifest.json", json.dumps(manifest).encode())


def _replace(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def _role(manifest: Manifest, chance: random.Random) -> str:
    roles: list[str] = sorted(manifest["roles"])
    return chance.choice(roles)


def _file(folder: Path, manifest: Manifest, chance: random.Random) -> Path:
    return folder / str(manifest["roles"][_role(manifest, chance)]["file"])


def byte_changed(folder: Path, manifest: Manifest, chance: random.Random) -> None:
    path = _file(folder, manifest, chance)
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    _replace(path, bytes(data))


def cut_short(folder: Path, manifest: Manifest, chance: random.Random) -> None:
    path = _file(folder, manifest, chance)
    data = path.read_bytes()
    _replace(path, data[: chance.randrange(len(data))])


def lengthened(folder: Path, manifest: Manifest, chance: random.Random) -> None:
    path = _file(folder, manifest, chance)
    _replace(path, path.read_bytes() + chance.randbytes(chance.randrange(1, 99)))


def zeroed(folder: Path, manifest: Manifest, chance: random.Random) -> None:
    """As a file is whose blocks were never written."""
    path = _file(folder, manifest, chance)
    data = path.read_bytes()
    start = chance.randrange(len(data) // 2)
    _replace(path, data[:start] + bytes(len(data) - start))


def missing(folder: Path, manifest: Manifest, chance: random.Random) -> None:
    """Half copied."""
    chance.choice([_file(folder, manifest, chance), folder / "manifest.json"]).unlink()


def swapped(folder: Path, manifest: Manifest, chance: random.Random) -> None:
    """One network under the name of another."""
    one, other = chance.sample(sorted(folder.glob("*.onnx")), 2)
    data, others = one.read_bytes(), other.read_bytes()
    _replace(one, others)
    _replace(other, data)


def swapped_and_signed(folder: Path, manifest: Manifest, chance: random.Random) -> None:
    swapped(folder, manifest, chance)
    for role in manifest["roles"]:
        _sign(folder, manifest, role)


def manifest_cut(folder: Path, manifest: Manifest, chance: random.Random) -> None:
    data = (folder / "manifest.json").read_bytes()
    _replace(folder / "manifest.json", data[: chance.randrange(len(data))])


def manifest_garbled(folder: Path, manifest: Manifest, chance: random.Random) -> None:
    """Bytes that no text has."""
    data = bytearray((folder / "manifest.json").read_bytes())
    for _ in range(3):
        data[chance.randrange(len(data))] = chance.choice([0, 1, 0x80, 0xFF])
    _replace(folder / "manifest.json", bytes(data))


def manifest_hostile(folder: Path, manifest: Manifest, chance: random.Random) -> None:
    hostile = [
        b"[" * 100_000,
        b'{"name":' * 5_000,
        b"[]",
        b"null",
        b'{"version": ' + b"9" * 6_000 + b"}",
        b'{"name": "\\ud800"}',
        b'{"metrics": NaN}',
        b"\xff\xfe" + "{}".encode("utf-16-le"),
        b"",
    ]
    _replace(folder / "manifest.json", chance.choice(hostile))


def field_wrong(folder: Path, manifest: Manifest, chance: random.Random) -> None:
    """A member of the wrong kind or value."""
    wrong: dict[str, list[Any]] = {
        "name": ["other", "../x", "", None],
        "version": [0, -1, 1.5, 10**30, "1"],
        "latent_dim": [0, -1, manifest["latent_dim"] + 1, 10**12, "a"],
        "prior": ["cauchy", None, 0],
        "conditional": [not manifest["conditional"], "x"],
        "roles": [{}, [], None, {"generator": None}],
        "golden": [{}, None, []],
        "directions": [[{}], [None], {}],
        "training": [None, [], {}],
    }
    name = chance.choice(sorted(wrong))
    manifest[name] = chance.choice(wrong[name])


def field_missing(folder: Path, manifest: Manifest, chance: random.Random) -> None:
    del manifest[chance.choice(["name", "version", "latent_dim", "prior", "conditional", "roles", "golden"])]


def field_unknown(folder: Path, manifest: Manifest, chance: random.Random) -> None:
    manifest["x" + str(chance.random())] = 1


def path_escaping(folder: Path, manifest: Manifest, chance: random.Random) -> None:
    role = _role(manifest, chance)
    name = manifest["roles"][role]["file"]
    up = "../" * chance.randrange(1, 9)
    names = [f"{up}etc/passwd", "/etc/passwd", f"../{folder.name}/{name}", f"./{name}", f"{name}\x00", ".."]
    manifest["roles"][role]["file"] = chance.choice(names)


def link_outside(folder: Path, manifest: Manifest, chance: random.Random) -> None:
    path = _file(folder, manifest, chance)
    path.unlink()
    path.symlink_to(chance.choice(["/etc/passwd", "/dev/zero", "/proc/self/mem", "/", "nowhere", path.name]))


def digest_wrong(folder: Path, manifest: Manifest, chance: random.Random) -> None:
    entry = manifest["roles"][_role(manifest, chance)]
    entry["sha256"] = sha256(chance.randbytes(8)).hexdigest()


def size_wrong(folder: Path, manifest: Manifest, chance: random.Random) -> None:
    entry = manifest["roles"][_role(manifest, chance)]
    entry["bytes"] = chance.choice([entry["bytes"] - 1, entry["bytes"] + 1, 1, 0, -1, 2**63])


def golden_wrong(folder: Path, manifest: Manifest, chance: random.Random) -> None:
    """A self-test that the networks fail, or that is none."""
    golden = manifest["golden"]
    role = _role(manifest, chance)
    if role != "generator":
        golden[role]["values"][0][0] += 1000 * max(golden[role]["tolerance"], 1e-3)
        return
    ways: list[tuple[str, Any]] = [
        ("sha256", "0" * 64),
        ("images", golden[role]["images"][::-1]),
        ("images", ""),
        ("z", []),
        ("z", [row[:-1] for row in golden[role]["z"]]),
        ("z", [[9.0] * len(row) for row in golden[role]["z"]]),
    ]
    name, value = chance.choice(ways)
    golden[role][name] = value


def weights_changed(folder: Path, manifest: Manifest, chance: random.Random) -> None:
    """Other weights with a digest that fits: only the self-test tells."""

    def change(model: onnx.ModelProto) -> None:
        weights = max(model.graph.initializer, key=lambda tensor: int(np.prod(tensor.dims)))
        values = numpy_helper.to_array(weights).copy()
        values.flat[:: chance.randrange(1, 4)] = chance.choice([-1.0, 3.0, np.nan, np.inf])
        weights.CopyFrom(numpy_helper.from_array(values.astype(np.float32), weights.name))

    _edit(folder, manifest, "generator", change)


def wrong_ports(folder: Path, manifest: Manifest, chance: random.Random) -> None:
    """An input of another shape, type or name, with a digest that fits. (Of an output, onnxruntime believes
    what it infers.)"""

    def change(model: onnx.ModelProto) -> None:
        port = model.graph.input[0]
        way = chance.choice(["shape", "type", "name"])
        if way == "shape":
            port.type.tensor_type.shape.dim[-1].dim_value += chance.choice([1, -1, 1000])
        elif way == "type":
            port.type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
        else:
            for node in model.graph.node:
                node.input[:] = ["other" if name == port.name else name for name in node.input]
            port.name = "other"

    _edit(folder, manifest, _role(manifest, chance), change)


def external_data(folder: Path, manifest: Manifest, chance: random.Random) -> None:
    """Weights in a file beside, or somewhere else on the machine, with a digest that fits."""

    def change(model: onnx.ModelProto) -> None:
        tensor = max(model.graph.initializer, key=lambda tensor: int(np.prod(tensor.dims)))
        size = int(np.prod(tensor.dims)) * 4
        (folder / "weights.bin").write_bytes(bytes(size))
        where = chance.choice(["weights.bin", "/dev/zero", "../../../../dev/zero", "/etc/passwd"])
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in (("location", where), ("offset", "0"), ("length", str(size))):
            tensor.external_data.add(key=key, value=value)

    _edit(folder, manifest, "generator", change)


def no_network(folder: Path, manifest: Manifest, chance: random.Random) -> None:
    """Something else with a digest that fits."""
    role = _role(manifest, chance)
    data = chance.choice([b"x", chance.randbytes(4096), b"\x89PNG\r\n\x1a\n", b"\x08\x0a" * 500])
    _replace(folder / manifest["roles"][role]["file"], data)
    _sign(folder, manifest, role)


def _edit(folder: Path, manifest: Manifest, role: str, change: Callable[[onnx.ModelProto], None]) -> None:
    path = folder / manifest["roles"][role]["file"]
    model = onnx.load_from_string(path.read_bytes())
    change(model)
    _replace(path, model.SerializeToString())
    _sign(folder, manifest, role)


def _sign(folder: Path, manifest: Manifest, role: str) -> None:
    entry = manifest["roles"][role]
    data = (folder / entry["file"]).read_bytes()
    entry |= {"sha256": sha256(data).hexdigest(), "bytes": len(data)}


RAW = {"missing", "manifest cut", "manifest garbled", "manifest hostile"}
"""Those after which there is no manifest to be written."""

MUTATIONS: dict[str, Mutation] = {
    "byte changed": byte_changed,
    "cut short": cut_short,
    "lengthened": lengthened,
    "zeroed": zeroed,
    "missing": missing,
    "swapped": swapped,
    "swapped and signed": swapped_and_signed,
    "manifest cut": manifest_cut,
    "manifest garbled": manifest_garbled,
    "manifest hostile": manifest_hostile,
    "field wrong": field_wrong,
    "field missing": field_missing,
    "field unknown": field_unknown,
    "path escaping": path_escaping,
    "link outside": link_outside,
    "digest wrong": digest_wrong,
    "size wrong": size_wrong,
    "golden wrong": golden_wrong,
    "weights changed": weights_changed,
    "wrong ports": wrong_ports,
    "external data": external_data,
    "no network": no_network,
}
