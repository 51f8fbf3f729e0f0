"""Many inputs to what reads strangers' bytes, made by atheris in an environment of its own."""

import re
import tempfile

from benchmarks.faults.finding import Figure, Finding
from benchmarks.faults.process import ROOT, run

PYTHON = ROOT / ".venv-hostile" / "bin" / "python"
HANG_S = 60
WHAT = {"decoder": "the image decoder", "parser": "the /v2 parser"}


async def fuzz(target: str, runs: int, seed: int = 1) -> Finding:
    """No crash, no exception that is not a refusal, no input that takes over a second."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            str(PYTHON), "-m", "benchmarks.faults.fuzz_target", target, f"-runs={runs}",
            f"-timeout={HANG_S}", f"-seed={seed}", "-print_final_stats=1", "-max_len=8192",
            f"-artifact_prefix={folder}/",
        ]  # fmt: skip
        done = await run(command, ROOT)
    executed = int((re.findall(r"number_of_executed_units:\s*(\d+)", done.stderr) or ["0"])[0])
    lost = [] if done.returncode == 0 else [f"ended with {done.returncode}: {done.stderr[-1500:]}"]
    return Finding(
        WHAT[target],
        f"{executed:,} inputs of atheris, guided by coverage: none took over a second of the processor",
        lost,
        [Figure("inputs", executed, runs, least=True)],
    )
