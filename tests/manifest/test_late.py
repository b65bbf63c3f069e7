"""Late acts through the real writer: which go in, what they come to, and how the others are refused."""

import base64
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from api.recorder import Signing, build_event
from ledger.errors import Refused
from ledger.format.entry import Envelope, parse_envelope
from ledger.ids import uuid7
from ledger.storage.db import reading
from ledger.writing.changes import Reads
from ledger.writing.writer import Recorded
from manifest import events as e
from manifest import reference
from manifest.acts import find
from manifest.body import Body
from manifest.cases import events as c
from manifest.cases.parts import LineMoved
from manifest.claims.events import ClaimKept, ClaimResolved, Outcome
from manifest.consignment import Manifest
from manifest.register import events as r
from manifest.views import MANIFEST
from manifest.vocabulary import CorrectedField, Packaging, Role, Status, VehicleKind
from tests.manifest.cases.helpers import HALF, OTHER_PLATE, by, dump
from tests.world import (
    AUTHORITY,
    CARRIER,
    FACILITY,
    GENERATOR,
    OPERATOR,
    PLATE,
    Who,
    World,
    key_of,
)

THIRD_PLATE = "30F-111.22"
THE_FACILITY: Who = (FACILITY, Role.TREATMENT_FACILITY)
THE_CARRIER: Who = (CARRIER, Role.TRANSPORTER)
HOME: tuple[Who, Who] = (THE_CARRIER, (GENERATOR, Role.GENERATOR))
ON_THE_ROAD = e.HandedOver(
    leg=2, giver=CARRIER, taker=CARRIER, vehicle_kind=VehicleKind.ROAD, vehicle_plate=OTHER_PLATE
)
BACK = e.Returned(giver=CARRIER, vehicle_plate=PLATE)
Problems = list[tuple[str, dict[str, Any]]]


def signed(world: World, body: Body, *who: Who, offline: bool = True, later_s: int = 0) -> bytes:
    """Return what is signed on the newest act of the manifest at hand, a minute after it."""
    world.tick(minutes=1)
    signings = [Signing(one[0], one[1], key_of(one[0])) for one in who]
    with reading(world.engine) as reader:
        event = build_event(
            reader,
            world.ledger,
            body,
            [one.actor() for one in signings],
            stream=world.manifest,
            occurred_at=world.now + timedelta(seconds=later_s),
        )
    data = replace(event, offline=offline).to_bytes()
    return Envelope(tuple(one.signer.sign_event(data) for one in signings), data).to_bytes()


def arrives(world: World, envelope: bytes) -> Recorded:
    world.tick(minutes=1)
    return world.ledger.submit(envelope, now=world.now)


def refusal(world: World, envelope: bytes) -> Problems:
    before = dump(world)
    with pytest.raises(Refused) as refused:
        arrives(world, envelope)
    assert dump(world) == before
    return [(problem.code, dict(problem.facts)) for problem in refused.value.problems]


def state(world: World) -> Manifest:
    with reading(world.engine) as reader:
        return find(Reads(reader, world.ledger.log), world.manifest, reference.default())


def order(late: type[Body], since: type[Body]) -> Problems:
    return [("manifest.order_matters", {"event": late.kind, "since": since.kind})]


def test_a_hand_over_finds_the_load_on_the_scale(world: World) -> None:
    world.register().hand_over()
    envelope = signed(world, ON_THE_ROAD, THE_CARRIER)
    world.arrive().weigh(HALF)
    newest = world.now
    done = arrives(world, envelope)
    row = world.row(MANIFEST)
    assert (row["status"], row["vehicle_plate"], row["seq"]) == ("weighed", OTHER_PLATE, done.receipt.seq)
    now = state(world)
    assert (now.status, now.last_at, len(now.legs)) == (Status.WEIGHED, newest, 2)
    assert set(now.vehicles) == now.gate == {OTHER_PLATE}
    # It is the head from then on, and the manifest goes on from it as if nothing had been.
    world.accept((HALF, 0)).treat(HALF).complete()
    assert world.row(MANIFEST)["status"] == "completed"


def test_only_a_late_hand_over_finds_a_load_at_the_gate(world: World) -> None:
    world.register().hand_over().arrive()
    at_the_head = signed(world, ON_THE_ROAD, THE_CARRIER)
    moved = {"status": "arrived", "event": e.HandedOver.kind}
    assert refusal(world, at_the_head) == [("manifest.transition_refused", moved)]


