"""A time stamp is taken only when it is the one asked for, and what an auditor finds when it is not."""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from rfc3161_client import TimeStampRequest
from sqlalchemy import Connection, Engine, delete, insert, update

from ledger.errors import Malformed, Refused
from ledger.format.checkpoint import Checkpoint, claimed_checkpoint
from ledger.format.event import Actor
from ledger.format.stamp import MAX_ANSWER_BYTES, TOLERANCE, Stamp, accept, check_token, question
from ledger.format.trust import Trust
from ledger.publishing.anchor import ANCHORED, ANCHORS, anchored
from ledger.report import Report
from ledger.storage.db import reading, writing
from ledger.storage.store import ANCHOR, CHECKPOINT
from ledger.verifying.verify import verify
from tests import tsa
from tests.ledger.tampering import covered, unfenced
from tests.ledger.world import OPERATORS, START, World, lived_in, signer
from tests.tsa import Mode

AUTHORITY = "tsa.example"
ROOTS = (tsa.pem(tsa.root()),)
HEAD = Checkpoint("ledger.example/notes", 7, bytes(range(32)))
AT = START.replace(microsecond=0)


def asked(mode: Mode) -> tuple[bytes, TimeStampRequest]:
    request = question(HEAD)
    return tsa.Authority(lambda: AT, mode).answer(request.as_bytes()), request


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def token(checkpoint: Checkpoint, at: datetime = AT, mode: Mode = Mode.CORRECT) -> bytes:
    return tsa.make_token(digest(checkpoint.text), at, mode=mode)


# What is taken from an authority.


