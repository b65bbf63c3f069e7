"""A report of `ctnh bench` as a table: `python -m bench.report FILE` rewrites docs/benchmarks.md."""

import json
import sys
from pathlib import Path
from typing import Any

from bench.report_histories import section

DOCUMENT = Path(__file__).parents[1] / "docs" / "benchmarks.md"
_ABOUT_PROFILES = (
    "Shares of the time that a function takes itself, under the profiler, which slows calls in Python\n"
    "more than others: shares to look at, not figures to compare."
)
_YES_NO = {True: "yes", False: "no", None: ""}


def document(found: dict[str, Any], histories: dict[str, Any] | None = None) -> str:
    """Return the document's text: the ledger's figures, then those of opening manifests."""
    machine = found["calibration"]
    sync, after = machine["fdatasync_ms"], machine["after"]
    measured_on = (
        f"{machine['processor']}, {machine['cores']} cores, load {machine['load']} before; SHA-256 of 1 KiB "
        f"{machine['sha256_1k_per_s']:,}/s on one core (after: {after['sha256_1k_per_s']:,}); fdatasync of "
        f"4 KiB p50 {sync['p50']} ms, p99 {sync['p99']} ms; Python {machine['python']}, SQLite "
        f"{machine['sqlite']}, cryptography {machine['cryptography']}, PyNaCl {machine['pynacl']}."
    )
    lines = [
        "# Benchmarks of the ledger",
        "",
        "Made by `make bench`, from `bench/report.json`. Figures of one machine at one time: compare ratios.",
        "",
        measured_on,
        "",
        "| what | figure | must | met | should | met |",
        "|---|---|---|---|---|---|",
    ]
    for result in found["results"]:
        cells = [
            result["name"],
            f"{_number(result['value'])} {result['unit']}{_beside(result)}",
            _number(result["target"]),
            _YES_NO[result["met"]],
            _number(result["stretch"]),
            _YES_NO[result["stretch_met"]],
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "## Where the time goes", "", _ABOUT_PROFILES, ""]
    for profile in found.get("profiles", ()):
        shares = "; ".join(f"{one['where']} {one['percent']} %" for one in profile["shares"])
        lines.append(f"- **{profile['name']}**: {shares}")
    lines += ["", *(f"Not measured: {reason}." for reason in found["skipped"])]
    lines += [] if histories is None else section(histories)
    return "\n".join(lines).rstrip() + "\n"


def _beside(result: dict[str, Any]) -> str:
    known = {"name", "value", "unit", "target", "met", "stretch", "stretch_met"}
    beside = [
        f"{name.replace('_', ' ')} {_number(value)}" for name, value in result.items() if name not in known
    ]
    return f" ({', '.join(beside)})" if beside else ""


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"  # noqa: PLR2004  digits enough


if __name__ == "__main__":
    reports = [json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:]]
    DOCUMENT.write_text(document(*reports), encoding="utf-8")
