"""How much of what there is to report was reported: generators and their plans beside the figures."""

from sqlalchemy import select

from ledger.storage.db import Reader, Row
from manifest.reconcile.figures import Coverage, Figures
from manifest.reconcile.scope import Key, Scope
from manifest.views import ORGANISATION, PLAN_LINE, SITE
from manifest.vocabulary import Role, SiteKind


def count(reader: Reader, scope: Scope, rows: dict[Key, Figures], whole: Coverage) -> None:
    """Count registered generators and their plans into every row that they belong to.

    A dimension of the waste itself (code, group, state) does not divide generators: each such row is held
    against all of them within its other dimensions.
    """
    generators = {
        row.party
        for row in reader.execute(
            select(ORGANISATION.c.party, ORGANISATION.c.roles).where(
                ORGANISATION.c.log == scope.log,
                ORGANISATION.c.admitted,
                ORGANISATION.c.seq < scope.size,
            )
        )
        if Role.GENERATOR in row.roles.split(",")
    }
    registered = select(SITE).where(SITE.c.log == scope.log, SITE.c.seq < scope.size)
    sites = [dict(row) for row in reader.execute(registered).mappings() if row["party"] in generators]
    plans: dict[str, int] = {}
    years = range(scope.start.year, scope.end.year + 1)
    for line in reader.execute(
        select(PLAN_LINE).where(PLAN_LINE.c.log == scope.log, PLAN_LINE.c.seq < scope.size)
    ).mappings():
        if line["year"] in years:
            plans[line["site"]] = plans.get(line["site"], 0) + int(line["mass_g"])
    for site in sites:
        if site["site_kind"] == SiteKind.TREATMENT:
            continue
        lain = scope.places.within(site["site"], scope.start, scope.end)
        whole.generators.add(site["party"])
        whole.planned_year_g += plans.get(site["site"], 0)
        for key, figures in rows.items():
            if any(_belongs(scope, key, site | lay) for lay in lain):
                figures.coverage.generators.add(site["party"])
                figures.coverage.planned_year_g += plans.get(site["site"], 0)


def _belongs(scope: Scope, key: Key, site: Row) -> bool:
    values = dict(zip(scope.by, key, strict=True))
    areas = {site["district"] or "", site["commune"] or ""}
    return (
        values.get("zone_kind", site["zone_kind"]) == site["zone_kind"]
        and values.get("zone", site["zone"] or "") == (site["zone"] or "")
        and values.get("generator", site["party"]) == site["party"]
        and ("area" not in values or values["area"] in areas)
        and values.get("area_today", site["commune"] or "") == (site["commune"] or "")
    )
