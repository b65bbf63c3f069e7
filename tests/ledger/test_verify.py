"""A clean log verifies; whatever is done to it behind the program's back is found and named."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, Table, delete, insert, select, text, update

from ledger.errors import Conflict
from ledger.format.checkpoint import Checkpoint
from ledger.format.event import Actor
from ledger.format.trust import Trust
from ledger.personal import erasure
from ledger.personal.vault import Secret
from ledger.publishing.guard import Guard
from ledger.report import Finding, Report
from ledger.storage.db import Reader, open_engine, reading
from ledger.storage.store import (
    CHECKPOINT,
    ENTRY,
    HEAD,
    KEY,
    LOG,
    SEALED,
    STREAM,
    TILE,
    VAULT,
    entry_at,
    rows,
)
from ledger.verifying import walk
from ledger.verifying.verify import verify
from ledger.writing.writer import Ledger
from tests.conftest import NewEngine
from tests.ledger.tampering import covered, unfenced
from tests.ledger.world import (
    OPERATORS,
    ORIGIN,
    START,
    World,
    accept,
    lived_in,
    note_signer,
    post_quantum_signer,
    signer,
)


@pytest.fixture(scope="module")
def lived(module_engine: Engine) -> World:
    """A world of twelve entries that every test leaves as it was."""
    return lived_in(module_engine)


@pytest.fixture(scope="module")
def lived_sqlite(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The same on SQLite alone."""
    engine = open_engine(str(shutil.copy(sqlite_template, tmp_path_factory.mktemp("lived") / "lived.db")))
    lived_in(engine)
    yield engine
    engine.dispose()


Found = set[tuple[int | None, str]]


def found(report: Report) -> Found:
    return {(finding.seq, finding.code.removeprefix("ledger.")) for finding in report.findings}


def check(engine: Engine, **options: Any) -> Report:
    with reading(engine) as reader:
        return verify(reader, **options)


def test_a_clean_log_verifies(engine: Engine) -> None:
    world = lived_in(engine)
    report = check(engine, trust=world.trust, subjects=world.subjects)
    assert report.ok
    assert report.as_json() == {
        "ok": True,
        "origin": ORIGIN,
        "size": 12,
        "root": report.root,
        "findings": [],
        "found": 0,
        "guard": "not_checked",
        "meaning": "not_checked",
        "trust": "file",
        "checkpoint": {"size": 12},
        "since": 0,
        "signatures": 16,
        "anchors": {"good": 0, "not_checked": 0},
        "personal": {"open": 2, "sealed": 0, "redacted": 0},
    }
    with reading(engine) as reader:
        note = rows(reader, CHECKPOINT)[-1]["note"]
    assert Checkpoint(ORIGIN, 12, bytes.fromhex(report.root)).text in note


def test_without_a_trust_file_the_log_vouches_for_itself(engine: Engine) -> None:
    lived_in(engine, checkpoint=False)
    report = check(engine)
    assert (report.ok, report.trust, report.origin) == (True, "self", ORIGIN)
    assert report.as_json()["checkpoint"] is None


LOG_KEYS = (note_signer().key, post_quantum_signer().key)


@pytest.mark.parametrize(
    ("trust", "expected"),
    [
        (Trust("other.example/log", (note_signer().key,), ()), (None, "trust_mismatch")),
        (Trust(ORIGIN, (note_signer("evil").key,), ()), (0, "trust_mismatch")),
        (Trust(ORIGIN, LOG_KEYS, (signer("evil").kid,)), (0, "trust_mismatch")),
    ],
)
def test_a_log_that_is_not_the_trusted_one_is_named(
    sqlite_engine: Engine, trust: Trust, expected: tuple[int | None, str]
) -> None:
    lived_in(sqlite_engine)
    report = check(sqlite_engine, origin=ORIGIN, trust=trust)
    assert not report.ok
    assert expected in found(report)


def test_a_log_that_is_not_there_is_a_finding(sqlite_engine: Engine) -> None:
    assert (None, "log_unknown") in found(check(sqlite_engine))
    lived_in(sqlite_engine)
    assert (None, "log_unknown") in found(check(sqlite_engine, origin="other.example/log"))


