"""The page on the first run has every column as the code has it, and the commands that there are."""

import re
from pathlib import Path

from api.cli import blanks, firstrun, roster
from api.firstrun.table import COLUMNS, Line
from manifest import wording

PAGE = (Path(__file__).parents[2] / "docs" / "first-run.md").read_text(encoding="utf-8")


def test_the_columns_are_those_of_the_code() -> None:
    rows = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in PAGE.splitlines()
        if line.startswith("| `") and len(re.split(r"(?<!\\)\|", line)) == 8
    ]
    expected = [
        [
            f"`{column.name}`",
            wording.label("roster_column", column.name, "vi"),
            *(("must" if line in column.must else "may") if line in column.of else "" for line in Line),
        ]
        for column in COLUMNS
    ]
    assert [row[:5] for row in rows] == expected


def test_the_commands_are_there() -> None:
    known = {
        "roster": {command.name for command in roster.app.registered_commands},
        "blanks": {command.name for command in blanks.app.registered_commands},
    }
    for group, name in re.findall(r"ctnh (roster|blanks) ([a-z]+)", PAGE):
        assert name in known[group], name
    options = set(re.findall(r"ctnh init (?:--[a-z-]+ [A-Z_]+ ?)+", PAGE))
    named = {option for text in options for option in re.findall(r"--[a-z-]+", text)}
    assert named
    source = Path(firstrun.__file__).read_text(encoding="utf-8")
    assert {option for option in named if f'"{option}"' not in source} == set()