@pytest.mark.parametrize("since", ["accepted", "refused"])
def test_once_decided_a_load_changes_hands_no_more(world: World, since: str) -> None:
    world.register().hand_over()
    envelope = signed(world, ON_THE_ROAD, THE_CARRIER)
    world.arrive().weigh(HALF)
    _ = world.accept((HALF, 0)) if since == "accepted" else world.refuse()
    kind = e.Accepted if since == "accepted" else e.Refused
    moved = {"status": since, "event": e.HandedOver.kind}
    assert refusal(world, envelope) == [
        *order(e.HandedOver, kind), ("manifest.transition_refused", moved)
    ]  # fmt: skip


def test_a_hand_over_on_the_road_comes_before_the_gate(world: World) -> None:
    world.register().hand_over()
    after = signed(world, ON_THE_ROAD, THE_CARRIER, later_s=150)
    just_before = signed(world, ON_THE_ROAD, THE_CARRIER, later_s=60)
    world.arrive()
    assert refusal(world, after) == [("manifest.time_out_of_order", {})]
    arrives(world, just_before)


def test_an_arrival_comes_after_the_hand_over(world: World) -> None:
    world.register().hand_over()
    before = signed(world, e.Arrived(vehicle_plate=PLATE), THE_FACILITY)
    after = signed(world, e.Arrived(vehicle_plate=OTHER_PLATE), THE_FACILITY, later_s=600)
    world.act(ON_THE_ROAD, THE_CARRIER, stream=world.manifest)
    world.tick(hours=1)
    assert refusal(world, before) == [("manifest.time_out_of_order", {})]
    arrives(world, after)
    assert state(world).gate == {OTHER_PLATE}


def test_a_late_act_lies_after_the_one_that_it_names(world: World) -> None:
    world.register().hand_over().arrive().weigh(HALF).accept((HALF - 1, 1))
    early = signed(world, BACK, *HOME, later_s=-61)
    at_once = signed(world, BACK, *HOME, later_s=-120)
    world.treat(1000)
    assert refusal(world, early) == [("manifest.time_out_of_order", {})]
    arrives(world, at_once)


def test_the_newest_time_stays_the_newest(world: World) -> None:
    world.register().hand_over().arrive().weigh(HALF).accept((HALF - 1, 1))
    envelope = signed(world, BACK, *HOME)
    world.treat(1000)
    newest = world.now
    arrives(world, envelope)
    assert state(world).last_at == newest


