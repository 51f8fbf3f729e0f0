"""The record of one measurement, docs/measurements/NAME.toml: its command, its figures, and the commit, date
and machine that they are of."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from benchmarks.measurements.digest import digest

FOLDER = "docs/measurements"


@dataclass(frozen=True)
class Record:
    name: str
    command: str
    """Measures again; begins with `python`."""
    depends: tuple[str, ...]
    """Patterns of the files that the figures depend on; see `digest`."""
    commit: str
    date: str
    machine: str
    blocks: Mapping[str, str]
    """The Markdown of each part of the command's output."""
    seconds: int = 0
    """Seconds that the command took; 0 if that was not recorded."""
    digest: str = ""
    """The digest of `depends` when the figures were measured; empty where unknown, which needs `stale`."""
    unchanged_because: str = ""
    """Why a later change of `depends` does not change the figures."""
    confirmed: str = ""
    """Digest of `depends` for which that is true."""
    stale: str = ""
    """Why the figures are shown although they are out of date. The page shows this sentence."""

    def problem(self, root: Path) -> str:
        """Return what is wrong with the record and how to correct it, or nothing."""
        if self.stale:
            return ""
        if digest(self.depends, root) in (self.digest, self.confirmed):
            return ""
        write = f"python -m benchmarks write {self.name}"
        return (
            f"{self.name}: {', '.join(self.depends)} changed after the measurement at {self.commit}. Measure"
            f' again with `{write}`, or add --unchanged-because "REASON" if the change cannot affect the'
            ' figures, or --stale "SENTENCE" to show them as out of date.'
        )

    def note(self) -> str:
        """Return the sentence that a page shows below the figures."""
        measured = f"Measured at commit {self.commit} on {self.date} by `{self.command}`, on {self.machine}"
        if self.stale:
            return f"*{measured}; the code has changed since. {self.stale}*"
        if self.confirmed:
            return f"*{measured}. Later changes do not affect these figures: {self.unchanged_because}*"
        return f"*{measured}.*"


def load(root: Path) -> dict[str, Record]:
    """Return all records by name. ValueError for an unknown or missing key."""
    return {path.stem: read(path) for path in sorted((root / FOLDER).glob("*.toml"))}


def read(path: Path) -> Record:
    given = tomllib.loads(path.read_text())
    known = {field.name for field in fields(Record)}
    if unknown := set(given) - known:
        raise ValueError(
            f"{path}: unknown keys {', '.join(sorted(unknown))}; known are {', '.join(sorted(known))}"
        )
    given["depends"] = tuple(given.get("depends", ()))
    try:
        return Record(name=path.stem, **given)
    except TypeError as error:
        raise ValueError(f"{path}: {error}") from error


def save(record: Record, root: Path) -> None:
    """Write the record; empty values are left out."""
    lines = []
    for field in fields(record):
        value = getattr(record, field.name)
        if field.name == "depends":
            lines += ["depends = [", *(f"  {json.dumps(pattern)}," for pattern in value), "]"]
        elif field.name not in ("name", "blocks") and value:
            lines.append(f"{field.name} = {json.dumps(value, ensure_ascii=False)}")
    lines += ["", "[blocks]"]
    for name, text in record.blocks.items():
        if "'''" in text:
            raise ValueError(f"{record.name}, block {name}: a block cannot hold three quotes in a row")
        lines.append(f"{name} = '''\n{text}'''")
    path = root / FOLDER / f"{record.name}.toml"
    path.write_text("\n".join(lines) + "\n")
