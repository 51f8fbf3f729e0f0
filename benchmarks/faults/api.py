"""Schemathesis over the whole OpenAPI document, from an environment of its own (`make hostile`)."""

import re
import tempfile
from pathlib import Path

from benchmarks.faults.finding import Figure, Finding
from benchmarks.faults.process import MODELS, ROOT, run, serving

PROGRAM = ROOT / ".venv-hostile" / "bin" / "schemathesis"
EACH = 1.5
"""So many times its share for each operation: those that take nothing have few cases."""
CONFIGURATION = """
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 429]
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 304, 400, 401, 403, 404, 409, 413, 422, 503]
"""
"""What is wrong for being too large is 413, which the first list lacks by itself. A request that fits the
schema may still be wrong in what no schema can say (400, 422): which directions a model has, that a field is
not said in both query and body, that an image is one."""


async def conformance(cases: int, models_dir: Path = MODELS, seed: int = 1) -> Finding:
    """At least so many cases: no 5xx, and nothing that the document does not say."""
    with serving(models_dir) as service:
        operations = len(re.findall(r'"operationId"', service.get("/openapi.json")[1]))
        # One worker: in CPython 3.11 two threads that parse source at once may end in a SystemError, "AST
        # constructor recursion depth mismatch" (https://github.com/python/cpython/issues/106905).
        command = [
            str(PROGRAM), "run", f"{service.url}/openapi.json", "--checks", "all",
            "--phases", "examples,coverage,fuzzing",
            "--max-examples", str(round(EACH * cases / operations)), "--seed", str(seed), "--workers", "1",
            "--continue-on-failure", "--warnings", "off",
        ]  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "schemathesis.toml").write_text(CONFIGURATION)
            done = await run(command, Path(folder))
        lost = _failures(done.stdout)
        if "Traceback" in service.log():
            lost.append("a traceback in the log")
    (generated,) = re.findall(r"([\d,]+) generated", done.stdout) or ["0"]
    count = int(generated.replace(",", ""))
    if done.returncode and not lost:
        lost.append(f"schemathesis ended with {done.returncode}: {done.stdout[-1000:]}{done.stderr[-1000:]}")
    return Finding(
        "the API against its document",
        f"{count:,} cases of schemathesis on {operations} operations, all checks",
        lost,
        [Figure("cases", count, cases, least=True)],
    )


def _failures(report: str) -> list[str]:
    """Each with its operation."""
    failures, operation = [], ""
    for line in report.splitlines():
        if heading := re.fullmatch(r"_+ (.*?) _+", line):
            operation = heading[1]
        elif line.startswith("- ST"):
            failures.append(f"{operation}: {line.removeprefix('- ')}")
    return failures
