from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from ledger.errors import Conflict, Malformed, NotAllowed
from ledger.format.event import Actor, Event, parse
from ledger.format.keys import (
    HOLDER,
    CountGap,
    Key,
    KeyRing,
    check_count,
    check_signatures,
    counted_after,
    ended,
    introduced,
    key_fields,
)
from ledger.format.log_keys import ADDED, RETIRED, log_keys_after
from ledger.format.note import NoteSigner
from ledger.format.signature import Algorithm
from ledger.storage.db import reading
from ledger.storage.store import KEY, entries, rows
from tests.ledger.world import OPERATORS, ORIGIN, START, World, lived_in, private_key, signer

# A world that only makes events.
REGISTRATIONS = World.__new__(World)
REGISTRATIONS.origin, REGISTRATIONS.numbers, REGISTRATIONS.heads = ORIGIN, 0, {}


def key_rows(world: World) -> list[dict[str, Any]]:
    with reading(world.engine) as reader:
        return rows(reader, KEY, log=world.log)


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_registered_key_may_write(sqlite_engine: Engine, algorithm: Algorithm) -> None:
    world = World(sqlite_engine).open().register("an", algorithm)
    assert world.note(algorithm=algorithm).receipt.seq == 2


def test_an_unknown_key_may_not(sqlite_engine: Engine) -> None:
    with pytest.raises(NotAllowed, match=r"key_unknown /actors/0/kid"):
        World(sqlite_engine).open().note()


def test_registration_needs_the_holder_to_sign(sqlite_engine: Engine) -> None:
    world = World(sqlite_engine).open()
    sponsor = Actor(party=OPERATORS[0], role="operator", kid=signer(OPERATORS[0]).kid)
    body = {"key": key_fields(signer("an").public_key, party="an", custody="device")}
    with pytest.raises(NotAllowed, match="key_not_possessed"):
        world.submit(world.event("key.registered.v1", [sponsor], body), signer(OPERATORS[0]))
    holder = Actor(party="an", role="witness", kid=signer("an").kid)
    with pytest.raises(NotAllowed, match="key_not_possessed"):
        world.submit(
            world.event("key.registered.v1", [holder, sponsor], body), signer("an"), signer(OPERATORS[0])
        )


def test_registration_with_another_key_s_signature_is_refused(sqlite_engine: Engine) -> None:
    world = World(sqlite_engine).open()
    event = world.registration("an", signer("an"))
    with pytest.raises(Malformed, match="signers_differ"):
        world.submit(event, signer("binh"), signer(OPERATORS[0]))
    with pytest.raises(Malformed, match="signers_differ"):
        world.submit(event, signer("an"))


def test_a_key_is_taken_once_even_after_its_end(sqlite_engine: Engine) -> None:
    world = World(sqlite_engine).open().register("an")
    with pytest.raises(NotAllowed, match="key_known_already"):
        world.submit(world.registration("other", signer("an")), signer("an"), signer(OPERATORS[0]))
    world.revoke("an")
    with pytest.raises(NotAllowed, match="key_known_already"):
        world.register("an")


def test_what_was_signed_before_the_revocation_stays_and_nothing_comes_after(engine: Engine) -> None:
    world = World(engine).open().register("an")
    world.note("before")
    world.revoke("an")
    with pytest.raises(NotAllowed, match="key_revoked"):
        world.note("after")
    by_kid = {row["kid"]: (row["since"], row["until"]) for row in key_rows(world)}
    assert by_kid[signer("an").kid] == (1, 3)


def test_a_rotation_is_signed_by_both_and_ends_the_old_key(engine: Engine) -> None:
    world = World(engine).open().register("an")
    old, new = signer("an"), signer("an.2")
    event = world.rotation("an", old, new)
    world.submit(event, old, new)
    assert world.note(by="an.2").receipt.seq == 3
    with pytest.raises(NotAllowed, match="key_revoked"):
        world.note(by="an")


@pytest.mark.parametrize("missing", [0, 1])
def test_a_rotation_without_one_of_the_two_is_refused(sqlite_engine: Engine, missing: int) -> None:
    world = World(sqlite_engine).open().register("an").register("binh")
    pair = [signer("an"), signer("an.2")]
    body = {"kid": pair[0].kid, "key": key_fields(pair[1].public_key, party="an", custody="device")}
    pair[missing] = signer("binh")
    actors = [Actor(party="an", role=HOLDER, kid=key.kid) for key in pair]
    with pytest.raises(NotAllowed, match="key_not_possessed"):
        world.submit(world.event("key.rotated.v1", actors, body), *pair)


