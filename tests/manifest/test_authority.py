"""Who may sign what for whom, on both databases: mandates, keys, roles."""

from datetime import date
from typing import Any

import pytest

from ledger.errors import NotAllowed, Problem, RuleBroken
from ledger.format.keys import key_fields
from manifest import events as e
from manifest.authority import SIGNERS
from manifest.events import EVENTS
from manifest.register import events as r
from manifest.register.log import KeyRegistered, KeyRotated
from manifest.views import (
    ACT,
    MANIFEST,
)
from manifest.vocabulary import Role
from tests.world import (
    AUTHORITY,
    CARRIER,
    FACILITY,
    GENERATOR,
    OPERATOR,
    PLATE,
    RIVAL,
    World,
    key_of,
    refused,
)

HALF = 500_000


# Who signs


def test_an_agent_signs_with_a_mandate_and_not_after(world: World) -> None:
    body = world.registered()
    as_agent = (GENERATOR, Role.GENERATOR, CARRIER)
    missing = [("manifest.mandate_missing", "/actors/0/kid")]
    assert refused(lambda: world.act(body, as_agent, stream=world.id())) == missing
    mandate = world.grant(GENERATOR, CARRIER, Role.GENERATOR, valid_to=world.today)
    world.act(body, as_agent, stream=world.id())
    assert (
        refused(
            lambda: world.act(
                e.Arrived(vehicle_plate=PLATE), (FACILITY, "treatment_facility", CARRIER), stream=world.id()
            )
        )
        == missing
    )
    world.tick(days=1)
    assert refused(lambda: world.act(world.registered(), as_agent, stream=world.id())) == missing
    again = world.grant(GENERATOR, CARRIER, Role.GENERATOR, mandate=f"{mandate}:2")
    world.act(world.registered(), as_agent, stream=world.id())
    world.revoke_mandate(again, GENERATOR)
    assert refused(lambda: world.act(world.registered(), as_agent, stream=world.id())) == missing


def test_a_mandate_is_for_one_role(world: World) -> None:
    world.grant(FACILITY, CARRIER, Role.TRANSPORTER)
    world.register().hand_over()
    body = e.Arrived(vehicle_plate=PLATE)
    assert refused(
        lambda: world.act(body, (FACILITY, Role.TREATMENT_FACILITY, CARRIER), stream=world.manifest)
    ) == [("manifest.mandate_missing", "/actors/0/kid")]


def test_mandates_are_given_by_the_principal_alone(world: World) -> None:
    fields: dict[str, Any] = {
        "mandate": "mandate:x", "principal": GENERATOR, "agent": CARRIER, "role": Role.GENERATOR,
        "valid_from": date(2025, 1, 1), "valid_to": date(2025, 12, 31),
    }  # fmt: skip

    def give(who: tuple[str, ...], **changed: Any) -> list[tuple[str, str]]:
        body = r.MandateGranted(**(fields | changed))
        return refused(lambda: world.act(body, who, stream=body.mandate))  # type: ignore[arg-type]

    yours = ("manifest.not_your_mandate", "/body/principal")
    assert give((CARRIER, Role.TRANSPORTER)) == [yours]
    world.grant(GENERATOR, CARRIER, Role.GENERATOR)
    assert give((GENERATOR, Role.GENERATOR, CARRIER)) == [yours], "an agent cannot appoint agents"
    assert give(
        (GENERATOR, Role.GENERATOR), role=Role.OPERATOR, agent="org:none", valid_to=date(2024, 1, 1)
    ) == [
        ("manifest.period_empty", "/body/valid_to"),
        ("manifest.role_not_given", "/body/role"),
        ("manifest.party_unknown", "/body/agent"),
    ]
    assert refused(lambda: world.grant(GENERATOR, CARRIER, Role.GENERATOR)) == [
        ("manifest.mandate_known_already", "/body/mandate")
    ]
    mandate = "mandate:generator:carrier:generator"
    as_agent = r.MandateRevoked(mandate=mandate)
    assert refused(lambda: world.act(as_agent, (GENERATOR, Role.GENERATOR, CARRIER), stream=mandate)) == [
        ("manifest.not_your_mandate", "/body/mandate")
    ]
    assert refused(lambda: world.revoke_mandate(mandate, CARRIER)) == [
        ("manifest.not_your_mandate", "/body/mandate")
    ]
    world.revoke_mandate(mandate, GENERATOR)
    assert refused(lambda: world.revoke_mandate(mandate, GENERATOR)) == [
        ("manifest.mandate_unknown", "/body/mandate")
    ]


def test_an_agent_cannot_make_or_end_keys_of_its_principal(world: World) -> None:
    world.grant(GENERATOR, CARRIER, Role.GENERATOR)
    fields = key_fields(key_of("smuggled").public_key, party=GENERATOR, custody="custodial")
    body = KeyRegistered(key=fields)
    holder, stream = (GENERATOR, Role.HOLDER, "smuggled"), f"key:{fields['kid']}"
    assert refused(lambda: world.act(body, holder, (GENERATOR, Role.GENERATOR, CARRIER), stream=stream)) == [
        ("manifest.sponsor_wrong", "/actors/1")
    ]
    assert refused(lambda: world.revoke_key(GENERATOR, (GENERATOR, Role.GENERATOR, CARRIER))) == [
        ("manifest.key_of_other_party", "/body/kid")
    ]
    world.act(body, holder, (GENERATOR, Role.GENERATOR), stream=stream)
    world.revoke_key("smuggled", (GENERATOR, Role.GENERATOR))


