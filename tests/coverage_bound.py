"""The bound on branch coverage: the ledger and the pure modules of the manifest, each at 95 % or more.

Run after the tests (`make cover`); exits 1 and names every module below the bound.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

BOUND = 95.0
PURE = (
    "accounts", "body", "consignment", "events", "lifecycle", "permits", "postings", "quantity", "rules",
    "text", "cases/abroad", "cases/carriage", "cases/notice", "cases/second",
)  # fmt: skip
WHOLE = "ledger/"


def main() -> int:
    """Print each bounded module below the bound and the lowest of all; return the exit code."""
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "coverage.json"
        subprocess.run([sys.executable, "-m", "coverage", "json", "--quiet", "-o", str(report)], check=True)
        files = json.loads(report.read_text())["files"]
    bounded = {
        name: found["summary"]["percent_covered"]
        for name, found in files.items()
        if name.startswith(WHOLE) or name in {f"manifest/{module}.py" for module in PURE}
    }
    low = {name: percent for name, percent in bounded.items() if percent < BOUND}
    for name, percent in sorted(low.items()):
        print(f"{name}: {percent:.1f} % of lines and branches, below {BOUND:.0f} %")  # noqa: T201
    if not low:
        least = min(bounded.items(), key=lambda item: item[1])
        print(f"coverage bound held: {len(bounded)} modules, least {least[1]:.1f} % in {least[0]}")  # noqa: T201
    return 1 if low or not bounded else 0


if __name__ == "__main__":
    raise SystemExit(main())
