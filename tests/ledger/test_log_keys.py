from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import Conflict, Malformed, NotAllowed
from ledger.format.event import Actor, Event
from ledger.format.keys import Key, KeyRing, key_fields
from ledger.format.log_keys import (
    ADDED,
    MAX_LOG_KEYS,
    RETIRED,
    LogKeys,
    check_roots,
    is_root,
    log_keys_after,
)
from ledger.format.note import Kind, NoteKey
from ledger.format.signature import Algorithm
from tests.ledger.world import OPERATORS, ORIGIN, World, private_key, signer

WORLD = World.__new__(World)
WORLD.origin, WORLD.numbers, WORLD.heads = ORIGIN, 0, {}


def key(name: str, kind: Kind = Kind.ED25519, origin: str = ORIGIN) -> NoteKey:
    algorithm = Algorithm.MLDSA44 if kind is Kind.MLDSA44 else Algorithm.ED25519
    public: Any = private_key(f"log {name}", algorithm).public_key()
    return NoteKey(origin, kind, public.public_bytes_raw())


A, B, C, Q = key("a"), key("b"), key("c"), key("q", Kind.MLDSA44)


def opened(*keys: NoteKey) -> Event:
    return change("log.opened.v1", log_keys=[str(one) for one in keys])


def change(kind: str, by: tuple[str, ...] = OPERATORS, **body: Any) -> Event:
    actors = [Actor(party="org:operator", role="operator", kid=signer(name).kid) for name in by]
    return WORLD.event(kind, actors, body, stream="log")


def test_a_key_takes_over_with_an_overlap() -> None:
    keys = log_keys_after(
        [(0, opened(A, Q)), (7, change(ADDED, key=str(B))), (9, change(RETIRED, key=str(A)))]
    )
    assert keys.at(0) == ()
    assert keys.at(1) == keys.at(7) == (A, Q)
    assert keys.at(8) == keys.at(9) == (A, Q, B)
    assert keys.at(10) == keys.at(10**9) == keys.current == (Q, B)


@given(st.lists(st.tuples(st.sampled_from([ADDED, RETIRED]), st.sampled_from([A, B, C, Q])), max_size=12))
def test_the_keys_at_a_size_are_those_after_so_many_entries(steps: list[tuple[str, NoteKey]]) -> None:
    keys = LogKeys()
    model: list[tuple[NoteKey, ...]] = [(A,)]
    keys.learn(opened(A), 0)
    for seq, (kind, one) in enumerate(steps, start=1):
        now = model[-1]
        after = (*now, one) if kind == ADDED else tuple(other for other in now if other != one)
        good = (one in now) == (kind == RETIRED) and any(k.kind is Kind.ED25519 for k in after)
        if good:
            keys.learn(change(kind, key=str(one)), seq)
        else:
            with pytest.raises(Conflict):
                keys.learn(change(kind, key=str(one)), seq)
        model.append(after if good else now)
    assert [keys.at(size) for size in range(1, len(model) + 1)] == model


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (change(ADDED, key=str(A)), "ledger.log_key_known"),
        (change(RETIRED, key=str(B)), "ledger.log_key_unknown"),
        (change(RETIRED, key=str(A)), "ledger.log_key_last"),
    ],
)
def test_a_change_that_cannot_be_is_refused_and_changes_nothing(event: Event, code: str) -> None:
    keys = log_keys_after([(0, opened(A, Q))])
    with pytest.raises(Conflict) as caught:
        keys.learn(event, 1)
    assert caught.value.code == code
    assert keys.current == (A, Q)


@pytest.mark.parametrize(
    "text",
    [
        None,
        1,
        "",
        "x",
        str(key("b", origin="other.example")),
        str(key("b", Kind.COSIGNATURE)),
        str(B)[:-4] + "AAA=",
    ],
)
def test_what_is_no_key_of_this_log_is_malformed(text: Any) -> None:
    keys = log_keys_after([(0, opened(A))])
    for kind in (ADDED, RETIRED):
        with pytest.raises(Malformed, match="field_invalid /body/key"):
            keys.learn(change(kind, key=text), 1)
    with pytest.raises(Malformed, match="field_invalid /body/log_keys/0"):
        LogKeys().learn(change("log.opened.v1", log_keys=[text]), 0)


def test_a_log_opens_with_a_bounded_list_and_an_ed25519_key() -> None:
    too_many = [str(key(str(n))) for n in range(MAX_LOG_KEYS + 1)]
    choices: list[Any] = [None, [], {}, "x", too_many]
    for listed in choices:
        with pytest.raises(Malformed, match="field_invalid /body/log_keys"):
            LogKeys().learn(change("log.opened.v1", log_keys=listed), 0)
    with pytest.raises(Conflict, match="log_key_last"):
        LogKeys().learn(opened(Q), 0)
    with pytest.raises(Conflict, match="log_key_known"):
        LogKeys().learn(opened(A, A), 0)
    full = log_keys_after([(0, opened(*(key(str(n)) for n in range(MAX_LOG_KEYS))))])
    with pytest.raises(Conflict, match="log_key_known"):
        full.learn(change(ADDED, key=str(B)), 1)


def test_other_events_say_nothing_of_the_log_s_keys() -> None:
    keys = log_keys_after([(0, opened(A)), (1, change("log.anchored.v1", key=str(B)))])
    assert keys.current == (A,)


def ring() -> KeyRing:
    """Roots at 0, one of them rotated at 5, another key registered at 6 and rotated at 7."""
    world = WORLD
    made = KeyRing()
    fields = world_fields()
    made.learn(change("log.opened.v1", root_keys=fields), 0)
    made.learn(world.rotation(OPERATORS[0], signer(OPERATORS[0]), signer("operator-a.2")), 5)
    made.learn(world.registration("an", signer("an")), 6)
    made.learn(world.rotation("an", signer("an"), signer("an.2")), 7)
    return made


def world_fields() -> list[dict[str, Any]]:
    return [key_fields(signer(name).public_key, party=name, custody="service") for name in OPERATORS]


def held(names: tuple[str, ...]) -> tuple[tuple[Key, ...], Callable[[int], Key | None]]:
    known = ring()
    found = [known.get(signer(name).kid) for name in names]
    return tuple(one for one in found if one is not None), known.ended_at


@pytest.mark.parametrize(
    ("names", "good"),
    [
        (("operator-a.2", "operator-b"), True),
        (("operator-a", "operator-b"), True),
        (("operator-b", "an.2"), False),
        (("an", "an.2"), False),
        (("operator-b",), False),
    ],
)
def test_the_log_s_keys_change_by_two_roots_or_those_that_took_their_place(
    names: tuple[str, ...],
    good: bool,
) -> None:
    keys, ended_at = held(names)
    assert len(keys) == len(names)
    for kind in (ADDED, RETIRED):
        event = change(kind, names, key=str(B))
        if good:
            check_roots(event, keys, ended_at)
        else:
            with pytest.raises(NotAllowed, match="root_keys_missing"):
                check_roots(event, keys, ended_at)
    check_roots(change("log.opened.v1", names), keys, ended_at)


def test_a_table_that_runs_in_circles_makes_no_root() -> None:
    (one,), _ = held(("an.2",))
    assert not is_root(one, lambda _: replace(one, until=one.since))
