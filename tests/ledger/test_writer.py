from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    Table,
    func,
    select,
)
from sqlalchemy.event import listen, remove

from ledger.errors import Conflict, Malformed, NotAllowed, RuleBroken
from ledger.format.checkpoint import open_receipt
from ledger.format.entry import Envelope, entry_hash
from ledger.format.event import Actor
from ledger.format.keys import OPENED, key_fields
from ledger.format.signature import P256_ORDER, Algorithm, Scheme, SignatureLine, b64, pae
from ledger.format.tiles import TILE_WIDTH
from ledger.personal.vault import Secret, commit, find_secrets
from ledger.storage.db import Row, Writer, reading
from ledger.storage.store import (
    ENTRY,
    HEAD,
    LOG,
    SEALED,
    TILE,
    entries,
    entry_at,
    leaf_hashes,
    log_number,
    rows,
    stream_events,
)
from ledger.types import UtcDateTime
from ledger.verifying.verify import verify
from ledger.verifying.walk import TABLES
from ledger.writing.changes import RECORDED_AT, SEQ, Add, Change, Insert, Put, Reads
from ledger.writing.prepared import Act
from ledger.writing.writer import Ledger
from tests.ledger.world import ORIGIN, START, World, accept, envelope, note_signer, signer

METADATA = MetaData()
BALANCE = Table(
    "test_balance",
    METADATA,
    Column("log", Integer, primary_key=True, autoincrement=False),
    Column("account", Integer, primary_key=True, autoincrement=False),
    Column("grams", BigInteger, nullable=False),
    CheckConstraint("grams >= 0"),
)
SEEN = Table(
    "test_seen",
    METADATA,
    Column("log", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("recorded_at", UtcDateTime, nullable=False),
)


@pytest.fixture
def world(engine: Engine) -> World:
    METADATA.create_all(engine)
    return World(engine).open().register("an")


def counts(engine: Engine) -> dict[str, int]:
    """Return how many rows every table has, and what the head is."""
    with reading(engine) as reader:
        tables = (LOG, *TABLES, BALANCE, SEEN)
        found = {t.name: reader.execute(select(func.count()).select_from(t)).scalar_one() for t in tables}
        return found | {"size": reader.execute(select(func.sum(HEAD.c.size))).scalar_one()}


def assert_ok(world: World) -> None:
    world.checkpoint()  # an auditor with a trust file asks for one
    with reading(world.engine) as reader:
        report = verify(reader, trust=world.trust)
    assert report.ok, report.findings


def test_a_receipt_is_signed_and_names_the_entry(world: World) -> None:
    done = world.note()
    assert open_receipt(done.note, [world.log_signer.key], ORIGIN) == done.receipt
    with reading(world.engine) as reader:
        entry = entry_at(reader, world.log, done.receipt.seq)
        assert entry is not None
        assert entry.hash == entry_hash(entry.data) == done.receipt.entry_hash
        assert entry.envelope.hash == done.envelope_hash
        assert leaf_hashes(reader, world.log)[done.receipt.seq] == done.receipt.entry_hash
        assert entry_at(reader, world.log, 99) is None
        assert [e.seq for e in stream_events(reader, world.log, "notes")] == [done.receipt.seq]
        assert [e.seq for e in entries(reader, world.log, start=1, stop=2)] == [1]
    assert_ok(world)


def test_the_same_envelope_twice_gets_the_first_receipt(world: World) -> None:
    data = envelope(world.written("once", signer("an")), signer("an"))
    first = world.ledger.submit(data, now=world.now())
    before = counts(world.engine)
    again = world.ledger.submit(data, now=world.now())
    assert again == replace(first, repeated=True)
    assert counts(world.engine) == before


def test_other_bytes_under_the_same_idem_are_a_conflict(world: World) -> None:
    first = world.written("once", signer("an"))
    world.submit(first, signer("an"))
    other = world.written("twice", signer("an"), idem=first.idem)
    with pytest.raises(Conflict, match="idempotency_conflict") as caught:
        world.submit(other, signer("an"))
    assert caught.value.problems[0].facts == {"seq": 2}


def test_another_signature_of_the_same_event_gets_the_first_receipt(world: World) -> None:
    world.register("binh", Algorithm.P256)
    who = signer("binh", Algorithm.P256)
    event = world.written("once", who)
    first = world.submit(event, who)
    assert isinstance(who.key, ec.EllipticCurvePrivateKey)
    data = event.to_bytes()
    r, s = decode_dss_signature(who.key.sign(pae(data), ec.ECDSA(hashes.SHA256())))
    value = r.to_bytes(32, "big") + min(s, P256_ORDER - s).to_bytes(32, "big")
    line = SignatureLine(Scheme.PAE, who.kid, b64(value))
    assert line != who.sign_event(data)
    again = world.ledger.submit(Envelope((line,), data).to_bytes(), now=world.now())
    assert again == replace(first, repeated=True)


def test_a_stale_stream_is_refused_and_writes_nothing(world: World) -> None:
    world.note("one")
    stale = world.written("two", signer("an"))
    world.note("two, by somebody faster")
    before = counts(world.engine)
    with pytest.raises(Conflict, match="stale_stream"):
        world.submit(stale, signer("an"))
    with pytest.raises(Conflict, match="stale_stream"):
        world.note(stream="new", stream_prev="0" * 64)
    assert counts(world.engine) == before


def test_another_origin_s_event_is_refused(world: World) -> None:
    with pytest.raises(Conflict, match="other_origin"):
        world.note(origin="other.example/notes")


def test_bytes_that_are_no_envelope_are_refused(world: World) -> None:
    with pytest.raises(Malformed):
        world.ledger.submit(b"nonsense", now=world.now())


def test_a_judge_that_refuses_writes_nothing(world: World) -> None:
    def refuse(_reads: Reads, _act: Act) -> tuple[Change, ...]:
        raise RuleBroken

    before = counts(world.engine)
    world.judge = refuse
    with pytest.raises(RuleBroken):
        world.note()
    assert counts(world.engine) == before
    world.judge = accept
    assert world.note().receipt.seq == 2
    assert_ok(world)


def test_a_judge_that_breaks_writes_nothing(world: World) -> None:
    def fail(_reads: Reads, _act: Act) -> tuple[Change, ...]:
        raise ZeroDivisionError

    before = counts(world.engine)
    world.judge = fail
    with pytest.raises(ZeroDivisionError):
        world.note()
    assert counts(world.engine) == before


def book(_reads: Reads, act: Act) -> tuple[Change, ...]:
    """Post the number that the note holds."""
    return (
        Add(BALANCE, {"account": 1}, "grams", int(act.event.body["text"])),
        Put(BALANCE, {"account": 2}, {"grams": SEQ}),
        Put(BALANCE, {"account": 2}, {}),
        Insert(SEEN, {"seq": SEQ, "recorded_at": RECORDED_AT}),
    )


def test_view_rows_go_in_with_the_entry_or_not_at_all(world: World) -> None:
    world.judge = book
    done = [world.note("5"), world.note("-2")]
    before = counts(world.engine)
    with pytest.raises(Conflict, match=r"ledger\.constraint"):
        world.note("-10")
    assert counts(world.engine) == before
    with reading(world.engine) as reader:
        assert [row["grams"] for row in rows(reader, BALANCE)] == [3, 3]
        seen = [(row["seq"], row["recorded_at"]) for row in rows(reader, SEEN)]
    assert seen == [(one.receipt.seq, one.receipt.recorded_at) for one in done]
    assert repr((SEQ, RECORDED_AT)) == "(SEQ, RECORDED_AT)"
    assert_ok(world)


def test_threads_appending_at_once_leave_one_dense_chain(world: World) -> None:
    names = [f"writer-{i}" for i in range(8)]
    for name in names:
        world.register(name)

    def write(name: str) -> list[int]:
        who, head, taken = signer(name), None, []
        for _ in range(25):
            event = world.written("text", who, party=name, stream=f"of/{name}", stream_prev=head)
            done = world.ledger.submit(envelope(event, who), now=world.now())
            head = done.envelope_hash
            taken.append(done.receipt.seq)
        return taken

    with ThreadPoolExecutor(8) as pool:
        taken = [seq for seqs in pool.map(write, names) for seq in seqs]
    assert sorted(taken) == list(range(10, 210))
    assert_ok(world)


def test_a_log_made_by_two_at_once_is_one_log(engine: Engine) -> None:
    def open_log(_: int) -> int:
        return Ledger(engine, ORIGIN, judge=accept, signer=note_signer()).log

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(open_log, range(8))) == {1}
    assert Ledger(engine, "second.example/log", judge=accept, signer=note_signer()).log == 2
    with reading(engine) as reader:
        assert log_number(reader) is None, "with two logs, one has to be named"
        assert log_number(reader, ORIGIN) == (1, ORIGIN)


