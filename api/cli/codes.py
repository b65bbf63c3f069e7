"""The stable codes of the source, found by reading it, and how each reaches whoever asked."""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from api.errors import STATUSES

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("ledger", "manifest", "pdf", "api")
# How a code reaches whoever asked, where that is by no refusal of the ledger's.
FINDING, PDF_ANSWER, PDF_REFUSAL = "finding", "PDF answer", "PdfError"

_CODE = re.compile(r"(ledger|manifest|reference|pdf|api)(\.[a-z][a-z0-9]*(_[a-z0-9]+)*)+")
_EVENT_KIND = re.compile(r".*\.v[0-9]+")
_LOG_CALLS = {"debug", "info", "warning", "error", "exception", "critical", "getLogger", "get_logger"}
_FINDING_CALLS = {"Finding", "add", "add_range"}
_REFUSALS = {kind.__name__ for kind in STATUSES}


@dataclass(frozen=True, slots=True)
class _File:
    """A parsed source file with each node's parent."""

    path: Path
    tree: ast.Module
    parents: dict[ast.AST, ast.AST]

    @classmethod
    def read(cls, path: Path) -> "_File":
        tree = ast.parse(path.read_text(encoding="utf-8"))
        parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
        return cls(path, tree, parents)

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield the ancestors of a node, the nearest first."""
        while node in self.parents:
            node = self.parents[node]
            yield node


class Codes:
    """The stable codes of the source, and how each reaches whoever asked.

    A code stands in a Problem, a Finding or a class; the kind of refusal is followed from the Problem through
    the functions that return it to where it is raised.
    """

    def __init__(self, files: Iterable[Path]) -> None:
        self._files = [_File.read(path) for path in files]
        self._calls: dict[str, list[tuple[_File, ast.AST]]] = {}
        for file in self._files:
            for node in ast.walk(file.tree):
                if name := _called(node):
                    self._calls.setdefault(name, []).append((file, node))

    def used(self) -> dict[str, frozenset[str]]:
        """Return every code with the names of the refusals, or the kind of answer, that carry it."""
        found: dict[str, set[str]] = {}
        for file in self._files:
            for node in ast.walk(file.tree):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_code(node.value):
                    above = list(file.above(node))
                    if not any(_called(one) in _LOG_CALLS for one in above[:1]):
                        found.setdefault(node.value, set()).update(self._kinds(file, node, above))
        return {code: frozenset(kinds) for code, kinds in sorted(found.items())}

    def _kinds(self, file: _File, node: ast.AST, above: list[ast.AST]) -> set[str]:
        owner = next((one for one in above if isinstance(one, ast.ClassDef | ast.FunctionDef)), None)
        if isinstance(owner, ast.ClassDef):
            bases = set(map(_name, owner.bases))
            return {owner.name} if bases & {"Exception", *_REFUSALS} else bases
        if any(_called(one) == "Problem" for one in above):
            return self._raised(file, node, set())
        if file.path.parent.name == "pdf":
            return {PDF_ANSWER}
        if any(_called(one) in _FINDING_CALLS for one in above):
            return {FINDING}
        return self._raised(file, node, set())

    def _raised(self, file: _File, node: ast.AST, seen: set[ast.AST]) -> set[str]:
        """Return the refusals that a node ends up in: around it, later in its function, or at its callers."""
        function = None
        for one in file.above(node):
            if kind := _refusal(one):
                return {kind}
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
                function = one
                break
        if function is None:
            return self._through_constant(file, node, seen)
        if function in seen:
            return set()
        later = {
            kind
            for one in ast.walk(function)
            if (kind := _refusal(one))
            and isinstance(one, ast.Call)
            and one.args
            and _passes_names(one.args[0])
        }
        if later:
            return later
        if function.returns is None or "Problem" not in ast.unparse(function.returns):
            return set()
        found: set[str] = set()
        for other, call in self._calls.get(function.name, ()):
            if other is file or not function.name.startswith("_"):
                found |= self._raised(other, call, seen | {function})
        return found

    def _through_constant(self, file: _File, node: ast.AST, seen: set[ast.AST]) -> set[str]:
        """Follow a table of the module to the functions that read it."""
        table = next((one for one in file.above(node) if isinstance(one, ast.Assign)), None)
        names = {_name(target) for target in table.targets} if table else set()
        found: set[str] = set()
        for use in ast.walk(file.tree):
            if (
                isinstance(use, ast.Name)
                and isinstance(use.ctx, ast.Load)
                and use.id in names
                and use not in seen
            ):
                found |= self._raised(file, use, seen | {use})
        return found


def _is_code(text: str) -> bool:
    if not _CODE.fullmatch(text) or _EVENT_KIND.fullmatch(text):
        return False
    module = ROOT.joinpath(*text.split("."))
    return not module.exists() and not module.with_suffix(".py").exists()


def _name(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _called(node: ast.AST) -> str:
    return _name(node.func) if isinstance(node, ast.Call) else ""


def _refusal(node: ast.AST) -> str | None:
    """Return the refusal that a call makes: a class of them, or `refuse` with the class as its second."""
    name = _called(node)
    if name in _REFUSALS:
        return name
    if name == "refuse" and isinstance(node, ast.Call):
        return _name(node.args[1]) if len(node.args) > 1 else "RuleBroken"
    return None


def _passes_names(argument: ast.expr) -> bool:
    if isinstance(argument, ast.List):
        return any(isinstance(item, ast.Starred) and _passes_names(item.value) for item in argument.elts)
    return isinstance(argument, ast.Name)


@cache
def codes() -> dict[str, frozenset[str]]:
    """Return every stable code of the source with how it reaches whoever asked."""
    return Codes(path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))).used()
