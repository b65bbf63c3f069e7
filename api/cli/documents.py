"""`ctnh pdf issue`: the signed PDF of a manifest."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from api.cli.common import AsJson, Db, chosen, out, print_json, telling
from api.documents import issue_pdf, write_issued
from api.home import open_home


def issue_command(
    name: Annotated[str, typer.Argument(help="Number or id of the manifest.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where to write the PDF.")],
    db: Db = None,
    as_json: AsJson = False,
) -> None:
    """Issue the PDF of a manifest and, beside it, its proof (FILE.proof)."""
    with telling(), closing(open_home(chosen(db))) as home:
        issued = issue_pdf(home, name)
        write_issued(issued, output)
    result = {
        "number": issued.number,
        "file": str(output),
        "sha256": issued.sha256,
        "seq": issued.seq,
        "signed": list(issued.signed),
        "unsigned": list(issued.unsigned),
    }
    if as_json:
        print_json(result)
    else:
        out.print(f"{output}  sha256 {issued.sha256}  seq {issued.seq}", markup=False)
