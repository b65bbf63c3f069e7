"""What somebody says of the time at which he acts does not help him past a limit."""

from datetime import timedelta
from functools import partial

from manifest import events as e
from manifest.cases.events import Contested
from manifest.cases.views import ENTERED_ACT
from manifest.register import parties as p
from manifest.views import MANIFEST
from manifest.vocabulary import Register, Role, State
from tests.manifest.cases.helpers import on_paper, refuses
from tests.manifest.register.entries import AS_GENERATOR, enter
from tests.world import AUTHORITY, CARRIER, CODE, GENERATOR, World


def test_a_contest_comes_not_in_time_by_being_dated_back(world: World) -> None:
    declared = e.GenerationDeclared(
        lot=world.id(), site="site:generator", code=CODE, state=State.LIQUID, mass_g=1000,
        generated_on=world.today, on_paper=on_paper(GENERATOR),
    )  # fmt: skip
    world.act(declared, (GENERATOR, Role.GENERATOR, CARRIER), stream=declared.lot)
    seq, then = world.row(ENTERED_ACT)["seq"], world.now
    contest = partial(
        world.act,
        Contested(seq=seq, reason="Hộ không giao"),
        AS_GENERATOR,
        stream=f"contest:{seq}",
        at=then,
    )
    world.tick(days=31)
    assert refuses(world, contest) == [("manifest.contest_too_late", "/occurred_at")]


def test_a_suspended_party_begins_nothing_by_dating_it_before_its_suspension(world: World) -> None:
    body, then = world.registered(), world.now
    world.tick(days=30)
    since = world.today - timedelta(days=20)
    enter(world, p.EntrySuspended, register=Register.ORGANISATION, entry=GENERATOR, valid_from=since)
    register = partial(world.act, body, AS_GENERATOR, stream=world.id(), at=then)
    assert refuses(world, register) == [("manifest.party_suspended", "/actors/0/party")]
    # What stands on paper from the time before is entered by an authority.
    entered, manifest = e.Registered.read({**body.write(), "on_paper": paper()}), world.id()
    world.act(entered, (GENERATOR, Role.GENERATOR, AUTHORITY), stream=manifest, at=then)
    assert world.row(MANIFEST)["manifest"] == manifest


def paper() -> list[dict[str, str]]:
    return [{"party": one.party, "sha256": one.sha256, "how": one.how.value} for one in on_paper(GENERATOR)]
