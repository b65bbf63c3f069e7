from collections import defaultdict
from dataclasses import replace
from itertools import product
from types import MappingProxyType

import pytest

from ledger.errors import Conflict, RuleBroken
from manifest import events as e
from manifest.body import Body
from manifest.cases import events as c
from manifest.cases.parts import LineDisposed
from manifest.consignment import Correction, Manifest
from manifest.correcting.events import CorrectionRequested, CorrectionWithdrawn
from manifest.correcting.fields import FIELDS
from manifest.correcting.process import waits_for
from manifest.events import MANIFEST_EVENTS
from manifest.lifecycle import TRANSITIONS, step
from manifest.vocabulary import Account, Consent, CorrectedField, Status, VehicleKind
from tests.factories import (
    AT,
    CARRIER,
    CORRECTION,
    FACILITY,
    GENERATOR,
    by,
    manifest_in,
    play,
    second,
    some,
    terms,
)

# The life of a manifest, written by hand and not read from the table under test.
WORDS = """
new           registered -> registered
registered    cancelled -> cancelled
registered    handed_over -> in_transit
in_transit    handed_over -> in_transit
in_transit    arrived -> arrived
arrived       weighed -> weighed
arrived       refused -> refused
weighed       weighed -> weighed
weighed       accepted -> accepted
weighed       refused -> refused
refused       returned -> returned
accepted      treated -> in_treatment
accepted      returned -> accepted
in_treatment  treated -> in_treatment
in_treatment  returned -> in_treatment
in_treatment  completed -> completed
completed     returned -> completed
in_transit    transshipped -> in_transit
arrived       transshipped -> arrived
arrived       arrived -> arrived
accepted      forwarded -> accepted
in_treatment  forwarded -> in_treatment
accepted      received_second -> in_treatment
in_treatment  received_second -> in_treatment
accepted      storage_notified -> accepted
in_treatment  storage_notified -> in_treatment
in_transit    exported -> exported
exported      disposal_certified -> exported
exported      completed -> completed
in_transit    copies_delivered -> in_transit
arrived       copies_delivered -> arrived
weighed       copies_delivered -> weighed
accepted      copies_delivered -> accepted
in_treatment  copies_delivered -> in_treatment
refused       copies_delivered -> refused
completed     copies_delivered -> completed
exported      copies_delivered -> exported
"""
ANSWERS = (e.CorrectionConsented, e.CorrectionDeclined, CorrectionWithdrawn)
CORRECTIONS = (e.CorrectionProposed, *ANSWERS, CorrectionRequested)


def named(event: type[Body]) -> str:
    return event.kind.removeprefix("manifest.").removesuffix(".v1")


def ready_for(status: Status, event: type[Body]) -> Manifest:
    """Return a manifest in a status, with what an act of this kind builds on."""
    one_line = {"parts": some(e.Treated).parts[:1]}
    second_line = status is Status.IN_TREATMENT and event in {c.Forwarded, c.ReceivedSecond}
    before = manifest_in(status, Registered={"second": second()}, Treated=one_line if second_line else {})
    if event is e.Completed and status is Status.IN_TREATMENT:
        return play(before, some(e.Treated))
    if event is e.Completed and status is Status.EXPORTED:
        rest = tuple(LineDisposed(line=n, mass_g=g, method="TĐ") for n, g in ((1, 400), (2, 1000)))
        return play(before, some(c.DisposalCertified), some(c.DisposalCertified, lines=rest))
    if event is c.ReceivedSecond and (status, event) in TRANSITIONS:
        return play(before, some(c.Forwarded))
    if event in ANSWERS and (status, e.CorrectionProposed) in TRANSITIONS:
        # As if proposed by the carrier, so that generator and facility both have to agree.
        proposed = Correction(some(e.CorrectionProposed), CARRIER, frozenset({GENERATOR, FACILITY}))
        return replace(before, corrections=MappingProxyType({CORRECTION: proposed}))
    return before