def test_a_log_that_nobody_opened_is_not_fine(sqlite_engine: Engine) -> None:
    Ledger(sqlite_engine, ORIGIN, judge=accept, signer=note_signer())
    assert (0, "entry_missing") in found(check(sqlite_engine))


@pytest.mark.parametrize(
    "body", [{"format": 2}, {"log_keys": []}, {"log_keys": None}, {"log_keys": ["x"]}, {"log_keys": [1]}]
)
def test_an_opening_that_names_no_keys_is_named(sqlite_engine: Engine, body: dict[str, Any]) -> None:
    world = World(sqlite_engine)
    world.submit(world.opening(**body), *(signer(name) for name in OPERATORS))
    assert (0, "opening_malformed") in found(check(sqlite_engine))


def test_erased_values_are_redacted_and_not_tampered_with(engine: Engine) -> None:
    world = lived_in(engine)
    commitment = Secret("Nguyễn Văn A", "subject-1", b"s" * 32).commitment
    body = {"subject": "subject-1", "commitments": [commitment], "reason": "asked for"}
    actor = Actor(party="binh", role="operator", kid=signer("binh.2").kid)
    world.submit(world.event(erasure.KIND, [actor], body, stream=erasure.STREAM), signer("binh.2"))
    erasure.erase(engine, 1, world.subjects, erasure.Erasure("subject-1", (commitment,)))
    report = check(engine, subjects=world.subjects)
    assert report.ok
    assert report.as_json()["personal"] == {"open": 1, "sealed": 0, "redacted": 1}
    assert check(engine).as_json()["personal"] == {"open": 0, "sealed": 1, "redacted": 1}


def test_the_caller_s_steps_add_their_findings(sqlite_engine: Engine) -> None:
    def stocks(_reader: Reader, log: int) -> Iterable[Finding]:
        yield Finding(3, "manifest.stock_negative", f"log {log}")
        raise Conflict

    lived_in(sqlite_engine)
    report = check(sqlite_engine, further=[stocks])
    assert [finding.as_json() for finding in report.findings] == [
        {"seq": 3, "code": "manifest.stock_negative", "detail": "log 1"},
        {"seq": None, "code": "ledger.conflict", "detail": "replay"},
    ]


Tamper = Callable[[Connection], object]
TRUST = Trust(ORIGIN, LOG_KEYS, tuple(signer(name).kid for name in OPERATORS))


def at(table: Table, where: int, /, **values: Any) -> Tamper:
    """Set columns of the row at a position (of an entry, or of a table that is numbered another way)."""
    number = [column for column in table.primary_key.columns if column.name != "log"]

    def change(connection: Connection) -> None:
        statement = update(table).values(**values)
        if number:
            statement = statement.where(number[-1] == where)
        assert connection.execute(statement).rowcount == 1

    return change


def replaced(column: str, seq: int, old: bytes, new: bytes) -> Tamper:
    def change(connection: Connection) -> None:
        value = connection.execute(select(ENTRY.c[column]).where(ENTRY.c.seq == seq)).scalar_one()
        assert old in value
        at(ENTRY, seq, **{column: value.replace(old, new, 1)})(connection)

    return change


def header_of(connection: Connection, seq: int) -> bytes:
    """The header that version 0.1 stored."""
    found = entry_at(Reader(connection), 1, seq)
    assert found is not None
    return found.header


def stored_header(seq: int, old: bytes, new: bytes) -> Tamper:
    """Change the header of an entry that version 0.1 wrote."""

    def change(connection: Connection) -> None:
        header = header_of(connection, seq)
        assert old in header
        at(ENTRY, seq, header=header.replace(old, new, 1))(connection)

    return change


def shifted(connection: Connection) -> None:
    """Move the border between signatures and event."""
    row = connection.execute(select(ENTRY).where(ENTRY.c.seq == 4)).mappings().one()
    at(ENTRY, 4, signatures=row["signatures"] + row["event"][:1], event=row["event"][1:])(connection)


def without(*seqs: int) -> Tamper:
    return lambda connection: connection.execute(delete(ENTRY).where(ENTRY.c.seq.in_(seqs)))


def swapped(connection: Connection) -> None:
    for old, new in ((4, 99), (7, 4), (99, 7)):
        at(ENTRY, old, seq=new)(connection)


