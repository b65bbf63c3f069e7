"""Lead many worlds: `python -m tests.manifest.worlds.run --examples N --steps M`.

What is found is made as small as it goes, and printed with the steps that lead there; in the end stands how
often each kind of act was recorded and each refusal given.
"""

import argparse
import sys
from collections import Counter

import pytest


class Asked:
    """Tells the test how many worlds are asked for, of how many steps, and whether to make findings small."""

    def __init__(self, examples: int, steps: int, *, small: bool) -> None:
        self._worlds = (examples, steps, small)
        self._seen: Counter[str] = Counter()

    def pytest_configure(self, config: pytest.Config) -> None:
        """Leave the numbers where the test looks for them."""
        config.worlds = (*self._worlds, self._seen)  # type: ignore[attr-defined]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print what happened, and how often."""
        for name, times in sorted(self._seen.items()):
            terminalreporter.write_line(f"{times:7d}  {name}")


def main() -> int:
    """Run the test with the numbers of the command line; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=100, help="worlds on each database")
    parser.add_argument("--steps", type=int, default=100, help="steps of each world")
    parser.add_argument("--database", choices=["sqlite", "postgres"], help="one of the two alone")
    parser.add_argument("--first", action="store_true", help="stop at what is found, as it was found")
    parser.add_argument("--seed", type=int, help="the same worlds again")
    asked = parser.parse_args()
    chosen = ["-k", asked.database] if asked.database else []
    chosen += [f"--hypothesis-seed={asked.seed}"] if asked.seed is not None else []
    plugin = Asked(asked.examples, asked.steps, small=not asked.first)
    test = "tests/manifest/worlds/test_worlds.py"
    return int(pytest.main(["-p", "no:xdist", "--tb=short", test, *chosen], plugins=[plugin]))


if __name__ == "__main__":
    sys.exit(main())
