"""Each operator on a line or two, and what must stay as it is."""

import ast
from pathlib import Path

import pytest

from tests.mutants.operators import mutants_of


def changed(source: str) -> set[str]:
    """The changed lines of all mutants, without the parentheses that a replaced expression gets."""
    found = mutants_of("m.py", source)
    for mutant in found:
        assert ast.dump(ast.parse(mutant.source)) != ast.dump(ast.parse(source))
    return {ast.unparse(ast.parse(mutant.source)) for mutant in found}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b", {"a <= b", "a >= b"}),
        ("a == b", {"a != b"}),
        ("a is not None", {"a is None"}),
        ("a in b", {"a not in b"}),
        ("a + b", {"a - b"}),
        ("a - b", {"a + b", "b - a"}),
        ("a / b", {"a * b", "b / a"}),
        ("a @ b", {"b @ a"}),
        ("not a", {"a"}),
        ("a and b", {"a or b", "a", "b"}),
        ("x: int = 3", {"x: int = 4", "x: int = 6"}),
        ("x = 0", {"x = 1"}),
        ("x = True", {"x = False"}),
        ("x = a if b else c", {"x = c if b else a"}),
        ("x = f(a, b, c)", {"x = f(b, a, c)"}),
        ("x = f(a, key=b)", {"x = f(a)"}),
        ("x = a.detach()", {"x = a"}),
        ("f(min(a, b))", {"f(max(a, b))", "pass"}),
        ("x = a.mean(b)", {"x = a.sum(b)", "x = -a.mean(b)"}),
        ("x = a + b", {"x = -(a + b)", "x = a - b"}),
        ("f(a)", {"pass"}),
        ("a.b = c", {"pass"}),
        ("a += b", {"pass", "a -= b"}),
        ("if a:\n    b", {"if not a:\n    b"}),
        ("def f():\n    return a", {"def f():\n    return None"}),
        ("def f():\n    raise A(b)", {"def f():\n    pass"}),
        (
            "def f():\n    h['a'] = 'b'",
            {"def f():\n    h['xa'] = 'b'", "def f():\n    h['a'] = 'xb'", "def f():\n    pass"},
        ),
        ("def f():\n    return {'a': b}", {"def f():\n    return {'xa': b}", "def f():\n    return None"}),
        ("[x for x in y if x > z]", {"[x for x in y if x >= z]", "[x for x in y if x <= z]"}),
    ],
)
def test_what_a_line_becomes(source: str, expected: set[str]) -> None:
    assert changed(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        '"""Docstring."""',
        "import a",
        "def f(a: int | None) -> A[3]:\n    pass",
        "@route(1, tags=[2])\ndef f():\n    pass",
        "x = f'{a + 1}'",
        "EXAMPLES = {'n': 1}",
        "for a, b in zip(c, strict=True):\n    pass",
        "def f():\n    return None",
        "x = {'a': b}",
    ],
)
def test_what_has_no_effect_stays(source: str) -> None:
    assert changed(source) == set()


def test_a_mutant_shows_its_lines_and_keeps_all_others() -> None:
    source = "# Größe\nx = f(\n    'ä', 1\n)  # comment\ny = g()\n"
    (swapped,) = [one for one in mutants_of("m.py", source) if one.source.startswith("# Größe\nx = (f(1")]
    assert swapped.line == 2
    assert swapped.before == "x = f( 'ä', 1 )  # comment"
    assert swapped.after == "x = (f(1, 'ä'))  # comment"
    assert swapped.source.endswith("  # comment\ny = g()\n")
    assert swapped.name == "m.py: x = f( 'ä', 1 )  # comment -> x = (f(1, 'ä'))  # comment"


def test_names_are_unique_and_every_mutant_of_a_module_compiles() -> None:
    path = Path(__file__).parents[2] / "service/api/score.py"
    found = mutants_of("service/api/score.py", path.read_text())
    assert len({mutant.name for mutant in found}) == len(found) > 50
    for mutant in found:
        compile(mutant.source, mutant.module, "exec")