def forged(connection: Connection) -> None:
    row = connection.execute(select(ENTRY).where(ENTRY.c.seq == 11)).mappings().one()
    connection.execute(insert(ENTRY), dict(row) | {"seq": 12, "stream_seq": 9, "idem": b"x" * 16})


def leaf_edited(connection: Connection) -> None:
    hashes = bytearray(connection.execute(select(TILE.c.hashes)).scalar_one())
    hashes[4 * 32] ^= 1
    at(TILE, 0, hashes=bytes(hashes))(connection)


def leaves_cut(connection: Connection) -> None:
    hashes = connection.execute(select(TILE.c.hashes)).scalar_one()
    at(TILE, 0, hashes=hashes[:-32])(connection)


def note_edited(connection: Connection) -> None:
    note = connection.execute(select(CHECKPOINT.c.note).where(CHECKPOINT.c.size == 5)).scalar_one()
    at(CHECKPOINT, 5, note=note.replace("\n5\n", "\n6\n"))(connection)


def moved_to_another_log(connection: Connection) -> None:
    connection.execute(insert(LOG), {"log": 2, "origin": "second.example/log"})
    at(ENTRY, 4, log=2)(connection)


def added(table: Table, **values: Any) -> Tamper:
    return lambda connection: connection.execute(insert(table), {"log": 1, **values})


STREAM_ROW = {"stream": 77, "name": "ghost", "length": 1, "head": "0" * 64}
VAULT_ROW = {"subject": "s", "salt": b"s" * 32, "value": "v"}

