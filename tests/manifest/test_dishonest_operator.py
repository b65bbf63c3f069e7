"""What whoever holds the database may try on the views and the log, and what an auditor then reads."""

import sqlite3
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from api.home import Home
from ledger.errors import Conflict
from ledger.storage.db import reading, writing
from ledger.verifying.verify import verify
from manifest import events as e
from manifest.reference import default
from manifest.replay import audit
from manifest.vocabulary import Role
from tests.api.deployments import Deployment, deployment
from tests.conftest import NewEngine
from tests.world import GENERATOR, World


def codes(engine: Engine, **trusted: object) -> set[str]:
    with reading(engine) as reader:
        report = verify(reader, further=[audit(default())], **trusted)  # type: ignore[arg-type]
    return {finding.code for finding in report.findings} - {"ledger.fence_missing"}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE lot SET generated_on = '2025-W14-2'",
        "UPDATE posting SET posted_on = '20250401'",
        "UPDATE posting SET posted_on = 'zz'",
        "UPDATE organisation SET admitted = 2",
        "UPDATE organisation SET admitted = 'x'",
        "UPDATE lot SET zone_kind = CAST(zone_kind AS BLOB)",
        "UPDATE balance SET grams = grams + 0.5",
    ],
)
def test_a_value_spelt_otherwise_is_found_though_it_reads_the_same(
    sqlite_engine: Engine, statement: str
) -> None:
    world = World.open(sqlite_engine).journey()
    with writing(sqlite_engine, world.ledger.log) as writer:
        writer.execute(text("PRAGMA ignore_check_constraints = ON"))
        writer.execute(text(statement))
    assert codes(sqlite_engine) == {"manifest.view_differs"}


def without_checkpoints(database: str) -> None:
    with sqlite3.connect(database) as connection:
        for name in ("ledger_checkpoint_no_delete", "ledger_checkpoint_no_update"):
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("DELETE FROM ledger_checkpoint")
    connection.close()


def lived(folder: Path, engine: Engine) -> tuple[Deployment, Home]:
    place = deployment(folder, engine)
    place.journey()
    place.home.checkpoint()
    return place, place.home


def test_a_log_without_its_checkpoints_is_not_taken_on_trust(tmp_path: Path, sqlite_engine: Engine) -> None:
    _, home = lived(tmp_path, sqlite_engine)
    trust = home.trust()
    without_checkpoints(str(sqlite_engine.url.database))
    # Whatever the auditor has kept says nothing of the entries that came after it.
    assert codes(sqlite_engine, trust=trust) == {"ledger.checkpoint_missing"}
    home.close()
    home.custody  # noqa: B018  the home is open again at first use
    assert codes(sqlite_engine, trust=home.trust()) == {"ledger.checkpoint_missing"}
    home.close()


def test_another_log_under_the_same_keys_is_not_the_one_the_auditor_kept(
    tmp_path: Path, new_engine: NewEngine
) -> None:
    first, second = new_engine(), new_engine()
    _, home = lived(tmp_path / "a", first)
    kept = home.trust()
    other, _ = lived(tmp_path / "b", second)
    assert {"ledger.note_unsigned", "ledger.roots_differ"} & codes(second, trust=kept)
    home.close()
    other.home.close()


def test_a_log_that_was_cut_back_is_never_signed_again(tmp_path: Path, sqlite_engine: Engine) -> None:
    place, home = lived(tmp_path, sqlite_engine)
    later = home.signer.sign(f"{home.ledger.origin}\n9999\n{'A' * 43}=\n", home.clock())
    home.guard.swap(home.guard.last(), later)
    with pytest.raises(Conflict) as refused:
        home.checkpoint()
    assert refused.value.code == "ledger.behind_guard"
    place.home.close()


def test_own_treatment_is_not_dated_before_the_waste_was_there(sqlite_engine: Engine) -> None:
    world = World.open(sqlite_engine)
    lot = world.lot(10_000)
    world.tick(days=30)
    world.act(
        e.GenerationAdjusted(lot=lot, delta_g=9_000, reason="Cân lại"),
        (GENERATOR, Role.GENERATOR),
        stream=lot,
    )
    early = e.SelfTreated(lot=lot, mass_g=19_000, methods=("TĐ",), treated_on=date(2025, 4, 15))
    with pytest.raises(Exception, match="date_out_of_order"):
        world.act(early, (GENERATOR, Role.GENERATOR), stream=lot)
