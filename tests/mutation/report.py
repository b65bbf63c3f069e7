"""What became of the mutants, as docs/mutation.md tells it.

python -m tests.mutation.report
"""

import json
import tomllib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "var" / "mutation"
EQUIVALENT = Path(__file__).with_name("equivalent.toml")
REPORT = ROOT / "docs" / "mutation.md"
MODULES = (
    "tree", "tiles", "entry", "packing", "checkpoint", "readback",
    "leaves", "steps", "scan", "fast", "incremental", "walk",
)  # fmt: skip


def source(module: str) -> Path:
    """Return where a module of the ledger lies, from the project's root."""
    return next((ROOT / "ledger").glob(f"*/{module}.py")).relative_to(ROOT)


Verdicts = dict[str, bool | None]
"""Whether each mutant was killed when it was last run; None where it has not been run."""


def kept_verdicts() -> dict[str, Verdicts]:
    """Return the verdicts by module."""
    files = sorted(KEPT.glob("*.json"))
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}


def equivalents() -> dict[str, dict[str, str]]:
    """Return, by module and mutant, why nothing can tell a mutant from the original."""
    return tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))


def unexplained(found: Verdicts, known: Mapping[str, str]) -> list[str]:
    """Return the mutants that survived though they are not known to be equivalent."""
    return [name for name, killed in found.items() if killed is False and name not in known]


def figures(module: str, found: Verdicts) -> tuple[int, int, int, int, int]:
    """Return how many mutants there are, and how many were killed, are equivalent, survived, were not run."""
    left = len(unexplained(found, equivalents().get(module, {})))
    of = Counter(found.values())
    return len(found), of[True], of[False] - left, left, of[None]


def summary(module: str, found: Verdicts) -> str:
    """Return the figures of a module in a line."""
    return "{}: {} mutants, {} killed, {} equivalent, {} survived, {} not run".format(
        module, *figures(module, found)
    )


def main() -> None:
    """Write docs/mutation.md."""
    kept, known = kept_verdicts(), equivalents()
    lines = [
        "# Mutation testing",
        "",
        "Rewritten by `make mutation`, which changes one small thing at a time in the modules below (a",
        "comparison, an operator, a constant, a condition, a slice, the order of operands, a statement) and",
        "runs the fast tests of the module on SQLite. A change that no test notices must be one that nothing",
        "can notice; those are listed with the reason. Never changed are annotations, docstrings,",
        "decorators, messages of `ValueError`, `strict=` of `zip`, and the order of what `min` and `max`",
        'take. "Not run" are mutants, or whole modules, on which there is no verdict.',
        "",
        "| Module | Mutants | Killed | Equivalent | Survived | Not run |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for module in MODULES:
        if module not in kept:
            lines.append(f"| `{source(module)}` | | | | | all |")
            continue
        row = " | ".join(map(str, figures(module, kept[module])))
        lines.append(f"| `{source(module)}` | {row} |")
    for title, names in (
        ("Equivalent", {m: {n: r for n, r in known.get(m, {}).items() if n in kept[m]} for m in kept}),
        ("Survived", {m: dict.fromkeys(unexplained(f, known.get(m, {})), "") for m, f in kept.items()}),
    ):
        if any(names.values()):
            lines += ["", f"## {title}"]
        for module, reasons in names.items():
            lines += ["", f"`{source(module)}`:", ""] if reasons else []
            lines += [f"- `{name}`{': ' * bool(reason)}{reason}" for name, reason in reasons.items()]
    REPORT.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
