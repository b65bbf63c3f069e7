"""The table of benchmarks is that of the report beside it, and the report has what it must have."""

import json
from pathlib import Path

from bench.report import DOCUMENT, document

REPORT = Path(__file__).parents[2] / "bench" / "report.json"


def test_the_table_is_that_of_the_report() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document(json.loads(REPORT.read_text(encoding="utf-8"))), (
        "make bench"
    )


def test_every_figure_stands_beside_the_machine_s_own() -> None:
    report = json.loads(REPORT.read_text(encoding="utf-8"))
    assert {"sha256_1k_per_s", "fdatasync_ms", "load", "after"} <= set(report["calibration"])
    names = {result["name"] for result in report["results"]}
    for database in ("sqlite", "postgresql"):
        assert any(name.startswith(f"{database}: append") for name in names)
        assert any(name.startswith(f"{database}: verification") for name in names)
