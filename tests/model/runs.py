"""Runs of the Promela model: which hold, which break an invariant and which one, and how Spin is run."""

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

MODEL = Path(__file__).parents[2] / "docs" / "model" / "ledger.pml"
TOOLS = ("spin", "gcc")
DRAINS = "acceptance cycle"  # what pan calls a run in which the queue never drains
_WRITERS = ("P=0", "RESTORES=0", "NO_WITNESS")


@dataclass(frozen=True, slots=True)
class Run:
    """A name, the compile-time definitions, and the invariant that must be found broken, if one is.

    A large one takes long or much memory: it is searched by `make drills`.
    """

    name: str
    defines: tuple[str, ...]
    violates: str = ""
    large: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What pan counted: errors, states stored, depth reached, seconds, and what the first error violates."""

    errors: int
    states: int
    depth: int
    seconds: float
    violates: str


HOLDS = (
    Run("writers, crashes, lost connections", (*_WRITERS, "CRASHES=2")),
    Run("writers, publisher, witness", ("P=1", "CRASHES=0", "RESTORES=0")),
    Run("publisher and witness that crash", ("K=1", "P=1", "RESTORES=0")),
    Run("restore, two publishers", ("K=1", "P=2", "CRASHES=0", "NO_WITNESS")),
    Run("restore, crashes, publisher, witness", ("K=1", "P=1")),
    Run("REPEATABLE READ with the fences", (*_WRITERS, "REPEATABLE_READ")),
    Run("REPEATABLE READ with the key alone", (*_WRITERS, "REPEATABLE_READ", "NO_CAS")),
    Run("REPEATABLE READ with the compare-and-swap alone", (*_WRITERS, "REPEATABLE_READ", "NO_PK")),
    Run("no lock, with the fences", (*_WRITERS, "CRASHES=0", "NO_LOCK")),
    Run("liveness: the queue drains", (*_WRITERS, "CRASHES=2", "LIVENESS")),
    Run("liveness: what is appended is signed", ("P=1", "RESTORES=0", "NO_WITNESS", "LIVENESS")),
)
MUTANTS = (
    Run("REPEATABLE READ without the fences", (*_WRITERS, "REPEATABLE_READ", "NO_PK", "NO_CAS"), "NoFork"),
    Run("no lock and no fences", (*_WRITERS, "CRASHES=0", "NO_LOCK", "NO_PK", "NO_CAS"), "NoFork"),
    Run("no lock, lost connections", (*_WRITERS, "NO_LOCK"), "HonestNo"),
    Run("blind retry", (*_WRITERS, "BLIND_RETRY"), "NoDuplicate"),
    Run("doubt resolved without the lock", (*_WRITERS, "RESOLVE_WITHOUT_LOCK"), "HonestNo"),
    Run("doubt resolved by one command of the batch", (*_WRITERS, "RESOLVE_BY_ONE"), "AckedDurable"),
    Run("no guard", ("K=1", "P=1", "CRASHES=0", "NO_GUARD", "NO_WITNESS"), "SignedPrefix"),
    Run(
        "guard without compare-and-swap",
        ("K=1", "P=2", "CRASHES=0", "NO_GUARD_CAS", "NO_WITNESS"),
        "SignedPrefix",
    ),
    Run(
        "witness persists after its reply",
        ("K=1", "P=1", "RESTORES=0", "WITNESS_PERSIST_AFTER_REPLY"),
        "WitnessMonotone",
    ),
    Run("a lock that outlives its transaction", (*_WRITERS, "LIVENESS", "LOCK_OUTLIVES"), DRAINS),
)
LARGE = (
    Run("three writers, three commands", (*_WRITERS, "K=3", "N=3", "CRASHES=2"), large=True),
    Run("all that crashes, no restore", ("P=1", "RESTORES=0"), large=True),
    Run("two writers, two publishers, restore", ("P=2", "CRASHES=0", "NO_WITNESS"), large=True),
    Run("liveness: two publishers", ("RESTORES=0", "NO_WITNESS", "LIVENESS"), large=True),
    Run("two writers, restore, crash", ("P=1", "NO_WITNESS"), large=True),
    Run("two writers, restore, crash, witness", ("P=1",), large=True),
)


def check(run: Run, *, timeout: float = 120) -> Outcome:
    """Let Spin search every state of the run; raises CalledProcessError or TimeoutExpired."""
    live = "LIVENESS" in run.defines
    with tempfile.TemporaryDirectory(prefix="ctnh-model-") as name:
        folder = Path(name)
        shutil.copy(MODEL, folder)

        def call(*command: str) -> str:
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, check=True, timeout=timeout
            )
            return done.stdout

        call("spin", *(f"-D{define}" for define in run.defines), "-a", MODEL.name)
        # Optimising and compressing cost more than searching a small model does.
        size = ("-O2", "-DCOLLAPSE") if run.large else ("-O0",)
        kind = "-DNFAIR=4" if live else "-DSAFETY"
        call("gcc", *size, kind, "-w", "-DVECTORSZ=2048", "-o", "pan", "pan.c")
        return _outcome(call("./pan", "-m400000", *(("-a", "-f") if live else ())))


def _outcome(text: str) -> Outcome:
    depth = re.search(r"depth reached (\d+), errors: (\d+)", text)
    states = re.search(r"(\d+) states, stored", text)
    finished = "Search not completed" not in text or "errors: 0" not in text
    if depth is None or states is None or not finished or "max search depth too small" in text:
        raise ValueError(text)
    seconds = re.search(r"elapsed time ([\d.]+)", text)
    found = re.search(r"pan:1: (?:assertion violated )?(.+?)(?: \(at depth|\n)", text)
    return Outcome(
        int(depth[2]),
        int(states[1]),
        int(depth[1]),
        float(seconds[1]) if seconds else 0.0,
        " ".join(found[1].split()) if found else "",
    )
