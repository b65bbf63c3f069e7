"""Round collection: one vehicle, many small producers, one manifest each, and one ticket for all of them.

The net mass of the round is divided over the lines of its manifests in proportion to what was declared, to
the gram (decision A1); everybody can work the shares out again from the views.
"""

from collections.abc import Iterator

from ledger.errors import Problem
from ledger.storage.db import Row
from ledger.writing.changes import Reads
from manifest.accounts import spread
from manifest.consignment import Manifest
from manifest.events import Registered, Weighed
from manifest.views import MANIFEST, MANIFEST_LINE
from manifest.vocabulary import Status

_NOT_WEIGHED = {Status.REGISTERED, Status.IN_TRANSIT, Status.ARRIVED}


def picked_up(reads: Reads, round_id: str) -> list[Row]:
    """Return the manifests of a round that were picked up, in the order of their ids."""
    rows = [row for row in reads.rows(MANIFEST, round=round_id) if row["transferred_at"]]
    return sorted(rows, key=lambda row: str(row["manifest"]))


def members(reads: Reads, round_id: str, facility: str) -> list[Row]:
    """Return those that were picked up for this facility: what goes over one scale."""
    return [row for row in picked_up(reads, round_id) if row["facility"] == facility]


def shares(reads: Reads, rows: list[Row], round_net_g: int) -> dict[tuple[str, int], int]:
    """Return the net grams of each line of a round's manifests, by manifest and line."""
    declared = [
        ((row["manifest"], line["line"]), line["declared_g"])
        for row in rows
        for line in sorted(
            reads.rows(MANIFEST_LINE, manifest=row["manifest"]), key=lambda line: int(line["line"])
        )
    ]
    return {where: int(grams) for where, grams in spread(round_net_g, declared)}


def joining(reads: Reads, registered: Registered) -> Iterator[Problem]:
    """Yield a problem when a load joins a round that went over the scale already."""
    if registered.round is None:
        return
    if any(row["round_net_g"] is not None for row in members(reads, registered.round, registered.facility)):
        yield Problem("manifest.round_closed", "/body/leg")


def weighing(reads: Reads, before: Manifest, event: Weighed) -> Iterator[Problem]:
    """Yield problems of a weighing in a round: one ticket for all, all at the gate, the shares as divided."""
    registered = before.registered
    if registered.round is None:
        if event.round_net_g is not None:
            yield Problem("manifest.round_missing", "/body/round_net_g")
        return
    rows = members(reads, registered.round, registered.facility)
    others = [row for row in rows if row["manifest"] != before.id]
    weighed = [row for row in others if row["status"] not in _NOT_WEIGHED]
    if any(row["round_net_g"] != event.round_net_g for row in weighed):
        yield Problem("manifest.round_ticket_differs", "/body/round_net_g")
    if event.round_net_g is None:
        return
    missing = [row["number"] for row in others if row["status"] == Status.IN_TRANSIT]
    if missing:
        yield Problem("manifest.round_incomplete", "", {"number": ", ".join(missing)})
    if len({row["vehicle_plate"] for row in rows}) > 1:
        yield Problem("manifest.round_several_vehicles", "/body/round_net_g")
    expected = shares(reads, rows, event.round_net_g)
    for index, item in enumerate(event.lines):
        share_g = expected.get((before.id, item.line))
        if share_g is not None and share_g != item.net_g:
            facts = {"expected_g": share_g, "net_g": item.net_g}
            yield Problem("manifest.round_share_wrong", f"/body/lines/{index}/net_g", facts)
