"""Reads one bundle and proves it: digests, what goes in and out, and the golden self-test.

An ONNX file with a flipped bit often loads without an error (`python -m benchmarks corrupted` counts that);
only the digest and the self-test catch it. Nothing here is trusted before it is checked, and every refusal
names the file.
"""

import base64
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from service.engine.landscape import Landscape, read_landscape
from service.engine.session import Array, Port, Provider, Session
from service.errors import invalid
from service.manifest import CLASSES, SIDE, File, GoldenValues, Manifest, Role, RoleName

MANIFEST_BYTES = 16 * 1024 * 1024
IMAGE = Port("uint8", (None, SIDE, SIDE))
LABEL = Port("int64", (None,))


class BundleError(Exception):
    """A bundle, or the folder of bundles, cannot be served; the message names the file and what is wrong."""

    def __init__(self, path: Path, wrong: str) -> None:
        super().__init__(f"{path}: {wrong}")
        self.path = path
        self.wrong = wrong

    def within(self, models_dir: Path) -> str:
        """The message for callers: nothing of where the models' folder lies."""
        if self.path == models_dir:
            return f"the models' folder {self.wrong}"
        return f"{self.path.relative_to(models_dir)}: {self.wrong}"


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


def load_bundle(folder: Path, provider: Provider) -> Bundle:
    """The bundle in models/<name>/<version>/; BundleError where anything is amiss, ProviderError for CUDA."""
    data = read_inside(folder, "manifest.json", MANIFEST_BYTES)
    manifest = _parse(folder, data)
    sessions: dict[RoleName, Session] = {}
    for role in manifest.roles:
        sessions[role] = _load_role(folder, manifest, role, provider)
    exact = _test_generator(folder, manifest, sessions["generator"])
    for role in sessions:
        if role != "generator":
            _test_values(folder, manifest, role, sessions[role])
    for role, session in sessions.items():
        _warm(folder / manifest.roles[role].file, session)
    for entry in _looks(manifest):
        _verified(folder, entry)
    preview = folder / "preview.png"
    return Bundle(
        manifest,
        hashlib.sha256(data).hexdigest(),
        sessions,
        exact,
        read_inside(folder, preview.name, MANIFEST_BYTES) if preview.exists() else None,
        _history(folder, manifest),
        _landscapes(folder, manifest),
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


def _load_role(folder: Path, manifest: Manifest, role: RoleName, provider: Provider) -> Session:
    entry = manifest.roles[role]
    path = folder / entry.file
    data = _verified(folder, entry)
    try:
        session = Session(data, provider)
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


def _test_generator(folder: Path, manifest: Manifest, session: Session) -> bool:
    """Whether the golden latents gave the golden bytes; BundleError if they are further off than allowed."""
    path = folder / manifest.roles["generator"].file
    golden = manifest.golden.generator
    expected = _images(folder, golden.images, len(golden.z))
    if hashlib.sha256(expected.tobytes()).hexdigest() != golden.sha256:
        raise BundleError(folder / "manifest.json", "golden.generator: the sha256 is not that of the images")
    feeds: dict[str, Array] = {"z": np.array(golden.z, np.float32)}
    feeds |= _labels(folder, golden.labels, len(expected)) if "label" in session.inputs else {}
    images = _run(path, session, feeds, expected.shape)
    if np.array_equal(images, expected):
        return True
    worst = int(np.abs(images.astype(np.int16) - expected).max())
    if worst > golden.level_tolerance:
        raise BundleError(
            path, f"fails its self-test: pixels are off by up to {worst} levels, not {golden.level_tolerance}"
        )
    return False


def _test_values(folder: Path, manifest: Manifest, role: RoleName, session: Session) -> None:
    path = folder / manifest.roles[role].file
    golden: GoldenValues = getattr(manifest.golden, role)
    if len({len(row) for row in golden.values}) != 1:
        raise BundleError(folder / "manifest.json", f"golden.{role}: the values are no table")
    expected = np.array(golden.values, np.float64)
    feeds: dict[str, Array] = {"image": _images(folder, golden.images, len(golden.values))}
    feeds |= _labels(folder, golden.labels, len(expected)) if "label" in session.inputs else {}
    shape = tuple(len(expected) if n is None else n for n in next(iter(session.outputs.values())).shape)
    values = _run(path, session, feeds, shape).reshape(len(expected), -1)
    if values.shape != expected.shape:
        raise BundleError(path, f"fails its self-test: it gives {values.shape[1]} values per image")
    worst = float(np.abs(values - expected).max())
    if not worst <= golden.tolerance:  # Also when it is NaN.
        raise BundleError(
            path, f"fails its self-test: values are off by up to {worst:g}, not {golden.tolerance:g}"
        )


def _run(path: Path, session: Session, feeds: dict[str, Array], shape: tuple[int, ...]) -> Array:
    try:
        output = session.run(feeds)
    except Exception as error:  # onnxruntime's errors have no common base of their own.
        raise BundleError(path, f"fails to run: {str(error).splitlines()[0][:300]}") from None
    if output.shape != shape:
        raise BundleError(path, f"fails its self-test: it gives shape {output.shape} instead of {shape}")
    return output


def _images(folder: Path, encoded: str, count: int) -> Array:
    """The golden images, uint8 [count, 28, 28]."""
    try:
        data = base64.b64decode(encoded, validate=True)
    except ValueError:  # also of characters beyond ASCII, which are no binascii.Error
        data = b""
    if count == 0 or len(data) != count * SIDE * SIDE:
        raise BundleError(folder / "manifest.json", f"golden: the images are not {count} of {SIDE}x{SIDE}")
    return np.frombuffer(data, np.uint8).reshape(count, SIDE, SIDE)


def _labels(folder: Path, labels: list[int] | None, count: int) -> dict[str, Array]:
    if labels is None or len(labels) != count or not all(0 <= label < CLASSES for label in labels):
        raise BundleError(folder / "manifest.json", f"golden: needs {count} labels of 0 to {CLASSES - 1}")
    return {"label": np.array(labels, np.int64)}


def _warm(path: Path, session: Session) -> None:
    """One row of zeros, the commonest shape; the self-test has run larger ones already."""
    feeds: dict[str, Array] = {
        name: np.zeros([1 if size is None else size for size in port.shape], port.dtype)
        for name, port in session.inputs.items()
    }
    output = next(iter(session.outputs.values()))
    _run(path, session, feeds, tuple(1 if size is None else size for size in output.shape))
