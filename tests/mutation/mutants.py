"""Mutants of a module: its syntax tree with one small thing changed at a time.

Left out, because a test of them would test nothing that matters: annotations, docstrings, decorators, the
messages of `ValueError` (no part of the interface), and ``strict=`` of `zip`, an assertion in itself.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Change = tuple[Any, str, Any]
"""Owner, attribute and new value: what ``setattr`` takes."""

NEIGHBOURS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt), ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,), ast.NotIn: (ast.In,),
}  # fmt: skip
OPPOSITES: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr, ast.Div: ast.Mult,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: ``name`` tells where and what, and stays the same while that piece of code does.

    ``scope`` are the names of the classes and functions around it; ``inside`` is whether a function is one.
    """

    name: str
    scope: tuple[str, ...]
    inside: bool
    change: Change

    def apply(self) -> None:
        """Make the change in the tree that the mutant was found in."""
        setattr(*self.change)


def mutants(tree: ast.Module) -> list[Mutant]:
    """Return every mutant of a module."""
    seen: Counter[str] = Counter()
    found = []
    for scope, inside, statement in _statements(tree, (), inside=False):
        for change in _changes(statement):
            owner, attribute, _ = change
            before, kept = _text(statement), getattr(owner, attribute)
            setattr(*change)
            after = _text(statement)
            compile(ast.fix_missing_locations(tree), "mutant", "exec")  # or it would pass for a killed one
            setattr(owner, attribute, kept)
            if after == before:
                continue
            name = f"{'.'.join(scope) or 'module'}: {_difference(before, after)}"
            seen[name] += 1
            found.append(Mutant(name + f" #{seen[name]}" * (seen[name] > 1), scope, inside, change))
    return found


class _Body:
    """A statement in its block, so that it can be exchanged."""

    def __init__(self, block: list[ast.stmt], at: int) -> None:
        self.block, self.at = block, at

    @property
    def statement(self) -> ast.stmt:
        return self.block[self.at]

    @statement.setter
    def statement(self, value: ast.stmt) -> None:
        self.block[self.at] = value


def _statements(
    node: ast.AST, scope: tuple[str, ...], *, inside: bool
) -> Iterator[tuple[tuple[str, ...], bool, _Body]]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        scope, inside = (*scope, node.name), inside or isinstance(node, ast.FunctionDef)
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        for at, child in enumerate(getattr(node, field, None) or ()):
            if isinstance(child, ast.stmt):
                yield scope, inside, _Body(getattr(node, field), at)
            yield from _statements(child, scope, inside=inside)


def _text(body: _Body) -> str:
    statement = body.statement
    if isinstance(statement, ast.Match | ast.If | ast.For | ast.While | ast.With | ast.Try):
        return ast.unparse(statement).split(":\n")[0]
    return " ".join(ast.unparse(statement).split())


def _difference(before: str, after: str) -> str:
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    start, end = max(start - 24, 0), max(end - 24, 0)
    return f"{before[start : len(before) - end]} → {after[start : len(after) - end]}"


def _changes(body: _Body) -> Iterator[Change]:
    statement = body.statement
    if isinstance(statement, ast.FunctionDef):
        roots: list[ast.AST] = [*statement.args.defaults, *(d for d in statement.args.kw_defaults if d)]
    elif isinstance(statement, ast.ClassDef | ast.Import | ast.ImportFrom):
        roots = []
    elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        roots = []  # a docstring
    elif isinstance(statement, ast.Match):
        roots = [statement.subject, *(case.guard for case in statement.cases if case.guard)]
    else:
        roots = [child for child in ast.iter_child_nodes(statement) if not isinstance(child, ast.stmt)]
    if roots:
        for value in _dropped(statement):
            yield body, "statement", value
    test = getattr(statement, "test", None)
    if test is not None and not isinstance(test, ast.Compare | ast.BoolOp | ast.UnaryOp):
        yield statement, "test", ast.UnaryOp(ast.Not(), test)
    for root in roots:
        if root is not getattr(statement, "annotation", None):
            yield from _within(root, statement)


