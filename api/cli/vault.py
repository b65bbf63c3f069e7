"""`ctnh vault …`: erase a person's values, show one to one party, check what was shown."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from api.cli.common import (
    GOOD,
    WRONG,
    AsJson,
    Db,
    chosen,
    describe,
    err,
    language,
    out,
    print_json,
    telling,
)
from api.erasing import disclose, erase_as_operator
from api.home import ROOTS, open_home
from ledger.errors import Malformed, Problem, Refused
from ledger.format.canonical import MAX_INTEGER
from ledger.format.checkpoint import parse_proof
from ledger.format.trust import load as load_trust
from ledger.personal.disclosure import MAX_BYTES, check, parse
from manifest import wording

app = typer.Typer(help="Personal values outside the ledger.", no_args_is_help=True)


@app.command("erase")
def erase_command(
    subject: Annotated[str, typer.Option("--subject", help="The person's pseudonym.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the ledger, so name nobody.")],
    commitment: Annotated[
        list[str] | None, typer.Option("--commitment", help="Only this value; may be repeated.")
    ] = None,
    db: Db = None,
    as_json: AsJson = False,
) -> None:
    """Record that a person's values are erased, and erase them; signed with the operator's first root key."""
    with telling(), closing(open_home(chosen(db))) as home:
        made = erase_as_operator(home, home.root(ROOTS[0]), subject, reason, commitment)
    entries = [recorded.receipt.seq for recorded in made]
    if as_json:
        print_json({"subject": subject, "entries": entries})
    else:
        out.print(
            wording.text("erased", {"subject": subject, "entries": ", ".join(map(str, entries))}, language()),
            markup=False,
        )


@app.command("disclose")
def disclose_command(
    seq: Annotated[int, typer.Option("--seq", min=0, max=MAX_INTEGER, help="Position of the entry.")],
    name: Annotated[str, typer.Option("--name", help="Name of the value in the entry.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where to write it.")],
    db: Db = None,
) -> None:
    """Write one personal value with its salt, for one party that may see it."""
    with telling(), closing(open_home(chosen(db))) as home:
        shown = disclose(home, seq, name)
        output.touch(mode=0o600)
        output.write_bytes(shown.to_json())
    out.print(str(output), markup=False)


@app.command("check")
def check_command(
    file: Annotated[Path, typer.Argument(help="What `disclose` wrote.")],
    proof: Annotated[Path, typer.Option("--proof", help="The entry's .tlog-proof file.")],
    trust: Annotated[Path, typer.Option("--trust", help="Trust file with the keys to believe.")],
    as_json: AsJson = False,
) -> None:
    """Check offline that a value is the one that a proved entry commits to; exit 1 when it is not."""
    with telling():
        believed = load_trust(trust)
        with file.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
        proved = proof.read_bytes()
    try:
        shown = parse(data)
        try:
            text = proved.decode()
        except UnicodeDecodeError as error:
            raise Malformed(Problem("ledger.proof_malformed")) from error
        checkpoint = check(shown, parse_proof(text), believed.log_keys, believed.origin)
    except Refused as refused:
        if as_json:
            print_json({"ok": False, "code": refused.code})
        else:
            err.print(describe(refused.problems[0]), markup=False)
        raise typer.Exit(WRONG) from None
    if as_json:
        said = {"seq": shown.seq, "name": shown.name, "value": shown.value}
        print_json({"ok": True, "origin": shown.origin, **said, "checkpoint": checkpoint.size})
    else:
        facts: dict[str, str | int] = {"seq": shown.seq, "name": shown.name, "value": shown.value}
        out.print(wording.text("disclosure_valid", facts, language()), markup=False)
    raise typer.Exit(GOOD)
