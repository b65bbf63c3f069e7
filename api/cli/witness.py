"""`ctnh ledger witness …`: what others run to watch a log, none of it on the log's own database."""

from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from starlette.applications import Starlette

from api.cli.common import GOOD, WRONG, AsJson, err, out, print_json, telling
from api.home import wall_clock
from api.witness import config, cosigner, witness_app
from ledger.note import NoteKey, parse_vkey
from ledger.witness import SAME_SIZE, Witness

witnesses = typer.Typer(help="A witness: cosigns a log that only grows.", no_args_is_help=True)

State = Annotated[Path, typer.Option("--state", help="Folder with its keys and its memory.")]
Vkeys = Annotated[
    str, typer.Option("--log", help="Verifier keys of the logs, comma-separated; a key's name is its log.")
]
Name = Annotated[str, typer.Option("--name", help="Name of the cosigner, like witness.example/w.")]
Host = Annotated[str, typer.Option("--host", help="Address to listen on.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to listen on.")]

MEMORY = "witness.db"


def log_keys(vkeys: str) -> dict[str, list[NoteKey]]:
    """Return the keys of a comma-separated list by the origin that each names; raise Malformed."""
    found: dict[str, list[NoteKey]] = {}
    for text in vkeys.split(","):
        key = parse_vkey(text.strip())
        found.setdefault(key.name, []).append(key)
    return found


@witnesses.command("serve")
def serve_witness(state: State, logs: Vkeys, name: Name, host: Host = "127.0.0.1", port: Port = 8340) -> None:
    """Serve `add-checkpoint`; the first start makes the keys, every start prints their verifier strings."""
    with telling():
        known = log_keys(logs)
        witness = Witness(_folder(state) / MEMORY, known, cosigner(state, name))
        for signer in witness.signers:
            out.print(str(signer.key), markup=False)
        _serve(witness_app(witness, wall_clock), host, port)


@witnesses.command("evidence")
def evidence_command(state: State, as_json: AsJson = False) -> None:
    """Show what speaks against logs: two signed notes each; exit 1 when one is proof of a split view."""
    with telling():
        found = Witness(_folder(state) / MEMORY, {}, ()).evidence()
    rows = [
        {
            "origin": one.origin,
            "kind": one.kind,
            "found_at": one.found_at.isoformat(),
            "kept": one.kept,
            "offered": one.offered,
        }
        for one in found
    ]
    if as_json:
        print_json(rows)
    else:
        for row in rows:
            out.print(f"{row['found_at']} {row['origin']} {row['kind']}\n{row['kept']}\n{row['offered']}")
    raise typer.Exit(WRONG if any(one.kind == SAME_SIZE for one in found) else GOOD)


def _serve(app: Starlette, host: str, port: int) -> None:
    chosen = config(app, host, port)
    listening = chosen.bind_socket()
    err.print(f"http://{host}:{listening.getsockname()[1]}", markup=False)
    uvicorn.Server(chosen).run([listening])


def _folder(state: Path) -> Path:
    state.mkdir(parents=True, exist_ok=True)
    return state
