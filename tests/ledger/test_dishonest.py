"""An operator who runs another writer: hashes, tree and receipts are right, what was appended is not."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, delete, update

from ledger.format.entry import Envelope
from ledger.format.event import Actor, Event
from ledger.format.keys import OPENED, Key, key_fields
from ledger.format.signature import spki
from ledger.storage.db import reading
from ledger.storage.store import ENTRY, KEY, STREAM
from ledger.verifying.verify import verify
from ledger.writing.changes import Reads
from tests.ledger.tampering import covered, unfenced
from tests.ledger.world import START, World, envelope, signer

Found = set[tuple[int | None, str]]


@pytest.fixture
def world(sqlite_engine: Engine) -> World:
    world = World(sqlite_engine).open().register("an").register("binh")
    world.note("honest")
    return world


def found(world: World) -> Found:
    with reading(world.engine) as reader:
        report = verify(reader, trust=world.trust)
    # Nothing was signed over these entries, and an auditor with a trust file says so each time.
    assert "ledger.checkpoint_missing" in {finding.code for finding in report.findings}
    return {(found.seq, found.code) for found in report.findings if found.code != "ledger.checkpoint_missing"}


def unchecked(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Have the operator's writer take signatures, or places in streams, as they come."""

    def signed(envelope: Envelope, _event: Event, _seq: int, known: Callable[[str], Key | None]) -> Any:
        return tuple(known(line.kid) for line in envelope.signatures)

    def placed(reads: Reads, event: Event) -> tuple[int, int] | None:
        stream = reads.one(STREAM, name=event.stream)
        return None if stream is None else (stream["stream"], stream["length"])

    made = {"check_signatures": signed, "_check_place": placed}
    for name in names:
        monkeypatch.setattr(f"ledger.writing.writer.{name}", made[name])


def test_a_signature_that_does_not_hold(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    unchecked(monkeypatch, "check_signatures")
    data = envelope(world.written("forged", signer("an")), signer("an"))
    world.ledger.submit(data.replace(b"forged", b"FORGED"), now=world.now())
    assert found(world) == {(4, "ledger.signature_invalid")}


def test_a_key_used_after_its_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.revoke("an")
    unchecked(monkeypatch, "check_signatures")
    world.note("late")
    assert found(world) == {(5, "ledger.key_revoked")}


def test_a_key_ended_twice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.revoke("an")
    unchecked(monkeypatch, "_check_place")
    world.revoke("an")
    assert (5, "ledger.key_unknown") in found(world)


def test_a_key_whose_fields_do_not_agree(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    event = world.registration("chi", signer("chi"))
    fields = dict(event.body["key"]) | {"custody": "anywhere"}
    unchecked(monkeypatch, "check_signatures")
    monkeypatch.setattr("ledger.writing.append.introduced", lambda _event, _seq: ())
    actors = [Actor(party="an", role="operator", kid=signer("an").kid)]
    world.submit(world.event(event.kind, actors, {"key": fields}), signer("an"))
    assert found(world) == {(4, "ledger.field_invalid")}


def test_a_stream_forked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.note("second")
    unchecked(monkeypatch, "_check_place")
    world.note("fork", stream_prev=world.recorded[-2].envelope_hash)
    world.note("out of nowhere", stream="new", stream_prev="0" * 64)
    assert found(world) == {(5, "ledger.stream_broken"), (6, "ledger.stream_broken")}


def test_a_second_opening(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.writing.writer.OPENED", "never.opened.v1")
    fields = [key_fields(signer("third").public_key, party="third", custody="service")]
    body = {"format": 1, "log_keys": [str(key) for key in world.log_keys], "root_keys": fields}
    actor = Actor(party="third", role="operator", kid=signer("third").kid)
    world.submit(world.event(OPENED, [actor], body), signer("third"))
    assert found(world) == {(4, "ledger.opening_out_of_place")}


def test_a_clock_turned_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.writing.append.max", lambda now, _before: now, raising=False)
    event = world.written("early", signer("an"))
    world.ledger.submit(envelope(event, signer("an")), now=START - timedelta(days=1))
    assert found(world) == {(4, "ledger.time_runs_back")}


def test_a_key_put_in_the_place_of_one_whose_entry_is_gone(world: World) -> None:
    """The table's key must be its identifier's, or nobody is believed on its word."""
    with unfenced(world.engine) as connection:
        connection.execute(delete(ENTRY).where(ENTRY.c.seq == 1))
        other = spki(signer("evil").public_key)
        connection.execute(update(KEY).where(KEY.c.kid == signer("an").kid).values(public_key=other))
        report = verify(covered(connection), trust=world.trust)
    assert {(1, "ledger.entry_missing"), (3, "ledger.key_unknown"), (None, "ledger.key_table_mismatch")} <= {
        (finding.seq, finding.code) for finding in report.findings
    }
