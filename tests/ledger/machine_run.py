"""Lead many lives of a log: `python -m tests.ledger.machine_run --examples N --steps M`.

What is found is made as small as it goes, and printed with the steps that lead there.
"""

import argparse
import signal
import sys

import pytest

LED = "lives led"


class Asked:
    """Tells the test how many lives are asked for, of how many steps, and whether to make findings small."""

    def __init__(self, lives: int, steps: int, *, small: bool) -> None:
        self.lives, self.steps, self.small = lives, steps, small
        self.led = 0  # the test counts; a life that failed and is led again to show it counts again

    def pytest_configure(self, config: pytest.Config) -> None:
        """Leave the numbers where the test looks for them."""
        config.machine_asked = self  # type: ignore[attr-defined]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say how many lives there were, however the run ended."""
        terminalreporter.write_line(f"{self.led} {LED}")


def main() -> int:
    """Run the test with the numbers of the command line; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=200, help="lives on each database")
    parser.add_argument("--steps", type=int, default=60, help="steps of each life")
    parser.add_argument("--database", choices=["sqlite", "postgres"], help="one of the two alone")
    parser.add_argument("--first", action="store_true", help="stop at what is found, as it was found")
    asked = parser.parse_args()
    chosen = [*(["-k", asked.database] if asked.database else []), *(["-x"] if asked.first else [])]
    test = "tests/ledger/test_machine.py"
    signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it would be ignored
    plugin = Asked(asked.examples, asked.steps, small=not asked.first)
    return int(pytest.main(["-p", "no:xdist", "--tb=short", test, *chosen], plugins=[plugin]))


if __name__ == "__main__":
    sys.exit(main())
