"""The first-run page shows figures and what to do; once the run is over it is for those who oversee."""

from typing import Any

import pytest

from api.firstrun.leading import lead_from
from api.firstrun.roster import import_roster
from api.home import OPERATOR
from manifest.vocabulary import local_date
from tests.api.caller import Caller
from tests.api.firstrun.rosters import organisation, roster, tax_code, zone
from tests.api.homes import AUTHORITY, GENERATOR, PARTIES
from tests.api.test_problems import problem


def page(api: Caller, party: str | None = None) -> Any:
    headers = {} if party is None else api.furnished.bearer(party)
    return api.client.get("/first-run", headers=headers)


def figures(api: Caller) -> dict[str, dict[str, Any]]:
    told = api.did(api.get(AUTHORITY, "/first-run"), 200)
    return {one["step"]: one["figures"] for one in told["steps"]}


def test_the_page_says_what_comes_next_and_how_without_a_name(api: Caller) -> None:
    shown = page(api)
    assert shown.status_code == 200
    assert "Khu và đơn vị hành chính</strong> – việc tiếp theo" in shown.text
    assert "ctnh roster template" in shown.text
    assert "Chứng từ giấy là bản chính" in shown.text
    assert not [name for name, _ in PARTIES.values() if name in shown.text]
    assert "<script" not in shown.text
    assert "http" not in shown.text
    assert "style-src 'sha256-" in shown.headers["content-security-policy"]


def test_the_figures_follow_the_ledger_and_who_can_get_in(api: Caller) -> None:
    before = figures(api)
    assert before["authority"] == {"count": 1, "ready": 1}
    assert before["roster"] == {"count": 5, "sites": 4}
    assert before["invitations"] == {"access": 5, "invited": 0, "left": 0}
    assert before["admission"] == {"admitted": 5, "waiting": 0}
    assert before["opening_stock"] == {"count": 0, "of": 4}
    import_roster(api.furnished.home, roster(zone(), organisation(tax_code())))
    api.lot(1000, opening=True)
    api.lot(1000)
    after = figures(api)
    assert after["zones"] == {"count": 1}
    assert after["invitations"]["left"] == 1
    assert after["opening_stock"]["count"] == 1
    problem(api.get(GENERATOR, "/first-run"), 403, "api.authority_only")
    problem(api.get(None, "/first-run"), 401, "api.unauthenticated")


def finished(api: Caller) -> None:
    home = api.furnished.home
    import_roster(home, roster(zone()))
    api.lot(1000, opening=True)
    lead_from(home, local_date(home.clock()))


def test_once_the_run_is_over_only_operator_and_authority_see_it(api: Caller) -> None:
    finished(api)
    assert page(api).status_code == 404
    assert page(api, GENERATOR).status_code == 404
    for party in (OPERATOR, AUTHORITY):
        assert "Chứng từ điện tử là bản chính từ ngày" in page(api, party).text
    assert api.get(AUTHORITY, "/first-run").json()["complete"] is True


@pytest.mark.parametrize("header", ["Bearer nothing", "Basic x", ""])
def test_a_header_that_says_nothing_is_nobody(lite: Caller, header: str) -> None:
    finished(lite)
    assert lite.client.get("/first-run", headers={"Authorization": header}).status_code == 404
