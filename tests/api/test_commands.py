"""The table of commands says what each says of itself, and loads none before it is called."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from api.cli import app as table
from api.cli.lazy import Entry, LazyGroup

GROUPS = {"": table.app, "ledger": table.ledger, "manifest": table.manifests, "pdf": table.pdfs}


def entries() -> Iterator[tuple[str, str, Entry]]:
    """Each command of each table, with its group."""
    for group, app in GROUPS.items():
        made = app.info.cls
        assert isinstance(made, type)
        assert issubclass(made, LazyGroup)
        for name, entry in made.entries.items():
            yield group, name, entry


@pytest.mark.parametrize(("group", "name", "entry"), list(entries()))
def test_the_table_says_of_a_command_what_it_says_of_itself(group: str, name: str, entry: Entry) -> None:
    loaded = entry.load(name)

    assert " ".join(loaded.help.split("\n\n")[0].split()) == entry.help, f"{group} {name}"


@pytest.mark.parametrize(
    ("arguments", "unneeded"),
    [
        ("--help", ("sqlalchemy", "cryptography", "manifest", "ledger")),
        ("ledger --help", ("sqlalchemy", "cryptography", "manifest", "ledger")),
        ("manifest list --help", ("alembic", "pyhanko", "reportlab", "fastapi", "httpx")),
        ("ledger verify --help", ("alembic", "pyhanko", "reportlab", "fastapi", "httpx")),
        ("key add --help", ("pyhanko", "reportlab", "fastapi", "httpx")),
    ],
)
def test_a_command_loads_nothing_that_it_does_not_need(arguments: str, unneeded: tuple[str, ...]) -> None:
    called = (
        "import sys\nfrom api.cli.app import app\n"
        f"try:\n    app({arguments.split()!r})\nexcept SystemExit:\n    pass\n"
        f"sys.exit(' '.join(name for name in {unneeded!r} if name in sys.modules) or 0)"
    )

    done = subprocess.run([sys.executable, "-c", called], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_a_command_that_is_not_there_is_named_with_what_is_close() -> None:
    called = "from api.cli.app import main; main()"

    done = subprocess.run(
        [sys.executable, "-c", called, "manifest", "lst"], capture_output=True, text=True, check=False
    )

    assert done.returncode == table.COULD_NOT
    assert "'list'" in done.stderr
