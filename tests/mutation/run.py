"""Run the tests of each module against its mutants, and write down what they do not notice.

    python -m tests.mutation.run [--rest] [--sample=N] [module …]

Every mutant has a process of its own. Most are forked from one that has collected the tests, and exchange
the code of the function that they change; a change outside of functions is made as the module is imported,
in a process forked before that. A mutant is killed when a test fails or when the tests take too much
processor time. What survives must stand in ``equivalent.toml`` with the reason why nothing can tell it from
the original, else this exits 1. ``--rest`` runs only what was not killed before; ``--sample=N`` runs as many
mutants of each module, drawn by their names, so that everybody draws the same.
"""

import ast
import hashlib
import importlib
import json
import os
import resource
import signal
import sys
import time
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from mmap import mmap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.mutation.hook import Hook
from tests.mutation.mutants import Mutant, mutants
from tests.mutation.report import (
    KEPT,
    ROOT,
    Verdicts,
    equivalents,
    kept_verdicts,
    source,
    summary,
    unexplained,
)

AT_ONCE = 2
SECONDS, TIMES = 0.3, 3.0  # of processor time: so many, beyond so many times what the tests take
MEMORY = 6 << 30

TESTS: dict[str, tuple[str, ...]] = {
    "tree": ("tree", "tiles"),
    "tiles": ("tiles",),
    "entry": ("entry",),
    "packing": ("packing",),
    "checkpoint": ("checkpoint",),
    "readback": ("readback",),
    "leaves": ("told", "verify not byte", "fast"),
    "steps": ("beside", "told not zeroblob", "anchor", "schema", "verify not byte"),
    "scan": ("fast not anywhere and not other_processes", "verify not byte", "fast anywhere"),
    "fast": ("fast not anywhere and not other_processes", "fast anywhere or other_processes"),
    "incremental": ("incremental",),
    "walk": ("told not zeroblob", "verify not byte", "verify byte", "fast"),
}
"""By module the files, each perhaps with the tests to choose of it, as pytest's ``-k`` takes them."""

Run = Callable[[], int]


def run_tests(test: str, *options: str, plugins: Sequence[object] = ()) -> int:
    """Run a test file in this process, which is not to be used afterwards."""
    quiet = [f"-pno:{plugin}" for plugin in ("xdist", "cacheprovider")]
    ignore = "-Wignore::pytest.PytestAssertRewriteWarning"
    removed = "-otmp_path_retention_policy=failed"
    name, _, chosen = test.partition(" ")
    file = str(ROOT / "tests" / "ledger" / f"test_{name}.py")
    options = (*options, "-k", chosen)
    return int(
        pytest.main(
            [file, "-x", "-q", "--tb=no", "-m", "not postgres", ignore, removed, *quiet, *options], plugins
        )
    )


def fork(run: Run, seconds: float = 0) -> int:
    """Start a process that runs this, silently, and ends with the code that it returns; return its id."""
    process = os.fork()
    if process:
        return process
    code = 3
    try:
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        if seconds:
            signal.setitimer(signal.ITIMER_PROF, seconds)  # which ends the process
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        code = run()
    finally:
        os._exit(code)


def told(run: Callable[[Callable[[Any], None]], int]) -> Iterator[Any]:
    """Run this in a process of its own and yield what it tells; raise SystemExit when it fails."""
    reader, writer = os.pipe()

    def child() -> int:
        os.close(reader)
        return run(lambda value: _ignored(os.write(writer, json.dumps(value).encode() + b"\n")))

    process = fork(child)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        yield from map(json.loads, pipe)
    if os.waitpid(process, 0)[1]:
        raise SystemExit("the tests fail as the code stands")


def _ignored(_: object) -> None:
    pass


def preload(test: str) -> None:
    """Load what a test file needs of others' libraries."""

    def collect(tell: Callable[[Any], None]) -> int:
        code = run_tests(test, "--collect-only")
        tell([name for name, module in sys.modules.items() if _is_foreign(module)])
        return code

    for loaded in told(collect):
        for name in loaded:
            if name not in sys.modules:
                try:
                    importlib.import_module(name)
                except Exception:  # noqa: BLE001, S112  made on the fly, or private to another module
                    continue


def _is_foreign(module: types.ModuleType) -> bool:
    path = getattr(module, "__file__", None) or ""
    return path != "" and ("site-packages" in path or not Path(path).is_relative_to(ROOT))


def _time(run: Run) -> float:
    _, status, usage = os.wait4(fork(run), 0)
    if status:
        raise SystemExit("the tests fail as the code stands")
    return usage.ru_utime + usage.ru_stime


def in_turn(made: Sequence[Mutant], start: Callable[[Mutant], int]) -> Iterator[tuple[str, bool]]:
    """Start a process for each mutant, some at a time; yield its name and whether it was killed."""
    running: dict[int, str] = {}
    for mutant in made:
        while len(running) >= AT_ONCE:
            yield from _ended(running)
        owner, attribute, _ = mutant.change
        kept = getattr(owner, attribute)
        mutant.apply()
        running[start(mutant)] = mutant.name
        setattr(owner, attribute, kept)
    while running:
        yield from _ended(running)


def _ended(running: dict[int, str]) -> Iterator[tuple[str, bool]]:
    for process, name in list(running.items()):
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            del running[process]
            yield name, status != 0
    time.sleep(0.005)


