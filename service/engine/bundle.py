"""Reads one bundle and proves it: digests, what goes in and out, and the golden self-test.

An ONNX file with a flipped bit often loads without an error (`python -m benchmarks corrupted` counts that);
only the digest and the self-test catch it. Nothing here is trusted before it is checked, and every refusal
names the file.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from service.engine.cost import Cost
from service.engine.landscape import Landscape, read_landscape
from service.engine.refusal import BundleError
from service.engine.runs import Runs
from service.engine.selftest import check_generator, check_values, measured_cost
from service.engine.session import Port, Provider, Session
from service.errors import invalid
from service.manifest import CLASSES, SIDE, File, GoldenValues, Manifest, Role, RoleName

MANIFEST_BYTES = 16 * 1024 * 1024
IMAGE = Port("uint8", (None, SIDE, SIDE))
LABEL = Port("int64", (None,))


@dataclass(frozen=True)
class History:
    """How a model learned: the contents of the manifest's `history`."""

    curves: bytes
    """JSON."""
    frames: bytes
    """WebP."""


@dataclass(frozen=True)
class Bundle:
    """A bundle that passed every check, with its networks loaded and warm."""

    manifest: Manifest
    digest: str
    """sha256 of the bytes of manifest.json, which holds the digests of the networks."""
    sessions: dict[RoleName, Session]
    exact: bool
    """Whether the generator's self-test gave the very bytes of the machine that exported it."""
    preview: bytes | None
    """The PNG of samples beside the manifest."""
    history: History | None
    """How the model learned, where the bundle says."""
    landscapes: dict[str, Landscape]
    """Of those directions that bend, by name."""
    costs: dict[RoleName, Cost]
    """Each network's cost as it was measured here."""


def load_bundle(
    folder: Path, provider: Provider, runs: Runs | None = None, digest: str | None = None
) -> Bundle:
    """Load and test the bundle in models/<name>/<version>/; closing `runs` ends the tests.

    Raises BundleError if anything in it is wrong, or if its manifest has another sha256 than `digest`, and
    ProviderError if CUDA is demanded and missing.
    """
    data = read_inside(folder, "manifest.json", MANIFEST_BYTES)
    found = hashlib.sha256(data).hexdigest()
    if digest is not None and found != digest:
        raise BundleError(folder / "manifest.json", "was replaced during the self-test: reload again")
    manifest = _parse(folder, data)
    sessions: dict[RoleName, Session] = {}
    for role in manifest.roles:
        sessions[role] = _load_role(folder, manifest, role, provider, runs)
    exact = check_generator(folder, manifest, sessions["generator"])
    for role in sessions:
        if role != "generator":
            check_values(folder, manifest, role, sessions[role])
    costs = {
        role: measured_cost(folder / manifest.roles[role].file, session) for role, session in sessions.items()
    }
    for entry in _looks(manifest):
        _verified(folder, entry)
    preview = folder / "preview.png"
    return Bundle(
        manifest,
        found,
        sessions,
        exact,
        read_inside(folder, preview.name, MANIFEST_BYTES) if preview.exists() else None,
        _history(folder, manifest),
        _landscapes(folder, manifest),
        costs,
    )


def unchanged(folder: Path, manifest: Manifest, digest: str) -> bool:
    """Whether the folder holds the bundle that was read before, with this manifest of this digest.

    BundleError if its manifest is the same and a file is not what the manifest says.
    """
    data = read_inside(folder, "manifest.json", MANIFEST_BYTES)
    if hashlib.sha256(data).hexdigest() != digest:
        return False
    entries: list[Role | File] = [*manifest.roles.values(), *_side_files(manifest), *_looks(manifest)]
    entries += [direction.landscape for direction in manifest.directions if direction.landscape]
    for entry in entries:
        _verified(folder, entry)
    return True


