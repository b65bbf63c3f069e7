"""Whole worlds, chosen by Hypothesis: any mix of acts and cases on a real database, the illegal ones too.

Every act goes through the real writer and judge. What is refused leaves no trace, what is recorded keeps what
`tests.manifest.worlds.checks` says always holds, and in the end the whole world is held against its events.
"""

import base64
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import fields, is_dataclass, replace
from datetime import timedelta
from typing import Any

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from api.recorder import Signing, build_event
from ledger.errors import Refused
from ledger.format.entry import Envelope, parse_envelope
from ledger.format.event import parse
from ledger.storage.db import reading
from ledger.storage.store import HEAD
from manifest.body import Body
from manifest.cases.events import Contested
from manifest.cases.views import ENTERED_ACT
from manifest.claims.events import ClaimKept, ClaimResolved, Outcome
from manifest.claims.judge import WAIVABLE
from manifest.commuting import COMMUTES
from manifest.events import HandedOver, Weighed
from manifest.lots.events import BatchDischarged, ResidueDeclared
from manifest.register import parties as p
from manifest.register.judge import stream_of
from manifest.vocabulary import Register, Role
from tests.manifest.worlds import checks, stage
from tests.manifest.worlds.correcting_player import Player
from tests.manifest.worlds.either import Signed, in_either_order, replayed
from tests.manifest.worlds.lot_player import Move
from tests.manifest.worlds.traces import Traces
from tests.world import AUTHORITY, OPERATOR, Who, World, key_of

MORE_G = 20_000_000
LONGEST_DAYS = 250  # all of it in the year of the numbers
# One rule draws from these, for Hypothesis would leave out half of many rules in each world. What comes first
# is what a step is made to when a finding is made small: in the beginning there is no answer to be lost.
WEIGHTS = {
    "the_answer_was_lost": 1,
    "waste_arises": 3, "something_is_done_to_a_lot": 6, "a_manifest_is_registered": 8,
    "a_manifest_goes_on": 10, "all_that_is_on_the_way_goes_on": 2, "a_batch_is_charged": 5,
    "a_batch_comes_out": 5, "a_residue_is_left": 1, "a_mass_is_corrected": 6, "a_register_changes": 1,
    "time_passes": 1, "what_was_refused_is_claimed": 2, "an_act_on_paper_is_contested": 1,
    "somebody_else_signs": 2, "more_than_there_is": 2, "out_of_time": 1, "out_of_turn": 2,
    "an_act_arrives_late": 3,
}  # fmt: skip
MIX = [name for name, weight in WEIGHTS.items() for _ in range(weight)]


def beyond(value: Any) -> Any:
    """Return a body, or a part of one, with more grams than any lot here has."""
    if isinstance(value, tuple):
        return tuple(beyond(item) for item in value)
    if not is_dataclass(value) or isinstance(value, type):
        return value
    changed: dict[str, Any] = {}
    for one in fields(value):
        given = getattr(value, one.name)
        if one.name in {"mass_g", "accepted_g"} and given is not None:
            changed[one.name] = given + MORE_G
        elif one.name == "delta_g":
            changed[one.name] = given - MORE_G - 2 * abs(given)
        else:
            changed[one.name] = beyond(given)
    return replace(value, **changed)


