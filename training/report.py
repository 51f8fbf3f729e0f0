"""One page per run: curves and samples over time, in one HTML file that opens from disk and loads nothing."""

import base64
import html
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training import history
from training.errors import TrainingError
from training.history import History
from training.run import Run

POINTS = 400
FRAMES = 60
TEMPLATE = Path(__file__).with_name("report.html")


class ReportError(TrainingError):
    """A run with nothing to show yet."""


@dataclass(frozen=True)
class Panel:
    """One diagram and which curves of the log are in it."""

    title: str
    note: str
    names: list[str]
    scale: str = "linear"
    reference: float | None = None
    """A dashed line to compare with."""


def write(run: Run) -> Path:
    """Writes report.html into the run's folder; works on a run that is still going on."""
    page = render(run)
    path = run.folder / "report.html"
    temporary = path.with_name(f".{path.name}.partial")
    temporary.write_text(page)
    os.replace(temporary, path)
    return path


def render(run: Run) -> str:
    """The page."""
    begun, lines = run.read_config(), run.lines()
    if not lines:
        raise ReportError(f"{run.folder}: has logged nothing yet; wait for its first pictures")
    told = history.read(run, POINTS, FRAMES)
    pictures = run.pictures()
    data: dict[str, Any] = {
        "steps": told.steps,
        "panels": [_drawn(panel, told) for panel in panels(list(told.curves))],
        "frames": told.frames,
        "pictures": [_data_url(pictures[step]) for step in told.frames],
    }
    last = lines[-1]
    facts = {
        "steps": f"{int(last['step']):,} of {begun['config']['steps']:,}",
        "images seen": f"{int(last['images']):,}",
        "time": f"{last['seconds'] / 60:.1f} minutes",
        "device": f"{begun['device']}, {begun['threads']} threads",
    }
    return (
        TEMPLATE.read_text()
        .replace("{{title}}", html.escape(str(begun["recipe"])))
        .replace("{{folder}}", html.escape(run.folder.name))
        .replace("{{facts}}", _rows(facts))
        .replace("{{config}}", _rows(begun["config"]))
        # "</script>" in a name would end the element that the data are in.
        .replace("{{data}}", json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"))
    )


def panels(names: list[str]) -> list[Panel]:
    """What belongs together: quality first, then what D says, then the losses, then the rest."""
    shares = [name for name in names if name.startswith("share_of_")]
    opinions = [name for name in names if "/D(" in name]
    losses = [name for name in names if name.endswith("/loss")]
    rest = [name for name in names if name not in {*shares, *opinions, *losses, "frechet_distance"}]
    every = [
        Panel(
            "Fréchet distance",
            "How far the samples are from real digits, in a classifier's features; 0 is equal. It is of few"
            " samples, so it compares with other steps and not with the leaderboard.",
            [name for name in names if name == "frechet_distance"],
            "log",
        ),
        Panel("Shares of the digits", "A tenth each is balanced.", shares, reference=0.1),
        Panel(
            "What the discriminator says",
            "Of real digits, D(x), and of generated ones, D(G(z)). Where both meet, it cannot tell.",
            opinions,
        ),
        Panel("Losses", "What each phase minimises. They need not fall: the players move together.", losses),
        *(Panel(name, "", [name]) for name in rest),
    ]
    return [panel for panel in every if panel.names]


def _drawn(panel: Panel, told: History) -> dict[str, Any]:
    return {
        "title": panel.title,
        "note": panel.note,
        "scale": panel.scale,
        "reference": panel.reference,
        "curves": [{"name": _short(name), "values": told.curves[name]} for name in panel.names],
    }


def _short(name: str) -> str:
    """As a legend says it: "7" for a share, "generator" for its loss, "D(x)" without its phase."""
    phase, _, rest = name.partition("/")
    if name.startswith("share_of_"):
        return name.removeprefix("share_of_")
    return phase if rest == "loss" else rest or name


def _data_url(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def _rows(facts: dict[str, Any]) -> str:
    return "".join(
        f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(str(value))}</dd></div>"
        for name, value in facts.items()
    )
