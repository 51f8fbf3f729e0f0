"""Runs the networks of a bundle on the inputs that its manifest gives, and measures their cost.

Only the outputs show whether a file that loads is the network that was exported.
"""

import base64
import hashlib
import time
from pathlib import Path

import numpy as np

from service.engine.cost import Cost
from service.engine.refusal import BundleError
from service.engine.session import Array, Session
from service.manifest import CLASSES, SIDE, GoldenValues, Manifest, RoleName

MEASURED_ROWS = 8
"""A batch that is large enough to measure the cost per row, and takes 7 ms of the slowest shipped model."""


def check_generator(folder: Path, manifest: Manifest, session: Session) -> bool:
    """Return True if the golden latents give the golden bytes; BundleError if they are too far off."""
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


def check_values(folder: Path, manifest: Manifest, role: RoleName, session: Session) -> None:
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


def measured_cost(path: Path, session: Session) -> Cost:
    """Measure the cost of a run from one row and from a batch, after a run of each that allocates memory.

    The run of one row also prepares the most common shape.
    """
    cost = Cost(clock=time.thread_time if session.provider == "cpu" else time.perf_counter)
    seconds: dict[int, float] = {}
    for rows in (1, MEASURED_ROWS):
        for _ in range(2):
            begun = cost.clock()
            _run_zeros(path, session, rows)
            seconds[rows] = cost.clock() - begun
    first = seconds[1]
    return Cost(first, max(0.0, seconds[MEASURED_ROWS] - first) / (MEASURED_ROWS - 1), cost.clock)


def _run_zeros(path: Path, session: Session, rows: int) -> None:
    feeds: dict[str, Array] = {
        name: np.zeros([rows if size is None else size for size in port.shape], port.dtype)
        for name, port in session.inputs.items()
    }
    output = next(iter(session.outputs.values()))
    _run(path, session, feeds, tuple(rows if size is None else size for size in output.shape))
