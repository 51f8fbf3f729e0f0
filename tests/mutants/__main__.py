"""python -m tests.mutants: makes small wrong changes, and lists those that no test notices.

Verdicts are remembered in .mutants/ until the module or its tests change; delete the folder to start afresh.
"""

import argparse
import fnmatch
import random
import sys
from collections import Counter

from tqdm import tqdm

from tests.mutants.accepted import accepted, stale
from tests.mutants.operators import Mutant, mutants_of
from tests.mutants.results import Results
from tests.mutants.runner import BaselineError, Runner
from tests.mutants.sandbox import snapshot, tree
from tests.selection import ROOT, TABLE, suite_of

RESULTS = ROOT / ".mutants" / "results.jsonl"
MOST_UNEXPLAINED = 0.08
"""Share of the mutants that may survive without a reason in accepted.toml."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument(
        "--module",
        action="append",
        metavar="PATTERN",
        help="such as service/rate.py or 'training/*'; repeatable",
    )
    parser.add_argument("--sample", type=int, metavar="N", help="test only N mutants, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="draws another sample; default 0")
    parser.add_argument("--narrow", action="store_true", help="leave out the wider suites: faster")
    parser.add_argument("--processes", type=int, choices=(1, 2), default=2)
    chosen = parser.parse_args()
    modules = matching(chosen.module or TABLE["mutated"])
    if not modules:
        parser.error(f"no module matches {' '.join(chosen.module)}")
    if untested := [module for module in modules if not suite_of(module)]:
        parser.error(f"no tests known for {' '.join(untested)}: add them to tests/selection.toml")
    with snapshot() as root:
        every = [mutant for module in modules for mutant in mutants_of(module, (root / module).read_text())]
        reasons = accepted()
        if old := stale((mutant.name for mutant in every), reasons):
            parser.error("accepted.toml names mutants that no longer exist; remove:\n" + "\n".join(old))
        mutants = drawn(every, chosen.sample, chosen.seed)
        runner = Runner(Results(RESULTS), root, chosen.processes, not chosen.narrow)
        # A terminal gets the bar redrawn; a log gets a line each minute.
        interval_s = 0.5 if sys.stderr.isatty() else 60
        with tqdm(total=len(mutants), unit="mutant", mininterval=interval_s, smoothing=0.05) as bar:
            try:
                survivors = runner.survivors(mutants, bar.update)
            except BaselineError as error:
                sys.exit(str(error))
    return report(mutants, survivors, reasons)


def drawn(mutants: list[Mutant], count: int | None, seed: int) -> list[Mutant]:
    """So many of them, in their order; all of them for None."""
    if count is None or count >= len(mutants):
        return mutants
    kept = random.Random(seed).sample(range(len(mutants)), count)
    return [mutants[i] for i in sorted(kept)]


def matching(patterns: list[str]) -> list[str]:
    """Python modules of the project outside its tests."""
    return [
        path
        for path in sorted(tree())
        if path.endswith(".py")
        and not path.startswith("tests/")
        and any(fnmatch.fnmatch(path, pattern) for pattern in patterns)
    ]


def report(mutants: list[Mutant], survivors: list[Mutant], reasons: dict[str, str]) -> int:
    """Print the tables; 1 if too many survive without a reason."""
    unexplained = [mutant for mutant in survivors if mutant.name not in reasons]
    for mutant in unexplained:
        print(f"{mutant.module}:{mutant.line}\n  - {mutant.before}\n  + {mutant.after}")
    tried, lived = Counter(m.module for m in mutants), Counter(m.module for m in survivors)
    open_ = Counter(m.module for m in unexplained)
    print(f"\n{'module':40} {'mutants':>8} {'killed':>8} {'accepted':>8} {'survived':>8}")
    for module, count in tried.items():
        explained = lived[module] - open_[module]
        print(f"{module:40} {count:8} {count - lived[module]:8} {explained:8} {open_[module]:8}")
    share = len(unexplained) / max(1, len(mutants))
    print(f"{len(unexplained)} of {len(mutants)} mutants survive without a reason: {share:.1%}")
    return int(share > MOST_UNEXPLAINED)


if __name__ == "__main__":
    sys.exit(main())