class Meddler:
    """A judge that looks a balance up, while somebody else's act changes it behind its back."""

    def __init__(self, world: World, times: int, account: int = 7) -> None:
        self.world, self.times, self.account = world, times, account
        self.saw: list[int | None] = []

    def __call__(self, reads: Reads, _act: Act) -> tuple[Change, ...]:
        row = reads.one(BALANCE, account=7)
        assert reads.one(BALANCE, account=7) == row, "one judgement sees one state"
        self.saw.append(None if row is None else row["grams"])
        if len(self.saw) <= self.times:
            self._meddle(Put(BALANCE, {"account": self.account}, {"grams": len(self.saw)}))
        return ()

    def _meddle(self, change: Change) -> None:
        other = Ledger(self.world.engine, ORIGIN, judge=lambda *_: (change,), signer=note_signer())
        stream, who = f"meddling/{len(self.saw)}", signer("an")
        event = self.world.written("behind your back", who, party="an", stream=stream)
        other.submit(envelope(event, who), now=self.world.now())
        other.close()


def test_what_changed_meanwhile_is_judged_again(world: World) -> None:
    world.judge = meddler = Meddler(world, times=1)
    assert world.note().receipt.seq == 3
    assert meddler.saw == [None, 1]


def test_the_second_judgement_stands_under_the_lock(world: World) -> None:
    """What it sees nobody can change any more: it refuses, or its entry follows at once."""
    refused: list[Row | None] = []

    def judge(reads: Reads, act: Act) -> tuple[Change, ...]:
        meddler(reads, act)
        if len(meddler.saw) == 2:
            refused.append(reads.one(HEAD))
            raise RuleBroken
        return ()

    meddler = Meddler(world, times=1)
    world.judge = judge
    with pytest.raises(RuleBroken):
        world.note()
    assert meddler.saw == [None, 1]
    assert refused[0] is not None
    assert refused[0]["size"] == 3, "the act that came between, and not this one"
    with reading(world.engine) as reader:
        assert len(rows(reader, ENTRY)) == 3


