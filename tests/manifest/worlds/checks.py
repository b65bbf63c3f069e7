"""What always holds in a world: cheap checks after each act, and whole ones in the end.

None of them asks the product's own sums: they add up the journal, the signed events and the history of lots
once more, and the views have to say the same.
"""

from collections import Counter

from ledger.format.event import Event
from ledger.storage.db import Row, reading
from ledger.storage.store import entries
from ledger.verifying.verify import verify
from manifest.acts import read_stored
from manifest.lots.views import BATCH, LOT_SHARE
from manifest.obligation_views import OBLIGATION, OBLIGATION_LOT
from manifest.reference import default
from manifest.replay import audit
from manifest.views import (
    BALANCE,
    LOT,
    MANIFEST,
    MANIFEST_LINE,
    POSTING,
    SITE,
)
from manifest.vocabulary import SOURCES, Account, LotKind, Reason
from tests.manifest.worlds.figures import ENDS, fates, figures, origins
from tests.manifest.worlds.history import UNDER_WAY
from tests.manifest.worlds.permit_use import permits
from tests.world import World

SOURCE_NAMES = {account.value for account in SOURCES}


def after(world: World, seq: int, event: Event) -> None:
    """Hold an act that was just recorded against the journal: sums, balances, and where it may book."""
    made = world.rows(POSTING, seq=seq)
    if credits_nobody(event):
        credited = {"treated_service", "self_treated"} & {row["account"] for row in made if row["grams"] > 0}
        assert not credited, f"{event.kind} counts as {credited}"
    sums: Counter[str] = Counter()
    for row in made:
        sums[row["lot"]] += row["grams"]
    assert not any(sums.values()), f"{event.kind} makes or loses grams: {sums}"
    for lot in sums:
        balances(world, lot)
    if event.kind in {"manifest.treated.v1", "manifest.received_second.v1", "lot.treated.v1"}:
        own = {row["site"] for row in world.rows(SITE, party=event.actors[0].party)}
        direct = [row for row in made if row["manifest"] == event.stream or row["lot"] == event.stream]
        places = {row["place"] for row in direct if row["account"] in {"treated_service", "interim"}}
        if event.kind == "manifest.treated.v1":
            moved_whole(world, event, made)
        assert places <= own, f"{event.kind} of {event.actors[0].party} books at {places}"


def moved_whole(world: World, event: Event, made: list[Row]) -> None:
    """Hold treated parts against what they moved; of a surplus that nobody can place less moves."""
    for part in event.body["parts"]:
        row = world.row(MANIFEST_LINE, manifest=event.stream, line=part["line"])
        surplus = row["unexplained_g"] > 0 or (row["second_net_g"] or 0) > row["forwarded_g"]
        mine = [one for one in made if (one["manifest"], one["line"]) == (event.stream, part["line"])]
        grams = sum(one["grams"] for one in mine if one["grams"] > 0)
        assert surplus or grams == part["mass_g"], f"{part['mass_g']} g treated, {grams} g moved"


def credits_nobody(event: Event) -> bool:
    """Tell whether an act is one of treatment that no permit here covers, or that ends no waste."""
    if event.kind in {"lot.treated.v1", "generation.self_treated.v1"}:
        return event.body.get("permit") is None
    parts = event.body.get("parts", ()) if event.kind == "manifest.treated.v1" else ()
    return bool(parts) and all(part["methods"] in (["OH"], ["SC"]) for part in parts)


def balances(world: World, lot: str) -> None:
    """Hold a lot's balances against its journal: the same sums, zero in all, below zero for sources only."""
    journal: Counter[tuple[str, str]] = Counter()
    for row in world.rows(POSTING, lot=lot):
        journal[row["account"], row["place"]] += row["grams"]
    kept = {(row["account"], row["place"]): row["grams"] for row in world.rows(BALANCE, lot=lot)}
    assert {where: grams for where, grams in kept.items() if grams} == {
        where: grams for where, grams in journal.items() if grams
    }
    assert sum(kept.values()) == 0
    assert all(grams >= 0 or account in SOURCE_NAMES for (account, _), grams in kept.items())


def in_the_end(world: World) -> None:
    """Hold a whole world against what was signed."""
    with reading(world.engine) as reader:
        acts = [(stored.seq, *read_stored(stored)) for stored in entries(reader, world.ledger.log)]
        report = verify(reader, further=(audit(default()),))
    assert {finding.code for finding in report.findings} <= {"ledger.no_checkpoint"}, report.findings
    lots = {row["lot"]: row for row in world.rows(LOT)}
    for lot, row in lots.items():
        balances(world, lot)
        homes = {one["place"] for one in world.rows(POSTING, lot=lot, account=Account.STORED.value)}
        assert homes == {row["site"]}, f"{lot} is stored at {homes}"
    for row in world.rows(MANIFEST_LINE):
        line(world, row)
    obligations(world)
    permits(world, acts)
    shares(world, lots)
    origins(world, acts, lots)
    ended = fates(world, acts, lots)
    figures(world, lots, ended)


