"""Places as of a day: the map of the day, split communes, moves into a cluster, zones, points, lines."""

from datetime import date
from typing import Any

from manifest.reference import default
from manifest.register import parties as p
from manifest.register import places as q
from manifest.register.lookups import collection_point, line_capacity, placement
from manifest.register.targets import targets
from manifest.register.views import COLLECTION_POINT, PLACEMENT, TREATMENT_LINE, ZONE, ZONE_FACT
from manifest.register.zones import zone_on
from manifest.views import LOT, SITE
from manifest.vocabulary import Register, Role, State, StationStatus, Verdict, ZoneKind, ZoneStatus
from tests.manifest.register.entries import (
    AS_AUTHORITY,
    AS_FACILITY,
    AS_OPERATOR,
    CLUSTER,
    HOME,
    NEXT,
    SPLIT,
    VILLAGE,
    WHOLE,
    asked,
    enter,
)
from tests.world import CARRIER, FACILITY, GENERATOR, OTHER_FACILITY, TONNE, World, refused

BEFORE, AFTER = date(2025, 6, 30), date(2025, 7, 1)


def place(world: World, on: date, site: str = "site:generator") -> Any:
    return asked(world, lambda reads: placement(reads, site, on))


def outside(world: World, **changed: Any) -> None:
    """Register a place of the generator outside every zone."""
    fields = {"zone_kind": ZoneKind.OUTSIDE, "zone": None, "district": None, "commune": None}
    world.add_site(GENERATOR, **(fields | {"site": "site:x"} | changed))


# The map


def test_a_commune_that_went_as_a_whole_tells_the_new_one(world: World) -> None:
    outside(world, old_commune=WHOLE)
    assert (place(world, BEFORE, "site:x").area, place(world, AFTER, "site:x").area) == ("017", HOME)
    assert world.row(SITE, site="site:x")["commune"] == HOME


def test_a_site_in_a_split_commune_without_coordinates_is_undetermined(world: World) -> None:
    outside(world, old_commune=SPLIT)
    assert (place(world, BEFORE, "site:x").area, place(world, BEFORE, "site:x").undetermined) == (
        "017",
        False,
    )
    assert (place(world, AFTER, "site:x").area, place(world, AFTER, "site:x").undetermined) == (None, True)
    assert refused(lambda: outside(world, old_commune=SPLIT, commune=HOME)) == [
        ("manifest.coordinates_missing", "/body/commune")
    ]
    measured = {"latitude_e6": 21_140_000, "longitude_e6": 105_900_000}
    outside(world, old_commune=SPLIT, commune=NEXT, **measured)
    assert (place(world, AFTER, "site:x").area, place(world, AFTER, "site:x").undetermined) == (NEXT, False)


def test_units_that_contradict_the_official_table_are_refused(world: World) -> None:
    wrong = {"old_commune": WHOLE, "district": "016", "commune": NEXT}
    assert refused(lambda: outside(world, **wrong)) == [
        ("manifest.commune_elsewhere", "/body/old_commune"), ("manifest.commune_elsewhere", "/body/commune"),
    ]  # fmt: skip
    assert refused(lambda: outside(world, old_commune="99999")) == [
        ("reference.unknown_area", "/body/old_commune")
    ]


def test_a_workshop_that_moves_counts_where_it_was_when_the_waste_arose(world: World) -> None:
    moved = date(2025, 4, 20)
    lot = world.lot()
    enter(world, q.SitePlaced, AS_OPERATOR, valid_from=moved)
    before, after = place(world, date(2025, 4, 19)), place(world, moved)
    assert (before.zone_kind, before.zone) == (ZoneKind.PARK, "kcn-thang-long")
    assert (after.zone_kind, after.zone, after.area) == (ZoneKind.CLUSTER, CLUSTER, "017")
    world.tick(days=30)
    late = world.lot(generated_on=date(2025, 4, 19))
    new = world.lot()
    kinds = {row["lot"]: row["zone_kind"] for row in world.rows(LOT)}
    assert (kinds[lot], kinds[late], kinds[new]) == ("park", "park", "cluster")
    assert world.row(SITE, site="site:generator")["zone"] == CLUSTER
    world.add_site(GENERATOR)
    assert world.row(SITE, site="site:generator")["zone"] == CLUSTER, (
        "entered again, it has moved all the same"
    )
    assert len(world.rows(PLACEMENT, site="site:generator")) == 2
    assert refused(lambda: enter(world, q.SitePlaced, valid_from=date(2025, 4, 1))) == [
        ("manifest.change_out_of_order", "/body/valid_from")
    ]
    assert refused(lambda: enter(world, q.SitePlaced, valid_from=date(1889, 1, 1))) == [
        ("manifest.date_out_of_order", "/body/valid_from")
    ]