TAMPERS: dict[str, tuple[Tamper, Found]] = {
    "byte of an event": (
        replaced("event", 4, b"second", b"Second"),
        {(4, "leaf_mismatch"), (4, "signature_invalid")},
    ),
    "event made illegible": (
        replaced("event", 4, b"{", b"["),
        {(4, "leaf_mismatch"), (4, "entry_malformed")},
    ),
    # What a header says follows from elsewhere: the entry itself is whole.
    "byte of a stored header": (stored_header(4, b"prev ", b"perv "), {(4, "column_mismatch")}),
    "time of a stored header": (stored_header(4, b"2026", b"2025"), {(4, "column_mismatch")}),
    "origin of a stored header": (stored_header(4, b"notes", b"nodes"), {(4, "column_mismatch")}),
    "something in the header column": (at(ENTRY, 4, header=b"x"), {(4, "column_mismatch")}),
    "stored header and time": (
        lambda connection: (
            stored_header(4, b"2026", b"2025")(connection),
            at(ENTRY, 4, recorded_at=0)(connection),
        ),
        {(4, "leaf_mismatch"), (4, "column_mismatch")},
    ),
    "time beside a stored header": (
        lambda connection: (
            stored_header(4, b"", b"")(connection),
            at(ENTRY, 4, recorded_at=0)(connection),
        ),
        {(4, "column_mismatch")},
    ),
    "byte of the signatures": (
        replaced("signatures", 4, b"\x01\x01", b"\x01\x03"),
        {(4, "leaf_mismatch"), (4, "entry_malformed")},
    ),
    "border between parts": (shifted, {(4, "leaf_mismatch"), (4, "entry_malformed")}),
    "column stream": (at(ENTRY, 4, stream=99), {(4, "column_mismatch")}),
    "column stream_seq": (at(ENTRY, 4, stream_seq=99), {(4, "column_mismatch")}),
    "column key": (at(ENTRY, 4, key=99), {(4, "column_mismatch")}),
    "column idem": (at(ENTRY, 4, idem=b"0123456789abcdef"), {(4, "column_mismatch")}),
    "column recorded_at": (at(ENTRY, 4, recorded_at=0), {(4, "leaf_mismatch")}),
    "column recorded_at impossible": (at(ENTRY, 4, recorded_at=2**62), {(4, "leaf_mismatch")}),
    "opening changed": (
        replaced("event", 0, b"operator-a", b"operator-c"),
        {(0, "leaf_mismatch"), (0, "signature_invalid")},
    ),
    "key entry changed": (
        replaced("event", 1, b"device", b"devise"),
        {(1, "leaf_mismatch"), (1, "field_invalid")},
    ),
    "middle row deleted": (without(4), {(4, "entry_missing")}),
    "key entry deleted": (without(1), {(1, "entry_missing")}),
    "rotation deleted": (without(6), {(6, "entry_missing")}),
    "revocation deleted": (without(9), {(9, "entry_missing")}),
    "begin of a stream deleted": (without(5), {(5, "entry_missing")}),
    "last row deleted": (without(11), {(11, "entry_missing")}),
    "several deleted": (without(3, 5, 8), {(3, "entry_missing"), (5, "entry_missing"), (8, "entry_missing")}),
    "a row's place taken": (
        at(ENTRY, 11, seq=13),
        {
            (11, "entry_missing"),
            (12, "entry_missing"),
            (13, "leaf_missing"),
            (None, "head_mismatch"),
            (12, "entry_beyond_head"),
            (13, "entry_beyond_head"),
        },
    ),
    "two rows swapped": (
        swapped,
        {(4, "leaf_mismatch"), (7, "leaf_mismatch"), (4, "key_unknown")},
    ),
    "forged row": (
        forged,
        {
            (12, "leaf_missing"),
            (12, "entry_beyond_head"),
            (None, "head_mismatch"),
        },
    ),
    "tile edited": (leaf_edited, {(4, "leaf_mismatch"), (None, "checkpoint_mismatch")}),
    "tile cut": (leaves_cut, {(11, "leaf_missing")}),
    "tile gone": (
        lambda connection: connection.execute(delete(TILE)),
        {(seq, "leaf_missing") for seq in range(12)},
    ),
    "tile of another level": (added(TILE, level=1, tile=0, hashes=b"h" * 32), {(None, "tile_malformed")}),
    "tile after a gap": (
        added(TILE, level=0, tile=2, hashes=b"h" * 32),
        {(None, "tile_malformed"), (12, "entry_missing"), (None, "head_mismatch"), (12, "entry_beyond_head")},
    ),
    "head raised": (at(HEAD, 0, size=13), {(None, "head_mismatch")}),
    "head lowered": (at(HEAD, 0, size=11), {(None, "head_mismatch"), (11, "entry_beyond_head")}),
    "head hash": (at(HEAD, 0, hash=b"h" * 32), {(None, "head_mismatch")}),
    "head time": (at(HEAD, 0, recorded_at=1), {(None, "head_mismatch")}),
    "head gone": (
        lambda connection: connection.execute(delete(HEAD)),
        {(None, "head_mismatch")},
    ),
    "stream renamed": (at(STREAM, 3, name="votes"), {(None, "stream_table_mismatch")}),
    "stream lengthened": (at(STREAM, 3, length=9), {(None, "stream_table_mismatch")}),
    "stream head": (at(STREAM, 3, head="0" * 64), {(None, "stream_table_mismatch")}),
    "stream added": (added(STREAM, **STREAM_ROW), {(None, "stream_table_mismatch")}),
    "stream removed": (
        lambda connection: connection.execute(delete(STREAM).where(STREAM.c.stream == 3)),
        {(None, "stream_table_mismatch")},
    ),
    "key custody": (at(KEY, 2, custody="custodial"), {(None, "key_table_mismatch")}),
    "key revived": (at(KEY, 2, until=None), {(None, "key_table_mismatch")}),
    "key replaced": (at(KEY, 2, public_key=b"k"), {(None, "key_table_mismatch")}),
    "key removed": (
        lambda connection: connection.execute(delete(KEY).where(KEY.c.key == 2)),
        {(None, "key_table_mismatch")},
    ),
    "checkpoint text": (note_edited, {(None, "note_signature_invalid")}),
    "checkpoint nonsense": (at(CHECKPOINT, 5, note="x"), {(None, "note_malformed")}),
    "checkpoint of another size": (at(CHECKPOINT, 5, size=6), {(None, "checkpoint_mismatch")}),
    "value changed": (
        lambda connection: connection.execute(
            update(SEALED).where(SEALED.c.subject == "subject-1").values(sealed=b"x" * 80)
        ),
        {(None, "vault_mismatch")},
    ),
    "value of somebody else": (
        lambda connection: connection.execute(
            update(SEALED).where(SEALED.c.subject == "subject-1").values(subject="subject-2")
        ),
        {(None, "vault_mismatch")},
    ),
    "value taken away": (
        lambda connection: connection.execute(delete(SEALED).where(SEALED.c.subject == "subject-1")),
        {(4, "vault_value_missing")},
    ),
    "value added": (
        added(VAULT, commitment=Secret(**VAULT_ROW).commitment, **VAULT_ROW),  # type: ignore[arg-type]
        {(None, "vault_mismatch")},
    ),
    "value in another normal form": (
        added(VAULT, commitment="0" * 64, **(VAULT_ROW | {"value": "e\u0302"})),
        {(None, "vault_mismatch")},
    ),
    "row moved to another log": (moved_to_another_log, {(4, "entry_missing")}),
    "row moved to no log": (at(ENTRY, 4, log=2), {(4, "entry_missing"), (None, "log_unknown")}),
    "log renamed": (at(LOG, 1, origin="other.example/log"), {(None, "log_unknown"), (0, "entry_missing")}),
}
CONTAINED = {"log renamed"}


