"""Medians, ratios and tables in Markdown."""

import statistics
from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown; ValueError where a row is not as long as the head."""
    lines = [head, ["---"] * len(head), *rows]
    if any(len(line) != len(head) for line in lines):
        raise ValueError("every row needs as many cells as the head")
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def count(value: float) -> str:
    """Three figures are as many as a noisy machine deserves: 17,500; 1,240; 81.2; 3.05."""
    digits = f"{value:.3g}"
    return f"{float(digits):,.0f}" if abs(float(digits)) >= 100 else digits


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median, over rounds, of one figure over the other of the same round: what slows a round down slows
    both."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def times(value: float) -> str:
    return f"{value:.2f}x"
