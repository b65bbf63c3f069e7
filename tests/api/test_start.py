"""The address alone: what a browser and a program find there, and every route of the API without a script."""

import re

from tests.api.caller import Caller

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_a_program_is_told_where_to_go_on(lite: Caller) -> None:
    lite.furnished.home.checkpoint()
    answer = lite.client.get("/")

    assert answer.status_code == 200
    assert answer.headers["vary"] == "Accept"
    told = answer.json()
    assert told["origin"] == lite.furnished.home.ledger.origin
    for name in ("reference", "openapi", "docs", "checkpoint", "health"):
        assert lite.client.get(told[name]).status_code == 200, name
    assert lite.client.head("/").status_code == 200


def test_a_browser_gets_a_page_in_vietnamese_without_a_script(lite: Caller) -> None:
    lite.furnished.home.checkpoint()
    answer = lite.client.get("/", headers=BROWSER)

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "chất thải nguy hại" in answer.text
    assert "<script" not in answer.text
    links = re.findall(r'href="([^"]*)"', answer.text)
    assert links
    assert all(lite.client.get(link).status_code == 200 for link in links)


def test_the_reference_has_every_route_with_its_fields(lite: Caller) -> None:
    described = lite.client.get("/openapi.json").json()
    page = lite.client.get("/reference").text

    for path, methods in described["paths"].items():
        for method in methods:
            assert f"{method.upper()} {path}</code>" in page
    handover = page.partition("POST /api/v1/manifests/{manifest}/handovers<")[2].partition("<h2>")[0]
    assert "<strong><code>vehicle_plate</code></strong>" in handover
    assert "<span><code>on_paper</code></span> [OnPaper]" in handover
    assert "VehicleKind" in handover
    assert "<script" not in page


def test_every_route_of_an_act_is_named_in_words(lite: Caller) -> None:
    described = lite.client.get("/openapi.json").json()
    names = {one["summary"] for methods in described["paths"].values() for one in methods.values()}

    assert not [name for name in names if ".v1" in name.lower() or "/" in name]
