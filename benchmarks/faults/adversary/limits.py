"""The limits of one case, and the findings where its cost exceeds them."""

import json
from dataclasses import dataclass

from benchmarks.faults.adversary.case import Case
from benchmarks.faults.adversary.measure import Cost

FIXED_S = 0.020
"""Processor time that each request may cost the main process, in addition to PER_KB_S: 100 bytes may ask for
images."""
IMAGES_PER_REQUEST = 16
"""So many images of a form may cost as much as another request; a form may have MOST_IMAGES of them."""
MOST_IMAGES = 64
PER_KB_S = 0.001
CHILDREN_S = 0.450
"""Processor time that the workers for images may spend on one request, in addition to PER_KB_S: IMAGE_CPU_S,
and the start of another worker where that ends one."""
STALL_S = 0.050
LOG_BYTES = 3_000
"""Most bytes of log for each request. A line of the access log has some hundred bytes."""
ALLOWED_5XX = (501, 503, 504, 505)
"""Overload and deadlines; and methods and versions of HTTP that no server has to know."""


@dataclass(frozen=True)
class Excess:
    """One limit that a case exceeded."""

    kind: str
    text: str


def allowance_s(case: Case) -> float:
    """Processor seconds of the main process."""
    images = min(MOST_IMAGES, sum(piece.count(b"IHDR") for piece in case.pieces))
    return FIXED_S * (case.requests + images / IMAGES_PER_REQUEST) + PER_KB_S * case.size / 1000


def excesses(cases: tuple[Case, ...], cost: Cost) -> list[Excess]:
    """All limits that these cases exceeded together."""
    found = []
    allowed = sum(map(allowance_s, cases))
    children = sum(CHILDREN_S * case.requests + PER_KB_S * case.size / 1000 for case in cases)
    size = sum(case.size for case in cases) / 1000
    if not any(case.heavy for case in cases):
        if cost.main_s > allowed:
            found.append(
                Excess("main", f"{_ms(cost.main_s)} of CPU for {size:,.1f} kB, allowed {_ms(allowed)}")
            )
        if cost.children_s > children:
            text = f"{_ms(cost.children_s)} of CPU in workers for {size:,.1f} kB, allowed {_ms(children)}"
            found.append(Excess("children", text))
    if cost.stall_s > STALL_S:
        found.append(Excess("stall", f"the event loop was held for {_ms(cost.stall_s)}"))
    for status in sorted(set(cost.statuses)):
        if status >= 500 and status not in ALLOWED_5XX:
            found.append(Excess("status", f"answered {status}"))
    found += _of_log(cost.log, sum(case.requests for case in cases))
    if not cost.alive:
        found.append(Excess("death", "the process ended"))
    return found


def _of_log(log: bytes, requests: int) -> list[Excess]:
    found = []
    wrong = next((line for line in log.splitlines() if not is_object(line)), None)
    if wrong is not None:
        found.append(Excess("log", f"a line of the log is not JSON: {wrong[:200]!r}"))
    if b"Traceback (most recent" in log:
        found.append(Excess("traceback", f"a traceback in the log: {log[-300:]!r}"))
    if len(log) > LOG_BYTES * (requests + 1):
        found.append(Excess("log size", f"{len(log):,} bytes of log for {requests} requests"))
    return found


def is_object(line: bytes | str) -> bool:
    """Return True for a JSON object."""
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:,.0f} ms"
