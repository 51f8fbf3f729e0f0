"""The peers are described well enough to be installed and started."""

from pathlib import Path

import pytest

from benchmarks import rival
from benchmarks.rival import RIVALS, Rival


@pytest.mark.parametrize("one", RIVALS, ids=lambda one: one.name)
def test_its_needs_are_in_pyproject(one: Rival) -> None:
    wanted = rival.requirements(one.group)
    assert any(line.startswith("onnxruntime") for line in wanted)
    assert len(wanted) > len(rival.requirements("tutorial")) - 2


@pytest.mark.parametrize("one", RIVALS, ids=lambda one: one.name)
def test_it_serves_the_bundle_on_the_port_that_it_is_given(
    one: Rival, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rival, "environment", lambda group: tmp_path / group / "python")
    monkeypatch.chdir(tmp_path)
    server = rival.server(one, Path("."))
    assert server.command[0] == str(tmp_path / one.group / "python")
    assert "{port}" in server.command
    assert server.environment["GENERATOR"] == str(tmp_path / "generator.onnx")


def test_litserve_is_measured_with_its_default_of_no_batch_timeout_and_with_one() -> None:
    given = {float(one.environment["TIMEOUT"]) for one in RIVALS if one.group == "litserve"}
    assert given == {0, 0.01}


def test_an_environment_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rival, "ENVIRONMENTS", tmp_path)
    made: list[str] = []

    def run(command: list[object], check: bool) -> None:
        made.append(str(command[2]))
        (tmp_path / "tutorial").mkdir(exist_ok=True)

    monkeypatch.setattr("benchmarks.rival.subprocess.run", run)
    python = rival.environment("tutorial")
    assert made == ["venv", "pip"]
    assert rival.environment("tutorial") == python
    assert made == ["venv", "pip"]
