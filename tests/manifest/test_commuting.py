"""Acts that arrive late: the table, the property behind it, and what the judge makes of it."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from ledger.errors import Conflict
from ledger.format.event import Actor, Event
from manifest import events as e
from manifest.accounts import Posting
from manifest.body import Body
from manifest.cases import events as c
from manifest.cases.parts import LineMoved, LineReceived
from manifest.commuting import COMMUTES, Late, problems, unexplained
from manifest.commuting import late as find_late
from manifest.consignment import Happened, Manifest
from manifest.correcting.events import CorrectionRequested, CorrectionWithdrawn
from manifest.events import MANIFEST_EVENTS
from manifest.lifecycle import LATE, TRANSITIONS, step
from manifest.replay import Replay
from manifest.vocabulary import Account, CorrectedField, LotId, Packaging, Reason, Role, Status
from tests.factories import AT, manifest_in, second, some, terms
from tests.manifest.cases.helpers import by
from tests.manifest.conftest import world_on
from tests.manifest.worlds import stage
from tests.manifest.worlds.correcting_player import Player
from tests.manifest.worlds.either import Signed, gone_on, in_either_order, replayed
from tests.manifest.worlds.lot_player import Move
from tests.world import (
    AUTHORITY,
    CARRIER,
    FACILITY,
    GENERATOR,
    OTHER_CODE,
    OTHER_FACILITY,
    PLATE,
    World,
    line,
)

OTHER_PLATE, THIRD_PLATE = stage.PLATES[1:]
# The table in words, written by hand: who comes late, and after what.
OFFICE_ACTS = {CorrectionRequested, e.CorrectionDeclined, CorrectionWithdrawn}
OFFICE = "correction_requested correction_declined correction_withdrawn"
ROAD = "handed_over transshipped arrived weighed accepted refused"
INSIDE = "returned treated forwarded received_second storage_notified completed exported disposal_certified"
WORDS = f"""
handed_over: arrived weighed {OFFICE}
transshipped: transshipped arrived {OFFICE}
arrived: handed_over arrived {OFFICE}
weighed: {OFFICE}
accepted: {OFFICE}
refused: {OFFICE}
returned: treated completed forwarded returned storage_notified {OFFICE}
treated: returned forwarded received_second storage_notified {OFFICE}
forwarded: treated returned forwarded storage_notified {OFFICE}
received_second: treated storage_notified {OFFICE}
storage_notified: treated returned forwarded received_second {OFFICE}
completed: returned {OFFICE}
exported: {OFFICE}
disposal_certified: {OFFICE}
correction_declined: {ROAD} {INSIDE} correction_requested
correction_withdrawn: {ROAD} {INSIDE} correction_requested
correction_requested: {ROAD} {INSIDE} correction_declined correction_withdrawn
"""


def named(kind: type[Body]) -> str:
    return kind.kind.removeprefix("manifest.").removesuffix(".v1")


def test_the_table_says_what_the_words_say() -> None:
    said = {
        late: set(since.split())
        for late, _, since in (row.partition(":") for row in WORDS.split("\n") if row)
    }
    assert {named(late): {named(one) for one in since} for late, since in COMMUTES.items()} == said


def test_every_kind_of_the_table_is_an_act_of_a_manifest() -> None:
    known = {*COMMUTES, *(one for since in COMMUTES.values() for one in since)}
    assert known <= set(MANIFEST_EVENTS)
    # What begins a manifest, ends it early, or is said of what stands there now, never comes late.
    assert not known & {e.Registered, e.Cancelled, e.CorrectionProposed, e.CorrectionConsented}


def test_a_late_act_moves_nothing() -> None:
    assert all(at is to for (at, _), to in LATE.items())
    assert not LATE.keys() & TRANSITIONS.keys()
    assert all(act in COMMUTES for _, act in LATE)


class Bases:
    """One log with a manifest in each state from which two acts may come."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.manifests: dict[str, str] = {}
        two = (line(1, mass_g=6_000), line(2, mass_g=4_000, code=OTHER_CODE))
        second = stage.CASES["second"]
        w = world

        def moved(from_plate: str, to_plate: str, *grams: int) -> World:
            items = tuple(LineMoved(line=n, mass_g=g) for n, g in enumerate(grams, start=1) if g)
            body = c.Transshipped(from_plate=from_plate, to_plate=to_plate, lines=items)
            w.act(body, (CARRIER, Role.TRANSPORTER), stream=w.manifest)
            return w

        def on_the_road() -> World:
            return w.register(*two).hand_over()

        def accepted(refused_g: int = 1_000) -> World:
            return (
                on_the_road().arrive().weigh(6_000, 4_000).accept((6_000 - refused_g, refused_g), (4_000, 0))
            )

        def forwarded(*lines: int, taker: str = FACILITY) -> World:
            body = c.Forwarded(facility=OTHER_FACILITY, taker=taker, vehicle_plate=PLATE, lines=lines)
            parties = dict.fromkeys((FACILITY, taker))
            w.act(body, *((one, Role.TREATMENT_FACILITY) for one in parties), stream=w.manifest)
            return w

        def repacked() -> str:
            drums = (e.Packages(kind=Packaging.DRUM, count=3),)
            return w.propose(GENERATOR, field=CorrectedField.PACKAGES, packages=drums)

        def also(body: Body, party: str = FACILITY) -> World:
            by(w, body, party)
            return w

        def for_two() -> World:
            w.register(*two, line(3, mass_g=900, code=OTHER_CODE), **second)
            w.hand_over(taker=FACILITY).arrive().weigh(6_000, 4_000, 900)
            return w.accept((5_000, 1_000), (4_000, 0), (900, 0))

        plays: dict[str, Callable[[], object]] = {
            "registered": lambda: w.register(*two),
            "on the road": on_the_road,
            "on the road, two may carry": lambda: w.register(*two, **stage.CASES["carriers"]).hand_over(),
            "in three vehicles": lambda: (
                on_the_road(), moved(PLATE, OTHER_PLATE, 3_000, 2_000), moved(PLATE, THIRD_PLATE, 1_000, 500)
            ),
            "in two vehicles": lambda: (on_the_road(), moved(PLATE, OTHER_PLATE, 2_000, 2_000)),
            "one of three at the gate": lambda: (
                on_the_road(), moved(PLATE, OTHER_PLATE, 3_000, 2_000), moved(PLATE, THIRD_PLATE, 1_000, 500),
                w.arrive(),
            ),
            "at the gate": lambda: on_the_road().arrive(),
            "weighed": lambda: on_the_road().arrive().weigh(6_000, 4_000),
            "accepted": accepted,
            "refused": lambda: on_the_road().arrive().refuse(),
            "in treatment": lambda: accepted().treat(1_000),
            "nearly done": lambda: accepted().treat(5_000).treat(4_000, 2),
            "done": lambda: accepted().treat(5_000).treat(4_000, 2).complete(),
            "for a second": for_two,
            "for a second, what was refused is back": lambda: for_two().give_back(FACILITY),
            "for a second, to be corrected": lambda: (
                for_two().give_back(FACILITY), forwarded(2), w.propose(line=3, net_g=890)
            ),
            "for a second, to be corrected at once": lambda: (
                for_two().give_back(FACILITY), w.propose(line=3, net_g=890)
            ),
            "nearly done, to be corrected": lambda: (
                accepted().treat(5_000).treat(4_000, 2),
                w.propose(field=CorrectedField.TREATED, line=None, part=1, mass_g=4_900),
            ),
            "abroad, to be corrected": lambda: (
                w.register(*two, **stage.CASES["export"]).hand_over(), repacked()
            ),
            "at the gate, to be corrected": lambda: (on_the_road().arrive(), repacked()),
            "weighed, to be corrected": lambda: (
                on_the_road().arrive().weigh(6_000, 4_000), repacked()
            ),
            "on its way to a second": lambda: (for_two(), forwarded(2)),
            "some on their way to a second": lambda: (for_two(), w.give_back(FACILITY), forwarded(2, 3)),
            "abroad": lambda: w.register(*two, **stage.CASES["export"]).hand_over(),
            "gone abroad": lambda: (w.register(*two, **stage.CASES["export"]).hand_over(), also(
                c.Exported(exit_gate="Cảng Hải Phòng", declaration="TK-01"))),
            "gone abroad, to be corrected": lambda: (
                w.register(*two, **stage.CASES["export"]).hand_over(), repacked(),
                also(c.Exported(exit_gate="Cảng Hải Phòng", declaration="TK-02")),
            ),
            "refused at both": lambda: (for_two(), forwarded(2, taker=OTHER_FACILITY), also(
                some(c.ReceivedSecond, lines=(LineReceived(
                    line=2, net_g=4_000, ticket="PC-2", accepted_g=3_000, refused_g=1_000, reason="Lẫn nước"
                ),)), OTHER_FACILITY)),
            "to be corrected on the road": lambda: (on_the_road(), repacked()),
            "some to be corrected on the road": lambda: (
                on_the_road(), moved(PLATE, OTHER_PLATE, 2_000, 2_000), repacked()
            ),
            "to be corrected": lambda: (accepted(), w.propose(net_g=5_900)),
            "to be corrected while treated": lambda: (accepted().treat(500, 2), w.propose(net_g=5_900)),
        }  # fmt: skip
        for name, play in plays.items():
            play()
            self.manifests[name] = w.manifest
        world.tick(days=200)  # long enough for a notice of storage
        self.replay: Replay = replayed(world)

    def state(self, name: str) -> Manifest:
        made = self.replay.reads.memo[self.manifests[name]]
        assert isinstance(made, Manifest)
        return made


