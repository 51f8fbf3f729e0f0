"""What a report says, without a browser; tests/web opens it in one."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from training import report
from training.recipe import Config
from training.report import ReportError
from training.run import Run

SHARES = [f"share_of_{digit}" for digit in range(10)]


def run_of(folder: Path, watched: bool = True) -> Run:
    """A run of 40 steps with pictures at every tenth; `watched` ones have the figures of samples."""
    run = Run(folder)
    run.begin("gan", Config(steps=40), 0)
    for step in range(1, 41):
        figures = {
            "discriminator/loss": 1.0 + step / 40,
            "discriminator/D(x)": 0.6,
            "discriminator/D(G(z))": 0.4,
            "discriminator/r1": 0.01 / step,
            "generator/loss": 2.0 - step / 40,
        }
        if step % 10 == 0:
            run.picture(step, torch.full((100, 1, 28, 28), step / 50))
            figures |= {"frechet_distance": 100.0 / step, **dict.fromkeys(SHARES, 0.1)} if watched else {}
        run.log(step, {**figures, "seconds": float(step), "images": step * 256})
    return run


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_curves_are_in_the_panels_that_they_belong_to(tmp_path: Path) -> None:
    data = data_of(report.render(run_of(tmp_path)))
    panels = {panel["title"]: [curve["name"] for curve in panel["curves"]] for panel in data["panels"]}
    assert panels == {
        "Fréchet distance": ["frechet_distance"],
        "Shares of the digits": [str(digit) for digit in range(10)],
        "What the discriminator says": ["D(x)", "D(G(z))"],
        "Losses": ["discriminator", "generator"],
        "discriminator/r1": ["r1"],
    }
    assert all(
        len(curve["values"]) == len(data["steps"]) for panel in data["panels"] for curve in panel["curves"]
    )
    assert data["frames"] == [10, 20, 30, 40]
    assert len(set(data["pictures"])) == 4


def test_a_run_without_figures_of_samples_has_a_report_too(tmp_path: Path) -> None:
    data = data_of(report.render(run_of(tmp_path, watched=False)))
    assert next(panel["title"] for panel in data["panels"]) == "What the discriminator says"


def test_it_is_one_file_that_refers_to_nothing_else(tmp_path: Path) -> None:
    path = report.write(run_of(tmp_path))
    assert path == tmp_path / "report.html"
    page = path.read_text()
    assert "{{" not in page
    # The namespace of SVG is a name, and is not fetched.
    assert set(re.findall(r"https?://[^\"' ]*", page)) == {"http://www.w3.org/2000/svg"}
    assert "40 of 40" in page
    assert "10,240" in page


def test_a_name_cannot_end_the_script(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    run.log(41, {"</script><b>": 1.0, "seconds": 41.0, "images": 1.0})
    page = report.render(run)
    assert "</script><b>" not in page
    assert data_of(page)["panels"][-1]["title"] == "</script><b>"


def test_a_run_that_has_logged_nothing_is_named(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.begin("gan", Config(), 0)
    with pytest.raises(ReportError, match="logged nothing yet"):
        report.write(run)
