"""Importing a roster: checked whole, then entered; a second time it changes nothing."""

from typing import Any

import pytest

from api.firstrun.roster import Imported, import_roster
from api.home import Home
from ledger.errors import Malformed
from ledger.storage.db import reading
from ledger.storage.store import rows
from ledger.verifying.verify import verify
from manifest import reference
from manifest.replay import audit
from manifest.views import ORGANISATION, SITE
from tests.api.caller import Caller
from tests.api.firstrun.rosters import organisation, roster, site, tax_code, zone
from tests.api.homes import AUTHORITY, CODE, FACILITY, GENERATOR
from tests.api.test_problems import problem


def refused(done: Imported) -> list[tuple[int, str, str]]:
    return [(one.row, one.column, one.code) for one in done.refused]


def audited(home: Home) -> None:
    home.checkpoint()
    with reading(home.engine) as reader:
        report = verify(reader, trust=home.trust(), further=[audit(reference.default())])
    assert report.ok, report.as_json()


def test_a_roster_is_entered_once_by_signed_entries_as_the_operator_s_word(api: Caller) -> None:
    home, code, size = api.furnished.home, tax_code(), api.size
    data = roster(site(code), organisation(code), zone(), encoding="utf-8-sig", delimiter=";", spoken=True)
    seen: list[tuple[int, int]] = []
    done = import_roster(home, data, progress=lambda *at: seen.append(at))
    assert refused(done) == []
    assert [(one.row, one.name, one.seq) for one in done.entered] == [
        (4, "kcn-thang-long", size),
        (3, f"org:{code}", size + 1),
        (2, f"site:{code}", size + 2),
    ]
    assert seen == [(1, 3), (2, 3), (3, 3)]
    (party,) = [
        one for one in api.get(AUTHORITY, "/organisations").json()["items"] if one["party"] == f"org:{code}"
    ]
    assert (party["status"], party["admitted"], party["roles"]) == ("declared", False, ["generator"])
    (place,) = [one for one in api.get(AUTHORITY, "/sites").json()["items"] if one["site"] == f"site:{code}"]
    assert (place["status"], place["zone"], place["area"]) == ("declared", "kcn-thang-long", "017")
    audited(home)
    again = import_roster(home, data)
    assert (again.unchanged, again.entered, refused(again)) == ([2, 3, 4], [], [])
    assert api.size == size + 3


def test_one_row_refused_and_nothing_is_entered(api: Caller) -> None:
    home, size = api.furnished.home, api.size
    good, bad = tax_code(), "0100000011"
    data = roster(
        organisation(good), organisation(bad), site(good), site(bad), site("org:nobody", ref="site:x")
    )
    done = import_roster(home, data)
    assert refused(done) == [
        (3, "identifier", "manifest.tax_code_invalid"),
        (5, "organisation", "manifest.party_unknown"),
        (6, "organisation", "manifest.party_unknown"),
    ]
    assert (done.waiting, done.entered) == ([2, 4], [])
    assert api.size == size


def test_with_partial_the_good_rows_are_entered_and_those_that_hang_on_bad_ones_are_not(api: Caller) -> None:
    home = api.furnished.home
    good, bad = tax_code(), "0100000011"
    data = roster(organisation(good), organisation(bad), site(good), site(bad))
    done = import_roster(home, data, partial=True)
    assert [one.row for one in done.entered] == [2, 4]
    assert [row for row, _, _ in refused(done)] == [3, 5]
    audited(home)
    mended = roster(organisation(good), organisation(fixed := tax_code()), site(good), site(fixed))
    rest = import_roster(home, mended)
    assert ([one.row for one in rest.entered], rest.unchanged) == ([3, 5], [2, 4])


def test_a_trial_writes_nothing(lite: Caller) -> None:
    size = lite.size
    done = import_roster(lite.furnished.home, roster(organisation(tax_code())), trial=True)
    assert (done.waiting, done.entered, refused(done)) == ([2], [], [])
    assert lite.size == size


@pytest.mark.parametrize(
    ("changed", "column", "code"),
    [
        ({"name": "Công ty Мạ"}, "name", "manifest.letter_not_latin"),
        ({"identifier": "0100000011"}, "identifier", "manifest.tax_code_invalid"),
        ({"identifier": "12345"}, "identifier", "manifest.tax_code_invalid"),
        ({"identifier": "", "ref": "org:ho-1"}, "no_identifier_reason", "manifest.reason_missing"),
        ({"ref": GENERATOR}, "name", "api.roster_differs"),
        ({"ref": "log"}, "", "manifest.stream_wrong"),
    ],
)
def test_an_organisation_that_the_ledger_would_refuse(
    lite: Caller, changed: dict[str, str], column: str, code: str
) -> None:
    size = lite.size
    done = import_roster(lite.furnished.home, roster(organisation(tax_code(), **changed)))
    assert (2, column, code) in refused(done)
    assert lite.size == size


