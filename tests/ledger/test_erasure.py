from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, insert, update

from ledger.errors import Conflict, Malformed
from ledger.format.event import Actor, Event
from ledger.personal.erasure import (
    KIND,
    MAX_ERASED,
    STREAM,
    Erasure,
    Promises,
    check_vault,
    erase,
    erase_pending,
    erasures_of,
    read_erasure,
)
from ledger.personal.subjects import Subjects
from ledger.personal.vault import Secret, commit, find_secrets, seal, sealed_rows
from ledger.report import Report
from ledger.storage.db import reading, writing
from ledger.storage.store import SEALED, VAULT, rows
from ledger.verifying.verify import verify
from tests.ledger.world import OPERATORS, ORIGIN, World, new_folder, signer

DRIVER = Secret("Nguyễn Văn A", "person:a", b"s" * 32)
PHONE = Secret("0900 000 000", "person:a", b"t" * 32)
OTHER = Secret("Trần Thị B", "person:b", b"u" * 32)


@pytest.fixture
def world(engine: Engine) -> World:
    """Entries 0 to 3: opening, registration, a note with two values of one person, one of another's."""
    made = World(engine).open().register("an")
    made.note("first", secrets={"driver": DRIVER, "phone": PHONE})
    made.note("second", secrets={"driver": OTHER})
    return made


def erased(world: World, *secrets: Secret, **changed: Any) -> Event:
    body = {
        "subject": secrets[0].subject if secrets else "person:a",
        "commitments": sorted(secret.commitment for secret in secrets),
        "reason": "asked for",
    }
    actor = Actor(party=OPERATORS[0], role="operator", kid=signer(OPERATORS[0]).kid)
    return world.event(KIND, [actor], body | changed, stream=STREAM)


def record(world: World, *secrets: Secret) -> Erasure:
    event = erased(world, *secrets)
    world.submit(event, signer(OPERATORS[0]))
    told = read_erasure(event)
    assert told is not None
    return told


def carry_out(world: World, *secrets: Secret) -> None:
    erase(world.engine, world.log, world.subjects, record(world, *secrets))


def report_of(world: World, subjects: Subjects | None = None) -> Report:
    with reading(world.engine) as reader:
        return verify(reader, subjects=subjects)


def found(world: World, subjects: Subjects | None = None) -> set[tuple[int | None, str]]:
    return {(one.seq, one.code.removeprefix("ledger.")) for one in report_of(world, subjects).findings}


def personal(world: World, subjects: Subjects | None = None) -> tuple[int, int, int]:
    report = report_of(world, subjects)
    assert report.ok, report.findings
    return report.personal_open, report.personal_sealed, report.personal_redacted


def opened(world: World) -> set[str]:
    with reading(world.engine) as reader:
        names = [one.commitment for one in (DRIVER, PHONE, OTHER)]
        return {one.value for one in find_secrets(reader, world.log, names, world.subjects).values()}


# What an entry says.


def test_an_erasure_is_read_from_its_event(world: World) -> None:
    assert read_erasure(erased(world, DRIVER, PHONE)) == Erasure(
        "person:a", tuple(sorted((DRIVER.commitment, PHONE.commitment)))
    )
    assert read_erasure(world.written("text", signer("an"))) is None


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"subject": None}, "/body/subject"),
        ({"subject": "Nguyễn Văn A"}, "/body/subject"),
        ({"subject": "x" * 101}, "/body/subject"),
        ({"commitments": []}, "/body/commitments"),
        ({"commitments": "f" * 64}, "/body/commitments"),
        ({"commitments": ["F" * 64]}, "/body/commitments"),
        ({"commitments": [1]}, "/body/commitments"),
        ({"commitments": ["f" * 64, "f" * 64]}, "/body/commitments"),
        ({"commitments": [f"{n:064x}" for n in range(MAX_ERASED + 1)]}, "/body/commitments"),
        ({"reason": ""}, "/body/reason"),
        ({"reason": "x" * 1001}, "/body/reason"),
        ({"reason": 1}, "/body/reason"),
        ({"more": 1}, "/body/more"),
    ],
)
def test_a_wrong_erasure_is_malformed(world: World, changed: dict[str, Any], path: str) -> None:
    with pytest.raises(Malformed) as caught:
        read_erasure(erased(world, DRIVER, **changed))
    assert [problem.path for problem in caught.value.problems] == [path]


def test_the_longest_erasure_fits_an_event(world: World) -> None:
    event = erased(world, DRIVER, commitments=[f"{n:064x}" for n in range(MAX_ERASED)], reason="ẩ" * 1000)
    assert read_erasure(event) is not None
    assert len(event.to_bytes()) < 48 * 1024


