"""The table of tests is complete and names what exists, and `make quick` keeps to its time."""

import subprocess
import time
from pathlib import Path

import pytest

from tests import quick
from tests.selection import ROOT, TABLE, files_of, suite_of, wider_suite_of


def modules(package: str) -> list[str]:
    found = (path.relative_to(ROOT).as_posix() for path in (ROOT / package).rglob("*.py"))
    return sorted(path for path in found if not path.endswith("__init__.py"))


@pytest.mark.parametrize("module", modules("service") + modules("training"))
def test_every_module_has_tests(module: str) -> None:
    """So that a change of it is tested by `make quick`."""
    if module == "training/errors.py":
        pytest.skip("one exception class without a body")
    assert suite_of(module), "add its tests to tests/selection.toml"


def test_the_table_names_what_exists() -> None:
    named = {test for tests in (*TABLE["modules"].values(), *TABLE["wider"].values()) for test in tests}
    assert [test for test in sorted(named) if not (ROOT / test).exists()] == []


@pytest.mark.parametrize("pattern", [*TABLE["modules"], *TABLE["mutated"]])
def test_every_pattern_matches_a_file(pattern: str) -> None:
    assert list(ROOT.glob(pattern)), "remove it from tests/selection.toml"


def test_tests_are_found_by_name_and_by_the_table() -> None:
    assert suite_of("service/api/score.py")[0] == "tests/service/api/test_score.py"
    assert "tests/training/test_recipes.py" in suite_of("training/recipes/gan.py")
    assert suite_of("training/recipes/sgan.py")[-1] == "tests/training/test_sgan.py"
    assert suite_of("nothing/such.py") == []
    assert wider_suite_of("service/rate.py") == ["tests/service"]
    assert wider_suite_of("nothing/such.py") == []


def test_the_files_of_a_test_include_helpers_up_to_the_root() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in files_of(["tests/service/api/test_score.py"])}
    assert names >= {
        "tests/service/api/test_score.py",
        "tests/service/api/pictures.py",
        "tests/service/bundles.py",
        "tests/service/conftest.py",
    }
    assert "tests/service/api/test_generate.py" not in names
    folder = {path.relative_to(ROOT).as_posix() for path in files_of(["tests/service/api"])}
    assert folder > names | {"tests/service/api/test_generate.py"}


def test_quick_runs_changed_tests_first_and_leaves_other_environments_out() -> None:
    changed = ["README.md", "service/rate.py", "tests/clients/test_openai.py", "tests/service/test_app.py"]
    assert quick.tests_for(changed) == [
        "tests/service/test_app.py",
        "tests/test_readme.py",
        "tests/service/test_rate.py",
    ]
    assert quick.tests_for(["docs/design.md"]) == []


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True)


def test_quick_sees_new_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(quick, "ROOT", tmp_path)
    git(tmp_path, "init", "-q")
    identity = ("-c", "user.name=a", "-c", "user.email=b")
    git(tmp_path, *identity, "commit", "-q", "--allow-empty", "-m", "c")
    (tmp_path / "new.py").write_text("")
    (tmp_path / "added.py").write_text("")
    git(tmp_path, "add", "added.py")
    assert quick.changed_files() == ["added.py", "new.py"]


def test_quick_starts_no_test_after_its_time() -> None:
    quick.OutOfTime(time.monotonic() + 60).pytest_runtest_setup()
    late = quick.OutOfTime(time.monotonic())
    with pytest.raises(pytest.skip.Exception):
        late.pytest_runtest_setup()
    assert late.skipped == 1
