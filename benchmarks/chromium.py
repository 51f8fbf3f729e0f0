"""Where Chromium is on this machine."""

import os
import shutil


def chromium() -> str | None:
    """Return the executable that CHROMIUM names, or the first on the path; None if there is none."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
