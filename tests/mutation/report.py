"""What became of the mutants, as docs/mutation.md tells it.

python -m tests.mutation.report
"""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "var" / "mutation.json"
EQUIVALENT = Path(__file__).with_name("equivalent.toml")
REPORT = ROOT / "docs" / "mutation.md"
MODULES = (
    "tree", "tiles", "entry", "packing", "checkpoint", "readback",
    "leaves", "steps", "scan", "fast", "incremental", "walk",
)  # fmt: skip


def source(module: str) -> Path:
    """Return where a module of the ledger lies, from the project's root."""
    return next((ROOT / "ledger").glob(f"*/{module}.py")).relative_to(ROOT)


def kept_verdicts() -> dict[str, dict[str, bool]]:
    """Return, by module and mutant, whether it was killed when it was last run."""
    found: dict[str, dict[str, bool]] = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    return found


def equivalents() -> dict[str, dict[str, str]]:
    """Return, by module and mutant, why nothing can tell a mutant from the original."""
    return tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))


def unexplained(found: Mapping[str, bool], known: Mapping[str, str]) -> list[str]:
    """Return the mutants that survived though they are not known to be equivalent."""
    return [name for name, killed in found.items() if not killed and name not in known]


def summary(module: str, found: Mapping[str, bool]) -> str:
    """Return the figures of a module in a line."""
    left = len(unexplained(found, equivalents().get(module, {})))
    killed = sum(found.values())
    return (
        f"{module}: {len(found)} mutants, {killed} killed, "
        f"{len(found) - killed - left} equivalent, {left} survived"
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
        "decorators, messages of `ValueError`, and `strict=` of `zip`.",
        "",
        "| Module | Mutants | Killed | Equivalent | Survived |",
        "|---|---:|---:|---:|---:|",
    ]
    for module in MODULES:
        if module not in kept:
            lines.append(f"| `{source(module)}` | not run | | | |")
            continue
        found = kept[module]
        left, killed = len(unexplained(found, known.get(module, {}))), sum(found.values())
        lines.append(
            f"| `{source(module)}` | {len(found)} | {killed} | {len(found) - killed - left} | {left} |"
        )
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