@pytest.mark.parametrize("name", TAMPERS)
def test_tampering_is_found_and_nothing_else_is_named(lived: World, name: str) -> None:
    tamper, expected = TAMPERS[name]
    with unfenced(lived.engine) as connection:
        tamper(connection)
        report = verify(covered(connection), trust=TRUST, subjects=lived.subjects)
    assert not report.ok
    if name in CONTAINED:
        assert found(report) >= expected
    else:
        assert found(report) == expected
    assert check(lived.engine).ok, "what is rolled back was never there"


def test_a_column_is_named_in_the_detail(sqlite_engine: Engine) -> None:
    lived_in(sqlite_engine)
    with unfenced(sqlite_engine) as connection:
        at(ENTRY, 4, key=99)(connection)
        report = verify(covered(connection))
    assert report.findings == (Finding(4, "ledger.column_mismatch", "key"),)


def test_missing_and_sleeping_fences_are_named(engine: Engine) -> None:
    lived_in(engine)
    with unfenced(engine) as connection:
        report = verify(Reader(connection))
    assert {finding.detail for finding in report.findings} >= {
        "ledger_entry_no_update",
        "ledger_log_no_delete",
    }
    assert found(report) == {(None, "fence_missing")}


@pytest.mark.postgres
def test_a_fence_that_sleeps_is_named(postgres_engine: Engine) -> None:
    lived_in(postgres_engine)
    with postgres_engine.begin() as connection:
        connection.execute(text("ALTER TABLE ledger_entry ENABLE TRIGGER ledger_entry_no_update"))
    report = check(postgres_engine)
    assert [finding.detail for finding in report.findings] == ["ledger_entry_no_update"]


def test_a_fence_in_name_only_is_named(sqlite_engine: Engine) -> None:
    lived_in(sqlite_engine)
    with sqlite_engine.begin() as connection:
        connection.execute(text("DROP TRIGGER ledger_entry_no_update"))
        body = "BEGIN SELECT 1; END"
        connection.execute(
            text(f"CREATE TRIGGER ledger_entry_no_update BEFORE UPDATE ON ledger_entry {body}")
        )
    assert [finding.detail for finding in check(sqlite_engine).findings] == ["ledger_entry_no_update"]


def copied(source: Engine, connection: Connection, *tables: Table) -> None:
    with reading(source) as reader:
        for table in tables:
            connection.execute(delete(table))
            connection.execute(insert(table), rows(reader, table))


def test_a_cut_tail_is_found_under_the_checkpoint(new_engine: NewEngine) -> None:
    """Cut so well that rows, leaves, head, streams and keys agree: a shorter log, put in its place."""
    shorter, whole = new_engine(), new_engine()
    lived_in(whole)
    world = World(shorter).open().register("an").register("binh")
    world.note("first")
    assert check(shorter).ok
    with unfenced(whole) as connection:
        copied(shorter, connection, ENTRY, TILE, HEAD, STREAM, KEY)
        connection.execute(delete(SEALED))
        report = verify(covered(connection))
    assert found(report) == {(4, "tail_missing")}
    assert report.size == 4


def test_a_rewritten_history_is_found_under_the_checkpoint(new_engine: NewEngine) -> None:
    """Every key stolen, every hash and signature made anew from entry 3 on: only checkpoints know better."""
    other, whole = new_engine(), new_engine()
    lived_in(whole)
    world = World(other).open().register("an").register("binh")
    for text_ in ("FIRST", "second", "third", "fourth"):
        world.note(text_)
    with unfenced(whole) as connection:
        copied(other, connection, ENTRY, TILE, HEAD, STREAM, KEY)
        connection.execute(delete(SEALED))
        connection.execute(delete(CHECKPOINT).where(CHECKPOINT.c.size > 7))
        report = verify(covered(connection))
    assert found(report) == {(None, "checkpoint_mismatch")}