def test_only_a_living_key_can_be_ended(sqlite_engine: Engine) -> None:
    world = World(sqlite_engine).open().register("an")
    with pytest.raises(NotAllowed, match=r"key_unknown /body/kid"):
        world.submit(world.revocation("nobody", "f" * 64), signer(OPERATORS[0]))
    world.revoke("an")
    with pytest.raises(NotAllowed, match=r"key_unknown /body/kid"):
        world.revoke("an")
    with pytest.raises(Malformed, match=r"field_invalid /body/kid"):
        world.submit(world.revocation("an", 1), signer(OPERATORS[0]))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"custody": "lost"}, "ledger.field_invalid"),
        ({"custody": []}, "ledger.field_invalid"),
        ({"party": 1}, "ledger.field_invalid"),
        ({"party": "Not A Name"}, "ledger.field_invalid"),
        ({"party": "x" * 101}, "ledger.field_invalid"),
        ({"kid": "f" * 64}, "ledger.field_invalid"),
        ({"algorithm": "ecdsa-p256"}, "ledger.field_invalid"),
        ({"public_key": None}, "ledger.field_invalid"),
        ({"public_key": "!"}, "ledger.field_invalid"),
        ({"public_key": "AAAA"}, "ledger.key_malformed"),
        ({"more": 1}, "ledger.field_invalid"),
    ],
)
def test_wrong_fields_of_a_key_are_refused(sqlite_engine: Engine, changes: dict[str, Any], code: str) -> None:
    world = World(sqlite_engine).open()
    event = world.registration("an", signer("an"))
    fields = dict(event.body["key"]) | changes
    other = replace(event, body={"key": fields})
    with pytest.raises(Malformed) as caught:
        world.submit(other, signer("an"), signer(OPERATORS[0]))
    assert caught.value.code == code


@pytest.mark.parametrize("root_keys", [None, [], {}, ["x"]])
def test_a_log_opens_with_root_keys(sqlite_engine: Engine, root_keys: Any) -> None:
    world = World(sqlite_engine)
    with pytest.raises(Malformed, match="root_keys"):
        world.submit(world.opening(root_keys=root_keys), *(signer(name) for name in OPERATORS))


def test_every_root_key_signs_the_opening(sqlite_engine: Engine) -> None:
    world = World(sqlite_engine)
    fields = [
        key_fields(signer(name).public_key, party=name, custody="service") for name in (*OPERATORS, "third")
    ]
    with pytest.raises(NotAllowed, match="key_not_possessed"):
        world.submit(world.opening(root_keys=fields), *(signer(name) for name in OPERATORS))


def test_a_log_opens_once_and_first(sqlite_engine: Engine) -> None:
    world = World(sqlite_engine)
    with pytest.raises(Conflict, match="opening_out_of_place"):
        world.register("an")
    world.open()
    with pytest.raises(Conflict, match="opening_out_of_place"):
        world.submit(world.opening(), *(signer(name) for name in OPERATORS))


def test_the_ring_replays_to_what_the_table_says(sqlite_engine: Engine) -> None:
    world = lived_in(sqlite_engine)
    ring = KeyRing()
    with reading(world.engine) as reader:
        for entry in entries(reader, world.log):
            ring.learn(parse(entry.event), entry.seq)
    assert [(key.kid, key.since, key.until) for key in ring.all()] == [
        (row["kid"], row["since"], row["until"]) for row in key_rows(world)
    ]


def test_most_events_say_nothing_of_keys(sqlite_engine: Engine) -> None:
    event = World(sqlite_engine).written("text", signer("an"))
    assert introduced(event, 1) == ()
    assert ended(event) is None


def registered(name: str, since: int = 1) -> Key:
    (key,) = introduced(REGISTRATIONS.registration(name, signer(name)), since)
    return key


def acted(key_seq: int | None, by: str = "an") -> Event:
    actor = Actor(party=by, role="writer", kid=signer(by).kid, key_seq=key_seq)
    return REGISTRATIONS.event("note.written.v1", [actor], {"text": "x"})


@pytest.mark.parametrize(
    ("counted", "key_seq", "expected"),
    [
        (None, None, None),
        (None, 0, None),
        (None, 1, 0),
        (0, 1, None),
        (0, 0, 1),
        (0, 2, 1),
        (0, None, 1),
        (41, 42, None),
        (41, 41, 42),
        (41, 0, 42),
    ],
)
def test_a_key_that_counts_begins_with_zero_and_leaves_nothing_out(
    counted: int | None, key_seq: int | None, expected: int | None
) -> None:
    actor, key = acted(key_seq).actors[0], replace(registered("an"), counted=counted)
    if expected is None:
        check_count(actor, key)
        return
    with pytest.raises(Conflict, match="key_seq_gap") as caught:
        check_count(actor, key)
    found = "null" if key_seq is None else key_seq
    assert caught.value.problems[0].facts == {"expected": expected, "found": found}


def test_the_count_of_each_actor_is_kept_apart() -> None:
    two = replace(acted(3), actors=(acted(3).actors[0], acted(None, "binh").actors[0]))
    assert counted_after(two) == {signer("an").kid: 3}


@given(st.lists(st.integers(0, 5) | st.none(), max_size=30))
def test_the_ring_names_every_gap_and_only_those(counts: list[int | None]) -> None:
    ring = KeyRing()
    ring.learn(REGISTRATIONS.registration("an", signer("an")), 1)
    last: int | None = None
    for seq, key_seq in enumerate(counts, start=2):
        expected = 0 if last is None else last + 1
        good = key_seq == expected or (key_seq is None and last is None)
        gaps = ring.learn(acted(key_seq), seq)
        assert gaps == (() if good else (CountGap(signer("an").kid, expected, key_seq),))
        last = last if key_seq is None else key_seq
        known = ring.get(signer("an").kid)
        assert known is not None
        assert known.counted == last


