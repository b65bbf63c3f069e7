"""An outage pauses our own limits, never the law's; numbers on blanks are used with their paper alone."""

from datetime import timedelta
from typing import Any

import pytest

from ledger.format.event import time_text
from ledger.storage.db import reading
from ledger.storage.store import rows
from manifest.views import NUMBER_BLOCK
from tests.api.caller import Caller
from tests.api.homes import AUTHORITY, FACILITY, GENERATOR, RIVAL
from tests.api.test_problems import problem

PAPER = "ab" * 32


def act(api: Caller, party: str, kind: str, **body: Any) -> Any:
    return api.post(party, "/acts", {"kind": kind, "body": body})


def incident(api: Caller, hours: int, party: str = AUTHORITY, **changed: Any) -> Any:
    now = api.furnished.home.clock()
    typical = {
        "incident": "incident:1",
        "started_at": time_text(now - timedelta(hours=hours)),
        "ended_at": time_text(now),
        "reason": "Mất điện trung tâm dữ liệu",
    }
    return act(api, party, "incident.recorded.v1", **(typical | changed))


def due(api: Caller) -> dict[str, str]:
    return {one["kind"]: one["due_at"] for one in api.get(GENERATOR, "/clocks").json()["items"]}


def test_an_incident_moves_our_own_limits_by_its_hours(api: Caller) -> None:
    manifest = api.register()
    api.hand_over(manifest)
    before = due(api)
    api.furnished.home.clock.now += timedelta(hours=30)  # type: ignore[attr-defined]
    api.did(incident(api, 10))
    after = due(api)
    assert after["treatment"] == before["treatment"]
    assert after["in_transit"][11:13] != before["in_transit"][11:13]
    problem(incident(api, 10), 422, "manifest.incident_known_already")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"started_at": "2030-01-01T00:00:00.000Z"}, "manifest.period_empty"),
        ({"ended_at": "2030-01-01T00:00:00.000Z"}, "manifest.time_in_future"),
        ({"started_at": "2020-01-01T00:00:00.000Z"}, "manifest.incident_too_long"),
        ({"started_at": "2025-13-01T00:00:00.000Z"}, "manifest.field_invalid"),
    ],
)
def test_an_incident_is_over_and_not_too_long(lite: Caller, changed: dict[str, str], code: str) -> None:
    size = lite.size
    answer = incident(lite, 1, **changed)
    assert code in {one["code"] for one in answer.json()["errors"]}
    problem(incident(lite, 1, party=GENERATOR), 403, "manifest.role_not_held")
    assert lite.size == size


def blanks(api: Caller, party: str = FACILITY, **changed: Any) -> Any:
    typical = {"blanks": "blanks:1", "block": "block:facility", "first": 1, "last": 3, "sha256": PAPER}
    return act(api, party, "blanks.issued.v1", **(typical | changed))


def number(api: Caller, manifest: str) -> int:
    return int(api.get(GENERATOR, f"/manifests/{manifest}").json()["sequence"])


def test_a_number_on_a_blank_is_registered_with_its_paper_and_given_to_nothing_else(api: Caller) -> None:
    api.did(blanks(api, block=_block(api)))
    assert number(api, api.register()) == 4
    body = api.registration() | {"number": {"sequence": 2, "year": 2025, "issuer": "1-2-3.047.VX"}}
    problem(api.post(GENERATOR, "/manifests", body), 422, "manifest.number_on_blank")
    on_paper = [{"party": GENERATOR, "sha256": PAPER, "how": "paper"}]
    made = api.did(api.post(GENERATOR, "/manifests", body | {"on_paper": on_paper}))
    assert number(api, made["manifest"]) == 2
    assert number(api, api.register()) == 5


def _block(api: Caller) -> str:
    home = api.furnished.home
    with reading(home.engine) as reader:
        return str(rows(reader, NUMBER_BLOCK, log=home.ledger.log, party=FACILITY)[0]["block"])


def test_blanks_are_of_an_own_block_and_of_free_numbers(lite: Caller) -> None:
    block = _block(lite)
    lite.register()
    size = lite.size
    problem(blanks(lite, block="none"), 422, "manifest.block_unknown")
    problem(blanks(lite, party=RIVAL, block=block), 403, "manifest.block_not_yours")
    problem(blanks(lite, block=block), 422, "manifest.number_taken")
    problem(blanks(lite, block=block, first=5, last=4), 422, "manifest.number_not_allocated")
    assert lite.size == size
    lite.did(blanks(lite, block=block, first=5, last=9))
    problem(blanks(lite, block=block, first=5, last=9), 409, "manifest.blanks_known_already")
    problem(blanks(lite, block=block, blanks="blanks:2", first=9, last=12), 422, "manifest.numbers_overlap")
