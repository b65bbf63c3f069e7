"""Registering a manifest over HTTP: what is left out is filled in, then the act is recorded or rehearsed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from api import acting, numbers
from api.acting import Done, act, in_request
from api.desk import Desk
from api.reading import Given
from ledger.errors import Malformed, Problem, Refused, RuleBroken
from ledger.ids import uuid7
from ledger.storage.db import reading
from manifest import events as e
from manifest import reference
from manifest.reference import ReferenceRefused
from manifest.vocabulary import local_date

T = TypeVar("T")
_ANY_NUMBER = {"sequence": 1, "year": 2025, "issuer": "0"}


def record(desk: Desk, given: Given) -> Done:
    """Register what was asked for; the manifest's id, number, form and generator are filled in if left out.

    Under an idempotency key that was used for the same registration the first receipt comes again.
    """
    with in_request():
        named, stream = _stream(given)
        if (done := acting.repeated(desk, e.Registered.kind, named, stream)) is not None:
            return done
        filled, stream = _fill(desk, named, stream)
        _need_fields(filled)
        return _numbered(desk, filled, lambda full: act(desk, e.Registered.kind, full, stream=stream))


def rehearse(desk: Desk, given: Given) -> None:
    """Judge what was asked for as if it were registered now; raise what would refuse it, write nothing."""
    with in_request():
        filled, stream = _fill(desk, *_stream(given))
        _need_fields(filled)
        _numbered(desk, filled, lambda full: acting.rehearse(desk, e.Registered.kind, full, stream=stream))


def _need_fields(given: Given) -> None:
    """Say what is missing or misspelt before a number is looked for, which needs half of it."""
    e.Registered.read({"number": _ANY_NUMBER, **given.fields})


def _stream(given: Given) -> tuple[Given, str | None]:
    fields = dict(given.fields)
    stream = fields.pop("manifest", None)
    if stream is not None and not isinstance(stream, str):
        raise Malformed(Problem("manifest.field_invalid", "/manifest"))
    return replace(given, fields=fields), stream


def _fill(desk: Desk, given: Given, stream: str | None) -> tuple[Given, str]:
    at = given.occurred_at or desk.home.clock()
    fields = {"generator": given.party or desk.access.party, **given.fields}
    if "form" not in fields:
        fields["form"] = _form_of(at)
    return replace(given, fields=fields), stream or uuid7(at)


def _form_of(at: datetime) -> str:
    try:
        return reference.default().form_edition(local_date(at)).edition
    except ReferenceRefused as refused:
        raise RuleBroken(Problem(refused.code, "/occurred_at", refused.facts)) from refused


def _numbered(desk: Desk, given: Given, done: Callable[[Given], T]) -> T:
    """Do something with a registration that has a number: the one that was said, or the next free one."""
    if "number" in given.fields:
        return done(given)
    year = local_date(given.occurred_at or desk.home.clock()).year
    parties = tuple(str(given.fields.get(name)) for name in ("facility", "generator"))
    for left in reversed(range(numbers.TRIES)):
        with numbers.CHOOSING:
            with reading(desk.home.engine) as reader:
                number = numbers.next_number(reader, desk.home.ledger.log, parties, year)
            numbered = {"sequence": number.sequence, "year": number.year, "issuer": number.issuer}
            try:
                return done(replace(given, fields={**given.fields, "number": numbered}))
            except Refused as refused:
                if not left or {problem.code for problem in refused.problems} != {numbers.TAKEN}:
                    raise
    raise AssertionError("the last try returns or raises")
