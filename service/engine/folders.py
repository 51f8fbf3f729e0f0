"""Which bundles lie in the models' folder."""

import re
from pathlib import Path

from service.engine.refusal import BundleError
from service.manifest import NAME


def find_bundles(models_dir: Path) -> list[Path]:
    """The folders <name>/<integer version>, sorted. What is hidden (an unfinished export) or a file (a
    leaderboard) is passed over; a folder that is neither is a BundleError."""
    if not models_dir.is_dir():
        raise BundleError(models_dir, "is not a folder: set MODELS_DIR to the folder that holds the models")
    found = []
    for model in _folders(models_dir):
        if not re.fullmatch(NAME, model.name):
            raise BundleError(model, f"is not a model's name, which matches {NAME}")
        for version in _folders(model):
            if not re.fullmatch(r"[1-9][0-9]{0,8}", version.name):
                raise BundleError(version, "is not a version: those are folders named 1, 2, 3, ...")
            found.append(version)
    if not found:
        raise BundleError(models_dir, "holds no models: train one, or set MODELS_DIR to where they are")
    return found


def _folders(parent: Path) -> list[Path]:
    try:
        return sorted(path for path in parent.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise BundleError(parent, error.strerror or "cannot be read") from None