@pytest.fixture(scope="module")
def bases(request: pytest.FixtureRequest) -> Iterator[Bases]:
    with world_on("sqlite", request) as world:
        yield Bases(stage.set_up(world))


def asked(player: Player, now: Manifest) -> Move:
    body = CorrectionRequested(
        request=player.world.id(), field=CorrectedField.NET_MASS, line=1, reason="Lệch sổ cân"
    )
    return Move(body=body, who=((AUTHORITY, Role.AUTHORITY),), stream=now.id)


def declined(player: Player, now: Manifest) -> Move | None:
    for name, found in now.corrections.items():
        body = e.CorrectionDeclined(correction=name, reason="Phiếu ghi đúng")
        return player._said(now, body, min(found.waiting))
    return None


def withdrawn(player: Player, now: Manifest) -> Move | None:
    for name, found in now.corrections.items():
        return player._said(now, CorrectionWithdrawn(correction=name, reason="Đã rõ"), found.by)
    return None


MAKERS: dict[type[Body], Callable[[Player, Manifest], Move | None]] = {
    e.HandedOver: Player.handed_over, c.Transshipped: Player.transshipped, e.Arrived: Player.arrived,
    e.Weighed: Player.weighed, e.Accepted: Player.accepted, e.Refused: Player.refused,
    e.Returned: Player.returned, e.Treated: Player.treated, c.Forwarded: Player.forwarded,
    c.ReceivedSecond: Player.received, c.StorageNotified: Player.notified, c.Exported: Player.exported,
    c.DisposalCertified: Player.certified, e.Completed: Player.completed, CorrectionRequested: asked,
    e.CorrectionDeclined: declined, CorrectionWithdrawn: withdrawn,
}  # fmt: skip


