"""Any mix of acts in any order, with any masses: no account below zero, no gram made or counted twice."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from ledger.errors import Problem, Refused
from manifest import events as e
from manifest.accounts import Slot, balanced
from manifest.body import Body
from manifest.cases import abroad, carriage, second
from manifest.cases import events as c
from manifest.cases.parts import LineDisposed, LineMoved, LineReceived
from manifest.consignment import Manifest
from manifest.lifecycle import TRANSITIONS, step
from manifest.reference import default
from manifest.rules import every_line, way_back
from manifest.vocabulary import SOURCES, Account, ManifestId, Status
from tests.factories import (
    AT,
    CARRIER,
    DAY,
    FACILITY,
    GENERATOR,
    OTHER_PLATE,
    PLATE,
    SECOND,
    declared,
    export,
    lot_id,
    some,
    terms,
)
from tests.factories import second as planned_second

GRAMS = st.one_of(st.integers(960, 1040), st.integers(0, 1300))
Draw = Callable[[st.SearchStrategy[Any]], Any]
SITES = {lot_id(10): "site:generator", lot_id(11): "site:household", lot_id(20): "site:generator"}


def number(draw: Draw) -> int:
    return int(draw(st.integers(1, 2)))


def weighed(draw: Draw, _: Manifest) -> Body:
    lines = tuple(e.LineWeighed(line=n, net_g=draw(GRAMS), ticket="PC") for n in (1, 2))
    return e.Weighed(instrument="Cân", lines=lines)


def accepted(draw: Draw, before: Manifest) -> Body:
    lines = []
    for line in before.lines:
        taken = draw(st.integers(0, line.mass.arrived_g))
        refused = line.mass.arrived_g - taken
        lines.append(e.LineDecided(line=line.number, accepted_g=taken, refused_g=refused, reason="ướt"))
    return e.Accepted(lines=tuple(lines))


def treated(draw: Draw, _: Manifest) -> Body:
    methods = draw(st.sampled_from([("TC",), ("SC",), ("OH",)]))
    mass_g = draw(st.integers(1, 1300))
    return e.Treated(
        parts=(e.LineTreated(line=number(draw), mass_g=mass_g, methods=methods, treated_on=DAY),)
    )


def forwarded(draw: Draw, _: Manifest) -> Body:
    taker = draw(st.sampled_from([FACILITY, SECOND]))
    return c.Forwarded(facility=SECOND, taker=taker, vehicle_plate=PLATE, lines=(number(draw),))


def received(draw: Draw, before: Manifest) -> Body:
    lines = []
    for line in before.lines:
        if line.mass.second is not None and line.mass.second.accepted_g is None:
            net_g = draw(GRAMS)
            taken = draw(st.integers(0, net_g))
            lines.append(
                LineReceived(
                    line=line.number, net_g=net_g, ticket="PC", accepted_g=taken, refused_g=net_g - taken,
                    reason="ướt",
                )
            )  # fmt: skip
    return c.ReceivedSecond(instrument="Cân", lines=tuple(lines))


def transshipped(draw: Draw, _: Manifest) -> Body:
    plates = st.sampled_from([PLATE, OTHER_PLATE, "30A-111.11"])
    moved = (LineMoved(line=number(draw), mass_g=draw(st.integers(1, 1000))),)
    return c.Transshipped(from_plate=draw(plates), to_plate=draw(plates), lines=moved)


def certified(draw: Draw, _: Manifest) -> Body:
    lines = (LineDisposed(line=number(draw), mass_g=draw(st.integers(1, 1000)), method="TĐ"),)
    return c.DisposalCertified(certificate="CN", certificate_sha256="0" * 64, disposed_on=DAY, lines=lines)


def handed_over(_: Draw, before: Manifest) -> Body:
    return some(e.HandedOver, leg=len(before.legs) + 1, giver=before.holder, taker=CARRIER)


def arrived(draw: Draw, _: Manifest) -> Body:
    return e.Arrived(vehicle_plate=draw(st.sampled_from([PLATE, OTHER_PLATE, "30A-111.11"])))


def returned(draw: Draw, _: Manifest) -> Body:
    return some(e.Returned, giver=draw(st.sampled_from([CARRIER, FACILITY, SECOND])))


ACTS: dict[type[Body], Callable[[Draw, Manifest], Body]] = {
    e.HandedOver: handed_over, e.Arrived: arrived, e.Weighed: weighed, e.Accepted: accepted,
    e.Refused: lambda *_: some(e.Refused), e.Treated: treated, e.Returned: returned,
    e.Completed: lambda *_: some(e.Completed), c.Forwarded: forwarded, c.ReceivedSecond: received,
    c.Transshipped: transshipped, c.Exported: lambda *_: some(c.Exported), c.DisposalCertified: certified,
}  # fmt: skip
RARELY = {e.Refused, e.HandedOver}


def problems(before: Manifest, body: Body, by: str) -> Iterator[Problem]:
    """Yield what the rules of the cases would say, as far as they need no register."""
    match body:
        case e.HandedOver():
            yield from carriage.in_one_vehicle(before)
        case e.Arrived():
            yield from abroad.staying(before)
            yield from carriage.arrival(before, body)
        case e.Weighed() | e.Accepted():
            yield from carriage.all_arrived(before)
            yield from every_line(before, body)
        case e.Refused():
            yield from carriage.all_arrived(before)
        case e.Treated():
            yield from second.in_hand(before, body, by)
        case e.Completed():
            yield from second.completion(before, by)
        case e.Returned():
            yield from way_back(before, body)
        case c.Transshipped():
            yield from carriage.transshipment(before, body, default(), DAY)
        case c.Forwarded():
            yield from second.forwarding(before, body)
        case c.ReceivedSecond():
            yield from second.reception(before, body)
        case c.Exported():
            yield from abroad.leaving(before)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_mix_of_acts_keeps_every_gram(data: st.DataObject) -> None:
    draw = data.draw
    goes = draw(st.sampled_from(["on", "abroad", "here"]))
    case: dict[str, Any] = {"second": planned_second()} if goes == "on" else {}
    case |= {"export": export()} if goes == "abroad" else {}
    using = replace(terms(), site_of=SITES.__getitem__)
    registered = some(e.Registered, lines=(declared(1, 600, 400), declared(2, 1000)), **case)
    state, _ = step(Manifest(id=ManifestId(lot_id(1))), registered, AT, GENERATOR, using)
    state, made = step(state, some(e.HandedOver), AT, GENERATOR, using)
    books: dict[tuple[Slot, str], int] = defaultdict(int)
    for lot, grams in ((lot_id(10), 600), (lot_id(11), 400), (lot_id(20), 1000)):
        books[Slot(Account.STORED, SITES[lot]), lot] = grams
        books[using.source(lot), lot] = -grams
    at = AT
    todo = [made]
    for _ in range(draw(st.integers(5, 30))):
        fit = [kind for kind in ACTS if (state.status, kind) in TRANSITIONS]
        fit = [kind for kind in fit if kind not in RARELY or draw(st.integers(0, 5)) == 0]
        if not fit:
            continue
        body = ACTS[draw(st.sampled_from(fit))](draw, state)
        if isinstance(body, c.ReceivedSecond) and not body.lines:
            continue
        by = (
            draw(st.sampled_from([FACILITY, SECOND]))
            if isinstance(body, e.Treated | e.Completed)
            else FACILITY
        )
        at += timedelta(hours=1)
        try:
            if list(problems(state, body, by)):
                continue
            state, made = step(state, body, at, by, using)
        except Refused:
            continue
        todo.append(made)
        for posting in made:
            books[Slot(posting.account, posting.place), posting.lot] += posting.grams
    for posting in todo[0]:
        books[Slot(posting.account, posting.place), posting.lot] += posting.grams
    assert all(map(balanced, todo))
    assert sum(books.values()) == 0
    below = {slot: grams for (slot, _), grams in books.items() if grams < 0 and slot.account not in SOURCES}
    assert not below
    loaded = {n: sum(load.get(n, 0) for load in state.vehicles.values()) for n in (1, 2)}
    assert loaded == {1: 1000, 2: 1000}, "what changes vehicles is neither more nor less"
    assert state.left_g >= 0
    if state.status is Status.COMPLETED:
        assert state.left_g == 0
        resting = {Account.AT_FACILITY, Account.INTERIM}
        assert not any(grams for (slot, _), grams in books.items() if slot.account in resting)
    event(f"{goes}: {state.status}")
