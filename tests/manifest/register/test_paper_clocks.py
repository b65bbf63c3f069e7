"""Papers that end have clocks: permits, contracts and certificates, unless another outlasts them."""

from datetime import UTC, date, datetime
from typing import Any

from ledger.storage.db import reading
from manifest.clocks import ClockKind
from manifest.reference import default
from manifest.register import documents as d
from manifest.running_clocks import Watch, clocks
from tests.manifest.register.entries import AS_GENERATOR, enter
from tests.world import FACILITY, GENERATOR, RIVAL, World


def ends(world: World, party: str) -> dict[tuple[str, str], date]:
    watch = Watch(log=world.ledger.log, at=datetime(2025, 6, 1, tzinfo=UTC), parties=frozenset({party}))
    with reading(world.engine) as reader:
        found = clocks(reader, default(), watch)
    papers = {ClockKind.PERMIT_END, ClockKind.CONTRACT_END, ClockKind.CERTIFICATE_END}
    return {(clock.kind.value, clock.subject): clock.due_on for clock in found if clock.kind in papers}


def test_the_paper_that_lasts_longest_has_the_clock(world: World) -> None:
    enter(world, d.ContractMade, AS_GENERATOR)
    enter(world, d.CertificateIssued, AS_GENERATOR)
    certificate = ("certificate_end", "certificate:1")
    assert ends(world, GENERATOR) == {
        ("contract_end", "contract:1"): date(2025, 12, 31), certificate: date(2025, 8, 9),
    }  # fmt: skip
    assert ends(world, FACILITY)[("contract_end", "contract:1")] == date(2025, 12, 31)
    assert ends(world, RIVAL) == {}
    longer: dict[str, Any] = {"contract": "contract:2", "valid_to": date(2026, 6, 30)}
    enter(world, d.ContractMade, AS_GENERATOR, **longer)
    assert ends(world, GENERATOR)[("contract_end", "contract:2")] == date(2026, 6, 30)
    assert ("contract_end", "contract:1") not in ends(world, GENERATOR)
    enter(world, d.ContractMade, AS_GENERATOR, contract="contract:3", valid_to=None)
    assert set(ends(world, GENERATOR)) == {certificate}, "one that does not end outlasts them"