def test_a_checkpoint_of_a_stranger_s_key_is_found(sqlite_engine: Engine) -> None:
    world = lived_in(sqlite_engine)
    world.log_signers = (note_signer("evil"), post_quantum_signer("evil"))
    world.note(by="binh.2")
    world.checkpoint()
    assert found(check(sqlite_engine)) == {(None, "note_unsigned")}


def test_an_idem_that_comes_twice_is_found_though_the_constraint_is_gone(sqlite_engine: Engine) -> None:
    world = lived_in(sqlite_engine)
    with unfenced(sqlite_engine) as connection:
        connection.execute(text("CREATE TABLE copy AS SELECT * FROM ledger_entry"))
        connection.execute(text("DROP TABLE ledger_entry"))
        connection.execute(text("ALTER TABLE copy RENAME TO ledger_entry"))
        row = connection.execute(select(ENTRY).where(ENTRY.c.seq == 11)).mappings().one()
        connection.execute(insert(ENTRY), dict(row) | {"seq": 12})
        connection.execute(insert(ENTRY), dict(row))
        report = verify(Reader(connection))
    assert {(12, "idem_repeated"), (11, "entry_malformed")} <= found(report)
    assert world.log == 1


HOSTILE = [
    "UPDATE ledger_entry SET header = 'text' WHERE seq = 4",
    "UPDATE ledger_entry SET event = CAST(x'ff' AS TEXT) WHERE seq = 4",
    "UPDATE ledger_entry SET event = 17, signatures = 1.5 WHERE seq = 4",
    "UPDATE ledger_entry SET seq = 'four' WHERE seq = 4",
    "UPDATE ledger_entry SET seq = 1000000000000000 WHERE seq = 11",
    "UPDATE ledger_entry SET seq = -1 WHERE seq = 4",
    "UPDATE ledger_entry SET stream = 'x', stream_seq = x'00', key = 0.5, idem = 'x' WHERE seq = 4",
    "UPDATE ledger_entry SET log = 'one' WHERE seq = 4",
    "UPDATE ledger_tile SET hashes = x'00'",
    "UPDATE ledger_tile SET hashes = zeroblob(10000000)",
    "UPDATE ledger_tile SET hashes = 'text'",
    "UPDATE ledger_tile SET tile = 1000000000000",
    "UPDATE ledger_tile SET tile = 'x', level = 'y'",
    "UPDATE ledger_head SET size = 1000000000000000",
    "UPDATE ledger_head SET size = 'x', hash = 1, recorded_at = 'y'",
    "UPDATE ledger_stream SET stream = 'x', name = x'00', length = 'y', head = 1 WHERE stream = 1",
    "UPDATE ledger_stream SET name = CAST(x'ff' AS TEXT) WHERE stream = 1",
    "UPDATE ledger_key SET public_key = 'x', since = 'y', until = 'z' WHERE key = 2",
    "UPDATE ledger_key SET algorithm = 'none' WHERE key = 2",
    "UPDATE ledger_checkpoint SET note = CAST(x'ff' AS TEXT)",
    "UPDATE ledger_checkpoint SET note = 1, size = 'x' WHERE size = 5",
    "INSERT INTO vault_value VALUES (1, 'x', x'00', 7, x'00')",
    "INSERT INTO vault_value VALUES (1, x'00', 's', zeroblob(2000000), 'v')",
    "UPDATE vault_sealed SET sealed = 'text', subject = x'00'",
    "UPDATE vault_sealed SET commitment = 'not hex' WHERE subject = 'subject-1'",
    "UPDATE ledger_entry SET event = zeroblob(50000000) WHERE seq = 4",
    "UPDATE ledger_checkpoint SET note = CAST(zeroblob(50000000) AS TEXT)",
    "UPDATE ledger_tile SET hashes = zeroblob(50000000)",
    "UPDATE ledger_log SET origin = x'00'",
    "UPDATE ledger_log SET log = 'x'",
    "DROP TABLE vault_value",
    "DROP TABLE vault_sealed",
    "DROP TABLE ledger_tile",
    "DELETE FROM ledger_entry",
]


