"""Can the machine fail? Each defence of the ledger is taken away once, in a copy, and lives are led there.

`python -m tests.ledger.machine_mutants` rewrites the table in `docs/state-machine.md`; it exits with 1 when a
mutant survives.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
REPORT = ROOT / "docs" / "state-machine.md"
BEGIN, END = "<!-- mutants -->", "<!-- end of mutants -->"
LIVES, STEPS = 150, 40
LONGEST_S = 1200
NOT_COPIED = shutil.ignore_patterns(".git", ".venv", "var", "__pycache__", ".*_cache", ".hypothesis")

_PLACE = re.compile(r"^tests/ledger/machine\w*\.py:\d+: in (\w+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A defence taken away: in ``file``, ``old`` (found once) becomes ``new``."""

    name: str
    file: str
    old: str
    new: str

    def apply(self, copy: Path) -> None:
        """Change the copy; raise ValueError when the code no longer has that place."""
        path = copy / self.file
        text = path.read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise ValueError(f"{self.name}: {self.file} has changed")
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")


MUTANTS = (
    Mutant(
        "committed rows are not compared with the leaves before signing",
        "ledger/publishing/readback.py",
        "!= row.hashes:",
        "!= row.hashes and not leaves:",
    ),
    Mutant(
        "the guard's compare-and-swap is not compared",
        "ledger/publishing/guard.py",
        "if self._place.note != expected:",
        "if self._place.note != expected and not new:",
    ),
    Mutant(
        "what the guard knows and the table does not is never stored",
        "ledger/publishing/publisher.py",
        "elif not state.missing:",
        "else:",
    ),
    Mutant(
        "an answer is given before the commit",
        "ledger/writing/batch.py",
        "                self._take(writer, batch)\n        except",
        "                self._take(writer, batch)\n                self._answer(batch)\n        except",
    ),
    Mutant(
        "an act at another place of its stream is taken",
        "ledger/writing/writer.py",
        "if event.stream_prev != head:",
        "if event.stream_prev != head and stream is None:",
    ),
    Mutant(
        "other bytes under the same idempotency key get the old receipt",
        "ledger/writing/writer.py",
        'if row["event"] != envelope.event:',
        'if row["event"] == b"":',
    ),
    Mutant(
        "the key of an act may have been revoked",
        "ledger/format/keys.py",
        "        if not key.active_at(seq):",
        "        if seq < key.since:",
    ),
    Mutant(
        "a log behind its guard is written on",
        "ledger/writing/batch.py",
        'if (problem := self.barred(batch.start["size"])) is not None:',
        'if (problem := self.barred(batch.start["size"])) is not None and not batch.items:',
    ),
    Mutant(
        "the start does not notice that entries are missing",
        "ledger/publishing/standing.py",
        "    if size < signed.size:\n        return behind(signed.size, size)\n    if stored",
        "    if stored",
    ),
    Mutant(
        "the row of a personal value is not written",
        "ledger/writing/batch.py",
        "if placed.prepared.kept]:",
        "if placed.prepared.kept and len(placed.prepared.kept) > 1]:",
    ),
    Mutant(
        "the acts of a key are not counted in its row",
        "ledger/writing/append.py",
        "run_many(writer, _COUNT_KEY, [(count, self._log, kid)])",
        "pass",
    ),
    Mutant(
        "erasing leaves the key",
        "ledger/personal/erasure.py",
        "    if left == 0:\n",
        "    if left < 0:\n",
    ),
    Mutant(
        "a witness cosigns without a proof that holds",
        "ledger/watching/witness.py",
        "        if not continues:",
        "        if not continues and not note:",
    ),
    Mutant(
        "verification does not compare the column `idem`",
        "ledger/verifying/scan.py",
        '        _same_idems(b"".join(idems), b"".join(stored), len(rows))\n',
        "",
    ),
    Mutant(
        "verification does not compare the table of streams",
        "ledger/verifying/fast.py",
        "demand(number == place and place < len(self._lengths) and length == self._lengths[place])",
        "demand(number == place and place < len(self._lengths))",
    ),
    Mutant(
        "verification does not compare the table of keys",
        "ledger/verifying/fast.py",
        "        demand(self._keys_now() == self._claimed)\n        # The bare",
        "        # The bare",
    ),
    Mutant(
        "verification does not compare the upper tiles",
        "ledger/verifying/leaves.py",
        "if self.stored(level, tile) != row[tile",
        "if not self.stored(level, tile) and row[tile",
    ),
    Mutant(
        "verification does not look for entries that the guard has seen signed",
        "ledger/verifying/steps.py",
        "            if not self._has_grown_to(remembered.size):",
        "            if not self._has_grown_to(0):",
    ),
    Mutant(
        "verification does not look at the fences",
        "ledger/storage/schema.py",
        "        if standing.pop(name, None) != statement:",
        "        if standing.pop(name, statement) != statement:",
    ),
    Mutant(
        "verification does not look at cosignatures",
        "ledger/verifying/steps.py",
        "            key.check(text, parsed.signature)\n",
        "            parsed = None\n",
    ),
    Mutant(
        "verification does not miss the checkpoints",
        "ledger/verifying/steps.py",
        "if self.trust is not None and not self.signed_here and self.size:",
        "if self.trust is not None and not self.signed_here and not self.size:",
    ),
    Mutant(
        "an auditor who remembers takes whatever he finds",
        "ledger/verifying/verify.py",
        "        run.origin != state.origin or run.leaves.root(state.tree.size) != state.tree.root()\n",
        "        run.origin != state.origin\n",
    ),
    Mutant(
        "the hash of a row's bytes is not compared with its leaf",
        "ledger/verifying/scan.py",
        "            _demand(leaves.startswith(hashes, first))\n",
        "            _demand(hashes)\n",
    ),
)


