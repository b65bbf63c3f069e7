"""Every status × act × role: who may not sign hears it, what is out of turn is refused, and nothing stays."""

from collections.abc import Callable, Iterator
from itertools import product

import pytest

from api.recorder import Signing, build_event
from ledger.errors import Conflict, NotAllowed, Refused
from ledger.format.entry import Envelope
from ledger.format.event import parse
from ledger.format.signature import Signer
from ledger.storage.db import reading
from manifest import events as e
from manifest.authority import SIGNERS
from manifest.body import Body
from manifest.events import MANIFEST_EVENTS
from manifest.lifecycle import TRANSITIONS
from manifest.vocabulary import Role, Status
from tests.factories import some
from tests.manifest.cases.helpers import dump
from tests.manifest.cases.test_abroad import BLOCK, consent, export
from tests.manifest.conftest import world_on
from tests.world import AUTHORITY, CARRIER, FACILITY, GENERATOR, OPERATOR, RIVAL, World, key_of

HALF = 500_000
SPEAKS = {
    Role.OPERATOR: OPERATOR, Role.AUTHORITY: AUTHORITY, Role.GENERATOR: GENERATOR,
    Role.TRANSPORTER: CARRIER, Role.TREATMENT_FACILITY: FACILITY, Role.SERVICE: OPERATOR,
    Role.HOLDER: GENERATOR,
}  # fmt: skip
# Who signs first, written by hand and not read from the table under test.
FIRST = {
    "generator": "registered cancelled",
    "treatment_facility": "arrived weighed accepted refused treated forwarded received_second "
    "storage_notified",
    "generator treatment_facility": "completed exported disposal_certified copies_delivered",
    "generator transporter treatment_facility": "handed_over returned transshipped correction_proposed "
    "correction_consented correction_declined",
}


class Walk:
    """A world with a manifest in every status."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.manifests: dict[Status, str] = {Status.NEW: world.id()}

        def arrived() -> World:
            return world.register().hand_over().arrive()

        def accepted() -> World:
            return arrived().weigh(HALF).accept((HALF, 0))

        plays: dict[Status, Callable[[], object]] = {
            Status.REGISTERED: world.register,
            Status.IN_TRANSIT: lambda: world.register().hand_over(),
            Status.ARRIVED: arrived,
            Status.WEIGHED: lambda: arrived().weigh(HALF),
            Status.ACCEPTED: accepted,
            Status.REFUSED: lambda: arrived().refuse(),
            Status.RETURNED: lambda: arrived().refuse().give_back(),
            Status.IN_TREATMENT: lambda: accepted().treat(1),
            Status.COMPLETED: world.journey,
            Status.CANCELLED: lambda: world.register().cancel(),
            Status.EXPORTED: self._export,
        }
        for status, play in plays.items():
            play()
            self.manifests[status] = world.manifest
        world.tick()
        assert set(self.manifests) == set(Status)

    def _export(self) -> None:
        consent(self.world)
        self.world.register(permit="permit:export", export=BLOCK).hand_over()
        export(self.world)

    def refusal(self, status: Status, kind: type[Body], role: Role) -> Refused | None:
        """Return how an act in a role is refused, if it is; it is only judged."""
        world = self.world
        body = some(kind)
        name = "service" if role is Role.SERVICE else SPEAKS[role]
        signers: list[Signer] = [key_of(name)]
        actors = [Signing(SPEAKS[role], role, key_of(name)).actor()]
        for roles in SIGNERS[kind.kind][1:]:
            other = Role.TREATMENT_FACILITY if Role.TREATMENT_FACILITY in roles else min(roles)
            party = SPEAKS[other]
            if party == SPEAKS[role]:
                other, party = (Role.TRANSPORTER, CARRIER) if Role.TRANSPORTER in roles else (other, RIVAL)
            signers.append(key_of(party))
            actors.append(Signing(party, other, key_of(party)).actor())
        with reading(world.engine) as reader:
            made = build_event(
                reader, world.ledger, body, actors, stream=self.manifests[status], occurred_at=world.now
            )
            data = parse(made.to_bytes()).to_bytes()
            envelope = Envelope(tuple(signer.sign_event(data) for signer in signers), data)
            try:
                world.ledger.prepare(reader, envelope.to_bytes(), now=world.now)
            except Refused as refused:
                return refused
        return None


@pytest.fixture(scope="module")
def walk(request: pytest.FixtureRequest) -> Iterator[Walk]:
    with world_on("sqlite", request) as world:
        yield Walk(world)


@pytest.mark.parametrize("kind", MANIFEST_EVENTS, ids=lambda kind: kind.kind)
def test_every_status_and_role_of_an_act(walk: Walk, kind: type[Body]) -> None:
    before = dump(walk.world)
    for status, role in product(Status, Role):
        refused = walk.refusal(status, kind, role)
        codes = {problem.code for problem in refused.problems} if refused else set()
        where = f"{status} {kind.kind} {role}: {codes}"
        if role not in SIGNERS[kind.kind][0]:
            assert isinstance(refused, NotAllowed), where
            assert "manifest.role_wrong" in codes, where
        elif (status, kind) not in TRANSITIONS:
            assert isinstance(refused, Conflict), where
            assert codes == {"manifest.transition_refused"}, where
        else:
            assert (
                not codes & {"manifest.transition_refused", "manifest.role_wrong"} or kind is e.Completed
            ), where
    assert dump(walk.world) == before


def test_who_signs_first_is_what_the_words_say() -> None:
    said = {
        f"manifest.{name}.v1": frozenset(map(Role, roles.split()))
        for roles, names in FIRST.items()
        for name in names.split()
    }
    assert {kind.kind: SIGNERS[kind.kind][0] for kind in MANIFEST_EVENTS if kind.kind in said} == said