class Worlds(RuleBasedStateMachine):
    """A world that lives: ``make`` gives one with its stage set, ``seen`` counts acts and refusals."""

    def __init__(self, make: Callable[[], AbstractContextManager[World]], seen: Counter[str]) -> None:
        super().__init__()
        self._make = make
        self._open = ExitStack()
        self.seen = seen
        self._days = 0
        self._claimable: list[tuple[bytes, str, tuple[str, ...]]] = []
        self._kept: list[tuple[str, bytes]] = []
        self._last: tuple[bytes, int] | None = None

    @initialize()
    def begin(self) -> None:
        """Open a world."""
        world = self._open.enter_context(self._make())
        self.traces = self._open.enter_context(closing(Traces(world.engine)))
        self.world = world

    def teardown(self) -> None:
        """Hold the whole world against its events."""
        with self._open:
            if hasattr(self, "world"):
                checks.in_the_end(self.world)

    # How acts are recorded

    def sign(
        self, move: Move, *, at: timedelta = timedelta(0), stale: bool = False, offline: bool = False
    ) -> bytes:
        """Return the envelope of an act, signed a minute after the last one."""
        world = self.world.tick(minutes=1)
        signings = [Signing(who[0], who[1], key_of(who[-1] if len(who) > 2 else who[0])) for who in move.who]
        with reading(world.engine) as reader:
            event = build_event(
                reader,
                world.ledger,
                move.body,
                [signing.actor() for signing in signings],
                stream=move.stream,
                occurred_at=world.now + at,
                idem=world.id(),
            )
        if stale:
            event = replace(event, stream_prev="00" * 32)
        event = replace(event, offline=offline)
        data = event.to_bytes()
        return Envelope(tuple(one.signer.sign_event(data) for one in signings), data).to_bytes()

    def submit(self, envelope: bytes, *, must_fail: str = "") -> tuple[str, ...] | None:
        """Submit an envelope and hold what comes of it; return the codes of a refusal."""
        event = parse(parse_envelope(envelope).event)
        before = self.traces.now()
        try:
            recorded = self.world.ledger.submit(envelope, now=self.world.now)
        except Refused as refused:
            assert self.traces.now() == before, f"a refusal of {event.kind} has left a trace"
            codes = tuple(problem.code for problem in refused.problems)
            self.seen.update(f"no {event.kind} {code}" for code in codes)
            note(f"    no {event.kind} {event.stream}: {', '.join(codes)}")
            assert "ledger.constraint" not in codes, f"the rules let {event.kind} through, not the database"
            return codes
        note(f"    {recorded.receipt.seq} {event.kind} {event.stream}")
        assert not must_fail, f"{event.kind} was recorded: {must_fail}"
        self.seen[event.kind] += 1
        checks.after(self.world, recorded.receipt.seq, event)
        self._last = (envelope, recorded.receipt.seq)
        return None

    def play(self, move: Move | None) -> bool:
        """Record an act if there is one; keep in mind what a claim could be made of. Tell if it went in."""
        if move is None:
            return False
        envelope = self.sign(move)
        codes = self.submit(envelope)
        if codes and set(codes) <= WAIVABLE and move.body.kind.startswith("manifest."):
            self._claimable.append((envelope, move.stream, codes))
        return codes is None

    @rule(data=st.data())
    def something_happens(self, data: st.DataObject) -> None:
        """One of all things happens, each as often as it is weighty."""
        player = Player(self.world, data.draw)
        what = player.one_of(MIX)
        note(f"  {what}")
        getattr(self, what)(player)

    # What happens

    def waste_arises(self, player: Player) -> None:
        """Lots come to be."""
        for _ in range(player.draw(st.integers(1, 3))):
            self.play(player.arisen())

    def something_is_done_to_a_lot(self, player: Player) -> None:
        """A lot is adjusted, treated on site or declassified."""
        self.play(player.of_lot())

    def a_manifest_is_registered(self, player: Player) -> None:
        """A manifest of any case, sometimes with the next acts at once."""
        move = player.register()
        if self.play(move) and move is not None:
            self._go_on(player, move.stream, player.draw(st.integers(0, 5)))

    def a_manifest_goes_on(self, player: Player) -> None:
        """A manifest does what comes next, several times."""
        rows = player.manifests(done=player.chance(8))
        if rows:
            self._go_on(player, player.one_of(rows)["manifest"], player.draw(st.integers(1, 6)))

    def all_that_is_on_the_way_goes_on(self, player: Player) -> None:
        """Each open manifest does what comes next."""
        for row in player.manifests()[:6]:
            self._go_on(player, row["manifest"], 1)

    def _go_on(self, player: Player, manifest: str, times: int) -> None:
        for _ in range(times):
            row = next((one for one in player.manifests(done=True) if one["manifest"] == manifest), None)
            if row is None or not self.play(player.advance(row)):
                return

    def a_batch_is_charged(self, player: Player) -> None:
        """Own lots are poured together."""
        self.play(player.charge())

    def a_batch_comes_out(self, player: Player) -> None:
        """Child lots, residues, a broken trace."""
        self.play(player.discharge())

    def a_residue_is_left(self, player: Player) -> None:
        """Treatment leaves waste of the facility's own."""
        self.play(player.residue())

    def a_mass_is_corrected(self, player: Player) -> None:
        """A correction is proposed, agreed to or declined."""
        rows = player.manifests(done=True)
        if rows:
            manifest = player.one_of(rows)["manifest"]
            for _ in range(player.draw(st.integers(1, 3))):
                row = next(one for one in player.manifests(done=True) if one["manifest"] == manifest)
                self.play(player.correction(row))

    def a_register_changes(self, player: Player) -> None:
        """A permit is suspended or goes on; an approval ends."""
        permit = player.one_of(("permit:facility", "permit:facility-2", "permit:small", "permit:carrier"))
        entry: dict[str, Any] = {"register": Register.PERMIT, "entry": permit}
        match player.draw(st.integers(0, 5)):
            case 0:
                days = timedelta(days=player.draw(st.integers(0, 5)))
                body: Body = p.EntrySuspended(
                    **entry, valid_from=self.world.today, valid_to=self.world.today + days, reason="Kiểm tra"
                )
            case 1:
                ends = player.one_of(
                    ((Register.APPROVAL, "approval:carrier-2:facility"), (Register.PERMIT, "permit:small"))
                )
                body = p.EntryEnded(
                    register=ends[0], entry=ends[1], last_day=self.world.today, reason="Hết hiệu lực"
                )
            case _:
                body = p.EntryResumed(**entry, valid_from=self.world.today)
        self.play(Move(body=body, who=((AUTHORITY, Role.AUTHORITY),), stream=str(stream_of(body))))

    def time_passes(self, player: Player) -> None:
        """Days go by."""
        days = player.draw(st.integers(0, 12))
        if self._days + days <= LONGEST_DAYS:
            self._days += days
            self.world.tick(days=days)

    def what_was_refused_is_claimed(self, player: Player) -> None:
        """An act that limits alone refused is kept, and an authority decides on it."""
        if self._claimable:
            envelope, manifest, codes = self._claimable.pop()
            claim = self.world.id()
            kept = ClaimKept(
                claim=claim,
                manifest=manifest,
                envelope=base64.b64encode(envelope).decode(),
                envelope_hash=parse_envelope(envelope).hash,
                codes=tuple(dict.fromkeys(codes)),
            )
            service: Who = (OPERATOR, Role.SERVICE, "service")
            if self.play(Move(body=kept, who=(service,), stream=f"claim:{claim}")):
                self._kept.append((claim, envelope))
        elif self._kept:
            claim, envelope = self._kept.pop()
            outcome = player.one_of((Outcome.ACCEPTED, Outcome.ACCEPTED, Outcome.REJECTED))
            body = ClaimResolved(claim=claim, outcome=outcome, reason="Đã xem hồ sơ")
            self.play(Move(body=body, who=((AUTHORITY, Role.AUTHORITY),), stream=f"claim:{claim}"))
            must_fail = "its claim was rejected" if outcome is Outcome.REJECTED else ""
            self.submit(envelope, must_fail=must_fail and self._still_refused(envelope))

    def _still_refused(self, envelope: bytes) -> str:
        """Say why a rejected act must not go in; nothing when what refused it may be over by now."""
        event = parse(parse_envelope(envelope).event)
        return "its claim was rejected" if event.kind == HandedOver.kind else ""

    def an_act_on_paper_is_contested(self, player: Player) -> None:
        """A party says that what was entered for it is not so."""
        rows = sorted(self.world.rows(ENTERED_ACT), key=lambda row: (row["seq"], row["party"]))
        if rows:
            row = player.one_of(rows)
            body = Contested(seq=row["seq"], reason="Không đúng với phiếu của chúng tôi")
            roles = {stage.HOUSEHOLD: Role.GENERATOR}
            role = roles.get(row["party"], Role.TRANSPORTER if "carrier" in row["party"] else Role.GENERATOR)
            self.play(Move(body=body, who=((row["party"], role),), stream=f"contest:{row['seq']}"))

    # What must not happen

    def _some_move(self, player: Player) -> Move | None:
        rows = player.manifests()
        choice = player.draw(st.integers(0, 9))
        if rows and choice < 5:
            return player.advance(player.one_of(rows))
        makers = (player.of_lot, player.charge, player.discharge, player.residue, player.register)
        return player.one_of(makers)()

    def somebody_else_signs(self, player: Player) -> None:
        """A stranger signs in a party's place, under its own name or with its key under the party's."""
        move = self._some_move(player)
        if move is None or getattr(move.body, "on_paper", None):
            return
        index = player.draw(st.integers(0, len(move.who) - 1))
        party, role = move.who[index][0], move.who[index][1]
        ways: tuple[Who, ...] = ((stage.STRANGER, role), (party, role, stage.STRANGER))
        wrong = player.one_of(ways)
        who: tuple[Who, ...] = (*move.who[:index], wrong, *move.who[index + 1 :])
        self.submit(self.sign(replace(move, who=who)), must_fail="signed by a stranger")

    def more_than_there_is(self, player: Player) -> None:
        """Masses beyond what there is."""
        move = self._some_move(player)
        # Any mass may come to a scale, out of a batch, or be left from treatment.
        if move is None or isinstance(move.body, Weighed | BatchDischarged | ResidueDeclared):
            return
        body = beyond(move.body)
        if body != move.body:
            self.submit(self.sign(replace(move, body=body)), must_fail="more grams than there are")

    def out_of_time(self, player: Player) -> None:
        """An act of tomorrow, one before the act that it follows, one that does not know the newest act."""
        rows = player.manifests()
        if rows and (move := player.advance(player.one_of(rows))) is not None:
            match player.draw(st.integers(0, 2)):
                case 0:
                    self.submit(self.sign(move, at=timedelta(days=1)), must_fail="tomorrow")
                case 1:
                    before = timedelta(days=LONGEST_DAYS + 100)
                    self.submit(self.sign(move, at=-before), must_fail="before what it follows")
                case _:
                    self.submit(self.sign(move, stale=True), must_fail="beside its stream")

    def out_of_turn(self, player: Player) -> None:
        """Any act at any time: whatever becomes of it, all that always holds still does."""
        rows = player.manifests(done=True)
        if rows:
            self.play(player.anything(player.one_of(rows)))

    def an_act_arrives_late(self, player: Player) -> None:
        """Somebody signs without network, the manifest goes on, and what was signed arrives after all."""
        rows = player.manifests(done=True)
        if not rows:
            return
        under_way = [row for row in rows if row["status"] == "in_transit" or row["refused_g"]]
        row = player.one_of(under_way or rows)
        move = player.without_network(row)
        if move is None:
            return
        envelope, late = self.sign(move, offline=True), Signed(move, self.world.now)
        size, since = self.world.row(HEAD)["size"], list[Signed]()
        for _ in range(player.draw(st.integers(1, 2))):
            row = next(one for one in player.manifests(done=True) if one["manifest"] == move.stream)
            following = player.advance(row)
            if following is None or not self.play(following):
                break
            since.append(Signed(following, self.world.now))
        if not since:
            return
        codes = self.submit(envelope)
        kinds = {type(one.move.body) for one in since}
        if codes is not None:
            if set(codes) <= WAIVABLE:
                self._claimable.append((envelope, move.stream, codes))
            return
        assert kinds <= COMMUTES[type(move.body)].keys(), f"{move.body.kind} stands after {kinds}"
        self.seen["late acts"] += 1
        both = in_either_order(self.world, replayed(self.world, size), late, since)
        assert both.allowed[1], both.late
        assert both.late == both.natural or not both.allowed[0]

    def the_answer_was_lost(self, _player: Player) -> None:
        """The last act is sent again: the same receipt, nothing written."""
        if self._last is not None:
            envelope, seq = self._last
            before = self.traces.now()
            again = self.world.ledger.submit(envelope, now=self.world.now)
            assert again.receipt.seq == seq
            assert self.traces.now() == before
