"""Figures by place: waste counts where its site was when it arose, was treated, or lay in store."""

from datetime import date
from typing import Any

from ledger.storage.db import reading
from manifest import events as e
from manifest.reconcile.ratio import ratio
from manifest.reference import default
from manifest.register import places as q
from manifest.vocabulary import ZoneKind
from tests.manifest.register.entries import AS_OPERATOR, SPLIT, enter
from tests.world import GENERATOR, World, line

KG = 1000


def rows(world: World, by: str, start: date, end: date) -> dict[str, dict[str, Any]]:
    with reading(world.engine) as reader:
        table = ratio(
            reader, world.ledger.log, start=start, end=end, by=(by,), as_of=date(2025, 12, 31),
            reference=default(),
        ).as_json()  # fmt: skip
    return {row[by]: row for row in table["rows"]}


def test_a_workshop_that_moved_counts_then_and_now(world: World) -> None:
    lot = world.lot(10 * KG)
    enter(world, q.SitePlaced, AS_OPERATOR, valid_from=date(2025, 5, 1))
    world.tick(days=60)
    world.register(line(mass_g=10 * KG, lots=(e.Draw(lot=lot, mass_g=10 * KG),)))
    world.hand_over().arrive().weigh(10 * KG).accept((10 * KG, 0)).treat(10 * KG)
    found = rows(world, "zone_kind", date(2025, 1, 1), date(2025, 12, 31))
    assert found["park"]["generated"] == found["park"]["treated_service"] == 10 * KG, "cohort: where it arose"
    assert (found["park"]["flow_generated"], found["park"]["flow_treated"]) == (10 * KG, 0)
    assert (found["cluster"]["flow_generated"], found["cluster"]["flow_treated"]) == (0, 10 * KG)
    assert found["cluster"]["coverage"]["generators"] == 1, "it was in both within the period"


def test_stock_moves_to_the_new_unit_when_the_map_changes(world: World) -> None:
    world.lot(10 * KG)
    world.add_site(GENERATOR, site="site:x", zone_kind=ZoneKind.OUTSIDE, zone=None, district=None,
                   commune=None, old_commune=SPLIT)  # fmt: skip
    world.lot(3 * KG, site="site:x")
    june = rows(world, "area", date(2025, 6, 30), date(2025, 6, 30))
    july = rows(world, "area", date(2025, 7, 1), date(2025, 7, 1))
    assert {area: row["opening"] for area, row in june.items()} == {"017": 13 * KG}
    assert {area: row["opening"] for area, row in july.items()} == {"00493": 10 * KG, "": 3 * KG}
    year = (date(2025, 1, 1), date(2025, 12, 31))
    assert {area: row["generated"] for area, row in rows(world, "area", *year).items()} == {"017": 13 * KG}
    by_todays_map = {area: row["generated"] for area, row in rows(world, "area_today", *year).items()}
    assert by_todays_map == {"00493": 10 * KG, "": 3 * KG}, "a split commune is not guessed at"
