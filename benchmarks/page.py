"""How soon the playground shows its first digits, in Chromium, on loopback; and how large the page is.

    make web && python -m benchmarks page

The first line installs playwright. CHROMIUM names the browser's executable, where it is not on the path.
"""

import argparse
import importlib
import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks.chromium import chromium
from benchmarks.machine import machine
from benchmarks.server import ROOT, ours, running
from benchmarks.table import table
from benchmarks.workload import W1

PROMISED_MS = 300
"""From navigation to the first digits, median."""
NAVIGATIONS = 20
FIRST_DIGITS = """() => new Promise((done) => {
    const look = () => {
        if (document.querySelector(".tiles canvas")) done(performance.now());
        else requestAnimationFrame(look);
    };
    look();
})"""


def first_digits_ms(page: Any, url: str, navigations: int = NAVIGATIONS) -> list[float]:
    """Milliseconds from each navigation to the first digits that are painted."""
    took = []
    for _ in range(navigations):
        page.goto("about:blank")
        page.goto(url, wait_until="commit")
        took.append(float(page.evaluate(FIRST_DIGITS)))
    return took


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks page", description=__doc__)
    parser.add_argument("--navigations", type=int, default=NAVIGATIONS, help=f"[{NAVIGATIONS}]")
    given = parser.parse_args(arguments)
    playwright = importlib.import_module(
        "playwright.sync_api"
    )  # no dependency of ours: tests/web installs it
    print(machine())
    with (
        running(ours("playground", ROOT / "models", "cgan"), W1) as server,
        playwright.sync_playwright() as run,
    ):
        # Without the sandbox, which needs rights that a container does not give.
        browser = run.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        took = first_digits_ms(browser.new_page(), f"http://127.0.0.1:{server.ports[0]}/", given.navigations)
        browser.close()
    files = [path.stat().st_size for path in (ROOT / "service" / "web").iterdir()]
    head = ["first digits, ms: median", "best", "worst", "files", "bytes"]
    row = [f"{value:.0f}" for value in (statistics.median(took), min(took), max(took))]
    print("## page")
    print(table(head, [[*row, str(len(files)), f"{sum(files):,}"]]))
    print(f"\nPromised: {PROMISED_MS} ms, median of {NAVIGATIONS}.")