def test_an_act_elsewhere_does_not_disturb_a_judgement(world: World) -> None:
    world.judge = meddler = Meddler(world, times=1, account=8)
    assert world.note().receipt.seq == 3
    assert meddler.saw == [None], "what it had looked up still held"


def test_two_openings_at_once_are_one(engine: Engine) -> None:
    """Somebody opens the log, with other keys and in another stream, while this one is being judged."""
    world = World(engine)

    def overtake(_reads: Reads, _act: Act) -> tuple[Change, ...]:
        world.judge = accept
        fields = [key_fields(signer("third").public_key, party="third", custody="service")]
        body = {"format": 1, "log_keys": [str(key) for key in world.log_keys], "root_keys": fields}
        actor = Actor(party="third", role="operator", kid=signer("third").kid)
        world.submit(world.event(OPENED, [actor], body, stream="elsewhere"), signer("third"))
        return ()

    world.judge = overtake
    with pytest.raises(Conflict, match="opening_out_of_place"):
        world.open()
    with reading(engine) as reader:
        assert len(rows(reader, ENTRY)) == 1


def test_a_head_that_moved_under_the_lock_refuses_the_entry(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meddle(writer: Writer, *_: Any) -> None:
        writer.execute(HEAD.update().values(size=99))

    before = counts(world.engine)
    monkeypatch.setattr("ledger.writing.append.Appender._tiles", lambda _self, writer, *_: meddle(writer))
    with pytest.raises(Conflict, match="head_moved"):
        world.note()
    assert counts(world.engine) == before


def test_without_a_commit_there_is_no_receipt(world: World) -> None:
    def fail(connection: Connection) -> None:
        if "ctnh_begin" in connection.get_execution_options():
            raise ConnectionAbortedError

    before = counts(world.engine)
    data = envelope(world.written("text", signer("an")), signer("an"))
    listen(world.engine, "commit", fail)
    with pytest.raises(ConnectionAbortedError):
        world.ledger.submit(data, now=world.now())
    remove(world.engine, "commit", fail)
    assert counts(world.engine) == before
    assert not world.ledger.submit(data, now=world.now()).repeated


def test_personal_values_go_to_the_vault_with_their_entry(world: World) -> None:
    secret = Secret("Nguyễn Văn A", "subject-1")
    assert "Nguyễn" not in repr(secret.salt)
    done = world.note(secrets={"driver": secret})
    with reading(world.engine) as reader:
        (row,) = rows(reader, SEALED)
        assert find_secrets(reader, world.log, [secret.commitment], world.subjects) == {
            secret.commitment: secret
        }
        entry = entry_at(reader, world.log, done.receipt.seq)
    assert {name: row[name] for name in row if name != "sealed"} == {
        "log": 1,
        "commitment": secret.commitment,
        "subject": "subject-1",
    }
    assert "Nguyễn".encode() not in row["sealed"]
    assert entry is not None
    assert secret.commitment.encode() in entry.data
    assert "Nguyễn".encode() not in entry.data


@pytest.mark.parametrize("secret", [Secret("other", "s", b"1" * 32), Secret("value", "s", b"short")])
def test_a_value_that_opens_no_commitment_is_refused(world: World, secret: Secret) -> None:
    promised = Secret("value", "s", b"2" * 32)
    commitments = {"a": promised.commitment} | ({"b": secret.commitment} if len(secret.salt) < 32 else {})
    event = world.written("text", signer("an"), commitments=commitments)
    with pytest.raises(Malformed, match="commitment_mismatch"):
        world.submit(event, signer("an"), secrets=(secret,))


def test_every_commitment_comes_with_its_value(world: World) -> None:
    kept = {"a": Secret("value", "s"), "b": Secret("other", "s")}
    event = world.written("text", signer("an"), commitments=commit(kept))
    with pytest.raises(Malformed, match="commitment_unopened /commitments/b"):
        world.submit(event, signer("an"), secrets=(kept["a"],))
    done = world.submit(event, signer("an"), secrets=tuple(kept.values()))
    # Whoever asks again need not know the values any more.
    again = world.ledger.submit(envelope(event, signer("an")), now=world.now())
    assert (again.repeated, again.receipt) == (True, done.receipt)
    with reading(world.engine) as reader:
        assert len(rows(reader, SEALED)) == 2


def test_without_the_subjects_keys_no_value_is_taken(world: World) -> None:
    world.ledger.subjects = None
    with pytest.raises(NotAllowed, match="vault_closed"):
        world.note(secrets={"driver": Secret("value", "s")})
    world.note()


def test_recorded_time_never_runs_back(world: World) -> None:
    event = world.written("text", signer("an"))
    done = world.ledger.submit(envelope(event, signer("an")), now=START)
    assert done.receipt.recorded_at == world.recorded[-1].receipt.recorded_at > START
    assert_ok(world)


def test_a_tile_ends_and_the_next_begins(sqlite_engine: Engine) -> None:
    world = World(sqlite_engine).open().register("an")
    for _ in range(TILE_WIDTH):
        world.note()
    assert world.checkpoint()[0] == TILE_WIDTH + 2
    with reading(world.engine) as reader:
        assert [len(row["hashes"]) // 32 for row in rows(reader, TILE)] == [TILE_WIDTH, 2, 1]
    assert_ok(world)