def test_a_request_asks_for_the_bytes_of_the_note_text() -> None:
    request = question(HEAD)
    assert request.message_imprint.message == digest(
        "ledger.example/notes\n7\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    )
    assert request.nonce is not None
    assert question(HEAD).nonce != request.nonce


def test_the_answer_that_was_asked_for_is_taken() -> None:
    answer, request = asked(Mode.CORRECT)
    stamp = accept(answer, request, HEAD, ROOTS, AT + TOLERANCE)
    assert stamp.stamped_at == AT
    assert answer.endswith(stamp.token)
    assert check_token(stamp.token, HEAD, ROOTS) == AT


def test_the_chain_may_lead_through_another_authority() -> None:
    answer, request = asked(Mode.THROUGH_ANOTHER)
    assert accept(answer, request, HEAD, ROOTS, AT).stamped_at == AT


def test_a_fraction_of_a_second_is_cut_off() -> None:
    data = token(HEAD, AT + timedelta(milliseconds=500))
    assert b".5Z" in data
    assert check_token(data, HEAD, ROOTS) == AT


@pytest.mark.parametrize(
    ("mode", "code"),
    [
        (Mode.OTHER_DATA, "anchor_mismatch"),
        (Mode.EXPIRED, "anchor_expired"),
        (Mode.EXPIRED_ABOVE, "anchor_expired"),
        (Mode.WRONG_NONCE, "anchor_nonce"),
        (Mode.NO_NONCE, "anchor_nonce"),
        (Mode.FOREIGN, "anchor_untrusted"),
        (Mode.NO_PURPOSE, "anchor_untrusted"),
        (Mode.OTHER_CERTIFICATE, "anchor_untrusted"),
        (Mode.BROKEN_SIGNATURE, "anchor_untrusted"),
        (Mode.OTHER_CONTENT, "anchor_malformed"),
        (Mode.REFUSED, "anchor_refused"),
        (Mode.GARBAGE, "anchor_malformed"),
        (Mode.EMPTY, "anchor_malformed"),
    ],
)
def test_any_other_answer_is_refused_by_its_own_code(mode: Mode, code: str) -> None:
    answer, request = asked(mode)
    with pytest.raises(Refused) as caught:
        accept(answer, request, HEAD, ROOTS, AT)
    assert caught.value.code == f"ledger.{code}"


@pytest.mark.parametrize("apart", [TOLERANCE + timedelta(seconds=1), -TOLERANCE - timedelta(seconds=1)])
def test_an_authority_whose_clock_is_not_ours_is_refused(apart: timedelta) -> None:
    answer, request = asked(Mode.CORRECT)
    with pytest.raises(Refused, match=r"ledger\.anchor_time"):
        accept(answer, request, HEAD, ROOTS, AT + apart)


def test_without_the_right_root_nothing_is_taken() -> None:
    answer, request = asked(Mode.CORRECT)
    with pytest.raises(Refused, match=r"ledger\.anchor_untrusted"):
        accept(answer, request, HEAD, [tsa.pem(tsa.root("stranger"))], AT)


def test_an_answer_beyond_the_limit_is_not_even_read(monkeypatch: pytest.MonkeyPatch) -> None:
    answer, request = asked(Mode.CORRECT)
    monkeypatch.setattr("ledger.format.stamp.MAX_ANSWER_BYTES", len(answer))
    assert accept(answer, request, HEAD, ROOTS, AT).stamped_at == AT
    monkeypatch.setattr("ledger.format.stamp.MAX_ANSWER_BYTES", len(answer) - 1)
    with pytest.raises(Malformed, match=r"ledger\.anchor_malformed"):
        accept(answer, request, HEAD, ROOTS, AT)


def test_a_token_outlives_the_certificates_above_it_but_not_before_it_was_made() -> None:
    last = tsa.ENDS - timedelta(days=1)
    assert check_token(token(HEAD, last), HEAD, ROOTS) == last
    with pytest.raises(Refused, match=r"ledger\.anchor_expired"):
        check_token(token(HEAD, tsa.ENDS + timedelta(days=1)), HEAD, ROOTS)
    with pytest.raises(Refused, match=r"ledger\.anchor_expired"):
        check_token(token(HEAD, tsa.BEGAN - timedelta(days=1)), HEAD, ROOTS)


def test_no_change_to_a_token_makes_it_say_something_else() -> None:
    good, random = token(HEAD), Random(3161)  # noqa: S311  the same changes in every run
    said = set()
    for _ in range(3000):
        changed = bytearray(good)
        for _ in range(random.randint(1, 3)):
            place = random.randrange(len(changed))
            match random.randrange(4):
                case 0:
                    del changed[place]
                case 1:
                    changed[place] ^= 1 << random.randrange(8)
                case 2:
                    changed.insert(place, random.randrange(256))
                case _:
                    changed = changed[: place + 1]
        try:
            said.add(check_token(bytes(changed), HEAD, ROOTS).isoformat())
        except Refused as refused:
            said.add(refused.code.removesuffix("_" + refused.code.rpartition("_")[2]))
    assert said <= {AT.isoformat(), "ledger.anchor"}


# What an auditor finds.


def keep(world: World, size: int, data: bytes, authority: str = AUTHORITY) -> None:
    with writing(world.engine, world.log) as writer:
        writer.execute(
            insert(ANCHOR), {"log": world.log, "size": size, "authority": authority, "token": data}
        )


def log(world: World, body: dict[str, Any]) -> None:
    operator = signer(OPERATORS[0])
    actor = Actor(party=OPERATORS[0], role="operator", kid=operator.kid)
    world.submit(world.event(ANCHORED, [actor], body, stream=ANCHORS), operator)


def head(world: World) -> Checkpoint:
    return claimed_checkpoint(world.checkpoint()[1], world.origin)


def stamped(world: World, mode: Mode = Mode.CORRECT, at: datetime | None = None, **changed: Any) -> None:
    """Anchor the newest checkpoint as a service would; with ``mode`` or ``changed``, as a dishonest one."""
    checkpoint = head(world)
    at = at or world.now().replace(microsecond=0)
    data = token(checkpoint, at, mode)
    keep(world, checkpoint.size, data)
    log(world, anchored(Stamp(data, at), checkpoint, AUTHORITY) | changed)


def trusting(world: World, roots: tuple[str, ...] = ROOTS) -> Trust:
    trust = world.trust
    return Trust(trust.origin, trust.log_keys, trust.root_kids, tsa_roots=roots)


def report_of(world: World, roots: tuple[str, ...] = ROOTS) -> Report:
    with reading(world.engine) as reader:
        return verify(reader, trust=trusting(world, roots))


def found(report: Report) -> list[tuple[int | None, str, str]]:
    return [(one.seq, one.code.removeprefix("ledger."), one.detail) for one in report.findings]


def test_a_good_anchor_is_counted_where_its_root_is_trusted(engine: Engine) -> None:
    world = lived_in(engine)
    stamped(world)
    world.note("later", by="binh.2")
    world.note("of another kind", by="binh.2", stream=ANCHORS)
    stamped(world)
    report = report_of(world)
    assert (found(report), report.as_json()["anchors"]) == ([], {"good": 2, "not_checked": 0})
    without = report_of(world, ())
    assert (without.ok, without.as_json()["anchors"]) == (True, {"good": 0, "not_checked": 2})
    with reading(engine) as reader:
        alone = verify(reader)
    assert (alone.ok, alone.anchors_good, alone.anchors_not_checked) == (True, 0, 2)


@pytest.mark.parametrize(
    ("mode", "code"),
    [
        (Mode.OTHER_DATA, "anchor_mismatch"),
        (Mode.EXPIRED, "anchor_expired"),
        (Mode.EXPIRED_ABOVE, "anchor_expired"),
        (Mode.FOREIGN, "anchor_untrusted"),
        (Mode.NO_PURPOSE, "anchor_untrusted"),
        (Mode.OTHER_CERTIFICATE, "anchor_untrusted"),
        (Mode.BROKEN_SIGNATURE, "anchor_untrusted"),
    ],
)
def test_a_token_that_the_log_itself_took_in_wrongly_is_named(engine: Engine, mode: Mode, code: str) -> None:
    """Drill 38: a time stamp for other data, or of an expired chain."""
    world = lived_in(engine)
    stamped(world, mode)
    report = report_of(world)
    assert found(report) == [(12, code, f"12 {AUTHORITY}")]
    assert report.as_json()["anchors"] == {"good": 0, "not_checked": 0}
    assert report_of(world, ()).ok


@pytest.mark.parametrize(
    ("changed", "code", "detail"),
    [
        ({"root": "00" * 32}, "anchor_mismatch", "checkpoint 12"),
        ({"size": 11}, "anchor_mismatch", "checkpoint 11"),
        ({"size": 13}, "anchor_mismatch", "checkpoint 13"),
        ({"token_sha256": "00" * 32}, "anchor_mismatch", "token"),
        ({"stamped_at": "2026-01-05T01:00:00.000Z"}, "anchor_mismatch", "stamped_at"),
        ({"authority": "other.example"}, "anchor_missing", "12 other.example"),
        ({"size": "12"}, "anchor_malformed", "body"),
        ({"size": True}, "anchor_malformed", "body"),
        ({"root": "zz"}, "anchor_malformed", "body"),
        ({"root": "00"}, "anchor_malformed", "body"),
        ({"root": None}, "anchor_malformed", "body"),
        ({"stamped_at": "yesterday"}, "anchor_malformed", "body"),
        ({"authority": 1}, "anchor_malformed", "body"),
        ({"more": 1}, "anchor_malformed", "body"),
    ],
)
def test_an_entry_that_says_otherwise_than_its_token_is_named(
    sqlite_engine: Engine, changed: dict[str, Any], code: str, detail: str
) -> None:
    world = lived_in(sqlite_engine)
    stamped(world, **changed)
    assert (12, code, detail) in found(report_of(world))


@pytest.mark.parametrize(("ahead", "seq"), [(timedelta(hours=1), 12), (timedelta(hours=-1), 11)])
def test_the_authoritys_clock_bounds_the_logs_own(engine: Engine, ahead: timedelta, seq: int) -> None:
    """Drill 22: entries that are dated back, or ahead, by an hour."""
    world = lived_in(engine)
    stamped(world, at=AT + ahead)
    assert (seq, "anchor_time", "entry 12") in found(report_of(world))


def drop_token(connection: Connection) -> None:
    connection.execute(delete(ANCHOR))


def other_token(connection: Connection) -> None:
    connection.execute(update(ANCHOR).values(token=token(HEAD)))


def no_token(connection: Connection) -> None:
    connection.execute(update(ANCHOR).values(token=b""))


def vast_token(connection: Connection) -> None:
    connection.execute(update(ANCHOR).values(token=bytes(MAX_ANSWER_BYTES + 1)))


def further_token(connection: Connection) -> None:
    row = {"log": 1, "size": 5, "authority": AUTHORITY, "token": token(HEAD)}
    connection.execute(insert(ANCHOR), row)


def token_of_other_size(connection: Connection) -> None:
    connection.execute(update(ANCHOR).values(size=11))


def no_checkpoint(connection: Connection) -> None:
    connection.execute(delete(CHECKPOINT).where(CHECKPOINT.c.size == 12))


def token_of_no_log(connection: Connection) -> None:
    connection.execute(update(ANCHOR).values(log=9))


Tamper = Callable[[Connection], None]


@pytest.mark.parametrize(
    ("tamper", "expected"),
    [
        (drop_token, {(12, "anchor_missing")}),
        (other_token, {(12, "anchor_mismatch")}),
        (no_token, {(12, "anchor_mismatch")}),
        (vast_token, {(12, "anchor_mismatch"), (None, "anchor_malformed")}),
        (further_token, {(None, "anchor_unrecorded")}),
        (token_of_other_size, {(12, "anchor_missing"), (None, "anchor_unrecorded")}),
        (no_checkpoint, {(12, "anchor_mismatch")}),
        (token_of_no_log, {(12, "anchor_missing"), (None, "log_unknown")}),
    ],
)
@pytest.mark.parametrize("roots", [ROOTS, ()])
def test_what_is_done_to_the_tables_is_found(
    engine: Engine, tamper: Tamper, expected: set[tuple[int | None, str]], roots: tuple[str, ...]
) -> None:
    world = lived_in(engine)
    stamped(world)
    with unfenced(engine) as connection:
        tamper(connection)
        report = verify(covered(connection), trust=trusting(world, roots))
    assert {(seq, code) for seq, code, _ in found(report)} == expected
    assert report_of(world, roots).ok


def test_rows_of_any_shape_stop_nothing(sqlite_engine: Engine) -> None:
    world = lived_in(sqlite_engine)
    stamped(world)
    with unfenced(sqlite_engine) as connection:
        connection.exec_driver_sql("UPDATE ledger_anchor SET token = 'text'")
        connection.exec_driver_sql("INSERT INTO ledger_anchor VALUES (1, 'x', x'ff', 1)")
        report = verify(covered(connection), trust=trusting(world))
    assert {code for _, code, _ in found(report)} >= {"anchor_malformed", "anchor_missing"}
