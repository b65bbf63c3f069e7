"""Bad input: each gets a problem with its code and its path, and nothing at all is written."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import SQLModel

from ledger.errors import Conflict, Refused
from ledger.format.entry import Envelope
from ledger.format.event import Actor, Event
from ledger.format.keys import key_fields
from ledger.format.signature import KeySigner, Scheme, SignatureLine, b64, pae, sign
from ledger.ids import uuid7
from ledger.storage.db import reading, writing
from ledger.storage.store import STREAM, one
from ledger.writing.apply import Changes
from ledger.writing.changes import Add
from ledger.writing.prepared import Prepared
from manifest import events as e
from manifest.body import Body
from manifest.register import events as r
from manifest.register.log import LogOpened
from manifest.views import BALANCE
from manifest.vocabulary import CorrectedField, PermitKind, Role, State
from tests.conftest import POSTGRES
from tests.manifest.conftest import world_on
from tests.world import (
    CARRIER,
    CODE,
    FACILITY,
    GENERATOR,
    OPERATOR,
    OTHER_CODE,
    OTHER_FACILITY,
    PLATE,
    RIVAL,
    SECOND_CARRIER,
    TONNE,
    Who,
    World,
    key_of,
    line,
)

HALF = 500_000
NUMBER: dict[str, Any] = {"sequence": 900, "year": 2025, "issuer": "1-2-3.047.VX"}
AS_GENERATOR: Who = (GENERATOR, Role.GENERATOR)
AS_FACILITY: Who = (FACILITY, Role.TREATMENT_FACILITY)
AS_CARRIER: Who = (CARRIER, Role.TRANSPORTER)
AS_OPERATOR: Who = (OPERATOR, Role.OPERATOR)

Fields = Mapping[str, Any]


def key(who: Who) -> KeySigner:
    """Return the key of a signer: the party's first one unless another is named."""
    return key_of(who[-1] if len(who) > 2 else who[0])


