"""Records are written and read again, and say what is wrong with them."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.measurements.digest import digest
from benchmarks.measurements.record import FOLDER, Record, load, read, save


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / FOLDER).mkdir(parents=True)
    (tmp_path / "a.py").write_text("x = 1\n")
    return tmp_path


@pytest.fixture
def record(root: Path) -> Record:
    blocks = {"one": '| a "b" | µ \\ |', "two": "first\n\nsecond"}
    of = digest(["a.py"], root)
    return Record("load", 'python -m x --y "z"', ("a.py",), "abc", "2026-01-02", "m", blocks, 7, of)


def test_what_was_saved_is_loaded(root: Path, record: Record) -> None:
    stale = replace(record, name="other", stale='It says "old".', digest="")
    save(record, root)
    save(stale, root)
    assert load(root) == {"load": record, "other": stale}


def test_an_unknown_or_missing_key_is_refused(root: Path, record: Record) -> None:
    save(record, root)
    path = root / FOLDER / "load.toml"
    text = path.read_text()
    path.write_text(text.replace("seconds", "secnods"))
    with pytest.raises(ValueError, match=r"load.toml: unknown keys secnods; known are .*seconds"):
        read(path)
    path.write_text(text.replace("commit =", "# commit ="))
    with pytest.raises(ValueError, match=r"load.toml: .*'commit'"):
        read(path)


def test_a_change_of_the_code_is_a_problem_until_it_is_confirmed_or_told(root: Path, record: Record) -> None:
    assert record.problem(root) == ""
    (root / "a.py").write_text("x = 2\n")
    assert "a.py changed after the measurement at abc" in record.problem(root)
    assert "`python -m benchmarks write load`" in record.problem(root)
    confirmed = replace(record, unchanged_because="x is not used.", confirmed=digest(["a.py"], root))
    assert confirmed.problem(root) == ""
    assert "x is not used." in confirmed.note()
    (root / "a.py").write_text("x = 3\n")
    assert confirmed.problem(root)
    stale = replace(record, stale="Nobody measured.")
    assert stale.problem(root) == ""
    assert "at commit abc on 2026-01-02" in stale.note()
    assert "the code has changed since. Nobody measured." in stale.note()


def test_a_record_without_a_digest_is_a_problem(root: Path, record: Record) -> None:
    assert replace(record, digest="").problem(root)
