"""A deployment that goes on under a new name: what was begun before the break is carried on after it."""

import json
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from api.cli.app import app
from api.epoch import break_epoch
from api.home import Home, open_home
from api.settings import settings as cached_settings
from ledger.errors import Conflict
from ledger.report import Report
from ledger.storage.db import reading, writing
from ledger.storage.predecessor import predecessor_of
from ledger.storage.store import ENTRY, log_number, rows
from ledger.verifying.verify import verify
from manifest import reference
from manifest.replay import audit, rebuild
from manifest.views import POSTING
from tests.api.caller import Caller
from tests.api.homes import GENERATOR, ORIGIN, Furnished, Ticking
from tests.api.incidents import backup, put_back

CAUSE = "Hỏng hai ổ đĩa, bản sao lưu cũ hơn"


class Loss:
    """A deployment on an older backup, with a manifest on its way, and the positions that are gone."""

    def __init__(self, api: Caller, clock: Ticking) -> None:
        home = api.furnished.home
        self.clock, self.keys = clock, api.furnished.keys
        self.before = api.register()
        api.hand_over(self.before)
        home.checkpoint()
        self.survive = api.size
        place = backup(home)
        self.held = api.post(GENERATOR, "/lots", lot(api))
        api.lot()
        home.checkpoint()
        self.signed = api.size
        self.home = put_back(home, place, clock)

    @property
    def lost(self) -> tuple[int, int]:
        return (self.survive, self.signed)

    def calling(self) -> Iterator[Caller]:
        with Caller.of(Furnished(self.home, self.keys)) as caller:
            yield caller

    def go_on(self) -> Home:
        self.home = break_epoch(self.home, lost=self.lost, cause=CAUSE)
        return self.home

    def report(self) -> Report:
        home = self.home
        home.checkpoint()
        with reading(home.engine) as reader:
            return verify(reader, trust=home.trust(), guard=home.guard, further=[audit(reference.default())])


def lot(api: Caller) -> dict[str, object]:
    return {
        "site": f"site:{GENERATOR[4:]}",
        "code": "17 02 03",
        "state": "liquid",
        "mass_g": 1000,
        "generated_on": api.today,
    }


@pytest.fixture
def loss(api: Caller) -> Iterator[Loss]:
    clock = api.furnished.home.clock
    assert isinstance(clock, Ticking)
    made = Loss(api, clock)
    yield made
    made.home.close()


def test_a_manifest_that_was_on_its_way_arrives_in_the_new_log(loss: Loss) -> None:
    home = loss.go_on()
    assert home.ledger.origin == f"{ORIGIN}/2"
    assert home.floor.problem is None
    for caller in loss.calling():
        assert caller.client.get("/readyz").status_code == 200
        caller.arrive(loss.before)
        caller.weigh(loss.before, 500_000)
        caller.accept(loss.before, 500_000)
        caller.treat(loss.before, 500_000)
        caller.lot()
        fresh = caller.arrived()
        caller.accept(fresh, 500_000)
        report = loss.report()
        assert report.ok, report.as_json()
        assert (report.meaning, report.guard) == ("checked", "checked")
        with reading(home.engine) as reader:
            before = predecessor_of(reader, home.ledger.log)
            postings = rows(reader, POSTING, log=home.ledger.log)
        assert before is not None
        assert (before.size, before.lost, before.cause) == (loss.survive, loss.lost, CAUSE)
        assert {row["seq"] < 0 for row in postings} == {True, False}


def test_views_of_the_new_log_are_rebuilt_from_both(loss: Loss) -> None:
    home = loss.go_on()
    for caller in loss.calling():
        caller.arrive(loss.before)
        with writing(home.engine, home.ledger.log) as writer:
            before = rows(writer, POSTING, log=home.ledger.log)
            assert rebuild(writer, home.ledger.log, reference.default()) == []
            assert rows(writer, POSTING, log=home.ledger.log) == before
        assert loss.report().ok


def test_the_deployment_opens_under_its_new_name_with_a_guard_of_its_own(loss: Loss) -> None:
    home = loss.go_on()
    home.close()
    old = home.guard.path.with_name("guard.journal").read_bytes()
    loss.home = again = open_home(home.settings, loss.clock)
    assert again.ledger.origin == f"{ORIGIN}/2"
    assert again.guard.path.name == "guard.journal.2"
    assert again.guard.last() is not None
    for caller in loss.calling():
        caller.lot()
    again.checkpoint()
    assert again.guard.path.with_name("guard.journal").read_bytes() == old
    again.close()
    again.guard.path.unlink()
    bare = open_home(home.settings, loss.clock)
    assert bare.floor.problem is not None
    assert bare.floor.problem.code == "ledger.guard_missing"
    bare.close()


def test_a_break_needs_a_loss(api: Caller) -> None:
    home = api.furnished.home
    home.checkpoint()
    with pytest.raises(Conflict, match="nothing_missing"):
        break_epoch(home, lost=(api.size, api.size + 1), cause=CAUSE)


def test_a_break_over_another_range_is_refused(loss: Loss) -> None:
    start, stop = loss.lost
    for lost in ((start - 1, stop), (start + 1, stop), (start, stop - 1)):
        with pytest.raises(Conflict, match="lost_range_wrong"):
            break_epoch(loss.home, lost=lost, cause=CAUSE)
    with reading(loss.home.engine) as reader:
        assert log_number(reader, f"{ORIGIN}/2") is None


def test_the_command_asks_twice_and_hands_out_a_trust_file(
    loss: Loss, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = loss.home
    for name, value in home.settings.model_dump().items():
        monkeypatch.setenv(f"CTNH_{name.upper()}", str(value))
    cached_settings.cache_clear()
    home.close()
    start, stop = loss.lost
    command = ["ledger", "epoch", "--cause", CAUSE, "--lost", f"{start}-{stop - 1}", "--json"]
    try:
        refused = CliRunner().invoke(app, command)
        assert refused.exit_code == 2
        assert "api.yes_missing" in refused.output
        done = CliRunner().invoke(app, [*command, "--yes"])
        assert done.exit_code == 0, done.output
        shown = CliRunner().invoke(app, ["ledger", "guard", "show", "--json"])
    finally:
        cached_settings.cache_clear()
    answer = json.loads(done.output)
    assert (answer["closed"], answer["origin"]) == (ORIGIN, f"{ORIGIN}/2")
    assert json.loads((home.folder.parent / "trust.json").read_text())["origin"] == f"{ORIGIN}/2"
    assert json.loads(shown.output)["problem"] is None
    with reading(home.engine) as reader:
        found = log_number(reader, f"{ORIGIN}/2")
        assert found is not None
        assert len(rows(reader, ENTRY, log=found[0])) == 1
