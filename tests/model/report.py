"""Runs every model and rewrites the table of results: `python -m tests.model.report`."""

import hashlib

from tests.model.runs import HOLDS, LARGE, MODEL, MUTANTS, check

README = MODEL.with_name("README.md")
_MARK = "<!-- results -->"


def main() -> None:
    """Replace what stands after the mark in the README; stop at the first run that is not as expected."""
    lines = [
        f"Model: SHA-256 `{hashlib.sha256(MODEL.read_bytes()).hexdigest()}`",
        "",
        "| run | definitions | violates | states | depth | s |",
        "|---|---|---|---|---|---|",
    ]
    for run in (*HOLDS, *LARGE, *MUTANTS):
        found = check(run, timeout=600)
        if found.violates != run.violates:
            raise SystemExit(f"{run.name}: {found}")
        said = f"**{found.violates}**" if found.errors else "nothing"
        defines = " ".join(run.defines)
        row = f"{run.name} | `{defines}` | {said} | {found.states:,} | {found.depth} | {found.seconds:.2f}"
        print(row, flush=True)  # noqa: T201
        lines.append(f"| {row} |")
    before = README.read_text().partition(_MARK)[0]
    README.write_text(before + _MARK + "\n\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
