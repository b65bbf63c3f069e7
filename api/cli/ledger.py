"""`ctnh ledger checkpoint`, `prove`, `export`."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from api.cli.common import (
    AsJson,
    Db,
    Origin,
    chosen,
    counting,
    language,
    looking,
    out,
    print_json,
    telling,
)
from api.home import open_home
from ledger.format.canonical import MAX_INTEGER
from ledger.publishing.export import export
from ledger.publishing.published import prove_entry
from manifest import wording


def checkpoint_command(db: Db = None) -> None:
    """Sign a checkpoint over all entries and print it."""
    with telling(), closing(open_home(chosen(db))) as home:
        out.print(home.checkpoint()[1], markup=False, end="")


def prove_command(
    seq: Annotated[int, typer.Option("--seq", min=0, max=MAX_INTEGER, help="Position of the entry.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where to write the .tlog-proof.")],
    db: Db = None,
    origin: Origin = None,
) -> None:
    """Write the proof that an entry stands in the log, with the entry inside."""
    with telling(), looking(db, origin) as (reader, log, _):
        output.write_text(prove_entry(reader, log, seq).to_text(), encoding="utf-8")
    out.print(str(output), markup=False)


def export_command(
    folder: Annotated[Path, typer.Option("--out", help="Folder of the files; a later run adds what is new.")],
    db: Db = None,
    origin: Origin = None,
    as_json: AsJson = False,
) -> None:
    """Write the log as static files (C2SP tlog-tiles), up to its newest checkpoint."""
    with telling(), looking(db, origin) as (reader, log, _), counting("exporting") as progress:
        done = export(reader, log, folder, progress=progress)
    if as_json:
        print_json({"size": done.size, "start": done.start, "files": done.files, "bytes": done.bytes})
    else:
        facts: dict[str, str | int] = {"size": done.size, "files": done.files, "bytes": done.bytes}
        out.print(wording.text("log_exported", facts | {"folder": str(folder)}, language()), markup=False)
