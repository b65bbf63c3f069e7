"""An import hook that gives the project a changed module in place of the one on disk."""

import ast
import importlib.abc
import importlib.machinery
import importlib.util
from pathlib import Path
from types import ModuleType


class Hook(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds one module, and makes it of a syntax tree."""

    def __init__(self, name: str, path: Path, tree: ast.Module) -> None:
        self._name, self._path, self._tree = name, path, tree

    def find_spec(self, fullname: str, *_: object) -> importlib.machinery.ModuleSpec | None:
        """Find the module to change, and no other."""
        return importlib.util.spec_from_loader(fullname, self) if fullname == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed module."""
        module.__file__ = str(self._path)
        exec(compile(ast.fix_missing_locations(self._tree), str(self._path), "exec"), module.__dict__)  # noqa: S102
