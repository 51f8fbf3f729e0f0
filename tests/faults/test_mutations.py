"""Each mutation makes a good bundle one that is refused, and touches no other."""

import random
from pathlib import Path

import pytest

from benchmarks.faults.mutations import MUTATIONS, copy, mutate
from service.engine.bundle import load_bundle
from service.engine.refusal import BundleError
from tests.service.bundles import write_bundle


@pytest.mark.parametrize("kind", MUTATIONS)
def test_a_mutant_is_refused_and_its_origin_is_not(kind: str, tmp_path: Path) -> None:
    good = write_bundle(tmp_path, "tiny", conditional=True)
    for number in range(10):
        to = tmp_path / "tiny" / str(1000 + number)
        copy(good, to)
        load_bundle(to, "cpu")
        mutate(to, kind, random.Random(number))
        with pytest.raises(BundleError):
            load_bundle(to, "cpu")
    load_bundle(good, "cpu")