@pytest.mark.parametrize(
    ("status", "event"),
    list(product(Status, MANIFEST_EVENTS)),
    ids=lambda value: named(value) if isinstance(value, type) else str(value),
)
def test_only_the_table_moves_a_manifest(status: Status, event: type[Body]) -> None:
    before = ready_for(status, event)
    body, who = some(event), by(event)
    if event is e.CorrectionProposed:
        body = some(e.CorrectionProposed, field=CorrectedField.WASTE_NAME, name="Dầu thải")
    elif event is CorrectionWithdrawn:
        who = CARRIER
    target = TRANSITIONS.get((status, event))
    if target is None:
        with pytest.raises(Conflict) as refused:
            step(before, body, AT, who, terms())
        assert [(p.code, p.path, dict(p.facts)) for p in refused.value.problems] == [
            ("manifest.transition_refused", "/kind", {"status": status.value, "event": event.kind})
        ]
    else:
        after, _ = step(before, body, AT, who, terms())
        assert (after.status, after.last_at, after.id) == (target, AT, before.id)
        assert before.status is status, "a manifest is a value: the step leaves it as it was"


def test_the_table_says_what_the_words_say() -> None:
    said = {
        (Status(status), kind): Status(target)
        for status, kind, _, target in (line.split() for line in WORDS.strip().splitlines())
    }
    for status in set(Status) - {Status.NEW, Status.CANCELLED}:
        said |= {(status, named(correction)): status for correction in CORRECTIONS}
    assert {(status, named(event)): target for (status, event), target in TRANSITIONS.items()} == said


def test_cancelling_is_possible_only_before_pick_up() -> None:
    assert [status for status, event in TRANSITIONS if event is e.Cancelled] == [Status.REGISTERED]
    assert manifest_in(Status.REGISTERED).held == {}, "nothing has moved yet"
    moved = reachable(TRANSITIONS[Status.REGISTERED, e.HandedOver])
    assert Status.CANCELLED not in moved


def test_nothing_leaves_an_end_but_corrections_late_returns_and_copies() -> None:
    leaving = defaultdict(set)
    for (status, event), target in TRANSITIONS.items():
        if status in {Status.COMPLETED, Status.CANCELLED, Status.RETURNED}:
            assert target is status
            leaving[status].add(event)
    assert leaving == {
        Status.COMPLETED: {e.Returned, c.CopiesDelivered, *CORRECTIONS},
        Status.RETURNED: set(CORRECTIONS),
    }


def test_every_status_is_reached_and_every_act_has_its_place() -> None:
    assert reachable(Status.NEW) == set(Status)
    assert {event for _, event in TRANSITIONS} == set(MANIFEST_EVENTS)


def reachable(start: Status) -> set[Status]:
    found, before = {start}, set[Status]()
    while found != before:
        before = set(found)
        found |= {target for (status, _), target in TRANSITIONS.items() if status in found}
    return found


def test_the_holder_is_who_took_over_last() -> None:
    assert manifest_in(Status.REGISTERED).holder == GENERATOR
    before = manifest_in(Status.IN_TRANSIT)
    assert before.holder == CARRIER
    after = play(before, some(e.HandedOver, leg=2, giver=CARRIER, taker=FACILITY))
    assert (after.holder, [leg.taker for leg in after.legs]) == (FACILITY, [CARRIER, FACILITY])


def test_weighing_again_replaces_the_masses() -> None:
    again = some(e.Weighed, lines=tuple(e.LineWeighed(line=n, net_g=980, ticket=f"PC-{n}b") for n in (2, 1)))
    after = play(manifest_in(Status.WEIGHED), again)
    assert [line.mass.net_g for line in after.lines] == [980, 980]


def test_completing_with_waste_left_is_refused() -> None:
    with pytest.raises(RuleBroken) as refused:
        play(manifest_in(Status.IN_TREATMENT), some(e.Completed))
    assert refused.value.problems[0].code == "manifest.not_all_treated"
    assert refused.value.problems[0].facts == {"left_g": 850}


def test_a_returned_load_is_back_in_store_and_only_what_was_refused_is_marked() -> None:
    after = play(manifest_in(Status.ACCEPTED), some(e.Returned))
    assert [line.mass.returned for line in after.lines] == [True, False]
    assert after.refused_g == 0
    stored = {place[1].account: grams for place, grams in after.held.items() if place[0] == 1}
    assert Account.IN_TRANSIT not in stored


def test_the_times_of_the_acts_are_kept() -> None:
    done = manifest_in(Status.COMPLETED)
    times = (done.registered_at, done.legs[0].at, done.arrived_at, done.decided_at, done.completed_at)
    assert list(times) == sorted(time for time in times if time is not None)
    assert done.last_at == done.completed_at
    assert manifest_in(Status.REFUSED).decided_at is not None


# Corrections