def ways(status: Status, late: type[Body], since: type[Body]) -> list[tuple[type[Body], ...]]:
    """Return which acts lead to ``since`` from a status in which ``late`` may be signed: none, or one."""
    if (status, late) not in TRANSITIONS:
        return []
    between = [(one,) for one in COMMUTES[late] if (status, one) in TRANSITIONS]
    return [
        way
        for way in [(), *between]
        if (TRANSITIONS[status, way[0]] if way else status, since) in TRANSITIONS
    ]


def has_what(now: Manifest, kinds: set[type[Body]]) -> bool:
    """Tell whether a manifest is of the case that acts of these kinds belong to."""
    return (
        (now.registered.second is not None or not kinds & {c.Forwarded, c.ReceivedSecond})
        and (now.registered.export is not None) is bool(kinds & {c.Exported, c.DisposalCertified})
        and (bool(now.corrections) or not kinds & {e.CorrectionDeclined, CorrectionWithdrawn})
    )


MOST_ROUNDS = 12
PAIRS = [(late, since) for late, those in COMMUTES.items() for since in those]


@pytest.mark.parametrize(("kind", "other"), PAIRS, ids=named)
def test_acts_that_commute_come_to_the_same_in_either_order(
    bases: Bases, kind: type[Body], other: type[Body]
) -> None:
    met: Counter[str] = Counter()

    @settings(
        max_examples=24, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=[*HealthCheck],
    )  # fmt: skip
    @given(data=st.data())
    def in_both_orders(data: st.DataObject) -> None:
        met["both"] += either_order(bases, kind, other, data)

    # Of some pairs few draws are allowed in both orders; each has to be met.
    for number in range(MOST_ROUNDS):
        seed(number)(in_both_orders)()
        if met["both"]:
            return
    pytest.fail("no two acts of these kinds went in in both orders")


