"""Prometheus' text exposition format, written without an object for each sample.

prometheus_client builds one for each of some thousand samples, which takes 12 ms of the event loop.
"""

from collections.abc import Iterable, Mapping
from itertools import accumulate

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Exposition:
    """Collects families of samples. Labels are passed as text: see `labels`."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def family(self, name: str, kind: str, documentation: str) -> None:
        """Begin a family: its samples must follow. `kind` is counter, gauge or histogram."""
        self._lines += (f"# HELP {name} {documentation}", f"# TYPE {name} {kind}")

    def sample(self, name: str, labels: str, value: float) -> None:
        shown = f"{{{labels}}}" if labels else ""
        self._lines.append(f"{name}{shown} {float(value)!r}")

    def histogram(
        self, name: str, labels: str, bounds: Iterable[str], counts: Iterable[int], total: float
    ) -> None:
        """Add the samples of a histogram.

        `bounds` are the upper bounds of its buckets without the infinite one. `counts` has one more entry,
        and says how many values are in each bucket alone; `total` is the sum of the values.
        """
        head, tail = f'{name}_bucket{{le="', f'",{labels}}} '
        below = list(accumulate(counts))
        self._lines += [
            f"{head}{bound}{tail}{count}.0" for bound, count in zip((*bounds, "+Inf"), below, strict=True)
        ]
        self.sample(f"{name}_count", labels, below[-1])
        self.sample(f"{name}_sum", labels, total)

    def render(self) -> bytes:
        # A folder's name may hold bytes that are no UTF-8, as lone surrogates.
        return "".join(line + "\n" for line in self._lines).encode("utf-8", "replace")


def labels(values: Mapping[str, object]) -> str:
    """Return the labels sorted by name, for example `model="cgan",version="1"`."""
    return ",".join(f'{name}="{_escaped(str(value))}"' for name, value in sorted(values.items()))


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
