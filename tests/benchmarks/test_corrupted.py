"""Files with a flipped bit are made and counted."""

from pathlib import Path

import pytest

from benchmarks.corrupted import flipped, loads, main, outcomes
from benchmarks.server import newest

NETWORK = newest("gan") / "generator.onnx"


def test_each_file_differs_in_one_bit(tmp_path: Path) -> None:
    origin = tmp_path / "a.onnx"
    origin.write_bytes(bytes(100))
    for data in flipped([origin], 20, seed=1):
        assert sum(byte.bit_count() for byte in data) == 1
        assert len(data) == 100


def test_outcomes_are_counted() -> None:
    good = NETWORK.read_bytes()
    assert loads(good)
    assert not loads(b"no network")
    assert outcomes(iter([good, b"no network", b""])) == {
        "loaded without an error": 1,
        "refused by onnxruntime": 2,
    }


def test_the_command_prints_a_block(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--files", "2"])
    assert "\n## corrupted\n| files | loaded without an error |" in capsys.readouterr().out