def line(world: World, row: Row) -> None:
    """Hold the masses of a line against what its manifest posted for it."""
    found: Counter[str] = Counter()
    poured = 0
    for posting in world.rows(POSTING, manifest=row["manifest"], line=row["line"]):
        found[posting["account"]] += posting["grams"]
        if posting["reason"] == Reason.BATCHED and posting["grams"] > 0:
            poured += posting["grams"]
    where = f"{row['manifest']}/{row['line']}"
    manifest = world.row(MANIFEST, manifest=row["manifest"])
    if manifest["completed_at"] is not None and not row["batched_g"]:
        assert found["at_facility"] == found["interim"] == 0, f"{where}: nothing is left at a facility"
    if row["second_net_g"] is not None:
        return  # two scales, of which the line has the sums of neither
    out = -sum(found[name] for name in SOURCE_NAMES)
    decided = row["accepted_g"] is not None
    if not decided:
        assert out == 0, f"{where}: nothing is restated before the scale"
    elif row["unexplained_g"] or row["restated_g"]:
        assert out == row["restated_g"] + max(row["unexplained_g"], 0), f"{where}: restated"
    else:  # to the gram, or explained since
        net = row["declared_g"] if row["net_g"] is None else row["net_g"]
        assert out == net - row["declared_g"], f"{where}: explained"
        # What was treated may lack a permit line, and what was poured away may be lost as a child lot.
        gone = row["treated_g"] or row["batched_g"]
        assert gone or not found["unexplained"], f"{where}: explained, and still unexplained"
    assert poured == row["batched_g"], f"{where}: poured into batches"
    if manifest["transferred_at"] is None:
        assert not any(found.values()), f"{where}: nothing moves before the hand-over"
        return
    back = decided and row["returned_g"] == row["refused_g"] and not row["forwarded_g"]
    if back:
        assert found["in_transit"] == 0, f"{where}: nothing is left with the carrier"
    if not decided and manifest["exported_at"] is None:
        assert found["in_transit"] == row["declared_g"], f"{where}: all is with the carrier"
        assert found["stored"] == -row["declared_g"]


def obligations(world: World) -> None:
    """Hold what is owed against what was refused: nothing refused is forgotten, and none of it owed twice."""
    owed = {(row["manifest"], row["line"], row["stage"]): row for row in world.rows(OBLIGATION)}
    for row in world.rows(MANIFEST_LINE):
        for stage, grams in ((1, row["refused_g"]), (2, row["second_refused_g"])):
            known = owed.pop((row["manifest"], row["line"], stage), None)
            assert (0 if known is None else known["grams"]) == grams, f"{row['manifest']}: owed"
            if known is not None and stage == 1:
                back = grams > 0 and row["returned_g"] == grams
                assert back == (known["state"] in {"returned", "ended", "settled"}), known
    assert not owed, "something is owed that no line refused"
    for row in world.rows(OBLIGATION):
        parts = world.rows(OBLIGATION_LOT, obligation=row["obligation"])
        assert sum(part["grams"] for part in parts) <= row["grams"], row
        if row["state"] == "ended":
            gone = sum(
                max(-_grams(world, part["lot"], SOURCE_NAMES) - _grams(world, part["lot"], ENDS), 0)
                for part in parts
            )
            assert (row["left_g"], gone) == (0, 0), f"{row['obligation']}: ended, and {gone} g are left"


def _grams(world: World, lot: str, accounts: set[str]) -> int:
    return sum(row["grams"] for row in world.rows(BALANCE, lot=lot) if row["account"] in accounts)


def shares(world: World, lots: dict[str, Row]) -> None:
    """Hold what stands for what: each gram poured away is in one share, and none beyond that."""
    open_: Counter[tuple[str, str]] = Counter()
    of: Counter[str] = Counter()
    for row in world.rows(LOT_SHARE):
        assert row["grams"] >= 0
        if row["account"] == Account.INTERIM:
            open_[row["lot"], row["place"]] += row["grams"]
        of[row["of"]] += row["grams"]
    held = {(row["lot"], row["place"]): row["grams"] for row in world.rows(BALANCE, account=Account.INTERIM)}
    for where, grams in open_.items():
        assert grams <= held.get(where, 0), f"{where}: more stands for it than is there"
    for batch in world.rows(BATCH):
        if not batch["broken_g"]:
            expected = 0 if batch["discharged_on"] else batch["charged_g"]
            assert of[batch["batch"]] == expected, f"{batch['batch']}: what stands for a batch"
    for manifest in world.rows(MANIFEST, status="completed"):
        rows = world.rows(LOT_SHARE, manifest=manifest["manifest"], account=Account.INTERIM.value)
        assert not any(row["grams"] for row in rows), f"{manifest['manifest']}: completed, and not treated"
    for lot, row in lots.items():
        if row["lot_kind"] == LotKind.CHILD:
            rows = world.rows(BALANCE, lot=lot)
            under_way = sum(one["grams"] for one in rows if one["account"] in UNDER_WAY)
            some = any(one["grams"] > 0 for one in rows if one["account"] in ENDS)
            left = [one for one in world.rows(LOT_SHARE, of=lot) if one["account"] == Account.INTERIM]
            if not under_way and some:
                assert not any(one["grams"] for one in left), f"{lot}: gone, and something stands for it"
