"""Drive a fuzz target for a while: `python -m tests.fuzz.run TARGET --seconds N`.

Inputs are bred from good ones and from the corpus by blind changes, in turn with what Hypothesis draws.
What makes a target fail is saved in the corpus, which the tests replay; the exit code is then 1.
"""

import argparse
import hashlib
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic
from traceback import extract_tb

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from ledger.errors import Refused
from tests.fuzz.targets import TARGETS, seeds

CORPUS = Path(__file__).parent / "corpus"
ROUND = 200
MAX_BYTES = 20_000
TOKENS = [
    *(b"\n", b"\n\n", b"\r\n", b" ", b"\t", b"\0", b"+", b"=", b"==", b"/", b"-", b"0", b"1", b"9" * 20),
    *(b"\x7f", b"\xff", b"\xc0\x8a", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xf4\x90\x80\x80"),
    *("— ".encode(), "\u2003".encode(), "\u0085".encode(), "٣".encode(), "\u2028".encode()),
    *(b"old 0\n", b"index 0\n", b"extra \n", b"quorum none\n", b"log ", b"witness ", b"group g any ", b"#"),
    *(b"c2sp.org/tlog-proof@v1\n", b"ctnh-receipt-v1\n", b"AAAA", b"\\ud800", b"[", b"{", b'"', b"null"),
]


def bred(random: Random, pool: list[bytes]) -> bytes:
    """Return an input of the pool with a few blind changes."""
    data = bytearray(random.choice(pool))
    for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
        at = random.randint(0, len(data))
        end = min(at + random.choice((1, 1, 2, 4, 32, 1000)), len(data))
        match random.randrange(8):
            case 0 if data:
                data[at - 1] ^= 1 << random.randrange(8)
            case 1:
                data[at:at] = random.choice(TOKENS)
            case 2:
                del data[at:end]
            case 3:
                data[at:at] = data[at:end]
            case 4:
                data[at:end] = random.randbytes(end - at)
            case 5:
                other = random.choice(pool)
                start = random.randint(0, len(other))
                data[at:] = other[start:]
            case 6:
                lines = bytes(data).split(b"\n")
                random.shuffle(lines)
                data[:] = b"\n".join(lines)
            case _:
                data[at:end] = random.choice(TOKENS)
    return bytes(data[:MAX_BYTES])


def kept(target: str) -> list[Path]:
    """Return the files of a target's corpus."""
    return sorted(path for path in (CORPUS / target).glob("*") if path.is_file())


@dataclass
class Run:
    """One run of a target; ``failures`` are by where they happened."""

    target: str
    random: Random
    runs: int = 0
    taken: int = 0
    failures: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.pool = seeds(self.target) + [path.read_bytes() for path in kept(self.target)]

    def one(self, data: bytes) -> None:
        """Try one input; what the target takes in is bred from as well."""
        self.runs += 1
        try:
            TARGETS[self.target](data)
        except Refused:
            return
        except Exception as error:  # noqa: BLE001  whatever it is, it is what is looked for
            last = extract_tb(error.__traceback__)[-1]
            where = f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
            self.failures.setdefault(where, data)
            return
        self.taken += 1
        if self.taken % 50 == 0 and len(self.pool) < 2000:
            self.pool.append(data)

    def blind(self) -> None:
        """Try inputs bred from the pool."""
        for _ in range(ROUND * 10):
            self.one(bred(self.random, self.pool))

    def drawn(self) -> None:
        """Try inputs that Hypothesis draws: bytes, text, and good inputs with a stretch replaced."""
        good = st.sampled_from(self.pool)
        stretch = st.binary(max_size=64) | st.sampled_from(TOKENS) | st.text(max_size=20).map(_encoded)
        edited = st.builds(_edited, good, st.integers(0), st.integers(0, 40), stretch)

        @seed(self.random.randrange(2**32))
        @settings(
            max_examples=ROUND,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(st.binary(max_size=500) | st.text(max_size=200).map(_encoded) | edited)
        def drawn(data: bytes) -> None:
            self.one(data)

        drawn()


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _edited(data: bytes, at: int, length: int, instead: bytes) -> bytes:
    at %= len(data) + 1
    return data[:at] + instead + data[at + length :]


def fuzz(target: str, seconds: float, number: int, tell: Callable[[str], object] = print) -> int:
    """Run a target for so long, save what makes it fail, and return how many places failed."""
    run = Run(target, Random(number))  # noqa: S311  repeatable, no secret
    end = monotonic() + seconds
    while monotonic() < end:
        run.blind()
        run.drawn()
    for where, data in run.failures.items():
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / hashlib.sha256(data).hexdigest()[:16]
        path.write_bytes(data)
        tell(f"{target}: {where}: saved {path.name}")
    tell(f"{target}: {run.runs} inputs, {run.taken} taken in, {len(run.failures)} failures, seed {number}")
    return len(run.failures)


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=[*TARGETS, "all"])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    names = list(TARGETS) if chosen.target == "all" else [chosen.target]
    return min(sum(fuzz(name, chosen.seconds, chosen.seed) for name in names), 1)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main())
