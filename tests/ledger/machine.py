"""Lives of a real log, chosen by Hypothesis: acts, crashes, losses and attacks, measured against a model.

Verification must be clean exactly when nobody has laid hands on what it can see; what it cannot see somebody
else must: whoever holds the guard, a receipt, a kept checkpoint, or counts witnesses.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from shutil import rmtree
from typing import Any

import httpx
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from ledger import failpoints
from ledger.continuity import epoch
from ledger.continuity.recovery import recover
from ledger.errors import Conflict, NotAllowed, Refused, Unavailable
from ledger.format.checkpoint import claimed_checkpoint, open_receipt
from ledger.format.entry import Envelope, parse_envelope
from ledger.format.event import Actor, Event, parse
from ledger.format.keys import HOLDER, REGISTERED, REVOKED, ROTATED, key_fields
from ledger.format.packing import unpack
from ledger.format.policy import parse as parse_policy
from ledger.format.signature import Algorithm, KeySigner
from ledger.format.tiles import consistency, inclusion
from ledger.format.tree import verify_consistency, verify_inclusion
from ledger.format.trust import Trust
from ledger.personal.erasure import KIND, MAX_ERASED, STREAM, Erasure, erase, erase_pending, erasures_of
from ledger.personal.subjects import Subjects
from ledger.personal.vault import Secret, commit
from ledger.publishing.export import export
from ledger.publishing.guard import Guard
from ledger.publishing.publisher import Publisher, keep_cosignatures, last_checkpoint, newest_note
from ledger.publishing.standing import Floor, standing
from ledger.report import Report
from ledger.storage.db import open_engine, reading
from ledger.storage.store import ENTRY, KEY, SEALED, TILE, entries, entry_at, rows, tile_reader
from ledger.storage.store import STREAM as STREAMS
from ledger.verifying.fast import Fast
from ledger.verifying.incremental import State
from ledger.verifying.offline import check_export
from ledger.verifying.verify import _Careful, verify, verify_new
from ledger.watching.mirror import Mirror, suffix
from ledger.watching.remote import source
from ledger.watching.witness import Request, Witness
from ledger.writing.prepared import Appended
from ledger.writing.writer import Recorded
from tests.ledger.incidents import copy_of
from tests.ledger.machine_hands import (
    KINDS,
    Hand,
    Nothing,
    Rows,
    address,
    everything,
    in_hand,
    lay_hands,
    lower_a_fence,
    put_back,
    seen_by,
    shows,
    tried,
)
from tests.ledger.machine_life import Backup, Given, Life, other_bytes
from tests.ledger.synthetic import Bulk
from tests.ledger.tlog import cosigners
from tests.ledger.world import NOTE, OPERATORS, ORIGIN, World, envelope, new_folder, signer

WRITING = ("locked", "checked", "entries_written", "tiles_written", "views_written", "before_commit")
SIGNING = ("checkpoint_signed", "guard_swapped", "checkpoint_stored")
WITNESS, MIRROR = "witness.example/w", "mirror.example/m"
MAX_BACKUPS = 3
MAX_FORGED = 6
MAX_SUBJECTS = 4
SHORT = 100

Copies = Callable[[str], None]
numbers = st.integers(0, 10**6)
streams = st.sampled_from(["notes", "other", "third"])
rarely = st.sampled_from([False, False, False, True])


class Died(Exception):  # noqa: N818  what a failpoint does in place of a kill
    """The program was stopped here."""


def _die() -> None:
    raise Died


@contextmanager
def dying_at(point: str) -> Iterator[None]:
    failpoints.at(point, _die)
    try:
        yield
    finally:
        failpoints.at(point, None)


class Machine(RuleBasedStateMachine):
    """One life; ``make`` gives a migrated, empty database and ``drop`` takes one away by its address."""

    def __init__(self, make: Callable[[], Engine], drop: Copies) -> None:
        super().__init__()
        self.drop = drop
        self.folder = new_folder()
        self.engine = make()
        self.places = {address(self.engine)}
        self.http = httpx.Client()
        self.age = self.persons = self.names = 0
        self.truth: Rows | None = None  # what stood there before hands were laid on it
        self.scarred = False  # hands were laid on it, and life went on
        self.lives: list[Life] = []
        self.backups: list[Backup] = []
        self.holders: dict[str, tuple[KeySigner, str, bool]] = {}
        self.private: dict[str, Subjects] = {}
        self.known: dict[str, tuple[object, ...]] = {}
        self.witness = Witness(self.folder / "witness.db", self.known, cosigners(WITNESS))  # type: ignore[arg-type]
        self.mirror = Mirror(self.folder / "mirror", self.known, cosigners(MIRROR))  # type: ignore[arg-type]
        lines = [f"witness w{n} {one.key}" for n, one in enumerate(self.witness.signers)]
        self.policy = parse_policy("\n".join([*lines, "group g all w0 w1", "quorum g", ""]).encode())

    # The log and its actors.

    @property
    def life(self) -> Life:
        return self.lives[-1]

    @property
    def trust(self) -> Trust:
        return self.world.trust

    @property
    def owing(self) -> frozenset[str]:
        """What verification must say of persons though nobody has laid hands on anything: codes.

        Values do not come back with recovered entries. Where a backup was put in place from before an erasure
        whose entry is lost, the values are there again and their keys are not: it takes another entry.
        """
        codes = set()
        stored = self.sealed()
        if any(self.world.subjects.is_destroyed(subject) for subject in stored.values()):
            codes.add("ledger.vault_key_missing")
        if self.life.lost:
            codes.add("ledger.vault_value_missing")
        return frozenset(codes)

    def sealed(self) -> dict[str, str]:
        """Return whose each value in the vault is that nobody has laid hands on, by commitment."""
        found = self.truth or everything(self.engine)
        return {row[1]: row[2] for row in found[SEALED.name] if row[0] == self.world.log}

    @property
    def clean(self) -> bool:
        return self.truth is None and not self.scarred

    def begin(self, origin: str, count: int = 0) -> None:
        """Take up the log of an origin in the database as it stands."""
        self.world = World(self.engine, origin=origin, numbers=count)
        self.known[origin] = self.world.log_keys
        place = self.folder / str(len(self.lives))
        self.private.setdefault(origin, Subjects(place / "subjects", origin))
        self.lives.append(Life(origin, Guard(place / "guard.journal"), place))
        self.open(count)

    def open(self, count: int) -> None:
        """Start the program: guard before anything else, then whatever a crash has left undone."""
        life = self.life
        self.world = World(self.engine, origin=life.origin, numbers=count)
        world = self.world
        world.subjects = world.ledger.subjects = self.private[life.origin]
        life.guard = Guard(life.guard.path)
        floor = Floor(world.log, life.guard)
        with reading(self.engine) as reader:
            floor.look(reader)
            if life.leaves:
                world.ledger.accepted = epoch.accepted(reader, world.log)
                world.heads = {row["name"]: row["head"] for row in rows(reader, STREAMS, log=world.log)}
        world.ledger.bar(floor)
        erase_pending(self.engine, world.log, world.subjects)
        self.publisher = Publisher(
            self.engine,
            world.log,
            life.origin,
            world.log_signers,
            guard=life.guard,
            heartbeat=timedelta(minutes=10),
        )

    def close(self) -> None:
        self.world.ledger.close()
        self.engine.dispose()

    def again(self) -> None:
        """Start the program anew on the same database."""
        place, count = address(self.engine), self.world.numbers
        self.close()
        self.engine = open_engine(place)
        self.open(count)

    def move_to(self, place: str) -> None:
        """Start the program on another database; the one before is gone."""
        before, count = address(self.engine), self.world.numbers
        self.close()
        self.discard(before)
        self.engine = open_engine(place)
        self.open(count)

    def discard(self, place: str) -> None:
        self.places.discard(place)
        self.drop(place)

    def active(self) -> list[tuple[KeySigner, str, int | None]]:
        """Return those who may write: key, party, and the number that its next act bears."""
        with reading(self.engine) as reader:
            found = sorted(rows(reader, KEY, log=self.world.log), key=lambda row: row["kid"])
        made = []
        for row in found:
            if row["until"] is None and row["kid"] in self.holders:
                key, party, counting = self.holders[row["kid"]]
                number = (-1 if row["counted"] is None else row["counted"]) + 1
                made.append((key, party, number if counting else None))
        return made

    def writer(self, number: int) -> tuple[KeySigner, Actor] | None:
        found = self.active()
        if not found:
            return None
        key, party, count = found[number % len(found)]
        return key, Actor(party=party, role=HOLDER, kid=key.kid, key_seq=count)

    @property
    def operator(self) -> tuple[KeySigner, Actor]:
        key = signer(OPERATORS[0])
        return key, Actor(party=OPERATORS[0], role="operator", kid=key.kid)

    def act(
        self, event: Event, *signers: KeySigner, secrets: tuple[Secret, ...] = (), point: str | None = None
    ) -> Recorded | None:
        """Hand an event in, perhaps over a crash; None when it was rightly not taken."""
        data, life = envelope(event, *signers), self.life
        if (trouble := life.trouble) is not None and self.clean:
            with pytest.raises(Unavailable) as refused:
                self.world.ledger.submit(data, now=self.world.now(), secrets=secrets)
            assert refused.value.code == trouble
            return None
        try:
            if point is not None:
                with dying_at(point), pytest.raises(Died):
                    self.world.ledger.submit(data, now=self.world.now(), secrets=secrets)
                self.again()
            done = self.world.ledger.submit(data, now=self.world.now(), secrets=secrets)
        except Exception:
            if self.clean:
                raise
            return None  # hands were laid on it: the program may well stop
        assert done.repeated == (point == "after_commit")
        if done.repeated:
            assert done.receipt.seq == len(life.leaves)
            life.leaves.append(done.receipt.entry_hash)  # it was durable, and nobody was told
        life.take(Given(data, event, done))
        self.world.heads[event.stream] = done.envelope_hash
        self.scarred = self.scarred or self.truth is not None
        return done

    # Rules: what people do.

    @initialize(many=st.sampled_from([0, 0, 0, 249, 300]))
    def is_opened(self, many: int) -> None:
        self.begin(ORIGIN)
        world = self.world
        self.act(world.opening(), *map(signer, OPERATORS))
        self.register(Algorithm.ED25519, counting=False)
        self.register(Algorithm.ED25519, counting=True)
        if many:
            first = next(iter(self.holders.values()))
            Bulk(world, by=(first[1],), text="").add(many)
            with reading(self.engine) as reader:
                self.life.leaves = [entry.hash for entry in entries(reader, world.log)]
        self.signs(None)

    @rule(algorithm=st.sampled_from([*Algorithm]), counting=st.booleans())
    def register(self, algorithm: Algorithm, *, counting: bool) -> None:
        if not self.may_act:
            return
        self.names += 1
        name = f"w{self.names}"
        holder, sponsor = signer(name, algorithm), self.operator
        body = {"key": key_fields(holder.public_key, party=name, custody="device")}
        own = Actor(party=name, role=HOLDER, kid=holder.kid, key_seq=0 if counting else None)
        event = self.world.event(REGISTERED, [own, sponsor[1]], body, stream=f"keys/{name}")
        if self.act(event, holder, sponsor[0]) is not None:
            self.holders[holder.kid] = (holder, name, counting)

    @rule(number=numbers, counting=st.booleans())
    def rotate(self, number: int, *, counting: bool) -> None:
        found = self.writer(number)
        if found is None or not self.may_act:
            return
        old, actor = found
        self.names += 1
        new = signer(f"{actor.party}.{self.names}")
        body = {"kid": old.kid, "key": key_fields(new.public_key, party=actor.party, custody="device")}
        own = Actor(party=actor.party, role=HOLDER, kid=new.kid, key_seq=0 if counting else None)
        event = self.world.event(ROTATED, [actor, own], body, stream=f"keys/{actor.party}")
        if self.act(event, old, new) is not None:
            self.holders[new.kid] = (new, actor.party, counting)

    @rule(number=numbers)
    def revoke(self, number: int) -> None:
        found = self.writer(number)
        if found is None or not self.may_act or len(self.active()) < 3:
            return
        gone, actor = found
        key, by = self.operator
        event = self.world.event(REVOKED, [by], {"kid": gone.kid}, stream=f"keys/{actor.party}")
        if self.act(event, key) is not None and self.clean:
            late = self.world.event(NOTE, [actor], {"text": "too late"})
            with pytest.raises(NotAllowed, match=r"key_revoked"):
                self.world.ledger.submit(envelope(late, gone), now=self.world.now())

    @property
    def may_act(self) -> bool:
        """Whether acts are to be tried: after hands were laid on what the program itself would mend, none."""
        return self.truth is None or self.lasting

    lasting = False

    @rule(
        number=numbers,
        stream=streams,
        point=st.sampled_from([None, None, None, *WRITING, "after_commit", "after_commit"]),
    )
    def note(self, number: int, stream: str, point: str | None) -> None:
        found = self.writer(number)
        if found is None or not self.may_act:
            return
        key, actor = found
        event = self.world.event(NOTE, [actor], {"text": f"note {number}"}, stream=stream)
        self.act(event, key, point=point if self.clean else None)

    @rule(number=numbers, which=numbers)
    def late_note(self, number: int, which: int) -> None:
        """A note that was signed offline stands after others, on any note of its stream."""
        found = self.writer(number)
        there = [one for one in self.life.given if one.event.kind == NOTE and self.life.stands(one)]
        if found is None or not self.may_act or not there:
            return
        key, actor = found
        named = there[which % len(there)]
        place = {"stream": named.event.stream, "stream_prev": named.done.envelope_hash, "offline": True}
        self.act(self.world.event(NOTE, [actor], {"text": f"late {number}"}, **place), key)

    @rule(number=numbers, persons=st.lists(st.integers(0, MAX_SUBJECTS - 1), min_size=1, max_size=3))
    def personal_note(self, number: int, persons: list[int]) -> None:
        found = self.writer(number)
        if found is None or not self.clean:
            return
        kept = {}
        for person in persons:
            self.persons += 1
            name = f"person/{person}"
            while name in self.life.erased:
                name += "x"
            salt = self.persons.to_bytes(32, "big")
            kept[f"p{self.persons}"] = Secret(f"value {self.persons}", name, salt)
        key, actor = found
        event = self.world.event(NOTE, [actor], {"text": "personal"}, commitments=commit(kept))
        self.act(event, key, secrets=tuple(kept.values()))

    @rule(number=numbers, which=numbers)
    def correct(self, number: int, which: int) -> None:
        found = self.writer(number)
        if found is None or not self.may_act or not self.life.leaves:
            return
        key, actor = found
        body = {"entry": which % len(self.life.leaves), "text": "it was otherwise"}
        self.act(self.world.event("note.corrected.v1", [actor], body), key)

    @precondition(lambda self: self.clean and self.life.trouble is None)
    @rule(texts=st.lists(streams, min_size=2, max_size=6), number=numbers)
    def together(self, texts: list[str], number: int) -> None:
        """Several are judged at once and written in one transaction; of two for one place one is refused."""
        free = [(key, party) for key, party, count in self.active() if count is None]
        if not free:
            return
        waiting = []
        with reading(self.engine) as reader:
            for n, stream in enumerate(texts):
                key, party = free[(number + n) % len(free)]
                actor = Actor(party=party, role=HOLDER, kid=key.kid)
                event = self.world.event(NOTE, [actor], {"text": f"together {n}"}, stream=stream)
                data = envelope(event, key)
                prepared = self.world.ledger.prepare(reader, data, now=self.world.now())
                assert not isinstance(prepared, Appended)
                waiting.append((event, data, prepared))
        tickets = [self.world.ledger.put(prepared) for *_, prepared in waiting]
        taken: set[str] = set()
        for (event, data, _), ticket in zip(waiting, tickets, strict=True):
            if event.stream in taken:
                with pytest.raises(Conflict, match="stale_stream"):
                    ticket.result()
                continue
            done = self.world.ledger.receipt(ticket.result())
            self.life.take(Given(data, event, done))
            self.world.heads[event.stream] = done.envelope_hash
            taken.add(event.stream)

    @precondition(lambda self: self.clean)
    @rule(which=numbers)
    def repeat(self, which: int) -> None:
        """The same envelope gets the same receipt; other bytes under its ``idem`` are refused."""
        there = [one for one in self.life.given if self.life.stands(one)]
        if not there:
            return
        one = there[which % len(there)]
        done = self.world.ledger.submit(one.data, now=self.world.now())
        assert done.repeated
        assert done.receipt == one.done.receipt
        if one.event.kind != NOTE:
            return
        signers = [self.holders[actor.kid][0] for actor in one.event.actors]
        with pytest.raises(Conflict, match="idempotency_conflict"):
            self.world.ledger.submit(envelope(other_bytes(one.event), *signers), now=self.world.now())

    @precondition(lambda self: self.clean and self.life.trouble is None)
    @rule(which=numbers, dies=st.booleans())
    def erase(self, which: int, *, dies: bool) -> None:
        with reading(self.engine) as reader:
            names = sorted({row["subject"] for row in rows(reader, SEALED, log=self.world.log)})
            if not names:
                return
            name = names[which % len(names)]
            parts = erasures_of(reader, self.world.log, name)
        self.life.erased.add(name)
        for part in parts:
            self._erase(name, part, dies=dies)
        assert self.world.subjects.is_destroyed(name)
        assert name not in self.sealed().values()

    def _erase(self, subject: str, commitments: tuple[str, ...], *, dies: bool = False) -> None:
        key, by = self.operator
        body = {"subject": subject, "commitments": list(commitments), "reason": "asked for"}
        event = self.world.event(KIND, [by], body, stream=STREAM)
        assert self.act(event, key) is not None
        if dies:
            self.again()
        else:
            erase(self.engine, self.world.log, self.world.subjects, Erasure(subject, commitments))

    def settles(self) -> None:
        """Erase anew whose values have come back with a backup."""
        for name in sorted(
            {name for name in self.sealed().values() if self.world.subjects.is_destroyed(name)}
        ):
            with reading(self.engine) as reader:
                parts = erasures_of(reader, self.world.log, name)
            for part in parts:
                self._erase(name, part)

    # Rules: the signer, and those who keep what it signs.

    @rule(point=st.sampled_from([None, None, None, *SIGNING]))
    def signs(self, point: str | None) -> None:
        life = self.life
        if self.truth is not None and not self.scarred:
            return  # what hands have changed can still be put back as it was
        before, trouble = life.guard.last(), life.trouble
        if not self.clean:
            with suppress(Exception):  # it may stop; what it signs must still be right
                self.publisher.publish(self.world.now())
            if (after := life.guard.last()) != before:
                assert after is not None
                life.note_signed(after)
            return
        if trouble is not None:
            with pytest.raises(Conflict) as refused:
                self.publisher.publish(self.world.now())
            assert refused.value.code == trouble
            assert life.guard.last() == before
            return
        if point is not None and self.publisher.is_due(self.world.now()):
            with dying_at(point), suppress(Died):
                self.publisher.publish(self.world.now())
            if (after := life.guard.last()) != before:
                assert after is not None
                life.note_signed(after)
            self.again()
            before = life.guard.last()
        size, note = self.publisher.publish(self.world.now())
        assert size == len(life.leaves)
        assert note == life.guard.last()
        with reading(self.engine) as reader:
            last = last_checkpoint(reader, self.world.log)
        assert last is not None
        assert last[0] == size
        if note != before:
            life.note_signed(note)

    @precondition(lambda self: self.clean and self.life.trouble is None)
    @rule(number=numbers)
    def is_overtaken(self, number: int) -> None:
        """While a note is being signed another process records more and signs that: the later one stands."""
        life = self.life
        self.note(number, "notes", None)
        others: list[str] = []

        def overtake() -> None:
            failpoints.at("checkpoint_signed", None)
            self.note(number + 1, "other", None)
            world = self.world
            beside = Publisher(
                self.engine, world.log, life.origin, world.log_signers, guard=Guard(life.guard.path)
            )
            others.append(beside.publish(world.now())[1])

        failpoints.at("checkpoint_signed", overtake)
        try:
            size, note = self.publisher.publish(self.world.now())
        finally:
            failpoints.at("checkpoint_signed", None)
        assert (size, [note], note) == (len(life.leaves), others, life.guard.last())
        life.note_signed(note)

    @precondition(lambda self: self.clean and self.life.trouble is None)
    @rule(number=numbers, which=numbers, kind=st.sampled_from(["entry bytes", "last tile"]))
    def is_not_signed_over_damage(self, number: int, which: int, kind: str) -> None:
        """What was changed between recording and signing is read back, and nothing is signed over it."""
        life = self.life
        self.note(number, "notes", None)
        fresh = len(life.leaves) - len(life.signed)
        before, note = everything(self.engine), life.guard.last()
        with in_hand(self.engine) as connection:
            hand = Hand(connection, self.world.log, len(life.signed) + which % fresh, which, frozenset())
            if kind == "entry bytes":
                KINDS[kind].change(hand)
            else:
                row = hand.last(TILE, "tile") if len(life.leaves) % 256 else hand.pick(TILE)
                hand.set(TILE, row, hashes=row["hashes"][:-1] + bytes([row["hashes"][-1] ^ 1]))
        with pytest.raises(Conflict):
            self.publisher.publish(self.world.now())
        assert life.guard.last() == note
        put_back(self.engine, before)

    @precondition(lambda self: self.clean)
    @rule()
    def heart_beats(self) -> None:
        self.world.numbers += 1000
        before = self.life.guard.last()
        self.signs(None)
        if self.life.trouble is None:
            assert self.life.guard.last() != before

    @precondition(lambda self: self.clean)
    @rule()
    def witness_cosigns(self) -> None:
        life = self.life
        with reading(self.engine) as reader:
            note = newest_note(reader, self.world.log, life.guard)
            assert note is not None
            head = claimed_checkpoint(note)
            if head.size < life.witnessed:
                return  # the table has not yet got back what the guard knows
            read = tile_reader(reader, self.world.log)
            proof = consistency(read, life.witnessed, head.size) if life.witnessed else ()
        answer = self.witness.add_checkpoint(
            Request(life.witnessed, proof, note).to_bytes(), now=self.world.now()
        )
        assert answer.ok, answer
        life.witnessed = head.size
        keep_cosignatures(self.engine, self.world.log, head.size, answer.body.removesuffix("\n").split("\n"))
        with reading(self.engine) as reader:
            note = newest_note(reader, self.world.log, life.guard)
        assert note is not None
        assert self.policy.check(note, life.origin, log_keys=self.world.log_keys).quorum

    @precondition(lambda self: self.clean)
    @rule(mirrored=st.booleans())
    def is_exported(self, *, mirrored: bool) -> None:
        life = self.life
        folder = life.folder / "export"
        with reading(self.engine) as reader:
            last = last_checkpoint(reader, self.world.log)
            assert last is not None
            if last[0] < life.exported:
                with pytest.raises(Conflict, match="export_ahead"):
                    export(reader, self.world.log, folder)
                return
            export(reader, self.world.log, folder)
        life.exported = last[0]
        before = self.lives[-2] if len(self.lives) > 1 else None
        if before is None:
            report = check_export(folder, self.trust)
            assert report.ok, report.findings
            assert report.size == last[0]
        if mirrored:
            head = self.mirror.pull(source(str(folder), self.http), life.origin, now=self.world.now())
            assert head.size == last[0] >= life.mirrored
            life.mirrored = head.size

    # Rules: what befalls the database.

    @precondition(lambda self: self.clean and len(self.backups) < MAX_BACKUPS)
    @rule()
    def is_backed_up(self) -> None:
        place = copy_of(self.engine)
        self.places.add(place)
        self.backups.append(Backup.of(self.life, place))

    @precondition(lambda self: self.backups)
    @rule(which=numbers)
    def is_restored(self, which: int) -> None:
        """Put a backup in place of the database; the guard is not part of it."""
        backup = self.backups.pop(which % len(self.backups))
        self.life.leaves = list(backup.leaves)
        self.truth, self.scarred = None, False
        self.move_to(backup.place)
        with reading(self.engine) as reader:
            problem = standing(reader, self.world.log, self.life.guard)
        assert (None if problem is None else problem.code) == self.life.trouble
        self.receipts()

    @precondition(lambda self: self.clean and self.life.trouble is None)
    @rule(lost=st.integers(1, 4), signed=st.booleans(), mirrored=st.booleans(), person=st.booleans())
    def disk_fails(self, lost: int, *, signed: bool, mirrored: bool, person: bool) -> None:
        """A backup, some more entries, and the backup is all that is left: signed ones are missed."""
        if len(self.backups) == MAX_BACKUPS:
            self.discard(self.backups.pop(0).place)
        self.is_backed_up()
        for number in range(lost):
            if person and not number:
                self.personal_note(number, [number])
            else:
                self.note(number, "notes", None)
        if signed:
            self.signs(None)
            self.is_exported(mirrored=mirrored)
        self.is_restored(len(self.backups) - 1)

    @precondition(lambda self: self.clean and self.life.trouble == "ledger.behind_guard")
    @rule(dies=st.booleans())
    def is_recovered(self, *, dies: bool) -> None:
        life = self.life
        head, start = life.heads[-1], len(life.leaves)
        place = source(str(self.mirror.place(life.origin)), self.http)

        def missing(seq: int) -> Iterator[bytes]:
            return suffix(place, seq, self.world.log_keys, life.origin)

        before = everything(self.engine)
        if life.mirrored < head.size or life.leaves != life.signed[:start]:
            with pytest.raises(Refused):
                recover(self.world.ledger, missing, head)
            assert everything(self.engine) == before
            return
        if dies:
            with dying_at("entries_written"), pytest.raises(Died):
                recover(self.world.ledger, missing, head)
            assert everything(self.engine) == before
        done = recover(self.world.ledger, missing, head)
        assert (done.start, done.stop) == (start, head.size)
        life.leaves = list(life.signed)
        self.again()
        self.lost_values(start)

    def lost_values(self, start: int) -> None:
        """Personal values do not come back: that is named, one by one, until an entry says they are gone."""
        life = self.life
        back = {name for one in life.given if one.seq >= start for name in one.event.commitments.values()}
        life.lost = (life.promised() - self.sealed().keys()) & back
        report = self.verified()
        missing = [one for one in report.findings if one.code == "ledger.vault_value_missing"]
        names = sorted(finding.detail.removeprefix("commitment ") for finding in missing)
        assert set(names) == life.lost
        for first in range(0, len(names), MAX_ERASED):
            self._erase("person/lost", tuple(names[first : first + MAX_ERASED]))
        life.lost = set()

    @precondition(
        lambda self: self.clean and self.life.trouble == "ledger.behind_guard" and len(self.lives) < 3
    )
    @rule()
    def goes_on_elsewhere(self) -> None:
        """What is lost stays lost: the log goes on under a new name."""
        life, world = self.life, self.world
        with reading(self.engine) as reader:
            before = epoch.declare(
                reader,
                life.origin,
                life.notes[-1],
                lost=(len(life.leaves), len(life.signed)),
                cause="two disks",
                until=world.now() + timedelta(days=30),
            )
            heads = {row["name"]: row["head"] for row in rows(reader, STREAMS, log=world.log)}
        for backup in self.backups:
            self.discard(backup.place)
        self.backups.clear()
        self.world.ledger.close()
        self.begin(f"{ORIGIN}/{len(self.lives) + 1}", world.numbers)
        self.world.heads = heads
        opening = self.world.opening(**before.body())
        done = epoch.begin(
            self.world.ledger, envelope(opening, *map(signer, OPERATORS)), now=self.world.now()
        )
        self.life.leaves = [done.leaf]
        self.again()
        self.signs(None)

    @precondition(lambda self: self.clean and self.backups)
    @rule(which=numbers)
    def is_forked(self, which: int) -> None:
        """Whoever has the keys, a backup and the guard of then can write another history; who sees it?"""
        backup = self.backups.pop(which % len(self.backups))
        life, forged = self.life, open_engine(backup.place)
        path = self.folder / "rolled-back.journal"
        path.write_bytes(backup.guard)
        world = World(forged, origin=life.origin, numbers=self.world.numbers + 5000)
        try:
            with reading(forged) as reader:
                world.heads = {row["name"]: row["head"] for row in rows(reader, STREAMS, log=world.log)}
            key, by = self.operator
            for n in range(MAX_FORGED):
                event = world.event(NOTE, [by], {"text": f"another history {n}"})
                world.submit(event, key)
            guard = Guard(path)
            publisher = Publisher(forged, world.log, life.origin, world.log_signers, guard=guard)
            if backup.trouble is not None:
                # A backup of a log that had already lost entries: the guard of then would not have it either.
                with pytest.raises(Conflict, match=r"forked|behind_guard"):
                    publisher.publish(world.now())
                return
            size, note = publisher.publish(world.now())
            with reading(forged) as reader:
                leaves = [entry.hash for entry in entries(reader, world.log)]
                trust = world.trust
                kept = Trust(trust.origin, trust.log_keys, trust.root_kids, checkpoint=life.notes[-1])
                assert verify(reader, trust=trust, guard=guard).ok
                agreed = leaves[: len(life.signed)] == life.signed
                assert verify(reader, trust=kept).ok == agreed
                assert verify(reader, trust=trust, guard=life.guard).ok == agreed
                if leaves[: life.witnessed] != life.signed[: life.witnessed]:
                    read = tile_reader(reader, world.log)
                    proof = consistency(read, life.witnessed, size) if size > life.witnessed else ()
                    request = Request(life.witnessed, proof, note).to_bytes()
                    assert not self.witness.add_checkpoint(request, now=world.now()).ok
        finally:
            world.ledger.close()
            forged.dispose()
            path.unlink(missing_ok=True)
            self.discard(backup.place)

    # Rules: what somebody with the database in his hands does.

    @precondition(lambda self: not self.scarred and self.age > 4)
    @rule(kind=st.sampled_from([*KINDS]), one=numbers, two=numbers, old=st.booleans(), left=rarely)
    def hands_are_laid(self, kind: str, one: int, two: int, *, old: bool, left: bool) -> None:
        log = self.world.log
        if old and KINDS[kind].before:
            log = 1 + one % len(self.lives)
        before = everything(self.engine)
        with suppress(Nothing, IntegrityError):
            lay_hands(self.engine, kind, log, (one, two), self.spared())
        self.compare(before, left=left, lasting=KINDS[kind].lasting and log == self.world.log)

    @precondition(lambda self: not self.scarred and self.age > 4)
    @rule(number=numbers, asleep=st.booleans(), left=rarely)
    def a_fence_is_lowered(self, number: int, *, asleep: bool, left: bool) -> None:
        before = everything(self.engine)
        lower_a_fence(self.engine, number, asleep=asleep)
        self.compare(before, left=left, lasting=True)

    def spared(self) -> frozenset[str]:
        with reading(self.engine) as reader:
            names = {row["subject"] for row in rows(reader, SEALED)}
        return frozenset(name for name in names if self.world.subjects.is_destroyed(name))

    def compare(self, before: Rows, *, left: bool, lasting: bool) -> None:
        """Look at what hands have done; leave it, or put everything back."""
        first = self.truth is None
        self.truth = self.truth or before
        now = everything(self.engine)
        self.lasting = lasting and (first or self.lasting)
        if now == self.truth:
            self.truth = None
            return
        self.verified()
        self.others(now)
        if not left:
            self.is_put_back()

    def every_kind(self) -> None:
        """Whatever a life has come to: each kind of change to what is left of it is seen, on both ways."""
        life = self.life
        if life.trouble is None:
            self.settles()
        if self.owing:
            return
        kinds = [*KINDS]
        every = 6 if len(life.leaves) > SHORT else 2  # the walk takes its time; other lives try the others
        for n, kind in enumerate(kinds[life.leaves[-1][0] % every :: every]):
            self.is_seen(kind, life.leaves[-1][n % 32] + 256 * n, life.leaves[-1][(n + 7) % 32])

    def is_seen(self, kind: str, one: int, two: int) -> None:
        """Change something, verify, and undo it: it is seen, on both ways, exactly when it must be."""
        life, world, trust = self.life, self.world, self.trust
        before, spared = everything(self.engine), self.spared()
        with (
            suppress(Nothing, IntegrityError),
            tried(self.engine, kind, world.log, (one, two), spared) as reader,
        ):
            after = seen_by(reader)
            report = verify(reader, trust=trust, subjects=world.subjects, policy=self.policy)
            assert report.ok == (not shows(before, after, world.log)), (kind, report.findings)
            assert "ledger.verifiers_disagree" not in {finding.code for finding in report.findings}, kind
            if len(self.lives) == 1:
                walk = _Careful(reader, life.origin, trust).knowing(None, world.subjects, self.policy)
                walk.walk()
                assert report.ok == (not walk.found), (kind, walk.findings)
        assert everything(self.engine) == before

    def others(self, now: Rows) -> None:
        """What verification does not see somebody else does."""
        assert self.truth is not None
        if shows(self.truth, now, self.world.log):
            return
        table = {row[:2] for row in now["ledger_checkpoint"]}
        for life in self.lives:
            guarded = {claimed_checkpoint(note).size for note in life.guard.notes()}
            gone = [row for row in self.truth["ledger_checkpoint"] if row[:2] not in table]
            for log, size, _ in gone:
                assert log != self.lives.index(life) + 1 or size in guarded
        if self.truth["ledger_cosignature"] == now["ledger_cosignature"]:
            return
        changed = {row[:2] for row in self.truth["ledger_cosignature"] ^ now["ledger_cosignature"]}
        notes = {row[:2]: row[2] for row in self.truth["ledger_checkpoint"]}
        for place in changed & set(notes):
            if place[0] != self.world.log:
                continue
            lines = sorted(row[4] for row in now["ledger_cosignature"] if row[:2] == place)
            note = notes[place] + "".join(f"{line}\n" for line in lines)
            try:
                checked = self.policy.check(note, self.life.origin, log_keys=self.world.log_keys)
            except Refused:
                continue
            assert not checked.quorum

    @precondition(lambda self: self.truth is not None and not self.scarred)
    @rule()
    def is_put_back(self) -> None:
        assert self.truth is not None
        put_back(self.engine, self.truth)
        now = everything(self.engine)
        assert now == self.truth, {name: now[name] ^ self.truth[name] for name in now}
        self.truth = None
        self.verified()

    @precondition(lambda self: self.clean)
    @rule(which=numbers)
    def is_kept_as_before(self, which: int) -> None:
        """An entry kept as version 0.1 kept it is the same entry."""
        seq = which % len(self.life.leaves)
        with reading(self.engine) as reader:
            found = entry_at(reader, self.world.log, seq)
            (row,) = rows(reader, ENTRY, log=self.world.log, seq=seq)
        assert found is not None
        head = unpack(row["signatures"], len(row["event"]))
        with in_hand(self.engine) as connection:
            here = (ENTRY.c.log == self.world.log) & (ENTRY.c.seq == seq)
            connection.execute(ENTRY.update().where(here).values(header=found.header, signatures=head))

    # What must hold.

    @invariant()
    def grows_as_acknowledged(self) -> None:
        self.age += 1
        if not self.lives:
            return
        note = self.witness.latest(self.life.origin)
        assert (0 if note is None else claimed_checkpoint(note).size) == self.life.witnessed
        if self.clean:
            with reading(self.engine) as reader:
                read = tile_reader(reader, self.world.log)
                count = len(self.life.leaves)
                stored = b"".join(read(0, tile) for tile in range(-(-count // 256) + 1))
            assert stored == b"".join(self.life.leaves)

    @rule()
    def is_verified(self) -> None:
        self.verified()

    def verified(self) -> Report:
        """Verify in every way, and compare with what the model says."""
        life, world, trust = self.life, self.world, self.trust
        damaged = self.scarred or (
            self.truth is not None and shows(self.truth, everything(self.engine), world.log)
        )
        owing = self.owing
        beside: dict[str, Any] = {"trust": trust, "subjects": world.subjects, "policy": self.policy}
        with reading(self.engine) as reader:
            report = verify(reader, guard=life.guard, **beside)
            alone = verify(reader, **beside)
            hashes = verify(reader, depth="hashes", **beside)
            if len(self.lives) == 1:
                knows = (life.guard, world.subjects, self.policy)
                fast = Fast(reader, life.origin, trust).knowing(*knows).prove()
                careful = _Careful(reader, life.origin, trust).knowing(*knows)
                careful.walk()
                assert fast == (not careful.found), (fast, careful.findings)
        codes = {finding.code for finding in report.findings}
        assert "ledger.verifiers_disagree" not in codes
        assert report.ok == (not damaged and life.trouble is None and not owing), report.findings
        assert alone.ok == (not damaged and not owing), alone.findings
        assert damaged or {finding.code for finding in alone.findings} == owing, alone.findings
        assert hashes.ok or not alone.ok
        self.incremental(report, owing=bool(owing))
        return report

    def incremental(self, full: Report, *, owing: bool) -> None:
        """What an auditor says who remembers: the same, unless what he remembers is not there any more."""
        life, world = self.life, self.world
        known: list[tuple[State | None, list[bytes]]] = [(None, []), *life.states[-2:]]
        for state, seen in known:
            with reading(self.engine) as reader:
                report, after = verify_new(
                    reader,
                    state,
                    now=world.now(),
                    trust=self.trust,
                    guard=life.guard,
                    subjects=world.subjects,
                    policy=self.policy,
                    audited=range(3),
                )
            if self.clean and seen != life.leaves[: len(seen)]:
                assert "ledger.log_rewritten" in {finding.code for finding in report.findings}
            elif state is None or (self.clean and not owing):
                assert report.ok == full.ok, (report.findings, full.findings)
            else:
                assert report.ok or not full.ok, report.findings
            if self.clean and after is not None and len(self.lives) == 1:
                life.states.append((after, list(life.leaves)))

    def receipts(self) -> None:
        """Every receipt is the log's word; those of entries that are gone convict the log."""
        with reading(self.engine) as reader:
            stored = {entry.seq: entry.hash for entry in entries(reader, self.world.log)}
        for one in self.life.given:
            receipt = open_receipt(one.done.note, self.world.log_keys, self.life.origin)
            assert receipt == one.done.receipt
            assert (stored.get(receipt.seq) == receipt.entry_hash) == self.life.stands(one)

    def proofs(self) -> None:
        """Every checkpoint is a prefix of every later one, and every receipt has its proof under the last."""
        life = self.life
        heads = [head for head in life.heads if head.size <= len(life.leaves)]
        with reading(self.engine) as reader:
            read = tile_reader(reader, self.world.log)
            for old, new in pairwise(heads):
                proof = consistency(read, old.size, new.size)
                assert verify_consistency(old.size, new.size, proof, old.root, new.root)
            for one in life.given[-8:]:
                if heads and one.seq < heads[-1].size and life.stands(one):
                    path = inclusion(read, one.seq, heads[-1].size)
                    assert verify_inclusion(one.leaf, one.seq, heads[-1].size, path, heads[-1].root)
            kept = {entry.seq: entry.envelope for entry in entries(reader, self.world.log)}
        for one in life.given:
            if life.stands(one):
                there = kept[one.seq]
                assert parse(there.event) == one.event
                assert _said(there) == _said(parse_envelope(one.data))

    def teardown(self) -> None:
        try:
            if self.lives:
                self.verified()
                if self.clean:
                    self.receipts()
                    self.every_kind()
                    if self.life.trouble != "ledger.forked":
                        self.proofs()
                        self.is_exported(mirrored=True)
        finally:
            if self.lives:
                self.close()
            self.http.close()
            for place in sorted(self.places):
                self.drop(place)
            rmtree(self.folder, ignore_errors=True)


def _said(one: Envelope) -> tuple[list[str], bytes]:
    return [line.kid for line in one.signatures], one.event


def sqlite_drop(place: str) -> None:
    """Remove a SQLite file that a life has left."""
    path = Path(open_engine(place).url.database or "")
    for name in (path, *path.parent.glob(f"{path.name}-*")):
        name.unlink(missing_ok=True)
