"""Can the worlds fail? Each wrong change is made once, in a copy, and worlds are led there, or tests are run.

`python -m tests.manifest.worlds.mutant_run [words]` takes the mutants whose names hold one of the words, all
without any, one after the other, and puts what came of it into the table of `docs/worlds.md`. The tests of a
mutant's subject are run when the worlds did not notice it. What each run printed is kept under
`var/worlds/`. First of all nothing is changed: what fails then fails for another reason. Exits with 1 when a
mutant survives or the code as it is fails.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.ledger.machine_mutants import NOT_COPIED
from tests.manifest.worlds.mutants import MUTANTS, Mutant

ROOT = Path(__file__).parents[3]
REPORT = ROOT / "docs" / "worlds.md"
KEPT = ROOT / "var" / "worlds"
BEGIN, END = "<!-- mutants -->", "<!-- end of mutants -->"
NOBODY = "not noticed"
COLUMNS = ("| changed | in | worlds | tests |", "|---|---|---|---|")
EXAMPLES, STEPS, SEED = 6, 80, 1
LONGEST_S = 900

_CHECK = re.compile(
    r"^tests/manifest/worlds/(?:checks|figures|machine|permit_use)\.py:\d+: in (\w+)$", re.MULTILINE
)
_ERROR = re.compile(r"^E +(?:[\w.]+\.)?(\w+Error)\b", re.MULTILINE)
_FAILED = re.compile(r"^_+ (?:\w+\.)?(test_\w+)\b.* _+$", re.MULTILINE)


def lead(copy: Path, kept: Path) -> str | None:
    """Lead worlds in a copy; return which check noticed something, None when none did."""
    run = ["-m", "tests.manifest.worlds.run", "--first", "--database", "sqlite", "--seed", str(SEED)]
    said = _run(copy, [*run, "--examples", str(EXAMPLES), "--steps", str(STEPS)], kept)
    if said is None:
        return None
    checks = _CHECK.findall(said)
    if not checks:
        raise RuntimeError(f"no world was led: see {kept}")
    errors = _ERROR.findall(said)
    raised = f" ({errors[0]})" if checks[-1] == "submit" and errors else ""
    return f"`{checks[-1]}`{raised}"


def test(copy: Path, tests: list[str], kept: Path) -> str | None:
    """Run tests in a copy; return the first that noticed something, None when none did."""
    pytest = ["-m", "pytest", "-x", "-q", "-p", "no:xdist", "--tb=short", "-k", "not postgres"]
    said = _run(copy, [*pytest, *tests], kept, HYPOTHESIS_PROFILE="ci")
    if said is None:
        return None
    failed = _FAILED.findall(said)
    if not failed:
        raise RuntimeError(f"no test was run: see {kept}")
    return f"`{failed[0]}`"


def _run(copy: Path, arguments: list[str], kept: Path, **environment: str) -> str | None:
    """Run Python in a copy and keep what it prints; return that when it fails, None when it does not."""
    with kept.open("w", encoding="utf-8") as output:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=copy,
            env=os.environ | {"PYTHONPATH": str(copy), "TMPDIR": str(copy.parent), **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=LONGEST_S,
            check=False,
        )
    return kept.read_text(encoding="utf-8") if done.returncode else None


def noticed(mutant: Mutant, copy: Path, kept: Path, only: str | None) -> tuple[str, str]:
    """Return what worlds and tests say of a mutant: who noticed it, or that nobody did; empty: not asked.

    Tests are asked when the worlds did not notice; ``only`` asks one of the two alone.
    """
    worlds = tests = ""
    with mutant.made(copy):
        if mutant.of_worlds and only != "tests":
            worlds = lead(copy, kept) or NOBODY
        if only != "worlds" and worlds in {"", NOBODY}:
            tests = test(copy, list(mutant.of_its_subject), kept) or NOBODY
    return worlds, tests


def unchanged(copy: Path) -> bool:
    """Tell whether worlds and tests are content with the code as it is."""
    every = sorted({path for mutant in MUTANTS for path in mutant.of_its_subject})
    found = lead(copy, KEPT / "worlds.txt") or test(copy, every, KEPT / "tests.txt")
    sys.stdout.write(f"nothing changed: {found or 'nothing noticed'}\n")
    return found is None


def _commit() -> str:
    """Return the commit that the run is of, and whether something differs from it."""
    git = shutil.which("git") or "git"
    said = subprocess.run(
        [git, "describe", "--always", "--dirty", "--exclude=*"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return said.stdout.strip()


def _put(mutant: Mutant, said: tuple[str, str]) -> str:
    """Put what was said of a mutant into the table, beside what was said before by who was not asked now."""
    text = REPORT.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    table, after = rest.split(END)
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.strip().splitlines()[2:]]
    known = {name: (worlds, tests) for name, _, worlds, tests in cells}
    old = known.get(mutant.name, ("", ""))
    known[mutant.name] = (said[0] or old[0], said[1] or old[1])
    rows = {
        one.name: f"| {one.name} | `manifest/{one.file}` | {' | '.join(known[one.name])} |"
        for one in MUTANTS
        if one.name in known
    }
    REPORT.write_text("\n".join([before + BEGIN, *COLUMNS, *rows.values(), END]) + after, encoding="utf-8")
    return rows[mutant.name]


def main() -> int:
    """Take all mutants, or those whose names hold one of the words; write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="in the names of the mutants to take")
    parser.add_argument("--only", choices=["worlds", "tests"], help="ask one of the two alone")
    asked = parser.parse_args()
    chosen = [one for one in MUTANTS if not asked.words or any(word in one.name for word in asked.words)]
    KEPT.mkdir(parents=True, exist_ok=True)
    sys.stdout.write(f"{len(chosen)} mutants of {_commit()}\n")
    with tempfile.TemporaryDirectory(prefix="ctnh-mutants-") as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(ROOT, copy, ignore=NOT_COPIED)
        if not asked.words and not unchanged(copy):
            return 1
        good = True
        for mutant in chosen:
            said = noticed(mutant, copy, KEPT / f"{MUTANTS.index(mutant):02}.txt", asked.only)
            good = good and any("`" in cell for cell in said)
            sys.stdout.write(f"{_put(mutant, said)}\n")
            sys.stdout.flush()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
