from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import Malformed
from ledger.format import canonical
from ledger.format.event import Actor, Event, parse, parse_time, sole_actor, time_text

HASH = "a" * 64
EVENT = Event(
    origin="ledger.example/notes",
    kind="note.written.v1",
    stream="notes",
    stream_prev=None,
    actors=(Actor(party="an", role="writer", kid=HASH), Actor(party="binh", role="reader", kid="b" * 64)),
    idem="019b0000-0000-7000-8000-000000000001",
    occurred_at=datetime(2026, 1, 5, 1, 2, 3, 456000, tzinfo=UTC),
    body={"text": "chào"},
)


def changed(**fields: Any) -> bytes:
    raw = orjson.loads(EVENT.to_bytes()) | fields
    return canonical.encode(raw)


@pytest.mark.parametrize(
    "event",
    [
        EVENT,
        replace(EVENT, offline=True),
        replace(EVENT, stream_prev=HASH, commitments={"driver": HASH}),
        replace(EVENT, actors=(Actor(party="an", role="writer", kid=HASH, key_seq=0),)),
    ],
)
def test_an_event_survives_its_bytes(event: Event) -> None:
    assert parse(event.to_bytes()) == event


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("v", 2),
        ("v", True),
        ("v", "1"),
        ("origin", ""),
        ("origin", "Ledger"),
        ("origin", 1),
        ("origin", "x" * 101),
        ("kind", "written"),
        ("kind", "note.written"),
        ("kind", "note.written.v0"),
        ("kind", "Note.written.v1"),
        ("kind", "note.written.v1\n"),
        ("stream", "two words"),
        ("stream", None),
        ("stream_prev", "0"),
        ("stream_prev", "A" * 64),
        ("stream_prev", 0),
        ("idem", "019b0000-0000-4000-8000-000000000001"),
        ("idem", "019B0000-0000-7000-8000-00000000000A"),
        ("occurred_at", "2026-01-05T01:02:03Z"),
        ("occurred_at", "2026-01-05T01:02:03.456+00:00"),
        ("occurred_at", "2026-02-30T01:02:03.456Z"),
        ("occurred_at", "2026-01-05T24:00:00.000Z"),
        ("occurred_at", "2026-01-05T01:02:03.٤٥٦Z"),
        ("occurred_at", 1767574923),
        ("body", []),
        ("body", None),
        ("offline", False),
        ("offline", 1),
        ("commitments", []),
        ("commitments", {f"n{i}": HASH for i in range(33)}),
    ],
)
def test_a_wrong_field_is_refused_at_its_path(field: str, value: Any) -> None:
    with pytest.raises(Malformed) as caught:
        parse(changed(**{field: value}))
    assert [(p.code, p.path) for p in caught.value.problems] == [("ledger.field_invalid", f"/{field}")]


@pytest.mark.parametrize(
    ("field", "value", "code", "path"),
    [
        ("actors", [], "ledger.actors_invalid", "/actors"),
        ("actors", {}, "ledger.actors_invalid", "/actors"),
        ("actors", [{}] * 9, "ledger.actors_invalid", "/actors"),
        ("actors", ["an"], "ledger.actor_invalid", "/actors/0"),
        ("actors", [{"party": "an", "role": "writer"}], "ledger.actor_invalid", "/actors/0"),
        ("commitments", {"driver": "0"}, "ledger.commitment_invalid", "/commitments/driver"),
        ("commitments", {"driver": None}, "ledger.commitment_invalid", "/commitments/driver"),
        ("more", 1, "ledger.field_unknown", "/more"),
    ],
)
def test_a_wrong_part_is_refused_at_its_path(field: str, value: Any, code: str, path: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse(changed(**{field: value}))
    assert [(p.code, p.path) for p in caught.value.problems] == [(code, path)]


@pytest.mark.parametrize(
    "part",
    [
        {"party": "An"},
        {"role": "Writer"},
        {"role": ""},
        {"kid": "a"},
        {"key_seq": -1},
        {"key_seq": True},
        {"key_seq": None},
        {"key_seq": "0"},
        {"more": 1},
    ],
)
def test_a_wrong_actor_is_refused(part: dict[str, Any]) -> None:
    with pytest.raises(Malformed, match=r"ledger\.actor_invalid /actors/0"):
        parse(changed(actors=[{"party": "an", "role": "writer", "kid": HASH} | part]))


def test_the_same_key_may_not_sign_twice() -> None:
    actor = {"party": "an", "role": "writer", "kid": HASH}
    with pytest.raises(Malformed, match="actor_repeated"):
        parse(changed(actors=[actor, actor | {"role": "reader"}]))


@pytest.mark.parametrize("field", list(orjson.loads(EVENT.to_bytes())))
def test_every_field_is_needed(field: str) -> None:
    raw = orjson.loads(EVENT.to_bytes())
    del raw[field]
    with pytest.raises(Malformed, match=f"field_missing /{field}"):
        parse(canonical.encode(raw))


def test_all_wrong_fields_are_reported_together() -> None:
    with pytest.raises(Malformed) as caught:
        parse(changed(origin="", idem="", actors=[], commitments=[]))
    assert {p.path for p in caught.value.problems} == {"/origin", "/idem", "/actors", "/commitments"}


def test_an_event_is_an_object() -> None:
    with pytest.raises(Malformed, match="event_not_object"):
        parse(b"[]")


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1, 1, 1)))  # noqa: DTZ001  hypothesis wants it
def test_a_time_survives_its_text_to_the_millisecond(moment: datetime) -> None:
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert parse_time(time_text(moment)) == moment


