"""The table of benchmarks is that of the report beside it, and the report has what it must have."""

import json
from pathlib import Path
from typing import Any

from bench.report import DOCUMENT, document

REPORT = Path(__file__).parents[2] / "bench" / "report.json"
HISTORIES = REPORT.with_name("histories.json")


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_the_table_is_that_of_the_report() -> None:
    made = document(read(REPORT), read(HISTORIES))
    assert DOCUMENT.read_text(encoding="utf-8") == made, "make bench"


def test_every_figure_stands_beside_the_machine_s_own() -> None:
    report = read(REPORT)
    assert {"sha256_1k_per_s", "fdatasync_ms", "load", "after"} <= set(report["calibration"])
    names = {result["name"] for result in report["results"]}
    for database in ("sqlite", "postgresql"):
        assert any(name.startswith(f"{database}: append") for name in names)
        assert any(name.startswith(f"{database}: verification") for name in names)


def test_opening_a_manifest_was_measured_at_growing_sizes_and_does_not_grow_with_them() -> None:
    report = read(HISTORIES)
    opened = [one for one in report["results"] if "opened, again" in one["name"]]
    sizes = {one["manifests"] for one in opened}
    assert len(sizes) > 1
    assert max(sizes) >= 10 * min(sizes)
    for one in opened:
        assert one["processor_p95"] < one["target"] == 50, one
    for one in report["growth"]:
        if "opened, again" in one["name"]:
            assert one["p50"]["power"] < 0.2, one
