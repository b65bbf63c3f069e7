"""`ctnh ledger witness|monitor|mirror …`: what others run to watch a log, without the log's database."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
import uvicorn
from starlette.applications import Starlette

from api.cli.common import (
    GOOD,
    WRONG,
    AsJson,
    TrustFile,
    err,
    language,
    out,
    print_json,
    telling,
    trust_from,
)
from api.home import wall_clock
from api.witness import config, cosigner, mirror_app, witness_app
from ledger.errors import Malformed, Problem
from ledger.format.note import MAX_NOTE_BYTES, NoteKey, decode, parse_vkey
from ledger.format.policy import MAX_BYTES, Policy
from ledger.format.policy import parse as parse_policy
from ledger.watching.mirror import Mirror
from ledger.watching.monitor import Followed, Monitor
from ledger.watching.remote import source
from ledger.watching.witness import SAME_SIZE, Witness
from manifest import wording

witnesses = typer.Typer(help="A witness: cosigns a log that only grows.", no_args_is_help=True)
mirrors = typer.Typer(help="A mirror: a full copy of a log, in files.", no_args_is_help=True)

State = Annotated[Path, typer.Option("--state", help="Folder with its keys and its memory.")]
Vkeys = Annotated[
    str, typer.Option("--log", help="Verifier keys of the logs, comma-separated; a key's name is its log.")
]
MaybeVkeys = Annotated[
    str | None, typer.Option("--log", help="Verifier keys of the one log, comma-separated.")
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


def monitor_command(
    sources: Annotated[
        list[str], typer.Argument(help="URL prefixes or folders: the log's own, its mirrors'.")
    ],
    state: State,
    logs: MaybeVkeys = None,
    trust: TrustFile = None,
    notes: Annotated[
        list[Path] | None, typer.Option("--note", help="A checkpoint that somebody else was given.")
    ] = None,
    policy: Annotated[Path | None, typer.Option("--policy", help="Witness policy (tlog-policy).")] = None,
    max_age: Annotated[
        float | None, typer.Option("--max-age", min=0, help="Seconds after which a checkpoint is stale.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look at a log once and compare it with what was seen before; exit 1 when something was found."""
    with telling(), httpx.Client() as http:
        origin, keys = _one_log(logs, trust)
        monitor = Monitor(state, origin, keys, _policy(policy))
        found = monitor.follow(
            [source(where, http) for where in sources],
            now=wall_clock(),
            max_age=None if max_age is None else timedelta(seconds=max_age),
            notes=[(str(path), decode(_read(path, MAX_NOTE_BYTES))) for path in notes or ()],
        )
    if as_json:
        print_json(_followed(found))
    else:
        _show(found)
    raise typer.Exit(GOOD if found.ok else WRONG)


@mirrors.command("pull")
def pull_command(
    where: Annotated[str, typer.Argument(help="URL prefix or folder of the log, or of another mirror.")],
    state: State,
    name: Name,
    logs: MaybeVkeys = None,
    trust: TrustFile = None,
    bearer: Annotated[
        Path | None,
        typer.Option("--bearer-file", help="File with the API key for a log whose entries are not public."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Bring the copy of one log up to date; interrupted, the next pull goes on where this one stopped."""
    with telling(), httpx.Client(headers=_bearer(bearer)) as http:
        origin, keys = _one_log(logs, trust)
        mirror = Mirror(state, {origin: keys}, cosigner(state, name))
        head = mirror.pull(source(where, http), origin, now=wall_clock())
    if as_json:
        place = str(mirror.place(origin))
        print_json({"origin": origin, "size": head.size, "root": head.root.hex(), "folder": place})
    else:
        out.print(f"{mirror.place(origin)}\n{head.text}", markup=False, end="")


@mirrors.command("serve")
def serve_mirror(state: State, logs: Vkeys, name: Name, host: Host = "127.0.0.1", port: Port = 8341) -> None:
    """Serve the copies, and take in what logs push; every start prints the mirror's verifier strings."""
    with telling():
        mirror = Mirror(state, log_keys(logs), cosigner(state, name))
        for signer in mirror.signers:
            out.print(str(signer.key), markup=False)
        for origin in mirror.logs:
            out.print(f"{mirror.place(origin).name} {origin}", markup=False)
        _serve(mirror_app(mirror, wall_clock), host, port)


def _bearer(path: Path | None) -> dict[str, str]:
    return {} if path is None else {"Authorization": f"Bearer {path.read_text(encoding='utf-8').strip()}"}


def _one_log(vkeys: str | None, trust: Path | None) -> tuple[str, list[NoteKey]]:
    """Return origin and keys of the one log that is meant; raise Malformed when it is none or several."""
    believed = trust_from(trust)
    if believed is not None and vkeys is None:
        return believed.origin, list(believed.log_keys)
    known = log_keys(vkeys) if vkeys else {}
    if believed is not None or len(known) != 1:
        raise Malformed(Problem("api.one_log_wanted"))
    return next(iter(known.items()))


def _policy(path: Path | None) -> Policy | None:
    return None if path is None else parse_policy(_read(path, MAX_BYTES))


def _read(path: Path, limit: int) -> bytes:
    with path.open("rb") as file:
        return file.read(limit + 1)


def _followed(found: Followed) -> dict[str, Any]:
    return {
        "ok": found.ok,
        "origin": found.origin,
        "size": found.size,
        "root": found.root,
        "findings": [finding.as_json() for finding in found.findings],
        "proofs": [str(path) for path in found.proofs],
    }


def _show(found: Followed) -> None:
    said = language()
    out.print(f"{found.origin}\n{found.size}\n{found.root}", markup=False)
    for finding in found.findings:
        sentence = wording.message(finding.code, {}, said)
        out.print(f"  - {sentence} [{finding.code}] {finding.detail}", markup=False)
    for path in found.proofs:
        out.print(f"  {path}", markup=False)


def _serve(app: Starlette, host: str, port: int) -> None:
    chosen = config(app, host, port)
    listening = chosen.bind_socket()
    listening.listen()  # who reads the line below may come at once
    err.print(f"http://{host}:{listening.getsockname()[1]}", markup=False)
    uvicorn.Server(chosen).run([listening])


def _folder(state: Path) -> Path:
    state.mkdir(parents=True, exist_ok=True)
    return state
