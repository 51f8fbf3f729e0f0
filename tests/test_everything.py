"""`make test` runs all that it can, and names what it leaves out."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests import everything
from tests.quick import ELSEWHERE

ROOT = Path(__file__).parents[1]


class Runs:
    """Collects commands; those that contain `failing` fail."""

    def __init__(self, failing: str = "nothing") -> None:
        self.commands: list[str] = []
        self._failing = failing

    def __call__(self, command: Sequence[str]) -> int:
        self.commands.append(" ".join(command))
        return 1 if self._failing in self.commands[-1] else 0


@pytest.fixture(autouse=True)
def tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is there."""
    suites = tuple(replace(suite, needs=lambda: "") for suite in everything.TESTED_WHERE_POSSIBLE)
    monkeypatch.setattr(everything, "TESTED_WHERE_POSSIBLE", suites)


def test_suites_run_where_their_tools_are(capsys: pytest.CaptureFixture[str]) -> None:
    runs = Runs()
    assert everything.main([], runs) == 0
    assert runs.commands[0].endswith("-m pytest --ignore=tests/web --ignore=tests/clients --ignore=tests/ray")
    assert runs.commands[1:] == ["make test-web", "make test-clients"]
    said = capsys.readouterr().out
    assert "Left out:\n- tests/ray, a Ray cluster of three nodes: make test-ray\n- the drills" in said
    assert "FAILED" not in said


def test_a_suite_without_its_tools_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    web, clients = everything.TESTED_WHERE_POSSIBLE
    lacking = (replace(web, needs=lambda: "npm"), clients)
    monkeypatch.setattr(everything, "TESTED_WHERE_POSSIBLE", lacking)
    runs = Runs()
    assert everything.main([], runs) == 0
    assert runs.commands[1:] == ["make test-clients"]
    assert "- tests/web, the pages in Chromium: make test-web; needs npm\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("failing", "named"), [("pytest", "- tests (exit code 1)"), ("test-web", "- tests/web")]
)
def test_one_failure_fails_the_run_after_the_others_ran(
    failing: str, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = Runs(failing)
    assert everything.main([], runs) == 1
    assert len(runs.commands) == 3
    assert f"FAILED:\n{named}" in capsys.readouterr().out


def test_arguments_choose_among_the_first_tests(capsys: pytest.CaptureFixture[str]) -> None:
    runs = Runs()
    assert everything.main(["-k", "batcher"], runs) == 0
    assert len(runs.commands) == 1
    assert runs.commands[0].endswith("--ignore=tests/ray -k batcher")
    assert "make test-web; ARGS choose among the other tests" in capsys.readouterr().out


def test_what_the_web_needs_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    needs = everything.web_needs()
    assert "npm (Debian's package npm) and Chromium" in needs
    for name in ("npm", "chromium"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    assert everything.web_needs() == ""


def test_the_clients_need_their_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(everything, "ROOT", tmp_path)
    assert "make clients" in everything.clients_need()
    (tmp_path / ".venv-clients").mkdir()
    (tmp_path / ".venv-clients" / "installed").touch()
    assert everything.clients_need() == ""


def test_every_suite_is_a_target_and_every_folder_of_tests_has_a_runner() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for suite in (*everything.TESTED_WHERE_POSSIBLE, *everything.TESTED_ELSEWHERE):
        assert f"\n{suite.target}:" in makefile
    assert all((ROOT / folder).is_dir() for folder in ELSEWHERE)
