"""Acting over HTTP: submit what a client signed, or sign with the party's key in custody and submit.

Whoever hands an envelope in is one of its actors, holds a key that signed it, or keeps the registers. An act
in a manifest that is not the party's is refused as if the manifest did not exist, whatever else is wrong
with it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import select

from api.desk import Desk, own_signer, role_in
from api.reading import Given
from api.recorder import Signing, build_event
from ledger.errors import Conflict, Malformed, NotAllowed, NotFound, Problem, Refused, RuleBroken
from ledger.format.entry import Envelope, parse_envelope
from ledger.format.event import Actor, Event, parse
from ledger.format.signature import SignatureLine
from ledger.personal.erasure import erase, read_erasure
from ledger.personal.vault import Secret, commit
from ledger.storage.db import Reader, reading
from ledger.storage.predecessor import whole_stream
from ledger.storage.store import ENTRY, KEY, StoredEntry, one, rows, stored
from ledger.writing.changes import Reads
from ledger.writing.prepared import Act
from ledger.writing.registered import find_key
from ledger.writing.writer import Recorded
from manifest import reference
from manifest.authority import SIGNERS
from manifest.body import Body
from manifest.events import GENERATION_EVENTS, read_body
from manifest.lots.events import BATCH_EVENTS
from manifest.service import Judge, stream_of


@dataclass(frozen=True, slots=True)
class Partial:
    """An event that its first actors have signed and others have yet to."""

    event: Event
    data: bytes
    signatures: tuple[SignatureLine, ...]

    @property
    def awaits(self) -> Actor:
        """Who signs next."""
        return self.event.actors[len(self.signatures)]


@dataclass(frozen=True, slots=True)
class Done:
    """An act that stands in the ledger: its receipt and what it says.

    ``since`` are position and kind of the acts that were recorded between the one that it names and itself.
    """

    recorded: Recorded
    event: Event
    since: tuple[tuple[int, str], ...] = ()


def submit(desk: Desk, data: bytes, *, secrets: Sequence[Secret] = (), idem: str | None = None) -> Done:
    """Record an envelope that its actors signed; raise Refused when a rule forbids it."""
    event = parse(parse_envelope(data).event)
    with _hiding_foreign(desk, event):
        _check_submitter(desk, event)
        if idem is not None and idem != event.idem:
            raise Malformed(Problem("api.idempotency_key_differs", "/idem", {"expected": event.idem}))
        done = Done(desk.home.ledger.submit(data, now=desk.home.clock(), secrets=tuple(secrets)), event)
    if event.offline:
        done = replace(done, since=_since(desk, event, done.recorded.receipt.seq))
    if (told := read_erasure(event)) is not None:
        erase(desk.home.engine, desk.home.ledger.log, desk.home.subjects, told)
    return done


def _since(desk: Desk, event: Event, seq: int) -> tuple[tuple[int, str], ...]:
    """Return the acts of a stream between the one that an act names and the act itself."""
    with reading(desk.home.engine) as reader:
        stream = whole_stream(reader, desk.home.ledger.log, event.stream)
    before = [one for one in stream if one.seq < seq]
    named = next((n for n, one in enumerate(before, 1) if one.envelope_hash == event.stream_prev), 0)
    return tuple((one.seq, parse(one.event).kind) for one in before[named:])


def act(
    desk: Desk,
    kind: str,
    given: Given,
    *,
    stream: str | None = None,
    role: str | None = None,
    alone: bool = False,
) -> Done:
    """Sign an act of one actor with the party's key in custody and record it.

    ``alone`` says that the others of an act of several need not sign. With an idempotency key that was used
    for the same act, the first receipt comes again.
    """
    if (done := repeated(desk, kind, given, stream)) is not None:
        return done
    data = sealed(desk, kind, given, stream=stream, role=role, alone=alone)
    return submit(desk, data, secrets=tuple(given.secrets.values()))


def sealed(
    desk: Desk,
    kind: str,
    given: Given,
    *,
    stream: str | None = None,
    role: str | None = None,
    alone: bool = False,
) -> bytes:
    """Return the envelope of an act of one actor, signed with the party's key in custody; record nothing."""
    if len(SIGNERS.get(kind, ((),))) != 1 and not (alone or signed_alone(given.fields)):
        raise Malformed(Problem("api.act_of_several", "/kind", {"event": kind}))
    body = read_body(kind, given.fields)
    signed = _sign_first(desk, body, given, stream=stream or stream_for(body), role=role)
    return Envelope(signed.signatures, signed.data).to_bytes()


