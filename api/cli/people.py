"""`ctnh user` and `ctnh key`: who gets in, a person with a password or a program with an API key."""

import sys
from contextlib import closing
from typing import Annotated

import typer

from api.cli.common import Db, chosen, language, out, telling
from api.home import Home, open_home
from api.identity.accounts import MAX_PASSWORD, make_account
from api.identity.tokens import MAX_DAYS, Scope, make_api_key
from ledger.errors import NotFound, Problem
from ledger.storage.db import reading
from ledger.storage.store import one
from manifest.views import ORGANISATION
from manifest.wording import label

users = typer.Typer(help="Accounts of people.", no_args_is_help=True)
keys = typer.Typer(help="API keys of programs.", no_args_is_help=True)

Party = Annotated[str, typer.Option("--party", help="The party, as it is registered.")]


@users.command("add")
def add_user(
    login: Annotated[str, typer.Argument(help="What the person logs in with.")],
    party: Party,
    name: Annotated[str, typer.Option("--name", help="The person's name.")],
    db: Db = None,
) -> None:
    """Make an account; the password is asked for, or is the first line of standard input."""
    with telling(), closing(open_home(chosen(db))) as home:
        _check_party(home, party)
        make_account(home, login=login, password=_password(), party=party, name=name)
    out.print(f"{login}  {party}  {name}", markup=False)


@keys.command("add")
def add_key(
    party: Party,
    name: Annotated[str, typer.Option("--name", help="What the key is for.")],
    scope: Annotated[Scope, typer.Option("--scope", help="Only read, or act too.")] = "act",
    days: Annotated[int, typer.Option("--days", min=1, max=MAX_DAYS, help="How long it holds.")] = 365,
    db: Db = None,
) -> None:
    """Make an API key and print it; it is never shown again."""
    with telling(), closing(open_home(chosen(db))) as home:
        _check_party(home, party)
        key = make_api_key(home, party, name=name, scope=scope, days=days, now=home.clock())
    out.print(key, markup=False)


def _check_party(home: Home, party: str) -> None:
    """Raise NotFound for an unknown party, before anybody types a password for it."""
    with reading(home.engine) as reader:
        if one(reader, ORGANISATION, log=home.ledger.log, party=party) is None:
            raise NotFound(Problem("manifest.party_unknown", "/party", {"party": party}))


def _password() -> str:
    if at_terminal():
        first, again = (label("invitation_field", name, language()) for name in ("password", "again"))
        typed: str = typer.prompt(first, hide_input=True, confirmation_prompt=again, err=True)
        return typed
    # A little more than a password may have: one that is too long is refused, and not cut.
    return sys.stdin.readline(MAX_PASSWORD + 3).rstrip("\r\n")


def at_terminal() -> bool:
    """Tell whether a person sits at standard input."""
    return sys.stdin.isatty()
