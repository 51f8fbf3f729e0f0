"""Finds the bundles in the models' folder."""

import logging
import re
from pathlib import Path

from service.engine.refusal import BundleError
from service.manifest import NAME

log = logging.getLogger(__name__)


def find_bundles(models_dir: Path) -> list[Path]:
    """Return the folders <name>/<integer version>, sorted.

    Files (a leaderboard), hidden folders (an unfinished export) and, with a warning, folders that cannot have
    the name of a model (lost+found) are passed over. Raises BundleError for a folder that cannot be read, a
    folder within a model that is no version, and if there are no bundles.
    """
    try:
        if not models_dir.is_dir():
            raise BundleError(
                models_dir, "is not a folder: set MODELS_DIR to the folder that holds the models"
            )
    except OSError as error:
        raise BundleError(models_dir, f"cannot be read ({error.strerror}): set MODELS_DIR") from None
    found = []
    for model in _folders(models_dir):
        if not re.fullmatch(NAME, model.name):
            log.warning("passed over %s: it is not a model's name, which matches %s", model, NAME)
            continue
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
        raise BundleError(
            parent, f"cannot be read ({error.strerror}): let the service's user read it, or remove it"
        ) from None