# Zones


def test_a_zone_is_known_with_its_facts_of_the_day(world: World) -> None:
    enter(world, q.ZoneRegistered)
    facts: dict[str, Any] = {"zone": "ccn-moi", "recognised": None, "decision": None}
    enter(world, q.ZoneChanged, **facts, status=ZoneStatus.NEW, station=StationStatus.BUILDING)
    enter(
        world, q.ZoneChanged, AS_OPERATOR, **facts, valid_from=date(2024, 7, 1), status=ZoneStatus.OPERATING,
        station=StationStatus.OPERATING, station_meets_rules=True, reporting_unit=FACILITY,
    )  # fmt: skip

    def told(on: date) -> Any:
        return asked(world, lambda reads: zone_on(reads, "ccn-moi", on))

    assert told(date(2014, 1, 1)).facts == {"counts_for_t1": "true"}
    assert told(date(2024, 6, 30)).facts["station"] == "building"
    assert told(date(2024, 7, 1)).facts == {
        "counts_for_t1": "true", "status": "operating", "station": "operating",
        "station_meets_rules": "true", "reporting_unit": FACILITY,
    }  # fmt: skip
    assert told(date(2024, 7, 1)).kind is ZoneKind.CLUSTER
    world.add_site(GENERATOR, zone_kind=ZoneKind.CLUSTER, zone="ccn-moi")
    confirmed = {row["value"]: row["confirmed"] for row in world.rows(ZONE_FACT, fact="status")}
    assert confirmed == {"new": True, "operating": False}
    enter(world, p.EntryConfirmed, register=Register.ZONE, entry="ccn-moi")
    assert all(row["confirmed"] for row in world.rows(ZONE_FACT, zone="ccn-moi"))
    assert world.row(ZONE)["confirmed"] is True


def test_a_village_has_its_title_from_a_decision_to_a_decision(world: World) -> None:
    enter(world, q.ZoneChanged)
    enter(world, q.ZoneChanged, valid_from=date(2025, 1, 10), recognised=False, decision="2/QĐ")
    enter(world, q.ZoneAssessed)
    later: dict[str, Any] = {"assessment": "assessment:2", "assessed_on": date(2025, 3, 1)}
    enter(world, q.ZoneAssessed, **later, verdict=Verdict.LACKS_CONDITIONS)

    def told(on: date) -> Any:
        return asked(world, lambda reads: zone_on(reads, VILLAGE, on))

    assert [told(on).recognised for on in (date(2014, 12, 31), date(2015, 1, 1), date(2025, 1, 10))] == [
        False, True, False,
    ]  # fmt: skip
    assert (told(date(2025, 2, 28)).pollution, told(date(2025, 2, 28)).conditions) == (Verdict.POLLUTED, None)
    assert told(date(2025, 3, 1)).conditions is Verdict.LACKS_CONDITIONS
    assert told(date(2025, 1, 31)).pollution is None


def test_what_only_a_village_has_is_refused_elsewhere(world: World) -> None:
    village = ("manifest.zone_no_village", "/body/zone")
    assert refused(lambda: enter(world, q.ZoneChanged, zone=CLUSTER)) == [village]
    assert refused(lambda: enter(world, q.ZoneAssessed, zone=CLUSTER)) == [village]
    assert refused(lambda: enter(world, q.ZoneChanged, decision=None)) == [
        ("manifest.decision_missing", "/body/decision")
    ]