@pytest.mark.parametrize("custody", ["certificate", "service"])
def test_a_party_cannot_call_its_own_key_a_public_certificate(world: World, custody: str) -> None:
    fields = key_fields(key_of("grand").public_key, party=GENERATOR, custody=custody)
    body, stream = KeyRegistered(key=fields), f"key:{fields['kid']}"
    holder = (GENERATOR, Role.HOLDER, "grand")
    assert refused(lambda: world.act(body, holder, (GENERATOR, Role.GENERATOR), stream=stream)) == [
        ("manifest.sponsor_wrong", "/actors/1")
    ]
    world.act(body, holder, (OPERATOR, Role.OPERATOR), stream=stream)


def test_a_key_is_for_a_party_that_there_is(world: World) -> None:
    fields = key_fields(key_of("stray").public_key, party="org:stray", custody="custodial")
    body, stream = KeyRegistered(key=fields), f"key:{fields['kid']}"
    stray = ("org:stray", Role.HOLDER, "stray")
    assert refused(lambda: world.act(body, stray, (GENERATOR, Role.GENERATOR), stream=stream)) == [
        ("manifest.party_unknown", "/body/key/party"), ("manifest.sponsor_wrong", "/actors/1"),
    ]  # fmt: skip


def test_a_party_rotates_its_key_in_the_middle_of_a_manifest(world: World) -> None:
    world.register().hand_over()
    world.rotate_key(FACILITY, FACILITY, "facility-2024")
    assert refused(world.arrive) == [("ledger.key_revoked", "/actors/0/kid")]
    arrived = e.Arrived(vehicle_plate=PLATE)
    world.act(arrived, (FACILITY, Role.TREATMENT_FACILITY, "facility-2024"), stream=world.manifest)
    assert world.row(MANIFEST)["status"] == "arrived"


def test_a_revoked_key_signs_nothing_more_and_a_new_one_goes_on(world: World) -> None:
    world.register().hand_over()
    world.revoke_key(CARRIER)
    assert refused(lambda: world.hand_over(CARRIER, FACILITY)) == [("ledger.key_revoked", "/actors/0/kid")]
    world.add_key("carrier-new", CARRIER, sponsor=AUTHORITY)
    world.legs = 1
    world.hand_over(CARRIER, FACILITY, keys=("carrier-new", FACILITY))
    assert world.row(MANIFEST)["holder"] == FACILITY


def test_keys_are_rotated_within_a_party_and_a_custody(world: World) -> None:
    assert refused(lambda: world.rotate_key(GENERATOR, GENERATOR, "new", custody="device")) == [
        ("manifest.key_of_other_party", "/body/key")
    ]
    kid = key_of(RIVAL).kid
    fields = key_fields(key_of("new").public_key, party=GENERATOR, custody="custodial")
    body = KeyRotated(kid=kid, key=fields)
    both = ((RIVAL, Role.HOLDER), (GENERATOR, Role.HOLDER, "new"))
    assert refused(lambda: world.act(body, *both, stream=f"key:{kid}")) == [
        ("manifest.key_of_other_party", "/body/key")
    ]
    foreign = ((GENERATOR, Role.HOLDER, RIVAL), (GENERATOR, Role.HOLDER, "new"))
    assert refused(lambda: world.act(body, *foreign, stream=f"key:{kid}")) == [
        ("manifest.mandate_missing", "/actors/0/kid")
    ]
    assert refused(lambda: world.revoke_key(RIVAL, (GENERATOR, Role.GENERATOR))) == [
        ("manifest.key_of_other_party", "/body/kid")
    ]


def test_the_assurance_is_that_of_the_weakest_key(world: World) -> None:
    world.add_key("phone", GENERATOR, custody="device")
    world.register().hand_over(keys=("phone", CARRIER))
    body = e.Cancelled(reason="x")
    assert [row["assurance"] for row in world.rows(ACT)] == [0, 0]
    world.manifest = world.id()
    world.act(world.registered(), (GENERATOR, Role.GENERATOR, "phone"), stream=world.manifest)
    world.add_key("token", GENERATOR, custody="certificate")
    world.act(body, (GENERATOR, Role.GENERATOR, "token"), stream=world.manifest)
    assert [row["assurance"] for row in world.rows(ACT, manifest=world.manifest)] == [1, 2]


def test_every_kind_of_event_has_its_signers() -> None:
    assert set(SIGNERS) == set(EVENTS)
    for kind in ("arrived", "weighed", "accepted", "refused", "treated"):
        assert SIGNERS[f"manifest.{kind}.v1"] == (frozenset({Role.TREATMENT_FACILITY}),)
    for kind in ("manifest.registered.v1", "manifest.cancelled.v1", "generation.declared.v1"):
        assert SIGNERS[kind] == (frozenset({Role.GENERATOR}),)
    exporting = (frozenset({Role.GENERATOR, Role.TREATMENT_FACILITY}),)
    for kind in ("completed", "exported", "disposal_certified"):
        assert SIGNERS[f"manifest.{kind}.v1"] == exporting
    assert all(len(SIGNERS[f"manifest.{kind}.v1"]) == 2 for kind in ("handed_over", "returned", "forwarded"))


def test_problems_carry_what_the_sentence_needs(world: World) -> None:
    lot = world.lot(1000)
    with pytest.raises(RuleBroken) as caught:
        world.adjust(lot, -2000)
    assert caught.value.problems == (
        Problem("manifest.lot_short", "/body/delta_g", {"stored_g": 1000, "mass_g": 2000}),
    )
    with pytest.raises(NotAllowed) as caught_role:
        world.act(e.Cancelled(reason="x"), (FACILITY, Role.TREATMENT_FACILITY), stream=world.id())
    assert caught_role.value.problems[0].facts == {"role": "treatment_facility", "expected": "generator"}