@dataclass
class Stage:
    """A world with a manifest in every status, on which nothing further may be written."""

    world: World
    lots: dict[str, str] = field(default_factory=dict)
    manifests: dict[str, str] = field(default_factory=dict)
    before: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    recorded: bytes = b""

    def set_up(self) -> None:
        world = self.world
        self.lots = {
            "whole": world.lot(HALF), "other code": world.lot(HALF, code=OTHER_CODE),
            "rival": world.lot(HALF, party=RIVAL), "large": world.lot(200 * TONNE), "gone": world.lot(HALF),
        }  # fmt: skip
        far: dict[str, Any] = {"valid_from": date(2024, 1, 1), "valid_to": date(2025, 3, 31)}
        world.add_permit(FACILITY, permit="permit:expired", **far)
        world.add_permit(
            SECOND_CARRIER, permit="permit:expired-2", kind=PermitKind.CARRIAGE, methods=(), **far
        )
        small = (r.PermitLine(code=CODE, methods=("TC",), mass_g_year=HALF - 1),)
        world.add_permit(FACILITY, permit="permit:small", lines=small)
        world.add_party("org:waiting", "Chưa được duyệt", Role.GENERATOR, admit=False)
        world.add_key("revoked", GENERATOR)
        world.revoke_key("revoked")
        world.grant(RIVAL, CARRIER, Role.GENERATOR, valid_to=date(2025, 3, 31))
        plays: dict[str, Callable[[], World]] = {
            "registered": world.register,
            "in_transit": lambda: world.register().hand_over(),
            "arrived": lambda: world.register().hand_over().arrive(),
            "weighed": lambda: world.register().hand_over().arrive().weigh(HALF),
            "refused": lambda: world.register().hand_over().arrive().refuse(),
            "accepted": lambda: world.register().hand_over().arrive().weigh(HALF).accept((HALF, 0)),
            "in_treatment": lambda: (
                world.register().hand_over().arrive().weigh(HALF).accept((HALF, 0)).treat(HALF - 1)
            ),
            "completed": world.journey,
            "cancelled": lambda: world.register().cancel(),
            # Registered while its lot was whole; then another took from it.
            "too late": lambda: world.register(line(lots=self.draws("gone"))),
        }
        for status, play in plays.items():
            play()
            self.manifests[status] = world.manifest
        world.register(line(mass_g=1, lots=self.draws("gone", 1))).hand_over()
        world.tick()
        lot = world.id()
        body = self.lot(lot=lot)
        self.recorded = self.envelope(body.write(), body.kind, lot, (AS_GENERATOR,))
        world.ledger.submit(self.recorded, now=world.now)
        self.before = self.dump()

    def draws(self, name: str, mass_g: int = HALF) -> tuple[e.Draw, ...]:
        return (e.Draw(lot=self.lots[name], mass_g=mass_g),)

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return every row of every table."""
        with reading(self.world.engine) as reader:
            return {
                table.name: sorted((tuple(row) for row in reader.execute(select(table))), key=repr)
                for table in SQLModel.metadata.sorted_tables
            }

    def lot(self, **changed: Any) -> e.GenerationDeclared:
        fields: dict[str, Any] = {
            "lot": uuid7(self.world.now), "site": "site:generator", "code": CODE, "state": State.LIQUID,
            "mass_g": HALF, "generated_on": self.world.today,
        }  # fmt: skip
        return e.GenerationDeclared(**(fields | changed))

    def registered(self, **changed: Any) -> dict[str, Any]:
        """Return the body of a manifest that would be accepted as it is, with changes."""
        made = self.world.registered(line(lots=self.draws("whole")), number=e.Number(**NUMBER))
        return made.write() | changed

    def with_line(self, **changed: Any) -> dict[str, Any]:
        body = self.registered()
        body["lines"][0] |= changed
        return body

    def event(
        self, body: Fields, kind: str, stream: str, who: tuple[Who, ...], changed: Fields | None = None
    ) -> Event:
        world = self.world
        with reading(world.engine) as reader:
            head = one(reader, STREAM, log=world.ledger.log, name=stream)
        event = Event(
            origin=world.ledger.origin,
            kind=kind,
            stream=stream,
            stream_prev=None if head is None else head["head"],
            actors=tuple(Actor(party=signer[0], role=signer[1], kid=key(signer).kid) for signer in who),
            idem=uuid7(world.now),
            occurred_at=world.now,
            body=body,
        )
        return replace(event, **(changed or {}))

    def envelope(
        self, body: Fields, kind: str, stream: str, who: tuple[Who, ...], changed: Fields | None = None
    ) -> bytes:
        data = self.event(body, kind, stream, who, changed).to_bytes()
        return self.signed(data, who)

    @staticmethod
    def signed(data: bytes, who: tuple[Who, ...]) -> bytes:
        return Envelope(tuple(key(signer).sign_event(data) for signer in who), data).to_bytes()

    def send(
        self, body: Body | Fields, *who: Who, stream: str, kind: str | None = None, **changed: Any
    ) -> object:
        """Sign and submit a body, right or wrong, at the head of its stream."""
        written = body.write() if isinstance(body, Body) else body
        named = body.kind if isinstance(body, Body) else str(kind)
        return self.submit(self.envelope(written, named, stream, who, changed))

    def submit(self, data: bytes) -> object:
        return self.world.ledger.submit(data, now=self.world.now)

    def register(self, body: Fields, *who: Who, **changed: Any) -> object:
        stream = changed.pop("stream", uuid7(self.world.now))
        return self.send(body, *(who or (AS_GENERATOR,)), stream=stream, kind=e.Registered.kind, **changed)

    def declare(self, *who: Who, fields: Fields | None = None, **changed: Any) -> object:
        body = self.lot().write() | dict(fields or {})
        sent = who or (AS_GENERATOR,)
        return self.send(
            body, *sent, **({"stream": body["lot"], "kind": e.GenerationDeclared.kind} | changed)
        )

    def on(self, status: str, body: Body, *who: Who, **changed: Any) -> object:
        """Send an act to the manifest in a status."""
        return self.send(body, *(who or (AS_FACILITY,)), stream=self.manifests[status], **changed)

    def hand_over(self, status: str, *who: Who, **changed: Any) -> object:
        leg = 1 if status in {"registered", "too late"} else 2
        fields = {"leg": leg, "giver": GENERATOR, "taker": CARRIER, "vehicle_plate": PLATE} | changed
        parties = [str(fields[name]) for name in ("giver", "taker")]
        roles = [Role.GENERATOR if party in {GENERATOR, RIVAL} else Role.TRANSPORTER for party in parties]
        return self.on(status, e.HandedOver(**fields), *(who or tuple(zip(parties, roles, strict=True))))  # type: ignore[arg-type]

    def organisation(self, **changed: Any) -> object:
        fields = {
            "party": "org:new", "name": "Công ty Mới", "roles": ["generator"], "identifier_kind": "tax_code",
            "identifier": "0100109106", "address": "Hà Nội",
        }  # fmt: skip
        body = fields | changed
        return self.send(body, AS_OPERATOR, stream="org:new", kind=r.OrganisationRegistered.kind)

    def treated(self, status: str = "accepted", **changed: Any) -> object:
        fields: dict[str, Any] = {
            "line": 1,
            "mass_g": 5,
            "methods": ("TC",),
            "treated_on": self.world.today,
        } | changed
        return self.on(status, e.Treated(parts=(e.LineTreated(**fields),)))

    def decided(self, *lines: tuple[int, int, str | None], numbers: tuple[int, ...] = (1, 2, 3)) -> object:
        made = tuple(
            e.LineDecided(line=n, accepted_g=a, refused_g=b, reason=why)
            for n, (a, b, why) in zip(numbers, lines, strict=False)
        )
        return self.on("weighed", e.Accepted(lines=made))

    def raw(self, change: Callable[[bytes], bytes], *, resign: bool = True) -> object:
        """Submit a lot whose event bytes were changed, signed over those or over the right ones."""
        body = self.lot()
        right = self.event(body.write(), body.kind, body.lot, (AS_GENERATOR,)).to_bytes()
        wrong = change(right)
        if resign:
            return self.submit(self.signed(wrong, (AS_GENERATOR,)))
        good = key_of(GENERATOR).sign_event(right)
        return self.submit(Envelope((good,), wrong).to_bytes())

    def scheme(self, made: Callable[[bytes], SignatureLine]) -> object:
        body = self.lot()
        data = self.event(body.write(), body.kind, body.lot, (AS_GENERATOR,)).to_bytes()
        return self.submit(Envelope((made(data),), data).to_bytes())


@pytest.fixture(scope="module", params=["sqlite", POSTGRES])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    with world_on(request.param, request) as world:
        made = Stage(world)
        made.set_up()
        yield made


def carriers(*planned: tuple[str, str | None, str | None]) -> dict[str, Any]:
    made = []
    for party, permit, approval in planned:
        named = {"party": party, "permit": permit, "approval": approval}
        made.append({name: value for name, value in named.items() if value is not None})
    return {"carriers": made}


def tomorrow(stage: Stage) -> date:
    return stage.world.today + timedelta(days=1)


def later(stage: Stage) -> datetime:
    return stage.world.now + timedelta(minutes=6)


def three_holders(stage: Stage) -> object:
    papers = [
        (party, f"permit:{party[4:]}", f"approval:{party[4:]}:facility")
        for party in (CARRIER, SECOND_CARRIER)
    ]
    return stage.register(stage.registered(**carriers(*papers)))


def reordered(data: bytes) -> bytes:
    value = json.loads(data)
    return json.dumps(dict(reversed(value.items())), ensure_ascii=False, separators=(",", ":")).encode()


def wrong_length(stage: Stage) -> object:
    data = stage.recorded.replace(b"\nlen ", b"\nlen 1", 1)
    return stage.submit(data)


def other_bytes_same_key(stage: Stage) -> object:
    lot = stage.world.id()
    idem = json.loads(stage.recorded.partition(b"\n\n")[2])["idem"]
    return stage.declare(fields={"lot": lot}, stream=lot, idem=idem)


def webauthn(data: bytes) -> SignatureLine:
    key = key_of(GENERATOR)
    pieces = (b"\x01" * 37, b'{"type":"webauthn.get"}', sign(key.key, pae(data)))
    return SignatureLine(Scheme.WEBAUTHN, key.kid, ".".join(map(b64, pieces)))


def batch(data: bytes) -> SignatureLine:
    key = key_of(GENERATOR)
    pieces = (b"1", b"0", b"\x02" * 32, sign(key.key, pae(data)))
    return SignatureLine(Scheme.BATCH, key.kid, ".".join(map(b64, pieces)))


def stolen_seat(stage: Stage) -> object:
    """The facility's signature line under an event that names the generator's key."""
    body = stage.lot()
    data = stage.event(body.write(), body.kind, body.lot, (AS_GENERATOR,)).to_bytes()
    return stage.submit(Envelope((key_of(FACILITY).sign_event(data),), data).to_bytes())


Case = tuple[str, Callable[[Stage], object], str, str]
CASES: list[Case] = [
    # Codes
    (
        "unknown code",
        lambda s: s.declare(fields={"code": "99 99 99"}),
        "reference.unknown_waste_code",
        "/body/code",
    ),
    (
        "group instead of a waste",
        lambda s: s.declare(fields={"code": "17"}),
        "reference.unknown_waste_code",
        "/body/code",
    ),
    (
        "subgroup instead of a waste",
        lambda s: s.register(s.with_line(code="17 02")),
        "reference.unknown_waste_code",
        "/body/lines/0/code",
    ),
    (
        "code before there was a list",
        lambda s: s.declare(fields={"generated_on": "2010-01-01"}),
        "reference.waste_code_not_valid",
        "/body/code",
    ),
    (
        "unknown method",
        lambda s: s.register(s.with_line(planned_methods=["TC", "ZZ"])),
        "reference.unknown_method",
        "/body/lines/0/planned_methods/1",
    ),
    (
        "wrong check digit",
        lambda s: s.organisation(identifier="0100109107"),
        "manifest.tax_code_invalid",
        "/body/identifier",
    ),
    (
        "no tax code",
        lambda s: s.organisation(identifier="MST 0100109106"),
        "manifest.tax_code_invalid",
        "/body/identifier",
    ),
    # Masses
    (
        "mass of nothing",
        lambda s: s.declare(fields={"mass_g": 0}),
        "manifest.mass_not_positive",
        "/body/mass_g",
    ),
    (
        "negative mass",
        lambda s: s.declare(fields={"mass_g": -5}),
        "manifest.mass_not_positive",
        "/body/mass_g",
    ),
    (
        "absurd mass",
        lambda s: s.declare(fields={"mass_g": 10**14}),
        "manifest.number_too_large",
        "/body/mass_g",
    ),
    (
        "mass as a float",
        lambda s: s.raw(lambda d: d.replace(b'"mass_g":500000', b'"mass_g":500000.5')),
        "ledger.float_forbidden",
        "/body/mass_g",
    ),
    (
        "mass as text",
        lambda s: s.declare(fields={"mass_g": "500000"}),
        "manifest.integer_required",
        "/body/mass_g",
    ),
    (
        "mass as true",
        lambda s: s.declare(fields={"mass_g": True}),
        "manifest.integer_required",
        "/body/mass_g",
    ),
    (
        "more than a road vehicle carries",
        lambda s: s.register(
            s.with_line(mass_g=40 * TONNE + 1, lots=[{"lot": s.lots["large"], "mass_g": 40 * TONNE + 1}])
        ),
        "manifest.too_heavy_for_road",
        "/body/lines",
    ),
    (
        "negative net mass",
        lambda s: s.send(
            {"instrument": "Cân", "lines": [{"line": 1, "net_g": -1, "ticket": "PC"}]},
            AS_FACILITY,
            stream=s.manifests["arrived"],
            kind=e.Weighed.kind,
        ),
        "manifest.mass_negative",
        "/body/lines/0/net_g",
    ),
    # Choices
    (
        "state that is none",
        lambda s: s.declare(fields={"state": "khí"}),
        "manifest.choice_unknown",
        "/body/state",
    ),
    (
        "state by its label",
        lambda s: s.register(s.with_line(state="lỏng")),
        "manifest.choice_unknown",
        "/body/lines/0/state",
    ),
    (
        "unknown field",
        lambda s: s.declare(fields={"weight": 5}),
        "manifest.field_unknown",
        "/body/weight",
    ),
    (
        "unknown kind",
        lambda s: s.declare(kind="generation.guessed.v1"),
        "manifest.kind_unknown",
        "/kind",
    ),
    # Permits
    (
        "method that the permit lacks",
        lambda s: s.register(s.with_line(planned_methods=["HR"])),
        "manifest.permit_lacks_method",
        "/body/lines/0/planned_methods",
    ),
    (
        "code that the permit lacks",
        lambda s: s.register(
            s.registered(permit="permit:small")
            | {
                "lines": [
                    s.registered()["lines"][0]
                    | {"code": OTHER_CODE, "lots": [{"lot": s.lots["other code"], "mass_g": HALF}]}
                ]
            }
        ),
        "manifest.permit_lacks_code",
        "/body/lines/0/code",
    ),
    (
        "more than the permit has left",
        lambda s: s.register(s.registered(permit="permit:small")),
        "manifest.permit_used_up",
        "/body/lines/0/mass_g",
    ),
    (
        "expired permit",
        lambda s: s.register(s.registered(permit="permit:expired")),
        "manifest.permit_not_valid",
        "/body/permit",
    ),
    (
        "permit of another party",
        lambda s: s.register(s.registered(permit="permit:facility-2")),
        "manifest.permit_unknown",
        "/body/permit",
    ),
    (
        "no such permit",
        lambda s: s.register(s.registered(permit="permit:x")),
        "manifest.permit_unknown",
        "/body/permit",
    ),
    (
        "carriage permit for treatment",
        lambda s: s.register(s.registered(permit="permit:carrier")),
        "manifest.permit_unknown",
        "/body/permit",
    ),
    (
        "carrier without approval",
        lambda s: s.register(s.registered(**carriers((CARRIER, "permit:carrier", None)))),
        "manifest.approval_missing",
        "/body/carriers/0/approval",
    ),
    (
        "carrier with the approval of another",
        lambda s: s.register(
            s.registered(**carriers((CARRIER, "permit:carrier", "approval:carrier-2:facility")))
        ),
        "manifest.approval_missing",
        "/body/carriers/0/approval",
    ),
    (
        "carrier without permit",
        lambda s: s.register(s.registered(**carriers((CARRIER, None, "approval:carrier:facility")))),
        "manifest.permit_unknown",
        "/body/carriers/0/permit",
    ),
    (
        "carrier with an expired permit",
        lambda s: s.register(
            s.registered(**carriers((SECOND_CARRIER, "permit:expired-2", "approval:carrier-2:facility")))
        ),
        "manifest.permit_not_valid",
        "/body/carriers/0/permit",
    ),
    (
        "third permit holder",
        three_holders,
        "manifest.too_many_permit_holders",
        "/body/carriers",
    ),
    (
        "site of another",
        lambda s: s.register(s.registered(site="site:rival")),
        "manifest.site_not_yours",
        "/body/site",
    ),
    (
        "facility's site of another",
        lambda s: s.register(s.registered(facility_site="site:facility-2")),
        "manifest.site_unknown",
        "/body/facility_site",
    ),
    (
        "form of another time",
        lambda s: s.register(s.registered(form="tt36-2015")),
        "manifest.form_not_valid",
        "/body/form",
    ),
    # Treatment and completion
    (
        "more treated than accepted",
        lambda s: s.treated(mass_g=HALF + 1),
        "manifest.treated_more_than_accepted",
        "/body/parts/0/mass_g",
    ),
    (
        "more treated than is left",
        lambda s: s.treated("in_treatment", mass_g=2),
        "manifest.treated_more_than_accepted",
        "/body/parts/0/mass_g",
    ),
    (
        "treated line that is none",
        lambda s: s.treated(line=2),
        "manifest.line_unknown",
        "/body/parts/0/line",
    ),
    (
        "treated by no method",
        lambda s: s.treated(methods=("TC", "XX")),
        "reference.unknown_method",
        "/body/parts/0/methods/1",
    ),
    (
        "complete with waste left",
        lambda s: s.on("in_treatment", e.Completed()),
        "manifest.not_all_treated",
        "",
    ),
    (
        "complete before treatment",
        lambda s: s.on("accepted", e.Completed()),
        "manifest.transition_refused",
        "/kind",
    ),
    (
        "cancel after pick-up",
        lambda s: s.on("in_transit", e.Cancelled(reason="x"), AS_GENERATOR),
        "manifest.transition_refused",
        "/kind",
    ),
    (
        "treat what is completed",
        lambda s: s.treated("completed"),
        "manifest.transition_refused",
        "/kind",
    ),
    (
        "arrive at what is cancelled",
        lambda s: s.on("cancelled", e.Arrived(vehicle_plate=PLATE)),
        "manifest.transition_refused",
        "/kind",
    ),
    (
        "act on a manifest that is none",
        lambda s: s.send(e.Completed(), AS_FACILITY, stream=uuid7(s.world.now)),
        "manifest.transition_refused",
        "/kind",
    ),
    # Who
    (
        "agent without mandate",
        lambda s: s.declare((GENERATOR, Role.GENERATOR, CARRIER)),
        "manifest.mandate_missing",
        "/actors/0/kid",
    ),
    (
        "agent with an expired mandate",
        lambda s: s.declare((RIVAL, Role.GENERATOR, CARRIER), fields={"site": "site:rival"}),
        "manifest.mandate_missing",
        "/actors/0/kid",
    ),
    (
        "the facility signs for the generator",
        lambda s: s.register(s.registered(), (GENERATOR, Role.GENERATOR, FACILITY)),
        "manifest.mandate_missing",
        "/actors/0/kid",
    ),
    (
        "revoked key",
        lambda s: s.declare((GENERATOR, Role.GENERATOR, "revoked")),
        "ledger.key_revoked",
        "/actors/0/kid",
    ),
    (
        "unknown key",
        lambda s: s.declare((GENERATOR, Role.GENERATOR, "nobody")),
        "ledger.key_unknown",
        "/actors/0/kid",
    ),
    (
        "party not admitted",
        lambda s: s.declare(("org:waiting", Role.GENERATOR)),
        "manifest.party_not_admitted",
        "/actors/0/party",
    ),
    (
        "party not registered",
        lambda s: s.declare(("org:nobody", Role.GENERATOR, GENERATOR)),
        "manifest.party_unknown",
        "/actors/0/party",
    ),
    (
        "role not held",
        lambda s: s.declare((CARRIER, Role.GENERATOR)),
        "manifest.role_not_held",
        "/actors/0/role",
    ),
    (
        "role of another act",
        lambda s: s.declare(AS_CARRIER),
        "manifest.role_wrong",
        "/actors/0/role",
    ),
    (
        "service key for a party",
        lambda s: s.declare((GENERATOR, Role.GENERATOR, "service")),
        "manifest.service_key_only",
        "/actors/0/kid",
    ),
    (
        "generator in another's place",
        lambda s: s.register(s.registered(), (RIVAL, Role.GENERATOR)),
        "manifest.party_not_in_place",
        "/actors/0/party",
    ),
    (
        "facility in another's place",
        lambda s: s.on(
            "in_transit", e.Arrived(vehicle_plate=PLATE), (OTHER_FACILITY, Role.TREATMENT_FACILITY)
        ),
        "manifest.party_not_in_place",
        "/actors/0/party",
    ),
    (
        "taker in another's place",
        lambda s: s.hand_over("registered", AS_GENERATOR, (SECOND_CARRIER, Role.TRANSPORTER)),
        "manifest.party_not_in_place",
        "/actors/1/party",
    ),
    (
        "return signed by another generator",
        lambda s: s.on(
            "refused", e.Returned(giver=CARRIER, vehicle_plate=PLATE), AS_CARRIER, (RIVAL, Role.GENERATOR)
        ),
        "manifest.party_not_in_place",
        "/actors/1/party",
    ),
    (
        "cancelled by a rival",
        lambda s: s.on("registered", e.Cancelled(reason="x"), (RIVAL, Role.GENERATOR)),
        "manifest.party_not_in_place",
        "/actors/0/party",
    ),
    (
        "one actor for two",
        lambda s: s.hand_over("registered", AS_GENERATOR),
        "manifest.actors_wrong",
        "/actors",
    ),
    (
        "two actors for one",
        lambda s: s.on("in_transit", e.Arrived(vehicle_plate=PLATE), AS_FACILITY, AS_GENERATOR),
        "manifest.actors_wrong",
        "/actors",
    ),
    # Order
    (
        "stale place in the stream",
        lambda s: s.on("in_transit", e.Arrived(vehicle_plate=PLATE), stream_prev="ab" * 32),
        "ledger.stale_stream",
        "/stream_prev",
    ),
    (
        "beginning twice",
        lambda s: s.on("in_transit", e.Arrived(vehicle_plate=PLATE), stream_prev=None),
        "ledger.stale_stream",
        "/stream_prev",
    ),
    (
        "other bytes under the same key",
        other_bytes_same_key,
        "ledger.idempotency_conflict",
        "/idem",
    ),
    (
        "another log",
        lambda s: s.declare(origin="ledger.example/hue"),
        "ledger.other_origin",
        "/origin",
    ),
    # Time
    (
        "act in the future",
        lambda s: s.declare(occurred_at=later(s)),
        "manifest.time_in_future",
        "/occurred_at",
    ),
    (
        "generated in the future",
        lambda s: s.declare(fields={"generated_on": tomorrow(s).isoformat()}),
        "manifest.date_in_future",
        "/body/generated_on",
    ),
    (
        "treated in the future",
        lambda s: s.treated(treated_on=tomorrow(s)),
        "manifest.date_in_future",
        "/body/parts/0/treated_on",
    ),
    (
        "treated before it was accepted",
        lambda s: s.treated(treated_on=s.world.today - timedelta(days=1)),
        "manifest.date_out_of_order",
        "/body/parts/0/treated_on",
    ),
    (
        "arrived before pick-up",
        lambda s: s.on(
            "in_transit", e.Arrived(vehicle_plate=PLATE), occurred_at=s.world.now - timedelta(days=1)
        ),
        "manifest.time_out_of_order",
        "/occurred_at",
    ),
    (
        "taken along before it arose",
        lambda s: s.register(s.registered(), occurred_at=s.world.now - timedelta(days=1)),
        "manifest.date_out_of_order",
        "/body/lines/0/lots/0/lot",
    ),
    (
        "no date",
        lambda s: s.declare(fields={"generated_on": "31/04/2025"}),
        "manifest.date_invalid",
        "/body/generated_on",
    ),
    # Text
    (
        "Cyrillic С in a company's name",
        lambda s: s.organisation(name="Сông ty Mới"),
        "manifest.letter_not_latin",
        "/body/name",
    ),
    (
        "full-width letters",
        lambda s: s.organisation(name="Ｃông ty Mới"),
        "manifest.letter_not_latin",
        "/body/name",
    ),
    (
        "Greek letter in a waste's name",
        lambda s: s.register(s.with_line(name="Dầu thải Α")),
        "manifest.letter_not_latin",
        "/body/lines/0/name",
    ),
    (
        "text in NFD",
        lambda s: s.raw(lambda d: d.replace(b'"code":', '"container":"thu\u0300ng","code":'.encode(), 1)),
        "ledger.text_not_nfc",
        "/body/container",
    ),
    (
        "zero-width space",
        lambda s: s.raw(lambda d: d.replace(b'"code":', '"container":"th\u200bung","code":'.encode(), 1)),
        "ledger.character_forbidden",
        "/body/container",
    ),
    (
        "name over 300",
        lambda s: s.organisation(name="ộ" * 301),
        "manifest.text_too_long",
        "/body/name",
    ),
    (
        "no name",
        lambda s: s.organisation(name=""),
        "manifest.text_missing",
        "/body/name",
    ),
    # Bytes
    (
        "10 MB",
        lambda s: s.submit(b"x" * 10_000_000),
        "ledger.entry_too_large",
        "",
    ),
    (
        "10 MB of JSON",
        lambda s: s.raw(lambda d: d.replace(b"17 02 03", b"1" * 10_000_000)),
        "ledger.entry_too_large",
        "",
    ),
    (
        "event over 48 KiB",
        lambda s: s.raw(lambda d: d.replace(b"17 02 03", b"1" * 50_000)),
        "ledger.event_too_large",
        "",
    ),
    (
        "nothing",
        lambda s: s.submit(b""),
        "ledger.envelope_malformed",
        "",
    ),
    (
        "JSON without an envelope",
        lambda s: s.submit(b'{"v":1}'),
        "ledger.envelope_malformed",
        "",
    ),
    (
        "broken JSON",
        lambda s: s.raw(lambda d: d[:-1]),
        "ledger.json_broken",
        "",
    ),
    (
        "not UTF-8",
        lambda s: s.raw(lambda d: d.replace(b"17 02 03", b"\xff\xfe")),
        "ledger.json_broken",
        "",
    ),
    (
        "NaN",
        lambda s: s.raw(lambda d: d.replace(b"500000", b"NaN")),
        "ledger.json_broken",
        "",
    ),
    (
        "duplicate keys",
        lambda s: s.raw(lambda d: d.replace(b'"mass_g":500000', b'"mass_g":1,"mass_g":500000')),
        "ledger.duplicate_key",
        "/mass_g",
    ),
    (
        "keys in another order",
        lambda s: s.raw(reordered),
        "ledger.json_not_canonical",
        "",
    ),
    (
        "blanks in JSON",
        lambda s: s.raw(lambda d: d.replace(b'"v":1', b'"v": 1')),
        "ledger.json_not_canonical",
        "",
    ),
    (
        "wrong length of the event",
        wrong_length,
        "ledger.envelope_length",
        "",
    ),
    (
        "signature of other bytes",
        lambda s: s.raw(lambda d: d.replace(b"500000", b"600000"), resign=False),
        "ledger.signature_invalid",
        "",
    ),
    (
        "signature of another's key",
        stolen_seat,
        "ledger.signers_differ",
        "/actors",
    ),
    (
        "passkey, which is not built yet",
        lambda s: s.scheme(webauthn),
        "ledger.signature_scheme_unsupported",
        "",
    ),
    (
        "batch, which is not built yet",
        lambda s: s.scheme(batch),
        "ledger.signature_scheme_unsupported",
        "",
    ),
    # Lots
    (
        "lot drawn twice",
        lambda s: s.register(s.with_line(lots=[{"lot": s.lots["whole"], "mass_g": HALF // 2}] * 2)),
        "manifest.lot_repeated",
        "/body/lines/0/lots",
    ),
    (
        "lot drawn by two lines",
        lambda s: s.register(s.registered(lines=[s.registered()["lines"][0] | {"line": n} for n in (1, 2)])),
        "manifest.lot_short",
        "/body/lines/1/lots/0/mass_g",
    ),
    (
        "line twice",
        lambda s: s.register(s.registered(lines=s.registered()["lines"] * 2)),
        "manifest.line_out_of_order",
        "/body/lines/1/line",
    ),
    (
        "lots that do not sum",
        lambda s: s.register(s.with_line(mass_g=HALF - 1)),
        "manifest.lots_do_not_sum",
        "/body/lines/0/lots",
    ),
    (
        "lot of another site",
        lambda s: s.register(s.with_line(lots=[{"lot": s.lots["rival"], "mass_g": HALF}])),
        "manifest.lot_elsewhere",
        "/body/lines/0/lots/0/lot",
    ),
    (
        "lot of another code",
        lambda s: s.register(s.with_line(lots=[{"lot": s.lots["other code"], "mass_g": HALF}])),
        "manifest.lot_of_other_code",
        "/body/lines/0/lots/0/lot",
    ),
    (
        "lot that is none",
        lambda s: s.register(s.with_line(lots=[{"lot": uuid7(s.world.now), "mass_g": HALF}])),
        "manifest.lot_unknown",
        "/body/lines/0/lots/0/lot",
    ),
    (
        "too little left",
        lambda s: s.register(
            s.with_line(mass_g=HALF + 1, lots=[{"lot": s.lots["whole"], "mass_g": HALF + 1}])
        ),
        "manifest.lot_short",
        "/body/lines/0/lots/0/mass_g",
    ),
    (
        "too little left at pick-up",
        lambda s: s.hand_over("too late"),
        "manifest.lot_short",
        "/body/lines/0/lots/0/mass_g",
    ),
    (
        "lot declared twice",
        lambda s: s.declare(fields={"lot": s.lots["whole"]}),
        "manifest.lot_known_already",
        "/body/lot",
    ),
    (
        "lot on another's site",
        lambda s: s.declare(fields={"site": "site:rival"}),
        "manifest.site_not_yours",
        "/body/site",
    ),
    (
        "lot without a proper name",
        lambda s: s.declare(fields={"lot": "lot-1"}),
        "manifest.field_invalid",
        "/body/lot",
    ),
    # Numbers
    (
        "number not allocated",
        lambda s: s.register(s.registered(number=NUMBER | {"sequence": 1000})),
        "manifest.number_not_allocated",
        "/body/number",
    ),
    (
        "number of another's series",
        lambda s: s.register(s.registered(number=NUMBER | {"issuer": "9-9"})),
        "manifest.number_not_allocated",
        "/body/number",
    ),
    (
        "number taken",
        lambda s: s.register(s.registered(number=NUMBER | {"sequence": 1})),
        "manifest.number_taken",
        "/body/number",
    ),
    (
        "number of another year",
        lambda s: s.register(s.registered(number=NUMBER | {"year": 2024})),
        "manifest.number_of_other_year",
        "/body/number/year",
    ),
    # At the gate and on the way
    (
        "plate that is none",
        lambda s: s.hand_over("registered", vehicle_plate="xe tải"),
        "manifest.plate_invalid",
        "/body/vehicle_plate",
    ),
    (
        "plate that is none at the gate",
        lambda s: s.on("in_transit", e.Arrived(vehicle_plate="???")),
        "manifest.plate_invalid",
        "/body/vehicle_plate",
    ),
    (
        "plate that is none at the return",
        lambda s: s.on("refused", e.Returned(giver=CARRIER, vehicle_plate="12345"), AS_CARRIER, AS_GENERATOR),
        "manifest.plate_invalid",
        "/body/vehicle_plate",
    ),
    (
        "refused without reason",
        lambda s: s.decided((HALF - 1, 1, None)),
        "manifest.reason_missing",
        "/body/lines/0/reason",
    ),
    (
        "refused whole without reason",
        lambda s: s.send({}, AS_FACILITY, stream=s.manifests["weighed"], kind=e.Refused.kind),
        "manifest.field_missing",
        "/body/reason",
    ),
    (
        "accepted and refused are not what arrived",
        lambda s: s.decided((HALF - 1, 0, None)),
        "manifest.accepted_and_refused",
        "/body/lines/0",
    ),
    (
        "more accepted than arrived",
        lambda s: s.decided((HALF + 1, 0, None)),
        "manifest.accepted_and_refused",
        "/body/lines/0",
    ),
    (
        "nothing accepted",
        lambda s: s.decided((0, HALF, "ướt")),
        "manifest.nothing_accepted",
        "/body/lines",
    ),
    (
        "decision on another line",
        lambda s: s.decided((HALF, 0, None), numbers=(2,)),
        "manifest.lines_incomplete",
        "/body/lines",
    ),
    (
        "line missing at the scale",
        lambda s: s.on(
            "arrived", e.Weighed(instrument="Cân", lines=(e.LineWeighed(line=2, net_g=5, ticket="P"),))
        ),
        "manifest.lines_incomplete",
        "/body/lines",
    ),
    (
        "handed over by one who does not have it",
        lambda s: s.hand_over("in_transit", giver=GENERATOR, taker=FACILITY),
        "manifest.giver_not_holder",
        "/body/giver",
    ),
    (
        "handed over to one who is not planned",
        lambda s: s.hand_over("registered", taker=SECOND_CARRIER),
        "manifest.taker_not_planned",
        "/body/taker",
    ),
    (
        "leg out of order",
        lambda s: s.hand_over("registered", leg=3),
        "manifest.leg_out_of_order",
        "/body/leg",
    ),
    (
        "returned by one who does not have it",
        lambda s: s.on(
            "refused",
            e.Returned(giver=SECOND_CARRIER, vehicle_plate=PLATE),
            (SECOND_CARRIER, Role.TRANSPORTER),
            AS_GENERATOR,
        ),
        "manifest.giver_not_holder",
        "/body/giver",
    ),
    (
        "returned though nothing was refused",
        lambda s: s.on("accepted", e.Returned(giver=CARRIER, vehicle_plate=PLATE), AS_CARRIER, AS_GENERATOR),
        "manifest.nothing_refused",
        "",
    ),
    (
        "consent to nothing",
        lambda s: s.on("accepted", e.CorrectionConsented(correction=uuid7(s.world.now)), AS_GENERATOR),
        "manifest.correction_not_open",
        "/body/correction",
    ),
    (
        "mass corrected after treatment",
        lambda s: s.on(
            "completed",
            e.CorrectionProposed(
                correction=uuid7(s.world.now),
                field=CorrectedField.DIFFERENCE,
                line=1,
                reason="không có chênh lệch",
            ),
        ),
        "manifest.nothing_changes",
        "/body/line",
    ),
    # Streams
    (
        "manifest in a stream of another name",
        lambda s: s.register(s.registered(), stream="manifest:1"),
        "manifest.stream_wrong",
        "/stream",
    ),
    (
        "lot in another lot's stream",
        lambda s: s.declare(stream=uuid7(s.world.now)),
        "manifest.stream_wrong",
        "/stream",
    ),
    (
        "manifest in a lot's stream",
        lambda s: s.register(s.registered(), stream=s.lots["whole"]),
        "manifest.stream_wrong",
        "/stream",
    ),
    (
        "lot in a manifest's stream",
        lambda s: s.declare(fields={"lot": s.manifests["registered"]}),
        "manifest.stream_wrong",
        "/stream",
    ),
    (
        "party in another's stream",
        lambda s: s.send(r.OrganisationAdmitted(party="org:waiting"), AS_OPERATOR, stream=RIVAL),
        "manifest.stream_wrong",
        "/stream",
    ),
    (
        "a second opening of the log",
        lambda s: s.send(
            LogOpened(
                format=1,
                operator="x",
                log_keys=("x",),
                reference={},
                root_keys=tuple(
                    key_fields(key_of(n).public_key, party=RIVAL, custody="device") for n in ("a", "b")
                ),
            ),
            (RIVAL, Role.OPERATOR, "a"),
            (RIVAL, Role.OPERATOR, "b"),
            stream="log",
        ),
        "ledger.opening_out_of_place",
        "/kind",
    ),
]


# What is wrong in one way can be wrong in others that follow from it.
FURTHER = {
    "subgroup instead of a waste": {"manifest.lot_of_other_code", "manifest.permit_lacks_code"},
    "unknown method": {"manifest.permit_lacks_method"},
    "site of another": {"manifest.lot_elsewhere"},
    "party not registered": {"manifest.mandate_missing"},
    "service key for a party": {"manifest.mandate_missing"},
    "line twice": {"manifest.lot_short"},
    "number of another year": {"manifest.number_not_allocated"},
}


@pytest.mark.parametrize(("name", "how", "code", "path"), CASES, ids=[case[0] for case in CASES])
def test_bad_input_is_refused_by_name_and_writes_nothing(
    stage: Stage, name: str, how: Callable[[Stage], object], code: str, path: str
) -> None:
    with pytest.raises(Refused) as refused:
        how(stage)
    first, *further = refused.value.problems
    assert (first.code, first.path) == (code, path)
    assert {problem.code for problem in further} == FURTHER.get(name, set())
    assert stage.dump() == stage.before


def test_the_stage_would_take_what_is_right(stage: Stage) -> None:
    """Guard the table above: what it changes is good before the change."""
    body = stage.lot()
    with reading(stage.world.engine) as reader:
        ledger = stage.world.ledger
        for data in (
            stage.envelope(stage.registered(), e.Registered.kind, uuid7(stage.world.now), (AS_GENERATOR,)),
            stage.envelope(body.write(), body.kind, body.lot, (AS_GENERATOR,)),
        ):
            assert isinstance(ledger.prepare(reader, data, now=stage.world.now), Prepared)
    assert stage.dump() == stage.before


def test_a_balance_below_zero_is_refused_by_the_table_itself(stage: Stage) -> None:
    lot = stage.lots["whole"]
    key = {"lot": lot, "account": "stored", "place": "site:generator"}

    def overdraw() -> None:
        with writing(stage.world.engine, stage.world.ledger.log) as writer:
            changes = Changes(stage.world.ledger.log)
            changes.gather([Add(BALANCE, key, "grams", -HALF - 1)], {})
            changes.write(writer)

    with pytest.raises(Conflict) as refused:
        overdraw()
    assert refused.value.code == "ledger.constraint"
    assert stage.dump() == stage.before
