"""A person's values, from the act that brings them in to the entry that erases them."""

import base64
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from api.home import open_home
from ledger.errors import Conflict
from ledger.personal import erasure
from ledger.personal.subjects import Subjects
from ledger.personal.vault import Secret, open_sealed
from ledger.report import Report
from ledger.storage.db import reading, writing
from ledger.storage.store import SEALED, VAULT, entry_at, rows
from ledger.verifying.verify import verify
from manifest.reference import default
from manifest.replay import audit
from tests.api.caller import Answer, Caller
from tests.api.homes import AUTHORITY, CARRIER, FACILITY, GENERATOR, PLATE, Ticking

NAME, PHONE = "Trần Văn Tài", "0900 000 000"
SUBJECT = "person:tai"
ASKED = {"subject": SUBJECT, "reason": "theo yêu cầu của người lái xe"}
OPERATOR = "org:operator"


@pytest.fixture
def handed_over(api: Caller) -> str:
    """A manifest whose hand-over names its driver, with his telephone."""
    manifest = api.register()
    hand_over(api, manifest, {"driver": (NAME, SUBJECT), "driver_phone": (PHONE, SUBJECT)})
    return manifest


def hand_over(api: Caller, manifest: str, names: dict[str, tuple[str, str]]) -> dict[str, Any]:
    secrets = {name: {"value": value, "subject": subject} for name, (value, subject) in names.items()}
    asked = {"taker": CARRIER, "vehicle_plate": PLATE, "secrets": secrets}
    part = api.did(api.post(GENERATOR, f"/manifests/{manifest}/handovers", asked), 200)
    return api.did(api.post(CARRIER, "/acts/countersign", part))


def personal(api: Caller, manifest: str, party: str = FACILITY) -> dict[str, Any]:
    acts = api.did(api.get(party, f"/manifests/{manifest}"), 200)["acts"]
    found: dict[str, Any] = acts[-1]["personal"]
    return found


def checked(api: Caller) -> Report:
    home = api.furnished.home
    with reading(home.engine) as reader:
        return verify(reader, subjects=home.subjects, further=[audit(default())])


def problem(answer: Answer, status: int, code: str, path: str = "") -> None:
    assert answer.status_code == status, answer.text
    found = answer.json()
    assert found["code"] == code
    assert found["errors"][0]["path"] == path


def test_a_person_is_erased_and_the_act_stands(api: Caller, handed_over: str) -> None:
    assert personal(api, handed_over) == {"driver": NAME, "driver_phone": PHONE}
    done = api.did(api.post(OPERATOR, "/erasures", ASKED))
    assert (done["subject"], done["erased"], len(done["entries"])) == (SUBJECT, 2, 1)
    assert personal(api, handed_over) == {"driver": None, "driver_phone": None}
    report = checked(api)
    assert report.ok, report.findings
    assert (report.personal_open, report.personal_redacted) == (0, 2)
    home = api.furnished.home
    assert home.subjects.is_destroyed(SUBJECT)
    with reading(home.engine) as reader:
        assert rows(reader, SEALED) == []
        entry = entry_at(reader, home.ledger.log, done["entries"][0]["seq"])
    assert entry is not None
    assert NAME.encode() not in entry.data
    problem(api.post(OPERATOR, "/erasures", ASKED), 404, "ledger.subject_unknown", "/subject")


def test_a_pseudonym_is_spent_with_the_erasure(api: Caller, handed_over: str) -> None:
    api.did(api.post(AUTHORITY, "/erasures", ASKED))
    manifest = api.register()
    secrets = {"driver": {"value": NAME, "subject": SUBJECT}}
    asked = {"taker": CARRIER, "vehicle_plate": PLATE, "secrets": secrets}
    part = api.did(api.post(GENERATOR, f"/manifests/{manifest}/handovers", asked), 200)
    problem(api.post(CARRIER, "/acts/countersign", part), 409, "ledger.subject_erased", "/secrets")
    assert handed_over != manifest


def test_one_value_of_a_person_may_be_erased_alone(api: Caller, handed_over: str) -> None:
    home = api.furnished.home
    with reading(home.engine) as reader:
        names = [row["commitment"] for row in rows(reader, SEALED)]
    shown = api.did(api.get(FACILITY, f"/manifests/{handed_over}"), 200)["acts"][-1]
    entry = api.did(api.get(FACILITY, f"/entries/{shown['seq']}"), 200)["entry"]
    (phone,) = (name for name in names if f'"driver_phone":"{name}"' in entry)
    done = api.did(api.post(OPERATOR, "/erasures", ASKED | {"commitments": [phone]}))
    assert done["erased"] == 1
    assert personal(api, handed_over) == {"driver": NAME, "driver_phone": None}
    assert not home.subjects.is_destroyed(SUBJECT)
    wrong = ASKED | {"commitments": [phone]}
    problem(api.post(OPERATOR, "/erasures", wrong), 404, "ledger.commitment_unknown", "/commitments/0")
    assert checked(api).ok


@pytest.mark.parametrize("party", [GENERATOR, CARRIER, FACILITY])
def test_only_operator_and_authority_erase(api: Caller, handed_over: str, party: str) -> None:
    size = api.size
    problem(api.post(party, "/erasures", ASKED), 403, "api.authority_only")
    body = {"subject": SUBJECT, "commitments": ["0" * 64], "reason": "x"}
    act = {"kind": erasure.KIND, "body": body}
    problem(api.post(party, "/acts", act), 403, "manifest.role_not_held", "/actors/0/role")
    assert api.size == size
    assert personal(api, handed_over)["driver"] == NAME


