"""A consignment's acts, one verb each: `trip.register(); trip.hand_over(); …`, every one a little later."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from random import Random

from api.demo.clock import LAST_DAY, moment, working_day
from api.demo.lots import Lot, generator_by
from api.demo.people import People, Person
from api.demo.plan import Carriage, Journey
from api.demo.steps import Act, By, Ids
from api.demo.wastes import WASTES, container
from manifest import events as e
from manifest.body import Body
from manifest.vocabulary import CorrectedField, Role, local_date

_FORM = "tt02-2022"


class Trip:
    """One consignment on its way; ``acts`` are what was signed so far, ``at`` when the last of it was."""

    def __init__(
        self,
        journey: Journey,
        load: Sequence[Lot],
        sequence: int,
        *,
        ids: Ids,
        people: People,
        random: Random,
    ) -> None:
        self.journey = journey
        self.at = moment(journey.day, 7, random.randint(30, 55))
        self.id = ids.new(self.at)
        self.number = e.Number(sequence=sequence, year=journey.day.year, issuer=journey.facility.issuer)
        self.acts: list[Act] = []
        self.random = random
        self._ids = ids
        self._people = people
        self._generator = generator_by(journey.generator)
        self._facility = By(journey.facility.party, Role.TREATMENT_FACILITY)
        self._legs: list[e.HandedOver] = []
        self.lines = tuple(
            self._line(number, code, load) for number, code in enumerate(_codes(load), start=1)
        )
        self.arrived_g = [line.mass_g for line in self.lines]
        self.left_g = [line.mass_g for line in self.lines]

    def _line(self, number: int, code: str, load: Sequence[Lot]) -> e.LineDeclared:
        waste = WASTES[code]
        draws = tuple(e.Draw(lot=lot.id, mass_g=lot.mass_g) for lot in load if lot.code == code)
        mass_g = sum(draw.mass_g for draw in draws)
        return e.LineDeclared(
            line=number, code=code, name=waste.name, state=waste.state, mass_g=mass_g,
            planned_methods=(self.journey.facility.methods_for(code)[0],), lots=draws,
            containers=container(waste.state, mass_g),
        )  # fmt: skip

    def _sign(self, body: Body, *by: By, names: dict[str, Person] | None = None) -> None:
        self.acts.append(self._ids.act(self.at, body, *by, stream=self.id, names=names))

    def _later(self, least: int, most: int) -> None:
        """Let between so many minutes pass."""
        self.at += timedelta(minutes=self.random.randint(least, most))

    def next_day(self, least: int, most: int) -> None:
        """Let so many days pass, to a working day and an hour of work; the story's end is not passed."""
        day = working_day(local_date(self.at) + timedelta(days=self.random.randint(least, most)))
        self.at = max(
            moment(min(day, LAST_DAY), self.random.randint(8, 15), self.random.randint(0, 59)), self.at
        )

    @property
    def day(self) -> date:
        """The day, in Viet Nam, on which the consignment stands now."""
        return local_date(self.at)

    @property
    def started_at(self) -> datetime:
        """When it was registered."""
        return self.acts[0].at

    def register(self) -> None:
        """The generator registers it, in agreement with the facility."""  # noqa: D401
        journey = self.journey
        if journey.carriage is Carriage.OWN:
            carriers = (e.CarrierPlanned(party=journey.generator.party),)
        elif journey.carriage is Carriage.FACILITY:
            carriers = (e.CarrierPlanned(party=journey.facility.party),)
        else:
            carrier = journey.carrier
            approval = carrier.approval(journey.facility.slug)
            carriers = (e.CarrierPlanned(party=carrier.party, permit=carrier.permit, approval=approval),)
        body = e.Registered(
            number=self.number,
            generator=journey.generator.party,
            site=journey.generator.site,
            facility=journey.facility.party,
            facility_site=journey.facility.site,
            permit=journey.facility.permit,
            carriers=carriers,
            lines=self.lines,
            form=_FORM,
        )
        signer = self._people.of(self._generator.key or self._generator.party)
        self._sign(body, self._generator, names={"signer_name": signer})

    def cancel(self) -> None:
        """The generator calls it off the next morning."""  # noqa: D401
        self.next_day(1, 1)
        body = e.Cancelled(reason="Đổi lịch thu gom, xe của đơn vị vận chuyển phải sửa chữa")
        self._sign(body, self._generator)

    def hand_over(self) -> None:
        """Carry it to the facility, in one leg or in two.

        A generator that carries in its own vehicle hands over to the facility at the gate: custody does not
        change before.
        """
        journey, carriage = self.journey, self.journey.carriage
        own = carriage is Carriage.OWN
        self._later(140, 260) if own else self._later(50, 130)
        if carriage in {Carriage.OWN, Carriage.FACILITY}:
            role = Role.TREATMENT_FACILITY if own else Role.TRANSPORTER
            taker, plate = By(journey.facility.party, role), self._plate(journey.facility.plates)
        else:
            taker, plate = By(journey.carrier.party, Role.TRANSPORTER), self._plate(journey.carrier.plates)
        if own:
            plate = _own_plate(journey.generator.slug)
        self._leg(self._generator, taker, plate, driver_of=journey.generator.party if own else taker.party)
        if carriage is Carriage.TWO_LEGS:
            self._later(60, 110)
            facility = By(journey.facility.party, Role.TRANSPORTER)
            self._leg(taker, facility, self._plate(journey.facility.plates), driver_of=facility.party)

    def _plate(self, plates: Sequence[str]) -> str:
        return self.random.choice(plates)

    def _leg(self, giver: By, taker: By, plate: str, *, driver_of: str) -> None:
        leg = e.HandedOver(leg=len(self._legs) + 1, giver=giver.party, taker=taker.party, vehicle_plate=plate)
        self._legs.append(leg)
        names = {
            "signer_name": self._people.of(giver.key or giver.party),
            "driver_name": self._people.of(driver_of, 1 + self.random.randint(0, 1)),
        }
        self._sign(leg, giver, taker, names=names)

    def arrive(self) -> None:
        """Reach the facility's gate."""
        own = self.journey.carriage is Carriage.OWN
        self._later(2, 8) if own else self._later(70, 200)
        self._sign(e.Arrived(vehicle_plate=self._legs[-1].vehicle_plate), self._facility)

    def weigh(self, off: float | None = None) -> None:
        """Weigh every line; ``off`` is by how much the first differs, else a little, as scales do."""
        self._later(10, 35)
        declared = [line.mass_g for line in self.lines]
        self.arrived_g = [_scale(mass_g, 1 + self._off()) for mass_g in declared]
        if off is not None:
            self.arrived_g[0] = _scale(declared[0], 1 + off)
        ticket = f"PC-{self.at:%y%m%d}-{self.number.sequence}"
        lines = tuple(
            e.LineWeighed(line=line.line, net_g=net_g, ticket=f"{ticket}/{line.line}")
            for line, net_g in zip(self.lines, self.arrived_g, strict=True)
        )
        self._sign(e.Weighed(instrument="Cân ô tô 80 t số 1", lines=lines), self._facility)

    def _off(self) -> float:
        # One line in five is spot on; the others arrive a little short more often than a little over.
        return 0.0 if self.random.random() < 1 / 5 else self.random.triangular(-0.035, 0.025, -0.005)

    def accept(self, refused_share: float = 0.0) -> None:
        """Take the load; of the first line, refuse a share."""
        self._later(10, 40)
        refused = [0] * len(self.lines)
        refused[0] = _scale(self.arrived_g[0], refused_share) if refused_share else 0
        self.left_g = [net_g - back_g for net_g, back_g in zip(self.arrived_g, refused, strict=True)]
        lines = tuple(
            e.LineDecided(line=line.line, accepted_g=kept_g, refused_g=back_g,
                          reason="Lẫn nước và rác sinh hoạt, không đúng mã đã khai" if back_g else None)
            for line, kept_g, back_g in zip(self.lines, self.left_g, refused, strict=True)
        )  # fmt: skip
        names = {"signer_name": self._people.of(self._facility.party)}
        self._sign(e.Accepted(lines=lines), self._facility, names=names)

    def refuse(self) -> None:
        """Refuse the whole load."""
        self._later(10, 40)
        body = e.Refused(reason="Bao bì rò rỉ, thành phần không đúng với mã chất thải đã đăng ký")
        self._sign(body, self._facility, names={"signer_name": self._people.of(self._facility.party)})

    def bring_back(self) -> None:
        """Return to the generator what was refused."""
        last = self._legs[-1]
        body = e.Returned(giver=last.taker, vehicle_plate=last.vehicle_plate)
        names = {
            "signer_name": self._people.of(self._generator.key or self._generator.party),
            "driver_name": self._people.of(last.taker, 1),
        }
        self._sign(body, By(last.taker, Role.TRANSPORTER), self._generator, names=names)

    def treat(self, share: float = 1.0, *, interim: bool = False) -> None:
        """Treat a share of what is left of every line; an interim method leaves it all to be treated."""
        parts = []
        for index, line in enumerate(self.lines):
            left_g = self.left_g[index]
            mass_g = left_g if share >= 1 else _scale(left_g, share)
            if mass_g == 0:
                continue
            methods = self.journey.facility.methods_for(line.code)
            method = "SC" if interim else self.random.choice((methods[0], methods[0], methods[-1]))
            parts.append(e.LineTreated(line=line.line, mass_g=mass_g, methods=(method,), treated_on=self.day))
            if not interim:
                self.left_g[index] -= mass_g
        self._sign(e.Treated(parts=tuple(parts)), self._facility)

    def complete(self) -> None:
        """Confirm that nothing is left: copy 4 goes back to the generator."""
        names = {"signer_name": self._people.of(self._facility.party)}
        self._sign(e.Completed(), self._facility, names=names)

    def correct_plate(self) -> None:
        """Tell that the plate on the first leg was misread; nobody has to agree."""
        leg = self._legs[0]
        value = f"{leg.vehicle_plate[:-1]}{(int(leg.vehicle_plate[-1]) + 1) % 10}"
        body = self._proposal(
            CorrectedField.VEHICLE_PLATE, "Ghi nhầm chữ số cuối của biển số xe", leg=1, value=value
        )
        self._sign(body, By(leg.taker, Role.TRANSPORTER))

    def correct_mass(self, *, agreed: bool) -> None:
        """The facility states another net mass; the generator agrees, or does not."""  # noqa: D401
        net_g = _scale(self.arrived_g[0], 0.985)
        reason = "Ghi nhầm khối lượng bì của xe"
        body = self._proposal(CorrectedField.NET_MASS, reason, line=1, net_g=net_g)
        self._sign(body, self._facility)
        self.next_day(1, 2)
        if agreed:
            self._sign(e.CorrectionConsented(correction=body.correction), self._generator)
            self.left_g[0] = self.arrived_g[0] = net_g
        else:
            why = "Phiếu cân tại cổng vẫn ghi số ban đầu, đề nghị giữ nguyên"
            self._sign(e.CorrectionDeclined(correction=body.correction, reason=why), self._generator)

    def resolve_difference(self) -> None:
        """Both sides explain the grams that were missing at the scale."""
        reason = "Biên bản làm việc hai bên: khối lượng khai có cả thùng chứa để lại tại cơ sở phát sinh"
        body = self._proposal(CorrectedField.DIFFERENCE, reason, line=1)
        self._sign(body, self._facility)
        self.next_day(1, 3)
        self._sign(e.CorrectionConsented(correction=body.correction), self._generator)

    def _proposal(
        self, field: CorrectedField, reason: str, *, line: int | None = None, leg: int | None = None,
        value: str | None = None, net_g: int | None = None,
    ) -> e.CorrectionProposed:  # fmt: skip
        return e.CorrectionProposed(
            correction=self._ids.new(self.at), field=field, line=line, leg=leg, value=value, net_g=net_g,
            reason=reason,
        )  # fmt: skip


def _codes(load: Iterable[Lot]) -> tuple[str, ...]:
    """Return the codes of a load in the order in which they come."""
    return tuple(dict.fromkeys(lot.code for lot in load))


def _own_plate(slug: str) -> str:
    """Return the plate of a generator's own vehicle."""
    return f"29C-{920 + len(slug)}.{sum(slug.encode()) % 100:02d}"


def _scale(mass_g: int, factor: float) -> int:
    """Return a mass as a scale shows it: in steps of ten kilograms, one kilogram or a hundred grams."""
    step = 10_000 if mass_g >= 1_000_000 else 1_000 if mass_g >= 100_000 else 100  # noqa: PLR2004
    return max(round(mass_g * factor / step) * step, step)