def either_order(bases: Bases, kind: type[Body], other: type[Body], data: st.DataObject) -> bool:
    """Draw two acts and hold their orders against each other; tell whether both were allowed."""
    fitting = [
        (name, way)
        for name in bases.manifests
        for way in ways(bases.state(name).status, kind, other)
        if has_what(bases.state(name), {kind, other, *way})
    ]
    if not fitting:
        return False
    shortest = [one for one in fitting if not one[1]] or fitting
    name, way = data.draw(st.sampled_from(shortest) | st.sampled_from(fitting))
    now, player = bases.state(name), Player(bases.world, data.draw)
    move = MAKERS[kind](player, now)
    since: list[Signed] = []
    before: Replay | None = bases.replay
    for n, one in enumerate((*way, other)):
        assert before is not None
        made = MAKERS[one](player, before.reads.memo[now.id])
        if made is None:
            return False
        since.append(Signed(made, bases.world.now + timedelta(minutes=2 * n + 2)))
        before = gone_on(bases.world, bases.replay, since)
        if before is None:
            return False
    if move is None:
        return False
    late = Signed(move, bases.world.now + timedelta(minutes=data.draw(st.sampled_from([1, 1, 3, 5]))))
    outcome = in_either_order(bases.world, bases.replay, late, since)
    if outcome.allowed == (True, True):
        assert outcome.late == outcome.natural
    elif outcome.allowed[1] and gone_on(bases.world, bases.replay, [late]) is not None:
        # A notice of storage that would not have been needed stands, for it was given.
        assert c.StorageNotified in {type(one.move.body) for one in since}, outcome.natural
    return outcome.allowed == (True, True)


# The table walked through, without a world.


@pytest.mark.parametrize("late", MANIFEST_EVENTS, ids=named)
def test_whatever_the_table_does_not_list_is_named(late: type[Body]) -> None:
    for since in MANIFEST_EVENTS:
        act = Late(AT, (Happened("ab" * 32, since, AT, lost=False),))
        found = [problem.code for problem in problems(act, some(late), AT)]
        listed = since in COMMUTES.get(late, {})
        assert found == ([] if listed else ["manifest.order_matters"]), since


