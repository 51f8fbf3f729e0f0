"""Survivors that need no test, each with its reason."""

import tomllib
from collections.abc import Iterable
from pathlib import Path

FILE = Path(__file__).with_name("accepted.toml")


def accepted() -> dict[str, str]:
    """Reasons by the name of the mutant."""
    entries = tomllib.loads(FILE.read_text()).get("mutants", [])
    return {entry["name"]: entry["reason"] for entry in entries}


def stale(names: Iterable[str], accepted: Iterable[str]) -> list[str]:
    """Accepted names whose module was mutated without them: the line has changed since."""
    known = set(names)
    modules = {name.partition(":")[0] for name in known}
    return [name for name in accepted if name.partition(":")[0] in modules and name not in known]
