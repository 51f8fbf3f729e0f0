"""What a drill found: what was tried, what was lost, and the figures that were promised."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Figure(NamedTuple):
    """A measured number and the most that it may be (the least, if it is a `least`)."""

    name: str
    value: float
    limit: float
    unit: str = ""
    least: bool = False
    timing: bool = False
    """Whether it depends on how busy the machine is, so that only a quiet one can judge it."""

    @property
    def met(self) -> bool:
        return self.value >= self.limit if self.least else self.value <= self.limit

    def __str__(self) -> str:
        sign = "at least" if self.least else "at most"
        verdict = "" if self.met else " **missed**"
        return (
            f"{self.name} {_shown(self.value)}{self.unit} ({sign} {_shown(self.limit)}{self.unit}){verdict}"
        )


@dataclass(frozen=True)
class Finding:
    """One row of the table."""

    what: str
    tried: str
    lost: Sequence[str]
    """Each thing that went otherwise than promised, in words; empty is the promise."""
    figures: Sequence[Figure] = ()

    @property
    def kept(self) -> bool:
        return not self.lost and all(figure.met for figure in self.figures)


def table(findings: Sequence[Finding]) -> str:
    """The findings in Markdown; what was lost is told below it."""
    rows = [
        f"| {one.what} | {one.tried} | {len(one.lost)} | {'; '.join(map(str, one.figures))} |"
        for one in findings
    ]
    losses = [f"- {one.what}: {text}" for one in findings for text in list(one.lost)[:10]]
    head = ["| what | tried | lost | figures |", "| --- | --- | ---: | --- |"]
    return "\n".join([*head, *rows, *(["", *losses] if losses else [])])


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
