"""`python -m benchmarks write` runs a command and writes its record and the pages."""

import subprocess
from pathlib import Path

import pytest

from benchmarks.measurements.record import FOLDER, Record, load, save
from benchmarks.write import blocks, main

PRINTS = "print('machine'); print('## one'); print('| 5 |'); print(); print('## two'); print('| 6 |')"
PAGE = "<!-- measured: x/one -->\n<!-- end: x/one -->\n<!-- measured: x/two -->\n<!-- end: x/two -->\n"


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=root, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with a page and a record that was never measured."""
    (tmp_path / FOLDER).mkdir(parents=True)
    (tmp_path / "README.md").write_text(PAGE)
    (tmp_path / "code.py").write_text(PRINTS)
    save(Record("x", "python code.py", ("code.py",), "0", "0", "m", {"one": "1", "two": "2"}), tmp_path)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "x")
    return tmp_path


def test_a_measurement_is_recorded_and_shown(root: Path) -> None:
    main(["x"], root)
    record = load(root)["x"]
    assert record.blocks == {"one": "| 5 |", "two": "| 6 |"}
    assert record.commit == git(root, "rev-parse", "--short", "HEAD")
    assert record.problem(root) == ""
    assert "cores of" in record.machine
    page = (root / "README.md").read_text()
    assert "\n| 5 |\n" in page
    assert f"Measured at commit {record.commit} on {record.date} by `python code.py`" in page


def test_code_that_is_not_committed_is_not_measured(root: Path) -> None:
    (root / "code.py").write_text(PRINTS + "\n")
    with pytest.raises(SystemExit, match=r"not committed; commit them first:\n.*code.py"):
        main(["x"], root)


def test_a_command_that_fails_changes_nothing(root: Path) -> None:
    (root / "code.py").write_text("raise SystemExit(3)")
    git(root, "commit", "--quiet", "-am", "broken")
    before = load(root)
    with pytest.raises(SystemExit, match=r"python code.py ended with exit code 3"):
        main(["x"], root)
    assert load(root) == before


def test_figures_are_confirmed_with_a_reason(root: Path) -> None:
    main(["x"], root)
    (root / "code.py").write_text(PRINTS + "\ny = 1\n")
    assert load(root)["x"].problem(root)
    main(["x", "--unchanged-because", "y is not used."], root)
    assert load(root)["x"].problem(root) == ""
    assert "y is not used." in (root / "README.md").read_text()
    main(["x", "--stale", "It was busy."], root)
    assert "the code has changed since. It was busy." in (root / "README.md").read_text()
    with pytest.raises(SystemExit, match="x is stale; measure it again"):
        main(["x", "--unchanged-because", "It is not."], root)


def test_without_a_name_pages_are_written_and_states_told(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([], root)
    assert "\n1\n" in (root / "README.md").read_text()
    assert "x (0, 0): x: code.py changed after the measurement at 0" in capsys.readouterr().out


def test_an_unknown_record_is_named(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["y"], root)
    assert "no record y; known are x" in capsys.readouterr().err


def test_output_without_headings_is_one_block() -> None:
    assert blocks("| a |\n") == {"all": "| a |"}
