"""Mutation operators: each makes small wrong versions of one syntax node.

Only the text of the mutated node is replaced, so the rest of the module keeps its lines and comments.
"""

import ast
import copy
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
NAMES = {"min": "max", "any": "all", "mean": "sum", "floor": "ceil", "tile": "repeat", "argmax": "argmin"}
COMMUTATIVE = {"min", "max", "np.maximum", "np.minimum", "torch.maximum", "torch.minimum"}
DOCUMENTATION = {"EXAMPLES", "FORM", "OK", "PARAMETERS", "tags", "summary", "responses", "openapi_extra"}
"""Arguments and constants that only the OpenAPI document shows."""
NUMERIC = ("sum", "loss", "penalty", "entropy", "softplus", "relu", "norm", "log", "exp", "sqrt", "square")
NAMES |= {after: before for before, after in NAMES.items()}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A wrong version of one module."""

    module: str
    """Path from the repository's root."""
    line: int
    before: str
    """The changed lines, joined into one."""
    after: str
    source: str
    """The whole module with the change."""

    @property
    def name(self) -> str:
        """Identifies the mutant while other lines of the module change."""
        return f"{self.module}: {self.before} -> {self.after}"


def mutants_of(module: str, source: str) -> list[Mutant]:
    """Every mutant of a module, in the order of its lines."""
    data = source.encode()
    lines = data.splitlines(keepends=True)
    starts = [0, *itertools.accumulate(map(len, lines))]
    found: dict[str, Mutant] = {}
    for node, new in _changes(ast.parse(source)):
        text = ast.unparse(ast.fix_missing_locations(new))
        if text == ast.unparse(node):
            continue
        first, last = node.lineno - 1, node.end_lineno
        begin, end = starts[first] + node.col_offset, starts[last - 1] + node.end_col_offset
        changed = (f"({text})" if isinstance(new, ast.expr) else text).encode()
        whole = data[:begin] + changed + data[end:]
        before = _joined(data[starts[first] : starts[last]])
        after = _joined(data[starts[first] : begin] + changed + data[end : starts[last]])
        one = Mutant(module, node.lineno, before, after, whole.decode())
        found.setdefault(one.name, one)
    return sorted(found.values(), key=lambda mutant: mutant.line)


def _joined(lines: bytes) -> str:
    return " ".join(line.strip() for line in lines.decode().splitlines())


def _changes(tree: ast.Module) -> Iterator[tuple[Any, ast.AST]]:
    for node, in_function in _mutable(tree, False):
        yield from ((node, new) for new in _of_expression(node))
        yield from _of_statement(node)
        if in_function:
            yield from ((one, ast.Constant("x" + text)) for one, text in _key_strings(node))


def _mutable(node: ast.AST, in_function: bool) -> Iterator[tuple[ast.AST, bool]]:
    """Nodes that have an effect at run time; with each, True inside a function.

    Left out: annotations, decorators (route documentation), imports, f-strings and what errors carry (texts).
    """
    yield node, in_function
    inside = in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "exc", "cause", "msg"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_left_out(child):
                yield from _mutable(child, inside)


def _is_left_out(node: ast.AST) -> bool:
    if isinstance(node, ast.keyword):
        # zip(strict=...) is an assertion: where the lengths are equal, it has no effect.
        return node.arg == "strict" or node.arg in DOCUMENTATION
    if isinstance(node, ast.Assign):
        return any(isinstance(target, ast.Name) and target.id in DOCUMENTATION for target in node.targets)
    return isinstance(node, ast.JoinedStr | ast.Import | ast.ImportFrom)


def _of_expression(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(ops=ops):
            for i, op in enumerate(ops):
                for swapped in COMPARISONS[type(op)]:
                    yield _with(node, ops=[*ops[:i], swapped(), *ops[i + 1 :]])
        case ast.BinOp(left=left, op=op, right=right):
            if type(op) in ARITHMETIC:
                yield _with(node, op=ARITHMETIC[type(op)]())
            if isinstance(op, ast.Sub | ast.Div | ast.MatMult):
                yield _with(node, left=right, right=left)
        case ast.UnaryOp(op=ast.USub() | ast.Not(), operand=operand):
            yield operand
        case ast.BoolOp(op=op, values=values):
            yield _with(node, op=ast.Or() if isinstance(op, ast.And) else ast.And())
            for i in range(len(values)):
                rest = [*values[:i], *values[i + 1 :]]
                yield rest[0] if len(rest) == 1 else _with(node, values=rest)
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() | float() as value):
            yield ast.Constant(value + 1)
            if value:
                yield ast.Constant(value * 2)
        case ast.IfExp(body=body, orelse=orelse):
            yield _with(node, body=orelse, orelse=body)
        case ast.Call(func=func, args=args, keywords=keywords):
            starred = any(isinstance(arg, ast.Starred) for arg in args[:2])
            if len(args) > 1 and not starred and ast.unparse(func) not in COMMUTATIVE:
                yield _with(node, args=[args[1], args[0], *args[2:]])
            for i, keyword in enumerate(keywords):
                if keyword.arg and not _is_left_out(keyword):
                    yield _with(node, keywords=[*keywords[:i], *keywords[i + 1 :]])
            if isinstance(func, ast.Attribute) and not args and not keywords:
                yield func.value
            if isinstance(func, ast.Name) and func.id in NAMES:
                yield _with(node, func=ast.Name(NAMES[func.id]))
            if isinstance(func, ast.Attribute) and func.attr in NAMES:
                yield _with(node, func=_with(func, attr=NAMES[func.attr]))


def _of_statement(node: ast.AST) -> Iterator[tuple[Any, ast.AST]]:
    """Pairs of the statement, or its expression, and what replaces it."""
    match node:
        case ast.Expr(value=ast.Call() | ast.Await()) | ast.Raise():
            yield node, ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield node, ast.Pass()
        case ast.AugAssign(op=op):
            yield node, ast.Pass()
            if type(op) in ARITHMETIC:
                yield node, _with(node, op=ARITHMETIC[type(op)]())
        case ast.Return(value=ast.expr() as value) if not _is_none(value):
            yield value, ast.Constant(None)
        case ast.If(test=test) | ast.While(test=test):
            yield test, ast.UnaryOp(ast.Not(), test)
    if isinstance(node, ast.Assign | ast.Return) and node.value and _is_numeric(node.value):
        yield node.value, ast.UnaryOp(ast.USub(), node.value)


def _key_strings(node: ast.AST) -> Iterator[tuple[ast.Constant, str]]:
    """Strings that name or fill something: entries of dictionaries and subscripts, so headers too."""
    match node:
        case ast.Dict(keys=keys, values=values):
            candidates = [*keys, *values]
        case ast.Subscript(slice=key):
            candidates = [key]
        case ast.Assign(targets=[ast.Subscript()], value=value):
            candidates = [value]
        case _:
            return
    for one in candidates:
        if isinstance(one, ast.Constant) and isinstance(one.value, str):
            yield one, one.value


def _is_numeric(value: ast.expr) -> bool:
    """True for arithmetic and for calls that reduce or transform numbers; a guess from their names."""
    if isinstance(value, ast.Call):
        name = ast.unparse(value.func).rpartition(".")[2]
        return name in NAMES or any(part in name for part in NUMERIC)
    return isinstance(value, ast.BinOp)


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _with(node: Any, **changes: Any) -> Any:
    """A shallow copy of a node with other fields."""
    new = copy.copy(node)
    for name, value in changes.items():
        setattr(new, name, value)
    return new