def act_on(desk: Desk, kind: str, given: Given, *, stream: str | None = None, **named: object) -> Done:
    """Record an act of one actor on what the path of a request names: ``named`` are those fields of it."""
    with in_request():
        return act(desk, kind, replace(given, fields={**given.fields, **named}), stream=stream)


def signed_alone(fields: Mapping[str, Any]) -> bool:
    """Tell whether one key may sign an act of several: others signed by hand, or giver and taker are one."""
    return bool(fields.get("on_paper")) or ("giver" in fields and fields["giver"] == fields.get("taker"))


def begin(
    desk: Desk, body: Body, given: Given, *, stream: str, role: str, others: Sequence[Actor]
) -> Partial:
    """Sign an act of several as its first actor and hand it back: the next signs it elsewhere.

    It is judged already, so that the first hears of a mistake and not the last. Raises Refused.
    """
    made = _sign_first(desk, body, given, stream=stream, role=role, others=others)
    _judge(desk, made)
    return made


def rehearse(desk: Desk, kind: str, given: Given, *, stream: str) -> None:
    """Judge an act of one actor as if it were recorded now; raise what would refuse it, and write nothing.

    Nobody signs: whoever may see what is written may ask, for the party that would act.
    """
    party, body = given.party or desk.access.party, read_body(kind, given.fields)
    with reading(desk.home.engine) as reader:
        known = rows(reader, KEY, log=desk.home.ledger.log, party=party)
        keys = [key for key in known if key["until"] is None]
        if not keys:
            raise RuleBroken(Problem("api.no_key_in_custody", "", {"party": party}))
        role = role_in(desk, reader, kind, party=party, stream=stream)
        actor = Actor(party=party, role=role, kid=max(keys, key=lambda key: key["since"])["kid"])
        event = _event(desk, reader, body, given, actors=[actor], stream=stream)
    _judge(desk, Partial(event, event.to_bytes(), ()))


def countersign(desk: Desk, given: Partial, secrets: Sequence[Secret]) -> Done | Partial:
    """Add the signature of the party's key in custody; record the event when it was the last one missing."""
    event = given.event
    if len(given.signatures) >= len(event.actors):
        raise Malformed(Problem("api.nothing_to_sign", "/signatures"))
    if [line.kid for line in given.signatures] != [a.kid for a in event.actors[: len(given.signatures)]]:
        raise Malformed(Problem("ledger.signers_differ", "/signatures"))
    with _hiding_foreign(desk, event), reading(desk.home.engine) as reader:
        row = one(reader, KEY, log=desk.home.ledger.log, kid=given.awaits.kid)
        if row is None or row["party"] != desk.access.party:
            raise NotAllowed(Problem("api.not_yours_to_sign", f"/actors/{len(given.signatures)}/kid"))
        signer = own_signer(desk, reader, desk.access.party, given.awaits.kid)
    partial = replace(given, signatures=(*given.signatures, signer.sign_event(given.data)))
    if len(partial.signatures) < len(event.actors):
        return partial
    return submit(desk, Envelope(partial.signatures, given.data).to_bytes(), secrets=secrets)


def prepare(desk: Desk, body: Body, given: Given, actors: Sequence[Actor], stream: str) -> Event:
    """Return the event that these actors would sign now; raise NotAllowed when the party is none of them."""
    with reading(desk.home.engine) as reader:
        event = _event(desk, reader, body, given, actors=actors, stream=stream)
        if desk.view(reader).hides(event):
            raise NotFound(Problem("manifest.unknown", "", {"manifest": stream}))
    _check_submitter(desk, event)
    return event


def repeated(desk: Desk, kind: str, given: Given, stream: str | None) -> Done | None:
    """Return the receipt of the act that this party recorded under the same idempotency key.

    What the server filled in then need not be said again; raises Conflict when anything said differs.
    """
    if given.idem is None:
        return None
    with reading(desk.home.engine) as reader:
        found = _by_idem(reader, desk.home.ledger.log, desk.access.party, given.idem)
    if found is None:
        return None
    event = parse(found.event)
    same = (
        event.kind == kind
        and stream in {None, event.stream}
        and given.occurred_at in {None, event.occurred_at}
        and all(event.body.get(name) == value for name, value in given.fields.items())
    )
    if not same:
        raise Conflict(Problem("ledger.idempotency_conflict", "/idem", {"seq": found.seq}))
    return Done(desk.home.ledger.submit(found.signatures + found.event, now=desk.home.clock()), event)