def test_times_are_written_in_utc_and_never_naive() -> None:
    hanoi = timezone(timedelta(hours=7))
    assert time_text(datetime(2026, 1, 5, 8, tzinfo=hanoi)) == "2026-01-05T01:00:00.000Z"
    with pytest.raises(ValueError, match="naive"):
        time_text(datetime(2026, 1, 5))  # noqa: DTZ001  the mistake under test


SOLE = replace(EVENT, actors=EVENT.actors[:1])
PIECES = (
    b'"', b"{", b"}", b"[", b"]", b":", b",", b"\\", b" ", b"0", b"a", b"A", b"null", b"true", b"\n",
    "à".encode(), b'"body":{', b'"commitments":{}', b'"offline":true,', b'"key_seq":0,', b'"v":1}',
    b'{"text":', b"24:", b"-02-30T",
)  # fmt: skip


@pytest.mark.parametrize(
    "event",
    [
        SOLE,
        replace(SOLE, stream_prev=HASH),
        replace(SOLE, body={}),
        replace(SOLE, body={"v": {"commitments": {}}}),
    ],
)
def test_the_usual_event_is_known_at_once(event: Event) -> None:
    assert sole_actor(event.to_bytes()) == HASH


@pytest.mark.parametrize(
    "event",
    [
        EVENT,
        replace(SOLE, offline=True),
        replace(SOLE, commitments={"driver": HASH}),
        replace(SOLE, actors=(replace(SOLE.actors[0], key_seq=0),)),
    ],
)
def test_any_other_event_is_left_to_the_parser(event: Event) -> None:
    assert sole_actor(event.to_bytes()) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"body":{', b'"body":{"a":1.5,'),
        (b'"body":{', b'"a":0,"body":{'),
        (b'"body":{', b'"body":{"z":"\xe2\x80\xae"},"c":{'),
        (b"2026-01-05", b"2026-02-30"),
        (b"T01:", b"T24:"),
        (b'"v":1}', b'"v":1} '),
        (b'"v":1}', b'"v":true}'),
        (b'"commitments":{}', b'"commitments": {}'),
        (b'"commitments":{}', b'"body":{},"commitments":{}'),
        (b'"stream_prev":null', b'"stream_prev":"null"'),
        (b'ch\xc3\xa0o"', b'ch\xc3\xa0o\\"'),
        (b'"party":"an"', b'"party":""'),
        (b'"party":"an"', b'"party":"an\\n"'),
    ],
)
def test_no_wrong_event_is_taken_for_a_usual_one(old: bytes, new: bytes) -> None:
    data = SOLE.to_bytes()
    assert old in data
    with pytest.raises(Malformed):
        parse(data.replace(old, new))
    assert sole_actor(data.replace(old, new)) is None


@given(st.data())
def test_what_is_taken_for_usual_parses_to_it(data: st.DataObject) -> None:
    made = SOLE.to_bytes()
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(made)))
        stop = data.draw(st.integers(start, min(start + 12, len(made))))
        piece = data.draw(st.sampled_from(PIECES) | st.just(made[start:stop]) | st.binary(max_size=2))
        made = made[:start] + piece + made[data.draw(st.sampled_from((start, stop))) :]
    kid = sole_actor(made)
    try:
        event = parse(made)
    except Malformed:
        assert kid is None
        return
    usual = len(event.actors) == 1 and event.actors[0].key_seq is None
    usual = usual and not event.commitments and not event.offline
    assert kid == (event.actors[0].kid if usual else None)