def lives(mutant: Mutant) -> str | None:
    """Lead lives of a log whose code is the mutant's; return what went wrong, None when nothing did."""
    with tempfile.TemporaryDirectory(prefix="ctnh-mutant-") as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(ROOT, copy, ignore=NOT_COPIED)
        mutant.apply(copy)
        run = [sys.executable, "-m", "tests.ledger.machine_run", "--first", "--database", "sqlite"]
        try:
            done = subprocess.run(
                [*run, "--examples", str(LIVES), "--steps", str(STEPS)],
                cwd=copy,
                env=os.environ | {"PYTHONPATH": str(copy), "TMPDIR": folder},
                capture_output=True,
                text=True,
                timeout=LONGEST_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return None
    if done.returncode not in {0, 1}:
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
    return _said(done.stdout) if done.returncode else None


def _said(output: str) -> str:
    """Return the step that went wrong and the checks that it was in; what follows from it is left out."""
    places = [name for name in dict.fromkeys(_PLACE.findall(output)) if not name.startswith("_")]
    if "teardown" in places[1:]:
        places = places[: places.index("teardown")]
    return " → ".join(f"`{name}`" for name in places) or "no report"


def main() -> int:
    """Lead lives with each mutant, or with those whose names hold one of the arguments; write the table."""
    chosen = [one for one in MUTANTS if not sys.argv[1:] or any(word in one.name for word in sys.argv[1:])]
    rows = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for mutant, said in zip(chosen, pool.map(lives, chosen), strict=True):
            rows.append(f"| {mutant.name} | `{mutant.file}` | {said or '**survived**'} |")
            sys.stdout.write(f"{rows[-1]}\n")
            sys.stdout.flush()
    if len(chosen) == len(MUTANTS):
        text = REPORT.read_text(encoding="utf-8")
        before, after = text.partition(BEGIN)[0], text.partition(END)[2]
        table = "\n".join(["| taken away | in | what went wrong |", "|---|---|---|", *rows])
        REPORT.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")
    return 1 if any("**survived**" in row for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
