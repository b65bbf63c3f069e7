"""Delete the views, replay, and the same rows come back; change one, and it is named."""

from typing import Any

import pytest
from sqlalchemy import Engine, Table, delete, text, update

from ledger.storage.db import reading, writing
from ledger.storage.store import entries
from ledger.verifying.verify import verify
from manifest.reference import default
from manifest.replay import audit, rebuild, replay
from manifest.views import ACT, BALANCE, LOT, MANIFEST, ORGANISATION, POSTING, VIEW_TABLES
from tests.world import CARRIER, FACILITY, GENERATOR, SECOND_CARRIER, World, line


def eventful(engine: Engine) -> World:
    """Return a world in which most things have happened."""
    world = World.open(engine)
    world.journey()
    world.register(line(mass_g=900_000)).hand_over().arrive().weigh(870_000).accept((800_000, 70_000))
    world.give_back().treat(300_000, methods=("SC",)).treat(800_000, methods=("TĐ",)).complete()
    world.register(line(), line(2, mass_g=40_000)).hand_over(taker=FACILITY).arrive().refuse().give_back(
        FACILITY
    )
    world.register().cancel()
    world.register().hand_over().arrive().weigh(900_000).accept((900_000, 0))
    return world


def dump(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every view."""
    with reading(engine) as reader:
        return {
            table.name: sorted((tuple(row) for row in reader.execute(table.select())), key=repr)
            for table in VIEW_TABLES
        }


def test_views_kept_live_equal_views_replayed(engine: Engine) -> None:
    eventful(engine)
    with reading(engine) as reader:
        report = verify(reader, further=[audit(default())])
    assert report.ok, report.findings


def test_views_deleted_and_rebuilt_are_the_same_rows(engine: Engine) -> None:
    world = eventful(engine)
    before = dump(engine)
    with writing(engine, world.ledger.log) as writer:
        for table in VIEW_TABLES:
            writer.execute(delete(table))
        assert rebuild(writer, world.ledger.log, default()) == []
    assert dump(engine) == before
    assert all(before[table.name] for table in (BALANCE, POSTING, MANIFEST, LOT, ACT))


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        (BALANCE, "grams", 1),
        (POSTING, "grams", 1),
        (MANIFEST, "status", "registered"),
        (LOT, "zone_kind", "outside"),
        (ORGANISATION, "name", "Công ty Khác"),
        (ACT, "assurance", 3),
    ],
)
def test_a_changed_view_is_named(engine: Engine, table: Table, column: str, value: object) -> None:
    world = World.open(engine).journey()
    with writing(engine, world.ledger.log) as writer:
        keys = [table.c[key.name] for key in table.primary_key.columns]
        first = writer.execute(table.select().where(table.c[column] != value).order_by(*keys).limit(1))
        row = first.mappings().one()
        statement = update(table).values({column: value})
        for key in keys:
            statement = statement.where(key == row[key.name])
        writer.execute(statement)
    with reading(engine) as reader:
        report = verify(reader, further=[audit(default())])
    assert [finding.code for finding in report.findings] == ["manifest.view_differs"]
    assert table.name in report.findings[0].detail
    assert column in report.findings[0].detail
    assert report.findings[0].seq is not None


def test_a_row_too_many_and_a_row_too_few_are_named(engine: Engine) -> None:
    world = World.open(engine).journey()
    with writing(engine, world.ledger.log) as writer:
        writer.execute(text("DELETE FROM pdf_document"))
        writer.execute(
            text("UPDATE approval SET approval = 'approval:forged' WHERE carrier = :c"), {"c": CARRIER}
        )
    with reading(engine) as reader:
        found = {finding.code for finding in verify(reader, further=[audit(default())]).findings}
    assert found == {"manifest.view_row_unexpected", "manifest.view_row_missing"}


def test_an_act_that_the_judge_would_not_let_in_is_named(engine: Engine) -> None:
    world = World.open(engine)

    class Blind:
        """A judge that looks away, as an operator with the database in hand could."""

        def __call__(self, *_: object) -> tuple[()]:
            return ()

    world.ledger._judge = Blind()
    world.register().hand_over(giver=GENERATOR, taker=SECOND_CARRIER)
    seq = world.last.receipt.seq if world.last else -1
    with reading(engine) as reader:
        _, findings = replay(entries(reader, world.ledger.log), world.ledger.log, default())
    assert [(finding.seq, finding.code) for finding in findings] == [(seq, "manifest.act_not_allowed")]
    assert "manifest.taker_not_planned" in findings[0].detail
