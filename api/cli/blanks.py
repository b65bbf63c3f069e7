"""`ctnh blanks`: have blanks for an outage printed, as the operator, or print their file again."""

from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from api.blanks import issue_blanks, read_blanks
from api.cli.common import Db, chosen, language, out, telling
from api.desk import Desk
from api.home import OPERATOR, Home, open_home
from api.identity.tokens import Access
from api.reading import Given
from ledger.errors import Fact, NotFound, Problem
from ledger.storage.db import reading
from ledger.storage.store import one
from manifest import wording
from manifest.outages.views import BLANKS
from manifest.vocabulary import Role

app = typer.Typer(help="Blanks for an outage: numbers on paper.", no_args_is_help=True)
Out = Annotated[Path, typer.Option("--out", "-o", help="Where to write the PDF.")]
Sequence = Annotated[int, typer.Option(min=1, max=999_999)]


@app.command("issue")
def issue_command(
    block: Annotated[str, typer.Option("--block", help="The block of numbers, as it was allocated.")],
    first: Sequence,
    last: Sequence,
    path: Out,
    db: Db = None,
) -> None:
    """Set numbers aside, write their blanks to a file and enter its hash in the ledger."""
    given = Given(fields={"block": block, "first": first, "last": last})
    with telling(), closing(open_home(chosen(db))) as home:
        printed = issue_blanks(_operators_desk(home), given)
        _write(path, printed.data)
        home.checkpoint()
    blanks = str(printed.done.event.body["blanks"])
    facts: dict[str, Fact] = {"blanks": blanks, "count": last - first + 1, "path": str(path)}
    out.print(wording.text("blanks_issued", facts, language()), markup=False)


@app.command("print")
def print_command(
    blanks: Annotated[str, typer.Argument(help="Their name, as it was printed when they were issued.")],
    path: Out,
    db: Db = None,
) -> None:
    """Write the file of blanks once more, as it was issued."""
    with telling(), closing(open_home(chosen(db))) as home:
        with reading(home.engine) as reader:
            row = one(reader, BLANKS, log=home.ledger.log, blanks=blanks)
        if row is None:
            raise NotFound(Problem("api.blanks_unknown", "", {"blanks": blanks}))
        _write(path, read_blanks(home, row["sha256"]))
    out.print(str(path), markup=False)


def _operators_desk(home: Home) -> Desk:
    """Return the desk of whoever holds the operator's keys in hand."""
    until = home.clock() + timedelta(hours=1)
    roles = frozenset({Role.OPERATOR.value})
    return Desk(
        home,
        Access(
            party=OPERATOR, roles=roles, may_act=True, hash="", kind="console", login=None, expires_at=until
        ),
    )


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