# Carrying it out.


def test_an_erased_value_is_gone_and_the_proofs_stand(world: World) -> None:
    assert personal(world) == (0, 3, 0)
    assert personal(world, world.subjects) == (3, 0, 0)
    carry_out(world, DRIVER, PHONE)
    assert opened(world) == {OTHER.value}
    assert personal(world, world.subjects) == (1, 0, 2)
    assert personal(world) == (0, 1, 2)
    assert world.subjects.is_destroyed("person:a")
    with pytest.raises(Conflict, match="subject_erased"):
        world.note("again", secrets={"driver": Secret("Nguyễn Văn A", "person:a")})


def test_a_part_may_be_erased_and_the_rest_stays_readable(world: World) -> None:
    carry_out(world, PHONE)
    assert opened(world) == {DRIVER.value, OTHER.value}
    assert not world.subjects.is_destroyed("person:a")
    assert personal(world, world.subjects) == (2, 0, 1)
    carry_out(world, DRIVER)
    assert world.subjects.is_destroyed("person:a")
    assert personal(world, world.subjects) == (1, 0, 2)


def test_erasing_again_changes_nothing(world: World) -> None:
    told = record(world, DRIVER, PHONE)
    for _ in range(3):
        erase(world.engine, world.log, world.subjects, told)
    assert personal(world, world.subjects) == (1, 0, 2)
    assert erase_pending(world.engine, world.log, world.subjects) == 0


def test_what_is_kept_of_a_subject_comes_in_parts_that_fit(world: World) -> None:
    many = [Secret(f"{n}", "person:many") for n in range(MAX_ERASED + 3)]
    with writing(world.engine, world.log) as writer:
        for row in sealed_rows(many, world.subjects):
            writer.execute(insert(SEALED), {"log": world.log, **row})
    with reading(world.engine) as reader:
        parts = erasures_of(reader, world.log, "person:many")
        assert erasures_of(reader, world.log, "person:nobody") == []
    assert [len(part) for part in parts] == [MAX_ERASED, 3]
    assert {name for part in parts for name in part} == {one.commitment for one in many}


def test_a_crash_after_the_entry_is_made_good_at_the_next_opening(world: World) -> None:
    record(world, DRIVER, PHONE)
    assert opened(world) == {DRIVER.value, PHONE.value, OTHER.value}
    assert {code for _, code in found(world)} == {"vault_value_returned"}
    assert erase_pending(world.engine, world.log, world.subjects) == 1
    assert personal(world, world.subjects) == (1, 0, 2)
    assert world.subjects.is_destroyed("person:a")