def test_two_gates_without_network_and_the_later_arrival_counts(world: World) -> None:
    world.register().hand_over()
    half = (LineMoved(line=1, mass_g=HALF // 2),)
    by(world, c.Transshipped(from_plate=PLATE, to_plate=OTHER_PLATE, lines=half), CARRIER, Role.TRANSPORTER)
    first = signed(world, e.Arrived(vehicle_plate=PLATE), THE_FACILITY)
    by(world, e.Arrived(vehicle_plate=OTHER_PLATE))
    second_at = world.now
    arrives(world, first)
    now = state(world)
    assert now.arrived_at == second_at
    assert now.gate == {PLATE, OTHER_PLATE}
    world.weigh(HALF)


def test_a_vehicle_that_is_at_the_gate_gives_nothing_away(world: World) -> None:
    world.register().hand_over()
    half = (LineMoved(line=1, mass_g=HALF // 2),)
    body = c.Transshipped(from_plate=PLATE, to_plate=OTHER_PLATE, lines=half)
    envelope = signed(world, body, THE_CARRIER)
    world.arrive()
    assert refusal(world, envelope) == [("manifest.vehicle_not_on_the_way", {})]


def test_whatever_is_not_in_the_table_is_refused_by_name(world: World) -> None:
    world.register().hand_over().arrive()
    weighed = (e.LineWeighed(line=1, net_g=1, ticket="PC-2"),)
    envelope = signed(world, e.Weighed(instrument="Cân 2", lines=weighed), THE_FACILITY)
    world.weigh(HALF)
    assert refusal(world, envelope) == order(e.Weighed, e.Weighed)


def test_one_since_that_does_not_commute_is_enough(world: World) -> None:
    world.register().hand_over().arrive().weigh(HALF).accept((HALF - 1000, 1000))
    envelope = signed(world, BACK, *HOME)
    world.treat(1000)
    world.propose(GENERATOR, field=CorrectedField.WASTE_NAME, name="Dầu thải")
    assert refusal(world, envelope) == order(e.Returned, e.CorrectionProposed)


def test_what_became_unexplained_since_is_looked_at(world: World) -> None:
    world.register().hand_over().arrive().weigh(HALF).accept((HALF - 1000, 1000))
    envelope = signed(world, BACK, *HOME)
    world.treat(1000, methods=("OH",))  # a method that the permit lacks
    assert refusal(world, envelope) == order(e.Returned, e.Treated)


def test_so_is_what_a_late_act_leaves_unexplained(world: World) -> None:
    world.register().hand_over().arrive().weigh(HALF).accept((HALF - 1000, 1000))
    part = e.LineTreated(line=1, mass_g=1000, methods=("OH",), treated_on=world.today)
    envelope = signed(world, e.Treated(parts=(part,)), THE_FACILITY)
    permitted = signed(world, e.Treated(parts=(replace(part, methods=("TC",)),)), THE_FACILITY)
    world.give_back()
    assert refusal(world, envelope) == order(e.Treated, e.Returned)
    arrives(world, permitted)


def test_office_work_stands_in_nobody_s_way(world: World) -> None:
    world.register().hand_over().arrive().weigh(HALF)
    drums = (e.Packages(kind=Packaging.DRUM, count=3),)
    correction = world.propose(GENERATOR, field=CorrectedField.PACKAGES, packages=drums)
    lines = (e.LineDecided(line=1, accepted_g=HALF // 2, refused_g=HALF // 2, reason="Lẫn nước"),)
    envelope = signed(world, e.Accepted(lines=lines), THE_FACILITY)
    world.decline(correction, FACILITY)
    arrives(world, envelope)
    assert state(world).status is Status.ACCEPTED


def test_an_act_of_no_manifest_names_the_head(world: World) -> None:
    party = "org:new"
    world.add_party(party, "Công ty Mới", Role.GENERATOR, admit=False)
    world.manifest = party
    suspended = r.OrganisationAdmitted(party=party)
    envelope = signed(world, suspended, (OPERATOR, Role.OPERATOR))
    admitted = world.act(suspended, (OPERATOR, Role.OPERATOR), stream=party)
    assert refusal(world, envelope) == [("ledger.stale_stream", {"head": admitted.envelope_hash})]


# What an authority decides.


def decided(world: World, envelope: bytes, *codes: str) -> None:
    """Keep an act as a claim, refused by these codes, and have the authority accept it."""
    claim = uuid7(world.now, world.random)
    kept = ClaimKept(
        claim=claim,
        manifest=world.manifest,
        envelope=base64.b64encode(envelope).decode(),
        envelope_hash=parse_envelope(envelope).hash,
        codes=codes,
    )
    service: Who = (OPERATOR, Role.SERVICE, "service")
    world.act(kept, service, stream=f"claim:{claim}")
    body = ClaimResolved(claim=claim, outcome=Outcome.ACCEPTED, reason="Đã xem hồ sơ")
    world.act(body, (AUTHORITY, Role.AUTHORITY), stream=f"claim:{claim}")


@pytest.mark.parametrize("code", ["manifest.order_matters", "ledger.stale_stream"])
def test_a_decision_lets_an_act_stand_whose_order_matters(world: World, code: str) -> None:
    world.register().hand_over().arrive()
    weighed = (e.LineWeighed(line=1, net_g=HALF - 1000, ticket="PC-2"),)
    envelope = signed(world, e.Weighed(instrument="Cân 2", lines=weighed), THE_FACILITY)
    world.weigh(HALF)
    decided(world, envelope, code)
    arrives(world, envelope)
    assert state(world).lines[0].mass.net_g == HALF - 1000
    world.accept((HALF - 1000, 0))


def test_it_lifts_the_order_of_what_is_left_unexplained_too(world: World) -> None:
    world.register().hand_over().arrive().weigh(HALF).accept((HALF - 1000, 1000))
    part = e.LineTreated(line=1, mass_g=1000, methods=("OH",), treated_on=world.today)
    envelope = signed(world, e.Treated(parts=(part,)), THE_FACILITY)
    world.give_back()
    decided(world, envelope, "manifest.order_matters")
    arrives(world, envelope)
    assert state(world).status is Status.IN_TREATMENT


def test_no_decision_moves_what_the_masses_do_not_allow(world: World) -> None:
    world.register().hand_over().arrive().weigh(HALF)
    lines = (e.LineDecided(line=1, accepted_g=HALF, refused_g=0),)
    envelope = signed(world, e.Accepted(lines=lines), THE_FACILITY)
    world.weigh(HALF - 1000)
    assert refusal(world, envelope)[0] == order(e.Accepted, e.Weighed)[0]
    decided(world, envelope, "manifest.order_matters")
    assert [code for code, _ in refusal(world, envelope)] == ["manifest.accepted_and_refused"]


def test_a_decision_on_other_limits_leaves_the_order(world: World) -> None:
    world.register().hand_over().arrive()
    weighed = (e.LineWeighed(line=1, net_g=HALF - 1000, ticket="PC-2"),)
    envelope = signed(world, e.Weighed(instrument="Cân 2", lines=weighed), THE_FACILITY)
    world.weigh(HALF)
    decided(world, envelope, "manifest.time_out_of_order")
    assert refusal(world, envelope) == order(e.Weighed, e.Weighed)
