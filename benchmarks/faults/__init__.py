"""python -m benchmarks faults: drills that try to break what the service promises."""

from collections.abc import Sequence


def main(arguments: Sequence[str]) -> None:
    # Not at import: the fuzzers' environment has only what their target needs.
    from benchmarks.faults import command

    command.main(arguments)