def test_an_erasure_asked_for_twice_is_recorded_once(api: Caller, handed_over: str) -> None:
    key = {"Idempotency-Key": "019b0000-0000-7000-8000-00000000e0e0"}
    first = api.did(api.post(OPERATOR, "/erasures", ASKED, headers=key))
    size = api.size
    again = api.did(api.post(OPERATOR, "/erasures", ASKED, headers=key))
    assert again["entries"][0]["seq"] == first["entries"][0]["seq"]
    assert again["entries"][0]["repeated"]
    assert api.size == size
    assert personal(api, handed_over)["driver"] is None


@pytest.mark.parametrize(
    ("body", "code", "path"),
    [
        ({"reason": "x"}, "manifest.field_missing", "/subject"),
        ({"subject": 1, "reason": "x"}, "manifest.field_invalid", "/subject"),
        ({"subject": SUBJECT, "reason": "x", "commitments": "all"}, "manifest.field_invalid", "/commitments"),
        ({"subject": SUBJECT}, "manifest.field_missing", "/reason"),
        (ASKED | {"more": 1}, "manifest.field_unknown", "/more"),
    ],
)
def test_a_malformed_request_erases_nothing(
    api: Caller, handed_over: str, body: dict[str, Any], code: str, path: str
) -> None:
    problem(api.post(OPERATOR, "/erasures", body), 422, code, path)
    assert personal(api, handed_over)["driver"] == NAME


def test_more_than_an_entry_holds_takes_several(
    api: Caller, handed_over: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "MAX_ERASED", 1)
    done = api.did(api.post(OPERATOR, "/erasures", ASKED))
    assert (done["erased"], len(done["entries"])) == (2, 2)
    assert api.furnished.home.subjects.is_destroyed(SUBJECT)
    assert personal(api, handed_over) == {"driver": None, "driver_phone": None}


def test_an_erasure_that_a_crash_cut_off_is_carried_out_at_the_next_opening(
    api: Caller, handed_over: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("api.acting.erase", die)
    with pytest.raises(KeyboardInterrupt):
        api.post(OPERATOR, "/erasures", ASKED)
    assert {one.code for one in checked(api).findings} == {"ledger.vault_value_returned"}
    again = open_home(api.furnished.home.settings, api.furnished.home.clock)
    again.close()
    report = checked(api)
    assert report.ok, report.findings
    assert report.personal_redacted == 2
    assert personal(api, handed_over)["driver"] is None


def test_an_act_without_its_values_is_refused(api: Caller) -> None:
    manifest = api.register()
    secrets = {"driver": {"value": NAME, "subject": SUBJECT}}
    asked = {"taker": CARRIER, "vehicle_plate": PLATE, "secrets": secrets}
    part = api.did(api.post(GENERATOR, f"/manifests/{manifest}/handovers", asked), 200)
    size = api.size
    code = "ledger.commitment_unopened"
    problem(api.post(CARRIER, "/acts/countersign", part | {"secrets": {}}), 422, code, "/commitments/driver")
    assert api.size == size


def test_what_version_0_1_left_in_the_clear_is_sealed_at_the_opening(api: Caller, handed_over: str) -> None:
    home = api.furnished.home
    with reading(home.engine) as reader:
        kept = rows(reader, SEALED)
        keys = home.subjects.find([SUBJECT])
    assert keys
    opened = [open_sealed(row["sealed"], keys[SUBJECT], SUBJECT, row["commitment"]) for row in kept]
    with writing(home.engine, home.ledger.log) as writer:
        writer.execute(SEALED.delete())
        for one in opened:
            row = {"commitment": one.commitment, "subject": one.subject, "salt": one.salt, "value": one.value}
            writer.execute(insert(VAULT), {"log": home.ledger.log, **row})
    assert checked(api).ok
    open_home(home.settings, home.clock).close()
    with reading(home.engine) as reader:
        assert rows(reader, VAULT) == []
        assert len(rows(reader, SEALED)) == len(opened)
    assert personal(api, handed_over) == {"driver": NAME, "driver_phone": PHONE}
    assert checked(api).ok


def test_the_keys_lie_where_the_setting_says(new_home: Any, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    furnished = new_home(Ticking(), vault_keys=str(folder))
    with Caller.of(furnished) as caller:
        hand_over(caller, caller.register(), {"driver": (NAME, SUBJECT)})
    with sqlite3.connect(folder / "keys.db") as connection:
        assert connection.execute("SELECT count(*) FROM subject_key").fetchone() == (1,)
    connection.close()
    assert furnished.home.subjects.find([SUBJECT])


def test_an_older_database_does_not_bring_the_name_back(lite: Caller) -> None:
    """The whole database as it was before the erasure, put beside the keys as they are now."""
    home = lite.furnished.home
    manifest = lite.register()
    hand_over(lite, manifest, {"driver": (NAME, SUBJECT)})
    with reading(home.engine) as reader:
        before = rows(reader, SEALED)
    lite.did(lite.post(OPERATOR, "/erasures", ASKED))
    with writing(home.engine, home.ledger.log) as writer:
        writer.execute(insert(SEALED), before)
    assert personal(lite, manifest)["driver"] is None
    with pytest.raises(Conflict):
        Subjects(home.folder / "vault-keys", home.ledger.origin).keys([SUBJECT])
    assert base64.b64encode(NAME.encode()) not in before[0]["sealed"]
    assert Secret(NAME, SUBJECT).commitment != before[0]["commitment"]