def contract(manifest: Manifest, role: RoleName) -> tuple[dict[str, Port], dict[str, Port]]:
    """What goes in and comes out. A role reads labels if its self-test gives them."""
    z = Port("float32", (None, manifest.latent_dim))
    outputs: dict[RoleName, dict[str, Port]] = {
        "generator": {"image": IMAGE},
        "discriminator": {"score": Port("float32", (None,))},
        "encoder": {"z": z},
        "classifier": {"logits": Port("float32", (None, CLASSES))},
    }
    if role == "generator":
        return {"z": z} | ({"label": LABEL} if manifest.conditional else {}), outputs[role]
    golden: GoldenValues = getattr(manifest.golden, role)
    labelled = manifest.conditional and golden.labels is not None
    return {"image": IMAGE} | ({"label": LABEL} if labelled else {}), outputs[role]


def read_inside(folder: Path, name: str, limit: int) -> bytes:
    """A file of the bundle; refused if it is too large, or a link to somewhere outside the models' folder."""
    path = folder / name
    try:
        root = folder.parent.parent.resolve(strict=True)
        # Not Path.resolve, which raises RuntimeError for a link to itself.
        if not Path(os.path.realpath(path, strict=True)).is_relative_to(root):
            raise BundleError(path, "is a link that leads out of the models' folder")
        if not path.is_file():
            raise BundleError(path, "is not a file")
        if path.stat().st_size > limit:
            raise BundleError(path, f"has {path.stat().st_size:,} bytes, more than {limit:,}")
        return path.read_bytes()
    except OSError as error:
        raise BundleError(path, error.strerror or "cannot be read") from None


def _parse(folder: Path, data: bytes) -> Manifest:
    path = folder / "manifest.json"
    try:
        manifest = Manifest.model_validate_json(data)
    except ValidationError as error:
        raise BundleError(path, invalid(error, "manifest").detail) from None
    if (manifest.name, str(manifest.version)) != (folder.parent.name, folder.name):
        raise BundleError(path, f"says {manifest.name} version {manifest.version}, unlike its folder")
    return manifest


def _load_role(
    folder: Path, manifest: Manifest, role: RoleName, provider: Provider, runs: Runs | None
) -> Session:
    entry = manifest.roles[role]
    path = folder / entry.file
    data = _verified(folder, entry)
    try:
        session = Session(data, provider, runs)
    except ValueError as error:
        raise BundleError(path, str(error)) from None
    inputs, outputs = contract(manifest, role)
    for kind, found, wanted in (("inputs", session.inputs, inputs), ("outputs", session.outputs, outputs)):
        if found != wanted:
            raise BundleError(
                path, f"has the {kind} {_describe(found)}, but a {role} has {_describe(wanted)}"
            )
    return session


def _verified(folder: Path, entry: Role | File) -> bytes:
    """The file's bytes, if they are what the manifest says."""
    path = folder / entry.file
    data = read_inside(folder, entry.file, entry.bytes)
    if len(data) != entry.bytes:
        raise BundleError(path, f"has {len(data):,} bytes, but the manifest says {entry.bytes:,}")
    digest = hashlib.sha256(data).hexdigest()
    if digest != entry.sha256:
        raise BundleError(
            path,
            f"is corrupted or was replaced: its sha256 is {digest}, but the manifest says {entry.sha256}",
        )
    return data


def _history(folder: Path, manifest: Manifest) -> History | None:
    files = [_verified(folder, entry) for entry in _side_files(manifest)]
    return History(*files) if files else None


def _landscapes(folder: Path, manifest: Manifest) -> dict[str, Landscape]:
    landscapes = {}
    for direction in manifest.directions:
        if entry := direction.landscape:
            data = _verified(folder, entry)
            try:
                landscapes[direction.name] = read_landscape(data, entry)
            except ValueError as error:
                raise BundleError(folder / entry.file, str(error)) from None
    return landscapes


def _side_files(manifest: Manifest) -> list[File]:
    return [] if manifest.history is None else [manifest.history.curves, manifest.history.frames]


def _looks(manifest: Manifest) -> list[File]:
    """The pictures of the directions: proved with all the rest, and not held."""
    return [direction.found.picture for direction in manifest.directions if direction.found]


def _describe(ports: dict[str, Port]) -> str:
    return ", ".join(
        f"{name} {port.dtype}[{', '.join('batch' if n is None else str(n) for n in port.shape)}]"
        for name, port in ports.items()
    )