def test_targets_of_the_plan_count_what_is_known_and_show_what_is_not(world: World) -> None:
    facts: dict[str, Any] = {"zone": CLUSTER, "recognised": None, "decision": None}
    enter(world, q.ZoneChanged, **facts, status=ZoneStatus.NEW, station=StationStatus.BUILDING)
    enter(world, q.ZoneChanged, **facts, valid_from=date(2025, 3, 1), station=StationStatus.OPERATING)
    enter(world, q.ZoneChanged)
    enter(world, q.ZoneAssessed)
    enter(world, q.ZoneAssessed, assessment="assessment:2", verdict=Verdict.MEETS_CONDITIONS)

    def told(on: date) -> dict[str, tuple[tuple[str, ...], tuple[str, ...], bool]]:
        found = asked(world, lambda reads: targets(reads, default(), on))
        return {one.name: (one.reached, one.missing, CLUSTER in one.unknown) for one in found}

    assert told(date(2014, 1, 1))["T2"] == ((), (), True)
    assert told(date(2025, 1, 31)) == {
        "T2": ((), (CLUSTER,), False), "T3": ((), (VILLAGE,), False), "T4": ((), (VILLAGE,), False),
    }  # fmt: skip
    assert told(date(2025, 3, 1)) == {
        "T2": ((CLUSTER,), (), False), "T3": ((VILLAGE,), (), False), "T4": ((VILLAGE,), (), False),
    }  # fmt: skip
    enter(world, q.ZoneChanged, valid_from=date(2025, 3, 10), recognised=False, decision="2/QĐ")
    assert told(date(2025, 3, 10))["T3"] == ((), (), False), "without its title it does not count"


# Collection points


def test_a_collection_point_is_a_place_unless_a_decision_says_more(world: World) -> None:
    enter(world, q.CollectionPointOpened, AS_OPERATOR, operator=CARRIER)
    point = asked(world, lambda reads: collection_point(reads, "point:1"))
    assert (point.is_generator, point.open_on(date(2024, 12, 31)), point.open_on(date(2025, 1, 1))) == (
        False, False, True,
    )  # fmt: skip
    as_generator: dict[str, Any] = {"point": "point:2", "operator_is_generator": True}
    assert refused(lambda: enter(world, q.CollectionPointOpened, **as_generator)) == [
        ("manifest.site_not_yours", "/body/site"),
        ("manifest.field_missing", "/body/operator"),
        ("manifest.decision_missing", "/body/generator_decision"),
    ]
    assert refused(
        lambda: enter(
            world, q.CollectionPointOpened, **as_generator, operator=CARRIER, generator_decision="3/QĐ"
        )
    ) == [("manifest.site_not_yours", "/body/site"), ("manifest.role_not_held", "/body/operator")]
    enter(world, q.CollectionPointOpened, **as_generator, operator=GENERATOR, generator_decision="3/QĐ")
    assert asked(world, lambda reads: collection_point(reads, "point:2")).is_generator is True
    enter(
        world, p.EntryEnded, (CARRIER, Role.TRANSPORTER), register=Register.COLLECTION_POINT,
        entry="point:1", last_day=date(2025, 9, 30),
    )  # fmt: skip
    assert world.row(COLLECTION_POINT, point="point:1")["valid_to"] == date(2025, 9, 30)
    assert asked(world, lambda reads: collection_point(reads, "point:none")) is None


# Treatment lines


def test_lines_add_up_and_a_chain_runs_at_the_pace_of_its_slowest(world: World) -> None:
    enter(world, q.TreatmentLineSet, AS_FACILITY)
    enter(
        world, q.TreatmentLineSet, treatment_line="line:2", methods=("SC",), states=(State.SLUDGE,),
        mass_g_day=3 * TONNE,
    )  # fmt: skip
    enter(world, q.TreatmentLineSet, AS_FACILITY, valid_from=date(2025, 6, 1), mass_g_day=0)

    def able(*methods: str, on: date = date(2025, 5, 31), site: str = "site:facility") -> int | None:
        found: int | None = asked(world, lambda reads: line_capacity(reads, site, methods, on))
        return found

    assert (able("TĐ"), able("SC"), able("SC", "TĐ"), able("TC")) == (TONNE, 4 * TONNE, TONNE, 0)
    assert able("TĐ", on=date(2025, 6, 1)) == 0
    assert able("TĐ", on=date(2024, 12, 31)) is None, "no line was there"
    assert able("TĐ", site=f"site:{OTHER_FACILITY[4:]}") is None
    assert [row["confirmed"] for row in world.rows(TREATMENT_LINE)] == [False, False, True]
    assert refused(
        lambda: enter(world, q.TreatmentLineSet, party=OTHER_FACILITY, site=f"site:{OTHER_FACILITY[4:]}")
    ) == [("manifest.entry_known_already", "/body/treatment_line")]
    assert refused(lambda: enter(world, q.TreatmentLineSet, AS_AUTHORITY, methods=("XX",))) == [
        ("reference.unknown_method", "/body/methods/0")
    ]
