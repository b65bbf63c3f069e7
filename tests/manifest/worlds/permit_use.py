"""What a world uses of its permits, added up once more from what was accepted and treated under each."""

from collections import Counter, defaultdict
from datetime import date, timedelta

from ledger.format.event import Event
from manifest.events import Registered, SelfTreated
from manifest.lots.events import LotTreated
from manifest.register.parties import EntryResumed, EntrySuspended
from manifest.views import LOT, MANIFEST_LINE, PERMIT, PERMIT_LINE, PERMIT_USE
from manifest.vocabulary import LotKind, Register, local_date
from tests.manifest.worlds.figures import Act
from tests.world import World


def permits(world: World, acts: list[Act]) -> None:
    """Hold the use of permits against the lines that were accepted under them."""
    registered = {event.stream: body for _, event, body in acts if isinstance(body, Registered)}
    decided: dict[str, int] = {}
    for _, event, _ in acts:
        kinds = {"manifest.accepted.v1", "manifest.exported.v1", "manifest.refused.v1"}
        if event.kind in kinds:
            decided[event.stream] = local_date(event.occurred_at).year
    used: Counter[tuple[str, str, int]] = Counter()
    for row in world.rows(MANIFEST_LINE):
        body, year = registered[row["manifest"]], decided.get(row["manifest"])
        if year is None:
            continue
        abroad = row["declared_g"] if body.export is not None else 0
        if row["second_net_g"] is not None and body.second is not None:
            used[body.second.permit, row["code"], year] += row["second_accepted_g"]
        else:
            used[body.permit, row["code"], year] += row["accepted_g"] or abroad
    used += _on_own_sites(world, acts)
    kept = {(row["permit"], row["code"], row["year"]): row["accepted_g"] for row in world.rows(PERMIT_USE)}
    assert {k: g for k, g in kept.items() if g} == {k: g for k, g in used.items() if g}


def _on_own_sites(world: World, acts: list[Act]) -> Counter[tuple[str, str, int]]:
    """Return what acts on lots in store use of permits, each as it was suspended or not by then."""
    used: Counter[tuple[str, str, int]] = Counter()
    pauses: dict[str, list[tuple[date, date]]] = defaultdict(list)
    for _, event, body in acts:
        match body:
            case EntrySuspended(register=Register.PERMIT):
                pauses[body.entry].append((body.valid_from, body.valid_to or date.max))
            case EntryResumed(register=Register.PERMIT):
                ends = body.valid_from - timedelta(days=1)
                pauses[body.entry] = [
                    (first, min(last, ends) if first <= ends else last) for first, last in pauses[body.entry]
                ]
            case SelfTreated() | LotTreated():
                if not any(first <= body.treated_on <= last for first, last in pauses[body.permit or ""]):
                    used += _on_the_own_site(world, event, body)
    return used


def _on_the_own_site(
    world: World, event: Event, treated: SelfTreated | LotTreated
) -> Counter[tuple[str, str, int]]:
    """Return what an act on a lot in store uses of a permit: nothing of another party's or of none."""
    lot = world.row(LOT, lot=treated.lot)
    lines = world.rows(PERMIT_LINE, permit=treated.permit or "", code=lot["code"])
    covered = any(set(treated.methods) <= set(line["methods"].split(",")) for line in lines)
    owners = {row["party"] for row in world.rows(PERMIT, permit=treated.permit or "")}
    if not covered or owners != {event.actors[0].party} or lot["lot_kind"] == LotKind.CHILD:
        return Counter()
    return Counter({(str(treated.permit), lot["code"], treated.treated_on.year): treated.mass_g})