def test_the_classes_of_the_fields() -> None:
    classes = {one: {field.value for field in FIELDS if FIELDS[field].consent is one} for one in Consent}
    assert classes == {
        Consent.NONE: {"parties", "number", "mass_g"},
        Consent.NOTIFY: {"vehicle_plate", "vehicle_kind", "paper_number", "name", "containers"},
        Consent.CONSENT: {
            "packages", "arrived_at", "state", "code", "net_g", "accepted_g", "difference", "treated",
        },
    }  # fmt: skip
    assert set(FIELDS) == set(CorrectedField)


@pytest.mark.parametrize(
    ("proposer", "waiting"),
    [(GENERATOR, {FACILITY}), (FACILITY, {GENERATOR}), (CARRIER, {GENERATOR, FACILITY})],
)
@pytest.mark.parametrize("field", [CorrectedField.NET_MASS, CorrectedField.DIFFERENCE])
def test_masses_wait_for_generator_and_facility(
    proposer: str, waiting: set[str], field: CorrectedField
) -> None:
    assert (
        waits_for(manifest_in(Status.ACCEPTED), some(e.CorrectionProposed, field=field), proposer) == waiting
    )


def test_a_plate_is_changed_at_once() -> None:
    proposed = some(
        e.CorrectionProposed,
        field=CorrectedField.VEHICLE_PLATE,
        leg=1,
        value="29H-999.99",
        line=None,
        net_g=None,
    )
    after, made = step(manifest_in(Status.ARRIVED), proposed, AT, CARRIER, terms())
    assert (after.legs[0].vehicle_plate, after.legs[0].vehicle_kind) == ("29H-999.99", VehicleKind.ROAD)
    assert not made
    assert not after.corrections
    assert after.settled == {CORRECTION}


def test_a_mass_changes_only_with_the_last_consent() -> None:
    before = manifest_in(Status.ACCEPTED)
    proposed, made = step(before, some(e.CorrectionProposed), AT, CARRIER, terms())
    assert (made, proposed.lines) == ((), before.lines)
    half, made = step(proposed, some(e.CorrectionConsented), AT, GENERATOR, terms())
    assert (made, half.lines) == ((), before.lines)
    assert half.corrections[CORRECTION].waiting == {FACILITY}
    whole, made = step(half, some(e.CorrectionConsented), AT, FACILITY, terms())
    assert [line.mass.accepted_g for line in whole.lines] == [700, 990]
    assert made
    assert not whole.corrections


def test_a_declined_correction_falls() -> None:
    before = step(manifest_in(Status.ACCEPTED), some(e.CorrectionProposed), AT, GENERATOR, terms())[0]
    after, made = step(before, some(e.CorrectionDeclined), AT, FACILITY, terms())
    assert not made
    assert after.lines == before.lines
    assert not after.corrections
    for again in (some(e.CorrectionConsented), some(e.CorrectionDeclined)):
        with pytest.raises(Conflict, match=r"manifest\.correction_not_open"):
            step(after, again, AT, FACILITY, terms())


@pytest.mark.parametrize("body", [some(e.CorrectionConsented), some(e.CorrectionDeclined)])
@pytest.mark.parametrize("who", [GENERATOR, CARRIER])
def test_nobody_but_those_asked_can_answer(body: Body, who: str) -> None:
    before = step(manifest_in(Status.ACCEPTED), some(e.CorrectionProposed), AT, GENERATOR, terms())[0]
    with pytest.raises(RuleBroken, match=r"manifest\.correction_not_yours"):
        step(before, body, AT, who, terms())


def test_a_correction_has_its_name_for_good() -> None:
    before = step(manifest_in(Status.ACCEPTED), some(e.CorrectionProposed), AT, GENERATOR, terms())[0]
    settled = step(before, some(e.CorrectionDeclined), AT, FACILITY, terms())[0]
    for manifest in (before, settled):
        with pytest.raises(Conflict, match=r"manifest\.correction_known_already"):
            step(manifest, some(e.CorrectionProposed), AT, GENERATOR, terms())


def test_a_correction_that_came_too_late_is_refused_at_its_consent() -> None:
    before = step(manifest_in(Status.ACCEPTED), some(e.CorrectionProposed), AT, GENERATOR, terms())[0]
    treated = play(before, some(e.Treated))
    with pytest.raises(RuleBroken, match=r"manifest\.correction_out_of_reach"):
        step(treated, some(e.CorrectionConsented), AT, FACILITY, terms())