def stream_for(body: Body) -> str:
    """Return the stream of an event that is not a manifest's; raise Malformed for one that is."""
    stream = stream_of(body)
    for kinds, own in ((GENERATION_EVENTS, "lot"), (BATCH_EVENTS, "batch")):
        if isinstance(body, kinds):
            stream = getattr(body, own, None)
    if stream is None:
        raise Malformed(Problem("ledger.field_missing", "/stream"))
    return str(stream)


@contextmanager
def in_request() -> Iterator[None]:
    """Point into the request instead of the event: there the event's fields stand at the top."""
    try:
        yield
    except Refused as refused:
        moved = (replace(one, path=one.path.removeprefix("/body")) for one in refused.problems)
        raise type(refused)(tuple(moved)) from refused


def _judge(desk: Desk, made: Partial) -> None:
    """Judge an act that is signed in part, if all who are to sign it have keys that are known."""
    with _hiding_foreign(desk, made.event), reading(desk.home.engine) as reader:
        reads = Reads(reader, desk.home.ledger.log)
        keys = tuple(key for actor in made.event.actors if (key := find_key(reads, actor.kid)))
        if len(keys) == len(made.event.actors):
            envelope = Envelope(made.signatures, made.data)
            Judge(reference.default())(reads, Act(made.event, envelope, keys, desk.home.clock()))


def _sign_first(
    desk: Desk, body: Body, given: Given, *, stream: str, role: str | None, others: Sequence[Actor] = ()
) -> Partial:
    party = given.party or desk.access.party
    with reading(desk.home.engine) as reader:
        signer = own_signer(desk, reader, desk.access.party)
        acting = role or role_in(desk, reader, body.kind, party=party, stream=stream)
        actors = [Signing(party, acting, signer).actor(), *others]
        event = _event(desk, reader, body, given, actors=actors, stream=stream)
    data = event.to_bytes()
    return Partial(event, data, (signer.sign_event(data),))


def _event(
    desk: Desk, reader: Reader, body: Body, given: Given, *, actors: Sequence[Actor], stream: str
) -> Event:
    made = build_event(
        reader,
        desk.home.ledger,
        body,
        actors,
        stream=stream,
        occurred_at=given.occurred_at or desk.home.clock(),
        idem=given.idem,
        commitments=commit(given.secrets),
    )
    # What is not well formed is refused before anybody signs it.
    return parse(made.to_bytes())


def _check_submitter(desk: Desk, event: Event) -> None:
    if desk.access.sees_all or any(actor.party == desk.access.party for actor in event.actors):
        return
    with reading(desk.home.engine) as reader:
        keys = (one(reader, KEY, log=desk.home.ledger.log, kid=actor.kid) for actor in event.actors)
        if any(key is not None and key["party"] == desk.access.party for key in keys):
            return
    raise NotAllowed(Problem("api.not_your_act", "/actors"))


@contextmanager
def _hiding_foreign(desk: Desk, event: Event) -> Iterator[None]:
    """Answer every refusal in a manifest that this party may not see as if there were none.

    Only a refusal needs the look-up: an act that is let in is that of a party to the manifest.
    """
    try:
        yield
    except Refused as refused:
        with reading(desk.home.engine) as reader:
            hidden = desk.view(reader).hides(event)
        if hidden:
            raise NotFound(Problem("manifest.unknown", "", {"manifest": event.stream})) from refused
        raise


def _by_idem(reader: Reader, log: int, party: str, idem: str) -> StoredEntry | None:
    query = (
        select(ENTRY)
        .join(KEY, (KEY.c.log == ENTRY.c.log) & (KEY.c.key == ENTRY.c.key))
        .where(ENTRY.c.log == log, KEY.c.party == party, ENTRY.c.idem == UUID(idem).bytes)
    )
    row = reader.execute(query).mappings().first()
    return None if row is None else stored(dict(row))