@pytest.mark.parametrize("late", [kind for kind in COMMUTES if kind not in OFFICE_ACTS], ids=named)
def test_what_was_lost_stands_between_two_that_move_the_load(late: type[Body]) -> None:
    for since in COMMUTES[late]:
        act = Late(AT, (Happened("ab" * 32, since, AT, lost=True),))
        assert [problem.code for problem in problems(act, some(late), AT)] == ["manifest.order_matters"]
        moves = since not in OFFICE_ACTS
        gone = Posting(
            account=Account.UNEXPLAINED, place="site:x", lot=LotId("lot"), grams=1, reason=Reason.DIFFERENCE
        )
        assert bool([*unexplained(act, some(late), [gone])]) is moves
        assert not [*unexplained(act, some(late), [replace(gone, account=Account.STORED)])]


@pytest.mark.parametrize(("late", "since", "seconds", "in_time"), [
    (e.HandedOver, e.Arrived, 0, True), (e.HandedOver, e.Arrived, 1, False),
    (e.HandedOver, e.Arrived, -1, True), (e.Arrived, e.HandedOver, 0, True),
    (e.Arrived, e.HandedOver, -1, False), (e.Arrived, e.HandedOver, 1, True),
    (e.Returned, e.Treated, -99, True), (e.Returned, e.Treated, 99, True),
])  # fmt: skip
def test_what_must_have_come_first_did(
    late: type[Body], since: type[Body], seconds: int, *, in_time: bool
) -> None:
    act = Late(AT, (Happened("ab" * 32, since, AT, lost=False),))
    found = [problem.code for problem in problems(act, some(late), AT + timedelta(seconds=seconds))]
    assert found == ([] if in_time else ["manifest.time_out_of_order"])


@pytest.mark.parametrize("status", Status)
def test_a_late_hand_over_moves_no_manifest(status: Status) -> None:
    before = manifest_in(status)
    body = some(e.HandedOver, leg=2, giver=CARRIER, taker=CARRIER, vehicle_plate=OTHER_PLATE)
    if (status, e.HandedOver) not in {*TRANSITIONS, *LATE}:
        with pytest.raises(Conflict):
            step(before, body, AT, CARRIER, terms(), late=True)
        return
    after, _ = step(before, body, AT, CARRIER, terms(), late=True)
    assert after.status is (TRANSITIONS | LATE)[status, e.HandedOver]
    if status in {Status.ARRIVED, Status.WEIGHED}:
        assert after.gate == set(after.vehicles) == {OTHER_PLATE}
        assert (after.last_at, after.arrived_at) == (before.last_at, before.arrived_at)
        with pytest.raises(Conflict):
            step(before, body, AT, CARRIER, terms())


def test_an_act_at_the_head_is_not_late() -> None:
    past = (
        Happened("aa" * 32, e.Registered, AT, lost=False),
        Happened("bb" * 32, e.HandedOver, AT, lost=False),
    )
    before = replace(manifest_in(Status.IN_TRANSIT), past=past)

    def act(prev: str | None, *, offline: bool = True) -> Event:
        actor = Actor(party=FACILITY, role="treatment_facility", kid="cd" * 32)
        return Event(
            origin="ledger.example/x", kind=e.Arrived.kind, stream=before.id, stream_prev=prev,
            actors=(actor,), idem=before.id, occurred_at=AT, body={}, offline=offline,
        )  # fmt: skip

    assert find_late(before, act("bb" * 32)) is None
    assert find_late(before, act("aa" * 32, offline=False)) is None
    assert find_late(before, act("aa" * 32)) == Late(AT, past[1:])
    for stranger in ("cc" * 32, None):
        with pytest.raises(Conflict, match="stale_stream"):
            find_late(before, act(stranger))


def test_the_later_of_two_forwardings_counts() -> None:
    later = AT + timedelta(days=1)
    before = replace(manifest_in(Status.ACCEPTED, Registered={"second": second()}), forwarded_at=later)
    body = some(c.Forwarded)
    assert step(before, body, AT, FACILITY, terms(), late=True)[0].forwarded_at == later
    assert step(before, body, AT, FACILITY, terms())[0].forwarded_at == AT
