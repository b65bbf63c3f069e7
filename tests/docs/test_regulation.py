"""The page on the law points at code and tests that are there, and says of each rule what the table says."""

import re
from pathlib import Path

import pytest

from manifest.reference import default

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "regulation.md").read_text(encoding="utf-8")
ROWS = [line.split("|")[1:-1] for line in PAGE.splitlines() if re.match(r"\| [0-9]+ \|", line)]


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_every_point_has_its_row() -> None:
    assert [int(row[0]) for row in ROWS] == list(range(1, 20))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip())
def test_code_and_tests_are_there(row: list[str]) -> None:
    built = "not built" not in row[4]
    assert bool(quoted(row[2])) == bool(quoted(row[3])) == built
    for path in quoted(row[2]):
        assert (ROOT / path).is_file(), path
    for name in quoted(row[3]):
        path, _, test = name.partition("::")
        assert f"def {test}(" in (ROOT / path).read_text(encoding="utf-8"), name


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip())
def test_what_is_said_of_a_rule_is_what_its_row_says(row: list[str]) -> None:
    for name, word in re.findall(r"`([a-z_]+)` (confirmed|unconfirmed)", row[4]):
        rows = [rule for rule in default().rules() if rule.name == name]
        assert rows, name
        assert rows[-1].confirmed == (word == "confirmed"), name