@pytest.mark.parametrize(
    ("changed", "column", "code"),
    [
        ({"zone": "kcn-khong-co"}, "zone", "reference.unknown_zone"),
        ({"zone_kind": "cluster"}, "zone_kind", "manifest.zone_of_other_kind"),
        ({"district": "999"}, "district", "reference.unknown_area"),
        ({"commune": "99999"}, "commune", "reference.unknown_area"),
        (
            {"old_commune": "00484", "district": "", "commune": "475"},
            "commune",
            "manifest.coordinates_missing",
        ),
        ({"organisation": "org:nobody"}, "organisation", "manifest.party_unknown"),
        ({"ref": "site:generator"}, "organisation", "api.roster_differs"),
    ],
)
def test_a_site_that_the_ledger_would_refuse(
    lite: Caller, changed: dict[str, str], column: str, code: str
) -> None:
    size, owner = lite.size, tax_code()
    done = import_roster(lite.furnished.home, roster(organisation(owner), site(owner, **changed)))
    assert (3, column, code) in refused(done)
    assert lite.size == size


def test_a_row_that_says_otherwise_is_refused_in_the_cells_that_differ(lite: Caller) -> None:
    home, code = lite.furnished.home, tax_code()
    import_roster(home, roster(organisation(code), site(code)))
    size = lite.size
    done = import_roster(home, roster(organisation(code, name="Tên khác", phone=""), site(code)))
    assert refused(done) == [(2, "name", "api.roster_differs"), (2, "phone", "api.roster_differs")]
    assert lite.size == size


def test_what_was_changed_since_by_an_entry_stays_and_the_old_roster_does_no_harm(lite: Caller) -> None:
    home, code = lite.furnished.home, tax_code()
    data = roster(organisation(code), site(code))
    import_roster(home, data)
    change = {"party": f"org:{code}", "valid_from": lite.today, "name": "Tên mới", "reason": "Đổi tên"}
    party = change.pop("party")
    lite.did(lite.post(AUTHORITY, f"/organisations/{party}/changes", change))
    done = import_roster(home, data)
    assert (done.unchanged, refused(done)) == ([2, 3], [])
    with reading(home.engine) as reader:
        (row,) = rows(reader, ORGANISATION, log=home.ledger.log, party=party)
    assert row["name"] == "Tên mới"


def test_a_site_that_was_put_right_since_is_not_taken_back(lite: Caller) -> None:
    home, code = lite.furnished.home, tax_code()
    data = roster(organisation(code), site(code))
    import_roster(home, data)
    right = {name: value for name, value in site(code).items() if name not in {"line", "organisation"}}
    right |= {"site": f"site:{code}", "party": f"org:{code}", "address": "Lô B2"}
    lite.did(lite.post(AUTHORITY, "/sites", right))
    size = lite.size
    done = import_roster(home, data)
    assert (done.unchanged, refused(done)) == ([2, 3], [])
    assert lite.size == size


def test_an_interrupted_import_goes_on_where_it_stopped(lite: Caller) -> None:
    home = lite.furnished.home
    codes = [tax_code() for _ in range(4)]
    data = roster(*map(organisation, codes), *map(site, codes))

    def dies(done: int, _of: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_roster(home, data, progress=dies)
    done = import_roster(home, data)
    assert (done.unchanged, [one.row for one in done.entered]) == ([2, 3, 4], [5, 6, 7, 8, 9])
    with reading(home.engine) as reader:
        assert len([row for row in rows(reader, SITE, log=home.ledger.log) if row["party"][4:] in codes]) == 4


def test_what_somebody_enters_between_check_and_writing_is_refused_alone(
    lite: Caller,
) -> None:
    home, mine, taken = lite.furnished.home, tax_code(), tax_code()

    def other(done: int, _of: int) -> None:
        if done == 1:
            body = {
                "party": "org:other", "name": "Khác", "roles": ["generator"],
                "identifier_kind": "tax_code", "identifier": taken, "address": "Hà Nội",
            }  # fmt: skip
            lite.did(lite.post(AUTHORITY, "/organisations", body))

    last = tax_code()
    data = roster(organisation(mine), organisation(taken), organisation(last))
    done = import_roster(home, data, progress=other)
    assert [one.row for one in done.entered] == [2, 4]
    assert refused(done) == [(3, "identifier", "manifest.identifier_taken")]


def test_whoever_is_entered_by_a_roster_may_not_act_before_admission(api: Caller) -> None:
    home, code = api.furnished.home, tax_code()
    import_roster(home, roster(organisation(code), site(code)))
    party = f"org:{code}"
    api.did(api.post("org:operator", "/keys", {"party": party}))
    lot: dict[str, Any] = {
        "site": f"site:{code}", "code": CODE, "state": "liquid", "mass_g": 1000, "generated_on": api.today,
        "on_behalf_of": party,
    }  # fmt: skip
    refused_lot = api.post(FACILITY, "/lots", lot)
    assert refused_lot.status_code == 403
    problem(refused_lot, 403, "manifest.party_not_admitted")


def test_a_file_that_is_no_roster_enters_nothing(lite: Caller) -> None:
    size = lite.size
    with pytest.raises(Malformed):
        import_roster(lite.furnished.home, b"%PDF-1.7")
    assert lite.size == size