def test_a_crash_between_rows_and_key_is_made_good_at_the_next_opening(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = record(world, DRIVER, PHONE)

    def die(_self: Subjects, _subject: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Subjects, "destroy", die)
        with pytest.raises(KeyboardInterrupt):
            erase(world.engine, world.log, world.subjects, told)
    assert not world.subjects.is_destroyed("person:a")
    assert erase_pending(world.engine, world.log, world.subjects) == 1
    assert world.subjects.is_destroyed("person:a")
    assert erase_pending(world.engine, world.log, world.subjects) == 0


def test_an_older_vault_is_emptied_again(world: World) -> None:
    """Rows and keys come back from a backup; the entries and the list are newer."""
    with reading(world.engine) as reader:
        backup = rows(reader, SEALED)
    carry_out(world, DRIVER, PHONE)
    with writing(world.engine, world.log) as writer:
        writer.execute(delete(SEALED))
        writer.execute(insert(SEALED), backup)
    assert opened(world) == {OTHER.value}  # the rows are there, the key is not
    assert {code for _, code in found(world, world.subjects)} == {"vault_value_returned"}
    assert erase_pending(world.engine, world.log, world.subjects) == 1
    assert personal(world, world.subjects) == (1, 0, 2)


def test_another_log_keeps_its_own(world: World) -> None:
    other = World(world.engine, origin="other.example/log").open().register("an")
    other.subjects = Subjects(new_folder(), other.origin)
    other.ledger.subjects = other.subjects
    other.note("text", secrets={"driver": DRIVER})
    carry_out(world, DRIVER, PHONE)
    with reading(world.engine) as reader:
        assert find_secrets(reader, other.log, [DRIVER.commitment], other.subjects)


# What somebody does to the vault.

Deed = Callable[[World], None]


def on_vault(statement: Callable[[World], Any]) -> Deed:
    def do(world: World) -> None:
        with writing(world.engine, world.log) as writer:
            writer.execute(statement(world))

    return do


def returned(value: Secret, claimed: Secret = DRIVER) -> Deed:
    """Put a row back under the commitment of an erased value, sealed under a key of the intruder's making."""

    def do(world: World) -> None:
        carry_out(world, DRIVER, PHONE)
        row = {"log": world.log, "commitment": claimed.commitment, "subject": "person:a"}
        with writing(world.engine, world.log) as writer:
            writer.execute(insert(SEALED), {**row, "sealed": seal(value, b"k" * 32)})

    return do


def clear(**changed: Any) -> Deed:
    """Put a value under a promised commitment into the table of version 0.1, in the clear."""

    def do(world: World) -> None:
        row = {"commitment": DRIVER.commitment, "subject": "s", "salt": DRIVER.salt, "value": DRIVER.value}
        with writing(world.engine, world.log) as writer:
            writer.execute(delete(SEALED).where(SEALED.c.commitment == DRIVER.commitment))
            writer.execute(insert(VAULT), {"log": world.log, **row} | changed)

    return do


def resealed(one: Secret, under: Secret) -> Deed:
    """Seal another value for a commitment under the subject's own key, which the operator holds."""

    def do(world: World) -> None:
        key = world.subjects.find([under.subject])[under.subject]
        forged = _Claiming(one.value, under.subject, one.salt)
        forged_bytes = seal(forged, key)
        with writing(world.engine, world.log) as writer:
            at = SEALED.c.commitment == under.commitment
            writer.execute(update(SEALED).where(at).values(sealed=forged_bytes))

    return do


class _Claiming(Secret):
    @property
    def commitment(self) -> str:
        return DRIVER.commitment


GONE = (2, "vault_value_missing")
MISMATCH = (None, "vault_mismatch")
DEEDS: dict[str, tuple[Deed, set[tuple[int | None, str]]]] = {
    "33: an erased value brought back": (returned(DRIVER), {(4, "vault_value_returned")}),
    "33: another value in its place": (returned(OTHER), {(4, "vault_value_returned")}),
    "33: another value under a commitment": (resealed(OTHER, DRIVER), {MISMATCH}),
    "33: a wrong salt": (resealed(replace(DRIVER, salt=b"x" * 32), DRIVER), {MISMATCH}),
    "33: a wrong salt in the clear": (clear(salt=b"x" * 32), {MISMATCH}),
    "33: another value in the clear": (clear(value="Somebody else"), {MISMATCH}),
    "34: a row deleted without an entry": (
        on_vault(lambda _: delete(SEALED).where(SEALED.c.commitment == DRIVER.commitment)),
        {GONE},
    ),
    "34: all rows deleted": (on_vault(lambda _: delete(SEALED)), {GONE, (3, "vault_value_missing")}),
    "34: a row given to somebody without a key": (
        on_vault(lambda _: update(SEALED).where(SEALED.c.subject == "person:b").values(subject="person:x")),
        {(None, "vault_key_missing")},
    ),
    "34: a key destroyed without an entry": (
        lambda world: world.subjects.destroy("person:b"),
        {(None, "vault_key_missing")},
    ),
    "a row given to another person": (
        on_vault(lambda _: update(SEALED).where(SEALED.c.subject == "person:b").values(subject="person:a")),
        {MISMATCH},
    ),
    "a sealed value cut": (
        on_vault(lambda _: update(SEALED).where(SEALED.c.subject == "person:b").values(sealed=b"x")),
        {MISMATCH},
    ),
    "a value that nobody promised": (
        on_vault(
            lambda world: insert(SEALED).values(
                log=world.log, commitment="e" * 64, subject="person:a", sealed=b"x"
            )
        ),
        {MISMATCH},
    ),
    "a commitment that is none": (
        on_vault(
            lambda world: insert(SEALED).values(
                log=world.log, commitment="x", subject="person:a", sealed=b"x"
            )
        ),
        {MISMATCH},
    ),
    "a value twice, sealed and in the clear": (
        on_vault(
            lambda world: insert(VAULT).values(
                log=world.log,
                commitment=OTHER.commitment,
                subject="person:b",
                salt=OTHER.salt,
                value=OTHER.value,
            )
        ),
        {MISMATCH},
    ),
}


@pytest.mark.parametrize("name", DEEDS)
def test_what_somebody_does_to_the_vault_is_named(world: World, name: str) -> None:
    deed, expected = DEEDS[name]
    assert report_of(world, world.subjects).ok
    deed(world)
    assert found(world, world.subjects) == expected


def test_without_the_keys_what_can_be_told_is_told(world: World) -> None:
    returned(DRIVER)(world)
    on_vault(lambda _: delete(SEALED).where(SEALED.c.subject == "person:b"))(world)
    assert found(world) == {(4, "vault_value_returned"), (3, "vault_value_missing")}


def test_what_version_0_1_left_in_the_clear_is_open(world: World) -> None:
    clear()(world)
    assert personal(world, world.subjects) == (3, 0, 0)
    assert personal(world) == (1, 2, 0)


def test_a_value_promised_anew_after_its_erasure_may_stand(world: World) -> None:
    """Whoever hands the same value and salt in again has kept them; it is the later entry that counts."""
    carry_out(world, DRIVER, PHONE)
    again = replace(DRIVER, subject="person:a2")
    world.note("again", secrets={"driver": again})
    assert again.commitment == DRIVER.commitment
    assert personal(world, world.subjects) == (2, 0, 1)


def test_keys_lost_with_the_folder_are_named_once_a_person(world: World) -> None:
    empty = Subjects(new_folder(), ORIGIN)
    report = report_of(world, empty)
    assert [(one.code, one.detail) for one in report.findings] == [
        ("ledger.vault_key_missing", "subject person:a"),
        ("ledger.vault_key_missing", "subject person:b"),
    ]
    assert report.personal_sealed == 3


def test_an_erasure_that_cannot_be_read_is_named_and_erases_nothing(sqlite_engine: Engine) -> None:
    world = World(sqlite_engine).open().register("an")
    world.note("first", secrets={"driver": DRIVER})
    world.submit(erased(world, DRIVER, subject=1), signer(OPERATORS[0]))
    assert 3 in {seq for seq, _ in found(world)}
    on_vault(lambda _: delete(SEALED))(world)
    assert GONE in found(world)


# Every order of promising, erasing and tampering.


@given(st.data())
def test_the_vault_is_clean_exactly_when_nobody_has_been_at_it(
    sqlite_engine: Engine, data: st.DataObject
) -> None:
    """A model of promises and rows: whatever the order, a finding means a row too many, too few or wrong."""
    secrets = [Secret(str(n), "p", bytes([n]) * 32) for n in range(4)]
    names = [bytes.fromhex(one.commitment) for one in secrets]
    promises = Promises()
    present: set[int] = set()
    gone: set[int] = set()
    erased_at: dict[int, int] = {}
    world = World.__new__(World)
    world.origin, world.numbers, world.heads = ORIGIN, 0, {}
    for seq in range(data.draw(st.integers(0, 8))):
        who = data.draw(st.sets(st.integers(0, 3), min_size=1, max_size=2))
        chosen = [secrets[n] for n in sorted(who)]
        if data.draw(st.booleans()):
            actor = Actor(party="an", role="writer", kid=signer("an").kid)
            kept = commit({f"v{n}": one for n, one in enumerate(chosen)})
            promises.learn(world.event("note.written.v1", [actor], {}, commitments=kept), seq)
            present |= who
            gone -= who
        else:
            promises.learn(erased(world, *chosen), seq)
            present -= who
            erased_at |= dict.fromkeys(who, seq)
    # An erasure of what was never promised promises nothing.
    promised = {n for n, name in enumerate(names) if name in promises.promised}
    tampered = data.draw(st.sets(st.integers(0, 3)))
    rows_now = present ^ tampered
    with sqlite_engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")  # there is no log 0
        for n in sorted(rows_now):
            one = secrets[n]
            row = {"commitment": one.commitment, "subject": "p", "salt": one.salt, "value": one.value}
            connection.execute(insert(VAULT), {"log": 0, **row})
        done = check_vault(connection, 0, promises)  # type: ignore[arg-type]
        connection.rollback()
    # A promised value may be missing once an entry has erased it, before or after its last promise.
    quiet = {n for n in tampered if n in present and n in erased_at}
    assert bool(done.findings) == bool(tampered - quiet)
    assert done.opened == len(present & rows_now)
    assert done.redacted == len({n for n in promised - rows_now if n in erased_at})


def test_a_copy_of_the_folder_is_needed_to_open_a_copy_of_the_database(world: World, tmp_path: Path) -> None:
    stranger = Subjects(tmp_path / "keys", ORIGIN)
    stranger.keys(["person:a", "person:b"])
    assert {code for _, code in found(world, stranger)} == {"vault_mismatch"}
