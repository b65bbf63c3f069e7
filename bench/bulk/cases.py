"""Journeys beside those of the demo: a round, a second facility, a batch, and long histories.

They are told in the demo's way, by the demo's parties, in the third quarter of 2025.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import Any

from api.demo.clock import moment, working_day
from api.demo.generators import GENERATORS, Area, Generator
from api.demo.lots import Yard
from api.demo.people import People
from api.demo.plan import Carriage, Ending, Journey
from api.demo.roster import CARRIERS, FACILITIES, Facility
from api.demo.steps import Act, By, Ids
from api.demo.trips import Trip
from api.demo.wastes import WASTES
from manifest import events as e
from manifest.accounts import spread
from manifest.body import Body
from manifest.cases import events as c
from manifest.cases.parts import GENERATOR_SIGNED, LineReceived, Second
from manifest.lots import events as lots
from manifest.register import documents as d
from manifest.vocabulary import Role

FIRST_SEQUENCE = 5_000
PARTS = 24
_FIRST = FACILITIES[0]
LINKED = FACILITIES[2]
_LINKAGE = f"linkage:{_FIRST.slug}:{LINKED.slug}"
_CODES = tuple(code for code in WASTES if _FIRST.methods_for(code) and LINKED.methods_for(code))
_CARRIER = next(one for one in CARRIERS if {_FIRST.slug, LINKED.slug} <= set(one.facilities))


def linkage_of(valid_to: date) -> d.LinkageApproved:
    """Return the approval by which the first facility may pass waste on to the second."""
    return d.LinkageApproved(
        linkage=_LINKAGE, first=_FIRST.party, second=LINKED.party, number="31/VB-LK (minh họa)", codes=_CODES,
        valid_from=date(2024, 1, 1), valid_to=valid_to,
    )  # fmt: skip


def cases(seed: int, each: int) -> list[Act]:
    """Return the acts of every case, so many of each, in no order."""
    teller = _Teller(seed)
    acts: list[Act] = []
    for place in range(each):
        for tell in (teller.round, teller.second, teller.batch, teller.in_parts, teller.corrected):
            acts += tell(place)
    return acts


class _Case(Trip):
    """A consignment with acts that the demo's story does not have, driven by one vehicle."""

    def _plate(self, plates: Sequence[str]) -> str:
        return plates[0]

    def change(self, **fields: Any) -> None:
        """Change fields of the act that was signed last."""
        last = self.acts[-1]
        self.acts[-1] = replace(last, body=replace(last.body, **fields))  # type: ignore[type-var]

    def sign(self, body: Body, facility: Facility) -> None:
        """Have a facility sign a body in the manifest, a little later."""
        self._later(20, 60)
        self._sign(body, By(facility.party, Role.TREATMENT_FACILITY))

    def part(self, index: int, mass_g: int, methods: tuple[str, ...], batch: str | None = None) -> e.Treated:
        """Return the treatment of a part of a line today."""
        part = e.LineTreated(
            line=self.lines[index].line, mass_g=mass_g, methods=methods, treated_on=self.day, batch=batch
        )
        return e.Treated(parts=(part,))


