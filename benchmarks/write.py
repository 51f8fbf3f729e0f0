"""Runs benchmarks and writes their figures into docs/measurements/ and the pages.

    python -m benchmarks write load peers      measures both again
    python -m benchmarks write                 writes all blocks again and lists the records' state

A benchmark prints Markdown. Each line `## NAME` begins the block NAME; what precedes the first is not kept.
Output without such a line is one block, `all`.
"""

import argparse
import datetime
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.measurements.digest import digest, matching
from benchmarks.measurements.pages import pages, render
from benchmarks.measurements.record import FOLDER, Record, load, save
from benchmarks.server import ROOT

HEADING = re.compile(r"^## (\S+)$\n", re.MULTILINE)


def main(arguments: Sequence[str], root: Path = ROOT) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks write",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"records in {FOLDER}")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--unchanged-because", metavar="REASON", help="keep the figures: the change cannot affect them"
    )
    instead.add_argument("--stale", metavar="SENTENCE", help="keep the figures, shown as out of date")
    given = parser.parse_args(arguments)
    records = load(root)
    if unknown := [name for name in given.names if name not in records]:
        parser.error(f"no record {', '.join(unknown)}; known are {', '.join(records)}")
    if not given.names and (given.unchanged_because or given.stale):
        parser.error("name the records that this is true of")
    for name in given.names:
        if given.unchanged_because:
            records[name] = confirmed(records[name], given.unchanged_because, root)
        elif given.stale:
            records[name] = replace(records[name], stale=given.stale)
        else:
            records[name] = measured(records[name], root)
        save(records[name], root)
    for page in pages(root):
        text = page.read_text()
        if (written := render(text, records)) != text:
            page.write_text(written)
    if not given.names:
        print("\n".join(state(record, root) for record in records.values()))


def measured(record: Record, root: Path) -> Record:
    """Run the record's command and return the record with its figures.

    SystemExit if the command fails, or if a file that the figures depend on is not committed.
    """
    changed = _git(root, "status", "--porcelain", "--", *matching(record.depends, root))
    if changed:
        sys.exit(f"{record.name} depends on files that are not committed; commit them first:\n{changed}")
    command = shlex.split(record.command)
    began = time.monotonic()
    done = subprocess.run([sys.executable, *command[1:]], cwd=root, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(
            f"{record.command} ended with exit code {done.returncode}; nothing was written\n{done.stdout}"
        )
    return replace(
        record,
        commit=_git(root, "rev-parse", "--short", "HEAD"),
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        machine=machine(),
        blocks=blocks(done.stdout),
        seconds=max(1, round(time.monotonic() - began)),
        digest=digest(record.depends, root),
        unchanged_because="",
        confirmed="",
        stale="",
    )


def confirmed(record: Record, reason: str, root: Path) -> Record:
    """Return the record, valid for the files as they are now. SystemExit if its figures are stale."""
    if record.stale:
        sys.exit(f"{record.name} is stale; measure it again with `python -m benchmarks write {record.name}`")
    return replace(record, unchanged_because=reason, confirmed=digest(record.depends, root))


def blocks(output: str) -> dict[str, str]:
    """Return the Markdown of each block of a command's output."""
    if not HEADING.search(output):
        return {"all": output.strip()}
    _, *parts = HEADING.split(output)
    return {name: text.strip() for name, text in zip(parts[::2], parts[1::2], strict=True)}


def state(record: Record, root: Path) -> str:
    """Return one line about the record."""
    took = f", took {record.seconds} s" if record.seconds else ""
    what = "stale" if record.stale else record.problem(root) or "up to date"
    return f"{record.name} ({record.commit}, {record.date}{took}): {what}"


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()
