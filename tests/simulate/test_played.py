"""A world played through the real way in, reconciled, and scored by what is true of it."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from api.demo.clock import StoryClock
from api.home import Home, make_home
from api.reconciling import alone, reconcile
from api.settings import Settings
from ledger.errors import Conflict
from ledger.storage.db import reading
from ledger.storage.store import HEAD, rows
from ledger.verifying.verify import verify
from manifest.correcting.views import CORRECTION
from manifest.findings.events import RunMode
from manifest.findings.views import FINDING
from manifest.reference import default
from manifest.replay import audit
from manifest.vocabulary import local_noon
from simulate.driving import Played, play
from simulate.loads import World, world
from simulate.parameters import parameters
from simulate.scoring import score, truths
from tests.ledger.machine_hands import in_hand

Scene = tuple[Home, World, Played]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A small world at its end, in a ledger of its own."""
    folder = tmp_path_factory.mktemp("world")
    made = world(parameters(), 4, generators=14)
    clock = StoryClock(local_noon(made.first) - timedelta(days=60))
    settings = Settings(
        data_dir=folder / "data", database_url=str(folder / "world.db"), origin="ledger.example/world"
    )
    home = make_home(settings, clock)
    played = play(home, clock, made)
    clock.advance(local_noon(made.end))
    yield home, made, played
    home.close()


def test_a_world_is_played_whole_and_its_ledger_verifies(scene: Scene) -> None:
    home, made, played = scene
    assert len(played.manifests) == len(made.loads)
    home.checkpoint()
    with reading(home.engine) as reader:
        report = verify(reader, trust=home.trust(), further=(audit(default()),), guard=home.guard)
        corrected = {row["field"] for row in rows(reader, CORRECTION, log=home.ledger.log)}
    assert report.ok, report.findings
    assert corrected == {"net_g", "vehicle_plate"}, "honest mistakes are put right"


def test_what_the_rules_find_is_scored_by_what_is_true(scene: Scene) -> None:
    home, made, played = scene
    ran = reconcile(home, mode=RunMode.FULL, as_of=made.end)
    assert sum(one.opened for one in ran.body.rules) > 0
    again = reconcile(home, mode=RunMode.INCREMENT, as_of=made.end)
    assert not any(one.opened or one.changed or one.lapsed for one in again.body.rules)
    with reading(home.engine) as reader:
        scores = score(reader, home.ledger.log, made, played)
        alarms = len(reader.execute(FINDING.select()).all())
    assert scores.overall.wrong_g == sum(one.untreated_g for one in truths(made, played).values())
    assert 0 <= scores.overall.found_g <= scores.overall.wrong_g
    assert sum(one.alarms for one in scores.rules.values()) == alarms


def test_one_runs_at_a_time_and_none_over_a_ledger_that_was_changed(scene: Scene) -> None:
    home, made, _ = scene
    with alone(home), pytest.raises(Conflict, match=r"manifest\.run_in_progress"):
        reconcile(home, mode=RunMode.FULL, as_of=made.end)
    with reading(home.engine) as reader:
        before = rows(reader, HEAD, log=home.ledger.log)
    with in_hand(home.engine) as connection:
        connection.exec_driver_sql("UPDATE ledger_entry SET recorded_at = recorded_at + 1 WHERE seq = 30")
    with pytest.raises(Conflict) as refused:
        reconcile(home, mode=RunMode.FULL, as_of=made.end)
    assert refused.value.code == "manifest.ledger_tampered"
    assert refused.value.problems[0].facts["seq"] == 30
    with reading(home.engine) as reader:
        assert rows(reader, HEAD, log=home.ledger.log) == before