@pytest.mark.parametrize("statement", HOSTILE)
def test_nothing_a_row_holds_stops_the_verifier(lived_sqlite: Engine, statement: str) -> None:
    with unfenced(lived_sqlite) as connection:
        connection.exec_driver_sql(statement)
        for broken in ("", "UPDATE ledger_entry SET event = x'00' WHERE seq = 1"):
            if broken:
                connection.exec_driver_sql(broken)
            report = verify(Reader(connection), origin=ORIGIN)
            assert not report.ok
            assert set(found(report)) - {(None, "fence_missing")}
            assert report.as_json()["found"] >= len(report.findings)


def test_findings_are_kept_up_to_a_bound_and_counted_beyond(
    sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    lived_in(sqlite_engine)
    monkeypatch.setattr(walk, "MAX_FINDINGS", 3)
    with unfenced(sqlite_engine) as connection:
        connection.execute(update(ENTRY).values(event=b"x"))
        report = verify(covered(connection))
    assert len(report.findings) == 3
    assert report.found >= 24


@given(st.integers(0, 11), st.sampled_from(["signatures", "event"]), st.data())
def test_any_changed_byte_of_any_entry_is_found_and_named(
    lived_sqlite: Engine, seq: int, column: str, data: st.DataObject
) -> None:
    with unfenced(lived_sqlite) as connection:
        value = bytearray(connection.execute(select(ENTRY.c[column]).where(ENTRY.c.seq == seq)).scalar_one())
        value[data.draw(st.integers(0, len(value) - 1))] ^= data.draw(st.integers(1, 255))
        at(ENTRY, seq, **{column: bytes(value)})(connection)
        report = verify(covered(connection), trust=TRUST)
    assert {finding.seq for finding in report.findings} == {seq}


@given(st.integers(0, 11), st.sampled_from(["signatures", "event"]), st.data())
def test_any_dropped_or_added_byte_is_found_and_named(
    lived_sqlite: Engine, seq: int, column: str, data: st.DataObject
) -> None:
    with unfenced(lived_sqlite) as connection:
        value = connection.execute(select(ENTRY.c[column]).where(ENTRY.c.seq == seq)).scalar_one()
        place = data.draw(st.integers(0, len(value)))
        put, removed = data.draw(st.sampled_from([(b"x", 0), (b"\n", 0), (b"", 1)]))
        other = value[:place] + put + value[place + removed :]
        if other == value:
            return
        at(ENTRY, seq, **{column: other})(connection)
        report = verify(covered(connection), trust=TRUST)
    assert {finding.seq for finding in report.findings} == {seq}


def remembering(path: Path, *notes: str) -> Guard:
    guard, last = Guard(path), None
    for note in notes:
        guard.swap(last, note)
        last = note
    return guard


def test_what_the_guard_remembers_must_be_a_prefix(new_engine: NewEngine, tmp_path: Path) -> None:
    world, other = lived_in(new_engine()), World(new_engine()).open().register("an").register("binh")
    with reading(world.engine) as reader:
        notes = [row["note"] for row in rows(reader, CHECKPOINT)]
    report = check(world.engine, guard=remembering(tmp_path / "same", *notes))
    assert (report.ok, report.guard) == (True, "checked")
    assert check(world.engine, guard=remembering(tmp_path / "empty")).guard == "checked"
    for text_ in ("FIRST", "second", "third"):
        other.note(text_)
    shorter = check(other.engine, guard=remembering(tmp_path / "ahead", notes[-1]))
    assert found(shorter) == {(6, "guard_ahead")}
    forked = check(other.engine, guard=remembering(tmp_path / "fork", notes[0]))
    assert found(forked) == {(None, "guard_mismatch")}
    (tmp_path / "torn").write_bytes(b"x" * 100)
    assert found(check(world.engine, guard=Guard(tmp_path / "torn"))) == {(None, "guard_mismatch")}
    stranger = Checkpoint(ORIGIN, 5, bytes(32)).text
    unsigned = note_signer("evil").sign(stranger, START)
    assert found(check(world.engine, guard=remembering(tmp_path / "evil", unsigned))) == {
        (None, "guard_mismatch")
    }
