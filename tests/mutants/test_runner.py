"""Which suites a mutant meets, and what is remembered."""

from pathlib import Path

import pytest

from tests.mutants.__main__ import drawn, matching, report
from tests.mutants.accepted import accepted, stale
from tests.mutants.operators import Mutant, mutants_of
from tests.mutants.results import Results, key_of
from tests.mutants.runner import BaselineError, Runner
from tests.mutants.sandbox import Sandbox
from tests.mutants.worker import Result, Task
from tests.selection import ROOT

MODULE = "service/rate.py"
OWN, WIDER = ["tests/service/test_rate.py"], ["tests/service"]


def passed(seconds: float = 1.0) -> Result:
    return {"verdict": "passed", "seconds": seconds, "output": ""}


def failed(verdict: str = "failed") -> Result:
    return {"verdict": verdict, "seconds": 1.0, "output": "why"}


class Fake:
    """Stands in for the sandboxes: answers by what the source contains, and remembers the tasks."""

    def __init__(self, **answers: Result) -> None:
        self.answers = answers
        self.tasks: list[Task] = []

    def run(self, task: Task) -> Result:
        self.tasks.append(task)
        return next((answer for word, answer in self.answers.items() if word in task["source"]), passed())


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    for path in (MODULE, *OWN):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("original")
    return tmp_path


def runner(snapshot: Path, fake: Fake, monkeypatch: pytest.MonkeyPatch, *, wider: bool = True) -> Runner:
    def take(self: Runner) -> Sandbox:
        return fake  # type: ignore[return-value]

    monkeypatch.setattr(Runner, "_take", take)
    return Runner(Results(snapshot / "results.jsonl"), snapshot, 1, wider)


def mutant(source: str) -> Mutant:
    return Mutant(MODULE, 1, "a", source, source)


@pytest.mark.parametrize("verdict", ["failed", "timeout", "error"])
def test_a_mutant_that_its_own_tests_notice_meets_no_others(
    snapshot: Path, monkeypatch: pytest.MonkeyPatch, verdict: str
) -> None:
    fake = Fake(wrong=failed(verdict))
    tested: list[None] = []
    found = runner(snapshot, fake, monkeypatch).survivors([mutant("wrong")], lambda: tested.append(None))
    assert (found, len(tested)) == ([], 1)
    assert [(task["source"], task["tests"]) for task in fake.tasks] == [("original", OWN), ("wrong", OWN)]


def test_a_survivor_meets_the_wider_tests(snapshot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake()
    wrong = mutant("wrong")
    assert runner(snapshot, fake, monkeypatch).survivors([wrong], lambda: None) == [wrong]
    assert [task["tests"] for task in fake.tasks if task["source"] == "wrong"] == [OWN, WIDER]
    fake = Fake()
    (snapshot / "results.jsonl").unlink()
    assert runner(snapshot, fake, monkeypatch, wider=False).survivors([wrong], lambda: None) == [wrong]
    assert [task["tests"] for task in fake.tasks if task["source"] == "wrong"] == [OWN]


def test_a_mutant_has_five_times_as_long_as_the_original(
    snapshot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = Fake(original=passed(12), wrong=failed())
    runner(snapshot, fake, monkeypatch).survivors([mutant("wrong")], lambda: None)
    assert [task["limit_s"] for task in fake.tasks] == [900, 80]


def test_nothing_is_run_twice_until_a_test_changes(snapshot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def tasks() -> int:
        fake = Fake(wrong=failed())
        runner(snapshot, fake, monkeypatch).survivors([mutant("wrong")], lambda: None)
        return len(fake.tasks)

    assert [tasks(), tasks()] == [2, 0]
    (snapshot / OWN[0]).write_text("another test")
    assert [tasks(), tasks()] == [2, 0]


def test_tests_that_fail_without_a_mutation_are_an_error_and_tried_again(
    snapshot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        fake = Fake(original=failed())
        with pytest.raises(BaselineError, match="failed without a mutation\nwhy"):
            runner(snapshot, fake, monkeypatch).survivors([mutant("wrong")], lambda: None)
        assert len(fake.tasks) == 1


def test_a_key_depends_on_source_tests_and_their_files(tmp_path: Path) -> None:
    file = tmp_path / "test_a.py"
    file.write_text("one")
    keys = {key_of("m", "s", ["t"], [file]), key_of("m", "S", ["t"], [file]), key_of("m", "s", ["T"], [file])}
    keys |= {key_of("M", "s", ["t"], [file]), key_of("m", "s", ["t"], [])}
    file.write_text("two")
    keys.add(key_of("m", "s", ["t"], [file]))
    assert len(keys) == 6


def test_a_sample_is_the_same_for_a_seed_and_another_for_another() -> None:
    every = [mutant(str(number)) for number in range(100)]
    assert drawn(every, 10, 1) == drawn(every, 10, 1) != drawn(every, 10, 2)
    assert len(drawn(every, 10, 1)) == 10
    assert drawn(every, None, 1) == drawn(every, 100, 1) == every


def test_tests_are_not_mutated() -> None:
    assert matching(["service/rate.py"]) == ["service/rate.py"]
    assert not any(path.startswith("tests/") for path in matching(["*"]))


@pytest.mark.parametrize(("unexplained", "code"), [(8, 0), (9, 1)])
def test_more_than_8_percent_without_a_reason_fail(
    unexplained: int, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    every = [mutant(str(number)) for number in range(100)]
    reasons = {one.name: "equivalent" for one in every[:20]}
    assert report(every, every[: 20 + unexplained], reasons) == code
    printed = capsys.readouterr().out
    assert f"{unexplained} of 100 mutants survive without a reason" in printed
    assert "  + 20\n" in printed
    assert "  + 19\n" not in printed


def test_an_accepted_mutant_that_no_longer_exists_is_named() -> None:
    names = ["a.py: x -> y", "b.py: x -> y"]
    assert stale(names, ["a.py: x -> y", "a.py: old -> y", "c.py: old -> y"]) == ["a.py: old -> y"]


def test_every_accepted_mutant_exists_and_has_a_reason() -> None:
    reasons = accepted()
    modules = {name.partition(":")[0] for name in reasons}
    names = {one.name for module in modules for one in mutants_of(module, (ROOT / module).read_text())}
    assert stale(names, reasons) == []
    assert all(len(reason) > 10 for reason in reasons.values())
