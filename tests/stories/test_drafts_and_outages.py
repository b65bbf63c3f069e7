"""Drafts, outages and what happened against the rules, told over TCP; each ends with the full check."""

import io
import subprocess
from datetime import timedelta
from hashlib import sha256
from urllib.parse import urlsplit

import pytest
import zxingcpp
from PIL import Image

from ledger.format.event import time_text
from tests.api.homes import AUTHORITY, FACILITY, GENERATOR
from tests.api.test_claims import registered_offline
from tests.api.test_events import device_of, send
from tests.api.test_problems import problem
from tests.stories.conftest import Served
from tests.stories.test_cases_of_people import slip
from tests.stories.test_journeys import status


def test_the_facility_drafts_both_agree_and_next_month_it_is_repeated(story: Served) -> None:
    body = story.registration(100_000) | {"generator": GENERATOR}
    draft = story.did(story.post(FACILITY, "/drafts", {"body": body}))
    path = f"/drafts/{draft['draft']}"
    rehearsed = story.did(story.post(GENERATOR, f"{path}/rehearsal"), 200)
    assert rehearsed == {"ok": True, "problems": []}
    story.did(story.post(FACILITY, f"{path}/agreement", {"version": 1}), 200)
    made = story.did(story.post(GENERATOR, f"{path}/registration", {"version": 1}))
    assert status(story, made["manifest"])["status"] == "registered"
    story.hand_over(made["manifest"])

    story.lot(120_000)
    again = story.did(story.post(GENERATOR, "/drafts", {"repeat": "last"}))
    assert again["body"]["lines"][0]["mass_g"] == 100_000
    story.did(story.post(FACILITY, f"/drafts/{again['draft']}/agreement", {"version": 1}), 200)
    repeated = story.did(story.post(GENERATOR, f"/drafts/{again['draft']}/registration", {"version": 1}))
    assert status(story, repeated["manifest"])["status"] == "registered"


@pytest.mark.poppler
def test_while_the_system_is_down_a_signed_blank_is_used_and_entered_later(story: Served) -> None:
    issued = story.did(
        story.post(FACILITY, "/blanks", {"block": "block:facility", "first": 900, "last": 909})
    )
    paper = story.client.get(issued["document"], headers=story.furnished.bearer(FACILITY)).content
    assert sha256(paper).hexdigest() == issued["body"]["sha256"]
    checked = printed_link(paper, 4 * 5 + 1)
    assert "Chưa có chứng từ nào mang số này" in story.client.get(checked).text
    year = int(story.today[:4])
    number = {"sequence": 905, "year": year, "issuer": "1-2-3.047.VX"}
    body = story.registration(80_000) | {"number": number}
    problem(story.post(GENERATOR, "/manifests", body), 422, "manifest.number_on_blank")
    entered = story.did(story.post(GENERATOR, "/manifests", body | {"on_paper": slip(GENERATOR)}))
    manifest = entered["manifest"]
    found = story.client.get(checked).text
    assert "Chữ ký in trên tờ là của hệ thống này." in found
    assert manifest in found
    story.hand_over(manifest)
    before = _due(story, manifest)
    now = story.furnished.home.clock()
    incident = {
        "incident": "incident:story",
        "started_at": time_text(now - timedelta(hours=6)),
        "ended_at": time_text(now),
        "reason": "Mất điện",
    }
    story.did(story.post(AUTHORITY, "/acts", {"kind": "incident.recorded.v1", "body": incident}))
    after = _due(story, manifest)
    assert after["treatment"] == before["treatment"]
    assert after["in_transit"] >= before["in_transit"]
    graded = story.get(GENERATOR, f"/manifests/{manifest}").json()
    assert graded["evidence"]["grade"] == "D"


def printed_link(paper: bytes, page: int) -> str:
    """Return the address behind the code on a page, without its host."""
    drawn = subprocess.run(
        ["pdftoppm", "-r", "150", "-f", str(page), "-l", str(page), "-png"],
        input=paper,
        capture_output=True,
        check=True,
    )
    (code,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(drawn.stdout)))
    address = urlsplit(code.text)
    return f"{address.path}?{address.query}"


def _due(story: Served, manifest: str) -> dict[str, str]:
    items = story.get(GENERATOR, "/clocks").json()["items"]
    return {one["kind"]: one["due_at"] for one in items if one["subject"] == manifest}


def test_what_a_device_signed_without_network_is_kept_until_the_authority_lets_it_stand(
    story: Served,
) -> None:
    year = int(story.today[:4])
    number = {"sequence": 800, "year": year, "issuer": "1-2-3.047.VX"}
    envelope = registered_offline(story, device_of(story, GENERATOR), number=number)
    kept = story.did(send(story, GENERATOR, envelope), 202)
    problem(story.get(GENERATOR, f"/manifests/{_claimed(story, kept['claim'])}"), 404, "manifest.unknown")
    decision = {"outcome": "accepted", "reason": "Hai xe đi cùng nhau, đã kiểm tra"}
    done = story.did(story.post(AUTHORITY, f"/claims/{kept['claim']}/resolution", decision))
    assert done["problem"] is None
    assert status(story, _claimed(story, kept["claim"]))["status"] == "registered"


def _claimed(story: Served, claim: str) -> str:
    return str(story.get(GENERATOR, f"/claims/{claim}").json()["manifest"])
