"""Which party stands where on the form, and which box an act signs."""

from datetime import timedelta
from typing import Any

from manifest import events as e
from manifest.body import Body, OnPaper
from manifest.cases import events as c
from manifest.consignment import Manifest
from manifest.vocabulary import Entering, Status
from pdf.draw import render
from pdf.form import COMPLETION, GENERATOR_CONFIRMS, RECEIPT_1, RECEIPT_2, plan
from pdf.sheet import Happened, Known, boxes, sheet, signatures
from tests.factories import (
    AT,
    CARRIER,
    FACILITY,
    FACILITY_SITE,
    GENERATOR,
    SECOND,
    SECOND_SITE,
    SITE,
    by,
    export,
    manifest_in,
    play,
    second,
    some,
)

OF_FACILITY: dict[str, Any] = {"carriers": (e.CarrierPlanned(party=FACILITY),)}
KNOWN = Known(
    organisations={
        party: {"name": party, "address": "Hà Nội", "phone": None}
        for party in (GENERATOR, FACILITY, SECOND, CARRIER)
    },
    sites={
        site: {"address": site, "phone": None, "code": None, "province": "Hà Nội"}
        for site in (SITE, FACILITY_SITE, SECOND_SITE)
    },
    permit_numbers={FACILITY: "GP-1", SECOND: "GP-2"},
)


def happened(*bodies: Body) -> list[Happened]:
    return [
        Happened(event=body, at=AT + timedelta(hours=n), parties=(by(body),), signer_name="")
        for n, body in enumerate(bodies)
    ]


def drawn(manifest: Manifest) -> Any:
    return sheet(manifest, KNOWN, head="0" * 64, verify_url="https://ledger.example/v/1")


def signed(manifest: Manifest, *bodies: Body) -> list[tuple[str, str]]:
    return [(one.filled.key, one.party) for one in signatures(manifest, happened(*bodies))]


def test_a_second_facility_has_its_block_its_receipt_and_the_completion() -> None:
    planned = {"second": second(), **OF_FACILITY}
    before = manifest_in(Status.ACCEPTED, Registered=planned)
    assert [key for key, _ in boxes(before)] == [GENERATOR_CONFIRMS, RECEIPT_1, RECEIPT_2, COMPLETION]
    assert dict(boxes(before))[RECEIPT_2] == dict(boxes(before))[COMPLETION] == SECOND
    shown = drawn(before)
    assert (shown.facility_1.name, shown.facility_2.name, shown.facility_2.code) == (FACILITY, SECOND, "GP-2")
    after = play(before, some(c.Forwarded), some(c.ReceivedSecond))
    acts = (
        some(e.Registered, **planned), some(e.Accepted), some(c.Forwarded), some(c.ReceivedSecond),
    )  # fmt: skip
    assert signed(after, *acts) == [
        (GENERATOR_CONFIRMS, GENERATOR), (RECEIPT_1, FACILITY), (RECEIPT_2, SECOND)
    ]  # fmt: skip


def test_the_facility_that_treated_last_signs_the_completion() -> None:
    done = manifest_in(Status.COMPLETED, Registered={"second": second(), **OF_FACILITY})
    assert dict(boxes(done))[COMPLETION] == FACILITY
    assert signed(done, some(e.Completed)) == [(COMPLETION, FACILITY)]


def test_a_carrier_with_a_permit_stands_as_the_first_facility() -> None:
    before = manifest_in(Status.ACCEPTED)
    assert drawn(before).facility_1.name == CARRIER
    assert signed(before, some(e.HandedOver), some(e.Accepted)) == [
        (RECEIPT_1, CARRIER), (RECEIPT_2, FACILITY)
    ]  # fmt: skip


def test_the_export_block_says_where_a_load_goes_and_when_it_left() -> None:
    going = {"export": export()}
    before = drawn(manifest_in(Status.IN_TRANSIT, Registered=going))
    assert (before.export.country, before.export.exit, before.export.date) == ("JP", "Cảng Hải Phòng", "")
    gone = drawn(manifest_in(Status.EXPORTED, Registered=going))
    assert gone.export.date == "10/04/2025"
    assert [item.value for item in plan(gone).export] == [
        "JP", "Cảng Yokohama", "Tàu biển", "10/04/2025", "Cảng Hải Phòng"
    ]  # fmt: skip
    assert b"%PDF" in render(gone)[:10]
    assert drawn(manifest_in(Status.IN_TRANSIT)).export is None


def test_the_box_of_who_signed_by_hand_stays_open() -> None:
    slip = (OnPaper(party=GENERATOR, sha256="0" * 64, how=Entering.PAPER),)
    before = manifest_in(Status.ACCEPTED, Registered={"on_paper": slip, **OF_FACILITY})
    acts = (some(e.Registered, on_paper=slip, **OF_FACILITY), some(e.Accepted))
    assert signed(before, *acts) == [(RECEIPT_1, FACILITY)]
