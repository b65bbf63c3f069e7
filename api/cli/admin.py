"""`ctnh serve`, `rebuild`: running a deployment, and writing its views anew."""

import json
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from api.cli.common import GOOD, WRONG, AsJson, Db, chosen, language, out, print_json, telling
from api.demo.place import LOGINS
from api.home import open_home
from ledger.storage.db import writing
from manifest import wording
from manifest.reference import default
from manifest.replay import rebuild
from manifest.vocabulary import Role


def write_trust(path: Path, data: bytes) -> Path:
    """Write a trust file and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def rebuild_command(db: Db = None, as_json: AsJson = False) -> None:
    """Write all views anew from the ledger; exit 1 when an entry should not have been let in."""
    with (
        telling(),
        closing(open_home(chosen(db))) as home,
        writing(home.engine, home.ledger.log) as writer,
    ):
        findings = rebuild(writer, home.ledger.log, default())
    if as_json:
        print_json({"ok": not findings, "findings": [finding.as_json() for finding in findings]})
    else:
        out.print(wording.text("rebuilt", {"count": len(findings)}, language()))
    raise typer.Exit(WRONG if findings else GOOD)


def serve_command(
    db: Db = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes; on SQLite only one.")] = 1,
    demo: Annotated[
        bool, typer.Option("--demo", help="Serve the demo's data and print its API keys.")
    ] = False,
) -> None:
    """Serve the API over HTTP until interrupted."""
    from api.demo.place import demo_settings  # noqa: PLC0415  the demo is not needed to run a command
    from api.serving import need_address, serve  # noqa: PLC0415  neither is a web server

    settings = demo_settings() if demo else chosen(db)
    changed = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = settings.model_copy(update=changed)
    with telling():
        need_address(settings.host, settings.port)
        home = open_home(settings)
    address = f"http://{settings.host}:{settings.port}"
    out.print(wording.text("serving_at", {"address": address}, language()), style="bold", markup=False)
    if demo:
        show_logins(settings.data_dir.parent / LOGINS, address)
    try:
        code = serve(home, workers=workers)
    finally:
        home.close()
    raise typer.Exit(code)


def show_logins(path: Path, address: str) -> None:
    """Print the demo's logins and a command to begin with, as the generator."""
    said = language()
    logins = json.loads(path.read_text(encoding="utf-8"))
    out.print(wording.text("serving_keys", {}, said), markup=False)
    for login in logins:
        role = wording.label("role", login["role"], said)
        out.print(f"  {role}: {login['name']} ({login['party']})\n      {login['api_key']}", markup=False)
    key = next(login["api_key"] for login in logins if login["role"] == Role.GENERATOR)
    out.print(f"\n  curl -H 'Authorization: Bearer {key}' '{address}/api/v1/manifests?limit=5'", markup=False)
