"""What routes are given: the deployment, the time, whom a request speaks for, and what it brings."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Header, Request

from api.desk import Desk
from api.errors import Unauthenticated
from api.home import Home
from api.identity.tokens import Access, check
from api.reading import Given, read_given, read_object
from api.scope import View
from api.work import Pool
from ledger.errors import NotAllowed, Problem
from ledger.storage.db import reading


async def the_home(request: Request) -> Home:
    """Return the deployment that this application serves."""
    home: Home = request.app.state.home
    return home


async def the_time(request: Request) -> datetime:
    """Return the time now."""
    home: Home = request.app.state.home
    return home.clock()


def bearer(request: Request) -> str:
    """Return the bearer token that a request comes with; raise Unauthenticated when there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated
    return token.strip()


def known_party(request: Request) -> Access:
    """Return whom the bearer token speaks for; raise Unauthenticated, always for the same reason."""
    token = bearer(request)
    home: Home = request.app.state.home
    with reading(home.engine) as reader:
        access = check(reader, home.ledger.log, token, home.clock())
    if access is None:
        raise Unauthenticated(Problem("api.token_invalid"))
    return access


AnyParty = Annotated[Access, Depends(known_party)]


async def acting_party(access: AnyParty) -> Access:
    """Return whom the token speaks for; raise NotAllowed when it may only read."""
    if not access.may_act:
        raise NotAllowed(Problem("api.scope_read_only"))
    return access


async def desk_of(request: Request, access: Annotated[Access, Depends(acting_party)]) -> Desk:
    """Return where the acts of the party that asks are taken in."""
    return Desk(request.app.state.home, access)


async def overseeing_party(access: AnyParty) -> Access:
    """Return the authority or operator that asks; raise NotAllowed for any other party."""
    if not access.sees_all:
        raise NotAllowed(Problem("api.authority_only"))
    return access


async def place_among_writes(request: Request) -> AsyncIterator[Pool]:
    """Hold a place among the writes from before the body is read until the answer."""
    pool: Pool = request.app.state.writes
    with pool.place():
        yield pool


async def given_object(
    request: Request,
    idempotency_key: Annotated[
        str | None, Header(description="UUIDv7; the same key never records twice")
    ] = None,
) -> Given:
    """Return what a JSON body asks to have recorded."""
    data = await request.body()
    return read_given(read_object(data, request.headers.get("content-type")), idempotency_key)


async def view_of(request: Request, access: AnyParty) -> Callable[[], AbstractContextManager[View]]:
    """Return how to read as the party that asks, in one read-only transaction.

    The route opens it in its own thread: a dependency that held a connection while its route waited for a
    thread would stand still as soon as all threads wait for a connection.
    """
    home: Home = request.app.state.home

    @contextmanager
    def view() -> Iterator[View]:
        with reading(home.engine) as reader:
            yield View(reader, home.ledger.log, access, home.clock(), home.subjects)

    return view


TheHome = Annotated[Home, Depends(the_home)]
Now = Annotated[datetime, Depends(the_time)]
ActingFor = Annotated[Access, Depends(acting_party)]
TheDesk = Annotated[Desk, Depends(desk_of)]
Overseer = Annotated[Access, Depends(overseeing_party)]
Writes = Annotated[Pool, Depends(place_among_writes)]
Asked = Annotated[Given, Depends(given_object)]
ReadOnly = Annotated[Callable[[], AbstractContextManager[View]], Depends(view_of)]
