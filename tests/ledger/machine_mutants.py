"""Can the machine fail? Each defence of the ledger is taken away once, in a copy, and lives are led there.

`python -m tests.ledger.machine_mutants [words]` takes those whose names hold one of the words, all without
any, one after the other, and puts what came of it into the table of `docs/state-machine.md`. What each run
printed is kept under `var/machine/`. First of all nothing is taken away: what fails then fails for another
reason. Exits with 1 when a mutant survives or the code as it is fails.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.ledger.machine_run import LED
from tests.ledger.machine_written import written, written_long

ROOT = Path(__file__).parents[2]
REPORT = ROOT / "docs" / "state-machine.md"
KEPT = ROOT / "var" / "machine"
BEGIN, END = "<!-- mutants -->", "<!-- end of mutants -->"
COLUMNS = ("| taken away | in | lives | what went wrong |", "|---|---|---|---|")
NOTHING = "nothing"
WRITTEN = {life.__name__ for life in (written, written_long)}
LIVES, STEPS = 150, 40
LONGEST_S = 1200
TO_END_S = 60
NOT_COPIED = shutil.ignore_patterns(".git", ".venv", "var", "__pycache__", ".*_cache", ".hypothesis")

_PLACE = re.compile(
    r"""tests/ledger/machine\w*\.py(?::\d+: in |", line \d+, in )(\w+)$""",  # the latter of several at once
    re.MULTILINE,
)
_LED = re.compile(rf"^(\d+) {LED}$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A defence taken away: in ``file``, ``old`` (found once) becomes ``new``."""

    name: str
    file: str
    old: str
    new: str

    def apply(self, copy: Path) -> None:
        """Change the copy; raise ValueError when the code no longer has that place."""
        if self.name == NOTHING:
            return
        path = copy / self.file
        text = path.read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise ValueError(f"{self.name}: {self.file} has changed")
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")

    def row(self, done: "Done") -> str:
        """Return the row of the table."""
        survived = "nothing" if self.name == NOTHING else "**survived**"
        file = f"`{self.file}`" if self.file else ""
        return f"| {self.name} | {file} | {done.lives} | {done.wrong or survived} |"


@dataclass(frozen=True, slots=True)
class Done:
    """How many lives were led, and what went wrong in the last of them; None when nothing did."""

    lives: str
    wrong: str | None


MUTANTS = (
    Mutant(NOTHING, "", "", ""),
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
        "if note is not None and state.missing:",
        "if note is not None and not state.missing:",
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
        "if event.stream_prev != head and not _goes_back(reads, event):",
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
        "if self.trust is not None and not self.signed_here:",
        "if False:",
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


def lead(mutant: Mutant, source: Path, kept: Path) -> Done:
    """Lead lives of a log whose code is the mutant's; the file ``kept`` gets what the run prints."""
    with tempfile.TemporaryDirectory(prefix="ctnh-mutant-") as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(source, copy)
        mutant.apply(copy)
        run = [sys.executable, "-m", "tests.ledger.machine_run", "--first", "--database", "sqlite"]
        with kept.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(
                [*run, "--examples", str(LIVES), "--steps", str(STEPS)],
                cwd=copy,
                env=os.environ | {"PYTHONPATH": str(copy), "TMPDIR": folder},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            in_time = _ends(process)
    said = kept.read_text(encoding="utf-8")
    led = _LED.search(said)
    if led is None or (in_time and process.returncode not in {0, 1}):
        raise RuntimeError(f"{mutant.name}: see {kept}")
    wrong = _said(said) if in_time and process.returncode else None
    return Done(led[1] if in_time else f"{led[1]} in {LONGEST_S} s", wrong)


def _ends(process: subprocess.Popen[bytes]) -> bool:
    """Wait until a run is over; tell whether it was in time. One that was not says how far it came."""
    try:
        process.wait(LONGEST_S)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(TO_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        return False
    return True


def _said(output: str) -> str:
    """Return the step that went wrong and the checks that it was in; what follows from it is left out."""
    places = [name for name in dict.fromkeys(_PLACE.findall(output)) if not name.startswith("_")]
    if "teardown" in places[1:]:
        places = places[: places.index("teardown")]
    # Where the end of a life fails too, the life itself stands in what follows.
    places.sort(key=lambda name: name not in WRITTEN)
    return " → ".join(f"`{name}`" for name in places) or "no report"


def _put(row: str) -> None:
    """Put a row into the table, in place of the one before of the same name."""
    text = REPORT.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    table, after = rest.split(END)
    rows = {line.split("|")[1].strip(): line for line in [*table.strip().splitlines()[2:], row]}
    lines = [*COLUMNS, *(rows[mutant.name] for mutant in MUTANTS if mutant.name in rows)]
    REPORT.write_text("\n".join([before + BEGIN, *lines, END]) + after, encoding="utf-8")


def main() -> int:
    """Lead lives with each mutant, or with those whose names hold one of the arguments; write the table."""
    words = sys.argv[1:]
    chosen = [one for one in MUTANTS if not words or any(word in one.name for word in words)]
    KEPT.mkdir(parents=True, exist_ok=True)
    good = True
    with tempfile.TemporaryDirectory(prefix="ctnh-mutants-") as folder:
        source = Path(folder) / "source"
        shutil.copytree(ROOT, source, ignore=NOT_COPIED)
        for mutant in chosen:
            done = lead(mutant, source, KEPT / f"{MUTANTS.index(mutant):02}.txt")
            row = mutant.row(done)
            sys.stdout.write(f"{row}\n")
            sys.stdout.flush()
            _put(row)
            good = good and (done.wrong is None) == (mutant.name == NOTHING)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