def _dropped(statement: ast.stmt) -> Iterator[ast.stmt]:
    match statement:
        case ast.Return(value=value) if value is not None:
            if not isinstance(value, ast.Constant):
                yield ast.copy_location(ast.Return(ast.Constant(None)), statement)
        case ast.AugAssign() | ast.Raise() | ast.Expr():
            yield ast.copy_location(ast.Pass(), statement)
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield ast.copy_location(ast.Pass(), statement)


def _within(node: ast.AST, parent: ast.AST) -> Iterator[Change]:
    """Yield the changes of an expression and of what it is made of."""
    if isinstance(node, ast.keyword) and node.arg == "strict":
        return
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "ValueError":
        return
    if isinstance(node, ast.ExceptHandler):
        return  # its statements come by themselves
    yield from _expression(node, swap=not isinstance(parent, ast.Slice))
    for field, value in ast.iter_fields(node):
        for at, child in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(child, ast.UnaryOp) and isinstance(child.op, ast.Not | ast.USub):
                if isinstance(value, list):
                    yield node, field, [*value[:at], child.operand, *value[at + 1 :]]
                else:
                    yield node, field, child.operand
            if isinstance(child, ast.AST) and field != "annotation":
                yield from _within(child, node)


def _expression(node: ast.AST, *, swap: bool) -> Iterator[Change]:
    yield from _operators(node, swap=swap)
    match node:
        case ast.IfExp(body=one, orelse=other):
            yield node, "__dict__", {**node.__dict__, "body": other, "orelse": one}
        case ast.Call(func=ast.Name("min" | "max")):
            pass  # the order does not matter
        case ast.Call(args=[one, other, *rest]) if not isinstance(other, ast.Starred):
            yield node, "args", [other, one, *rest]
        case ast.Tuple(elts=[one, other, *rest], ctx=ast.Load()) | ast.List(elts=[one, other, *rest]) if (
            isinstance(one, ast.Starred) or isinstance(other, ast.Starred)
        ):
            yield node, "elts", [other, one, *rest]
        case ast.Slice(lower=lower, upper=upper):
            yield from ((node, "lower", None) for _ in [lower] if lower is not None)
            yield from ((node, "upper", None) for _ in [upper] if upper is not None)
        case ast.Constant(value=value):
            yield from ((node, "value", changed) for changed in _other_values(value))


def _operators(node: ast.AST, *, swap: bool) -> Iterator[Change]:
    match node:
        case ast.Compare(ops=ops):
            for at, op in enumerate(ops):
                yield from ((node, "ops", [*ops[:at], new(), *ops[at + 1 :]]) for new in NEIGHBOURS[type(op)])
        case ast.BoolOp(op=op, values=values):
            yield node, "op", ast.Or() if isinstance(op, ast.And) else ast.And()
            for at in range(len(values)):  # as if it were not there
                yield node, "values", [*values[:at], ast.Constant(isinstance(op, ast.And)), *values[at + 1 :]]
        case ast.BinOp(op=operator, left=left, right=right):
            if not isinstance(operator, ast.Mod) or not _is_text(left):
                yield node, "op", OPPOSITES[type(operator)]()
            if swap and isinstance(operator, ast.Add) and not (_is_number(left) or _is_number(right)):
                yield node, "__dict__", {**node.__dict__, "left": right, "right": left}
        case ast.AugAssign(op=operator):
            yield node, "op", OPPOSITES[type(operator)]()


def _other_values(value: object) -> list[object]:
    match value:
        case bool():
            return [not value]
        case int():
            return [value + 1, value - 1]
        case str():
            return [value + "x"]
        case bytes():
            return [value + b"x"]
    return []


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)


def _is_number(node: ast.AST) -> bool:
    """Tell whether swapping this with the other operand would change nothing."""
    if isinstance(node, ast.BinOp):
        return _is_number(node.left) or _is_number(node.right)
    is_length = isinstance(node, ast.Call) and ast.unparse(node.func) in {"len", "int", "max", "min"}
    return is_length or (isinstance(node, ast.Constant) and isinstance(node.value, int))
