"""Writes docs/settings.md from service/settings.py: `make settings`. A test keeps the two equal."""

import sys
from collections.abc import Iterator
from typing import Any

from service.settings import Settings

HEAD = """# Settings

Each is an environment variable, or a flag of `python -m service serve`, which wins.
Written by `make settings` from `service/settings.py`.

| variable | flag | default | meaning |
| --- | --- | --- | --- |
"""


def page() -> str:
    return HEAD + "".join(f"| {' | '.join(cells)} |\n" for cells in rows())


def rows() -> Iterator[tuple[str, str, str, str]]:
    """Variable, flag, default and meaning of every setting, in the order of the file."""
    for name, field in Settings.model_fields.items():
        flag = "--" + name.replace("_", "-")
        meaning = " ".join((field.description or "").split()).replace("<", "&lt;")
        yield f"`{name.upper()}`", f"`{flag}`", shown(field.default), meaning


def shown(default: Any) -> str:
    """The default as one writes it in the environment."""
    if isinstance(default, list):
        default = ",".join(default)
    if isinstance(default, bool):
        default = str(default).lower()
    return f"`{default}`" if default not in ("", None) else "none"


if __name__ == "__main__":
    sys.stdout.write(page())