class Loop:
    """A pytest plugin: runs the tests that were collected once for each mutant.

    What a mutant is noticed by comes first for the next one, which mostly stands beside it. Each test has
    its own limit of time.
    """

    def __init__(
        self, name: str, tree: ast.Module, made: Sequence[Mutant], tell: Callable[[Any], None]
    ) -> None:
        self._name, self._tree, self._made, self._tell = name, tree, made, tell

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Take the place of pytest's own loop."""
        items = session.items
        # What is made once for all tests is made here, before the processes part.
        _run_test(items[0])
        self._spent = memoryview(mmap(-1, 8 * len(items))).cast("d")  # shared with the processes forked
        self._noticed = memoryview(mmap(-1, 8)).cast("q")
        self._noticed[0] = -1
        if session.testsfailed or os.waitpid(fork(lambda: self._measure(items)), 0)[1]:
            raise SystemExit("the tests fail as the code stands")
        order = sorted(range(len(items)), key=lambda at: self._spent[at])

        def start(mutant: Mutant) -> int:
            if self._noticed[0] >= 0:
                order.remove(self._noticed[0])
                order.insert(0, self._noticed[0])
                self._noticed[0] = -1

            def run() -> int:
                exchange(sys.modules[self._name], mutant.scope, self._tree)
                return self._run(items, order)

            return fork(run, SECONDS)

        for name, killed in in_turn(self._made, start):
            self._tell([name, killed])
        return True

    def _measure(self, items: Sequence[pytest.Item]) -> int:
        for at, item in enumerate(items):
            before = time.process_time()
            _run_test(item)
            self._spent[at] = time.process_time() - before
            if item.session.testsfailed:
                return 1
        return 0

    def _run(self, items: Sequence[pytest.Item], order: Sequence[int]) -> int:
        for at in order:
            signal.setitimer(signal.ITIMER_PROF, SECONDS + TIMES * self._spent[at])
            _run_test(items[at])
            if items[at].session.testsfailed:
                self._noticed[0] = at
                return 1
        return 0


def _run_test(item: pytest.Item) -> None:
    # As if another test came next, so that what is made once is kept.
    other = next((other for other in item.session.items if other is not item), None)
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=other)


def exchange(module: types.ModuleType, scope: Sequence[str], tree: ast.Module) -> None:
    """Give the function at ``scope`` of a loaded module the code that the tree has for it."""
    made: dict[str, Any] = {"__name__": module.__name__}
    exec(compile(ast.fix_missing_locations(tree), str(module.__file__), "exec"), made)  # noqa: S102
    old, new = _function(vars(module), scope), _function(made, scope)
    for attribute in ("__code__", "__defaults__", "__kwdefaults__"):
        setattr(old, attribute, getattr(new, attribute))


def _function(names: Mapping[str, Any], scope: Sequence[str]) -> types.FunctionType:
    found = names[scope[0]]
    if isinstance(found, type):
        return _function(vars(found), scope[1:])
    while not isinstance(found, types.FunctionType) or hasattr(found, "__wrapped__"):
        found = found.fget if isinstance(found, property) else found.__wrapped__
    return found


def judge(module: str, test: str, only: set[str]) -> Iterator[tuple[str, bool]]:
    """Yield each mutant of a module that ``only`` names with whether a test file noticed it."""
    path, tree = source(module), parsed(module)
    name = ".".join(path.with_suffix("").parts)
    made = [mutant for mutant in mutants(tree) if mutant.name in only]
    preload(test)
    inside = [mutant for mutant in made if mutant.inside]
    yield from told(lambda tell: run_tests(test, plugins=[Loop(name, tree, inside, tell)]))
    outside = [mutant for mutant in made if not mutant.inside]
    if not outside:
        return
    seconds = SECONDS + TIMES * _time(lambda: run_tests(test))

    def start(_: Mutant) -> int:
        def run() -> int:
            sys.meta_path.insert(0, Hook(name, ROOT / path, tree))
            return run_tests(test)

        return fork(run, seconds)

    yield from in_turn(outside, start)


def parsed(module: str) -> ast.Module:
    """Return a module's syntax tree."""
    return ast.parse((ROOT / source(module)).read_text(encoding="utf-8"))


def drawn(names: Iterable[str], arguments: Sequence[str]) -> set[str]:
    """Return the mutants to run: all, or the sample that was asked for."""
    asked = [one.removeprefix("--sample=") for one in arguments if one.startswith("--sample=")]
    in_order = sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())
    return set(in_order[: int(asked[0])] if asked else in_order)


def keep(module: str, found: Verdicts) -> None:
    """Keep the verdicts on a module, so that ``--rest`` goes on from here."""
    KEPT.mkdir(parents=True, exist_ok=True)
    written = KEPT / f"{module}.part"
    written.write_text(json.dumps(found, indent=1, ensure_ascii=False), encoding="utf-8")
    written.replace(KEPT / f"{module}.json")


def main(arguments: Sequence[str]) -> int:
    """Run the modules named, or all; return the exit code."""
    # An example that fails is enough here: nobody reads the smallest one.
    settings.register_profile(
        "mutation", deadline=None, derandomize=True, max_examples=40, database=None,
        suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate],
    )  # fmt: skip
    os.environ.update(HYPOTHESIS_PROFILE="mutation")
    for module in [name for name in arguments if not name.startswith("-")] or TESTS:
        kept = kept_verdicts().get(module, {}) if "--rest" in arguments else {}
        found: Verdicts = {mutant.name: kept.get(mutant.name) for mutant in mutants(parsed(module))}
        chosen = drawn(found, arguments)
        for test in TESTS[module]:
            for name, killed in judge(module, test, {name for name in chosen if not found[name]}):
                found[name] = killed or (False if test == TESTS[module][-1] else None)
                keep(module, found)
                if not killed:
                    print(f"  test_{test} does not notice {name}", flush=True)  # noqa: T201
        left = unexplained(found, equivalents().get(module, {}))
        print(summary(module, found), *left, sep="\n  ", flush=True)  # noqa: T201
    return 1 if any(unexplained(f, equivalents().get(m, {})) for m, f in kept_verdicts().items()) else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