class _Teller:
    def __init__(self, seed: int) -> None:
        self._ids = Ids(seed + 3)
        self._people = People(Random(f"people of cases {seed}"))  # noqa: S311  a repeatable story
        self._random = Random(f"cases {seed}")  # noqa: S311  as above
        self._sequence = FIRST_SEQUENCE

    def round(self, place: int) -> Iterator[Act]:
        """Collect from three workshops with one truck; one ticket is divided over their manifests."""
        villages = self._members(Area.VILLAGE)
        members = [villages[(place * 3 + n) % len(villages)] for n in range(3)]
        round_id = self._ids.new(moment(self._day(place, 0), 6))
        made = [self._trip(member, self._day(place, 0)) for member in members]
        trips = [trip for trip, _ in made]
        yield from (act for _, declared in made for act in declared)
        for trip in trips:
            trip.register()
            trip.change(round=round_id)
            trip.hand_over()
        gate = max(trip.at for trip in trips)
        for trip in trips:
            trip.at = gate
            trip.arrive()
        scale = max(trip.at for trip in trips)
        declared = [
            ((trip.id, line.line), line.mass_g)
            for trip in sorted(trips, key=lambda trip: trip.id)
            for line in trip.lines
        ]
        net_g = sum(grams for _, grams in declared) - 1_500
        shares = dict(spread(net_g, declared))
        for trip in trips:
            trip.at = scale
            trip.weigh()
            trip.arrived_g = [int(shares[trip.id, line.line]) for line in trip.lines]
            weighed = tuple(
                e.LineWeighed(line=line.line, net_g=grams, ticket=f"PC-R-{round_id[:8]}")
                for line, grams in zip(trip.lines, trip.arrived_g, strict=True)
            )
            trip.change(lines=weighed, round_net_g=net_g)
            trip.accept()
            yield from _finished(trip)

    def second(self, place: int) -> Iterator[Act]:
        """Pass a load on to a second facility, which weighs, treats and completes."""
        members = [one for one in self._members(Area.PARK) if set(one.codes) <= set(_CODES)]
        trip, declared = self._trip(members[place % len(members)], self._day(place, 5))
        yield from declared
        trip.register()
        linked = Second(
            party=LINKED.party,
            site=LINKED.site,
            permit=LINKED.permit,
            linkage=_LINKAGE,
            consent=GENERATOR_SIGNED,
        )
        trip.change(second=linked)
        trip.hand_over()
        trip.arrive()
        trip.weigh()
        trip.accept()
        trip.next_day(1, 2)
        every = tuple(line.line for line in trip.lines)
        plate = _FIRST.plates[0]
        forwarded = c.Forwarded(facility=LINKED.party, taker=_FIRST.party, vehicle_plate=plate, lines=every)
        trip.sign(forwarded, _FIRST)
        received = tuple(
            LineReceived(line=line.line, net_g=grams, ticket="PC-2", accepted_g=grams, refused_g=0)
            for line, grams in zip(trip.lines, trip.arrived_g, strict=True)
        )
        trip.next_day(1, 1)
        trip.sign(c.ReceivedSecond(instrument="Cân ô tô 60 t", lines=received), LINKED)
        for index, grams in enumerate(trip.arrived_g):
            trip.next_day(1, 2)
            methods = (LINKED.methods_for(trip.lines[index].code)[0],)
            trip.sign(trip.part(index, grams, methods), LINKED)
        trip.next_day(1, 1)
        trip.sign(e.Completed(), LINKED)
        yield from trip.acts

    def batch(self, place: int) -> Iterator[Act]:
        """Pour the waste of two generators together; what comes out is treated, then both end."""
        members = [one for one in self._members(Area.CLUSTER) if set(one.codes) <= set(_CODES)]
        pair = [members[place % len(members)], members[(place + 1) % len(members)]]
        made = [self._trip(member, self._day(place, 10)) for member in pair]
        trips = [trip for trip, _ in made]
        yield from (act for _, declared in made for act in declared)
        batch = self._ids.new(moment(self._day(place, 10), 6))
        code, state = trips[0].lines[0].code, trips[0].lines[0].state
        poured_g = 0
        for trip in trips:
            trip.register()
            trip.hand_over()
            trip.arrive()
            trip.weigh()
            trip.accept()
            trip.next_day(2, 2)
            for index, grams in enumerate(trip.arrived_g):
                trip.sign(trip.part(index, grams, ("SC",), batch), _FIRST)
                poured_g += grams
        at = max(trip.at for trip in trips) + timedelta(hours=3)
        child, residue = self._ids.new(at), self._ids.new(at)
        rest_g = poured_g // 10
        out = lots.Output(lot=child, code=code, state=state, mass_g=poured_g - rest_g)
        ash = lots.Output(lot=residue, code=code, state=state, mass_g=rest_g)
        by = By(_FIRST.party, Role.TREATMENT_FACILITY)
        emptied = lots.BatchDischarged(
            batch=batch, discharged_on=trips[0].day, outputs=(out,), residues=(ash,)
        )
        yield self._ids.act(at, emptied, by, stream=batch)
        methods = (_FIRST.methods_for(code)[0],)
        for hours, (lot, grams) in enumerate(((child, poured_g - rest_g), (residue, rest_g)), start=1):
            treated = lots.LotTreated(
                lot=lot, mass_g=grams, methods=methods, treated_on=trips[0].day, permit=_FIRST.permit
            )
            yield self._ids.act(at + timedelta(minutes=20 * hours), treated, by, stream=lot)
        for trip in trips:
            trip.next_day(2, 2)
            trip.complete()
            yield from trip.acts

    def in_parts(self, place: int) -> Iterator[Act]:
        """Treat a load in many parts, over weeks."""
        members = [one for one in self._members(Area.PARK) if set(one.codes) <= set(_CODES)]
        trip, declared = self._trip(members[(place + 1) % len(members)], self._day(place, 2))
        yield from declared
        trip.register()
        trip.hand_over()
        trip.arrive()
        trip.weigh()
        trip.accept()
        for _ in range(PARTS):
            trip.next_day(1, 2)
            trip.treat(0.12)
        yield from _finished(trip)

    def corrected(self, place: int) -> Iterator[Act]:
        """Correct plate and mass of a load, and correct them once more."""
        members = self._members(Area.PARK)
        trip, declared = self._trip(members[(place + 4) % len(members)], self._day(place, 3))
        yield from declared
        trip.register()
        trip.hand_over()
        trip.arrive()
        trip.weigh()
        trip.accept()
        for times, agreed in enumerate((True, False), start=1):
            trip.next_day(1, 1)
            trip.correct_plate()
            trip.change(value=f"29C-999.0{times}")
            trip.next_day(1, 1)
            trip.correct_mass(agreed=agreed)
        yield from _finished(trip)

    def _trip(self, member: Generator, day: date) -> tuple[_Case, list[Act]]:
        """Return a load of a generator that goes to the first facility, and the acts that declare it."""
        self._sequence += 1
        carriage = Carriage.CARRIER if member.area is Area.VILLAGE else Carriage.FACILITY
        journey = Journey(
            generator=member, day=working_day(day), ending=Ending.COMPLETED, carriage=carriage,
            carrier=_CARRIER, facility=_FIRST,
        )  # fmt: skip
        yard = Yard(member, 1, self._ids, self._random)
        load = yard.load(journey)
        trip = _Case(journey, load, self._sequence, ids=self._ids, people=self._people, random=self._random)
        return trip, yard.acts

    @staticmethod
    def _members(area: Area) -> list[Generator]:
        """Return the generators of an area that stand in the smallest version of the story too."""
        able = [one for one in GENERATORS if one.area is area][:5]
        return [one for one in able if one.pickups and not one.medical and one.agent is None]

    @staticmethod
    def _day(place: int, more: int) -> date:
        return date(2025, 7, 21) + timedelta(days=7 * place + more)


def _finished(trip: Trip) -> Sequence[Act]:
    trip.next_day(1, 4)
    trip.treat()
    trip.next_day(1, 2)
    trip.complete()
    return trip.acts