def test_an_act_dropped_from_the_middle_leaves_a_gap() -> None:
    ring = KeyRing()
    ring.learn(REGISTRATIONS.registration("an", signer("an")), 1)
    found = [ring.learn(acted(n), seq) for seq, n in enumerate((0, 1, 3, 4), start=2)]
    assert found == [(), (), (CountGap(signer("an").kid, 2, 3),), ()]


def test_a_key_counts_from_the_act_that_brings_it_in() -> None:
    ring = KeyRing()
    event = REGISTRATIONS.registration("an", signer("an"))
    holder, sponsor = event.actors
    assert ring.learn(replace(event, actors=(replace(holder, key_seq=0), sponsor)), 1) == ()
    assert ring.learn(acted(1), 2) == ()


def test_a_stolen_key_cannot_write_into_the_past(engine: Engine) -> None:
    world = World(engine).open().register("an")
    world.note("before")
    world.revoke("an")
    with pytest.raises(NotAllowed, match="key_revoked"):
        world.note("dated back", occurred_at=START)
    with reading(world.engine) as reader:
        entry = list(entries(reader, world.log))[2]
    (key,) = (row for row in key_rows(world) if row["kid"] == signer("an").kid)
    known = replace(registered("an"), since=key["since"], until=key["until"])
    event = parse(entry.event)
    assert check_signatures(entry.envelope, event, 2, lambda _: known) == (known,)
    for seq in (0, 4):
        with pytest.raises(NotAllowed, match="key_revoked"):
            check_signatures(entry.envelope, event, seq, lambda _: known)


def counting(world: World, key_seq: int | None, by: str = "an") -> int:
    actor = Actor(party=by, role="writer", kid=signer(by).kid, key_seq=key_seq)
    return world.submit(world.event("note.written.v1", [actor], {"text": "x"}), signer(by)).receipt.seq


def test_a_counting_key_is_held_to_its_count_when_it_writes(engine: Engine) -> None:
    world = World(engine).open().register("an").register("binh")
    with pytest.raises(Conflict, match="key_seq_gap"):
        counting(world, 1)
    counting(world, 0)
    for wrong in (0, 2, None):
        with pytest.raises(Conflict, match="key_seq_gap"):
            counting(world, wrong)
    counting(world, 1)
    counting(world, None, by="binh")
    by_kid = {row["kid"]: row["counted"] for row in key_rows(world)}
    assert (by_kid[signer("an").kid], by_kid[signer("binh").kid]) == (1, None)


def log_key_change(world: World, kind: str, key: str, by: tuple[str, ...], **changed: Any) -> Event:
    actors = [Actor(party=name, role="operator", kid=signer(name).kid) for name in by]
    return world.event(kind, actors, {"key": key}, **{"stream": "log"} | changed)


def test_the_log_s_keys_change_by_an_entry_of_two_roots(engine: Engine) -> None:
    world = World(engine).open().register("an")
    new = str(NoteSigner(ORIGIN, private_key("next log key")).key)  # type: ignore[arg-type]
    old = str(world.log_signer.key)

    def change(kind: str, key: str, by: tuple[str, ...] = OPERATORS, **changed: Any) -> None:
        event = log_key_change(world, kind, key, by, **changed)
        world.submit(event, *(signer(name) for name in by))

    with pytest.raises(Conflict, match="log_key_last"):
        change(RETIRED, old)
    with pytest.raises(NotAllowed, match="root_keys_missing"):
        change(ADDED, new, (OPERATORS[0], "an"))
    with pytest.raises(Malformed, match=r"field_invalid /stream"):
        change(ADDED, new, stream="elsewhere")
    change(ADDED, new)
    with pytest.raises(Conflict, match="log_key_known"):
        change(ADDED, new)
    change(RETIRED, old)
    with pytest.raises(Conflict, match="log_key_unknown"):
        change(RETIRED, old)
    with reading(world.engine) as reader:
        told = [(entry.seq, parse(entry.event)) for entry in entries(reader, world.log)]
    keys = log_keys_after(told)
    assert [len(keys.at(size)) for size in range(1, len(told) + 1)] == [2, 2, 3, 2]
    assert new in {str(key) for key in keys.current}
    assert old not in {str(key) for key in keys.current}


def test_a_rotated_root_is_a_root(sqlite_engine: Engine) -> None:
    world = World(sqlite_engine).open()
    old, new = signer(OPERATORS[0]), signer("operator-a.2")
    world.submit(world.rotation(OPERATORS[0], old, new), old, new)
    vkey = str(NoteSigner(ORIGIN, private_key("next log key")).key)  # type: ignore[arg-type]
    by = ("operator-a.2", OPERATORS[1])
    world.submit(log_key_change(world, ADDED, vkey, by), *(signer(name) for name in by))
