"""What became of the waste of a world, and the figures that are published of it, added up once more."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from decimal import ROUND_DOWN, Decimal
from fractions import Fraction
from typing import Any

from ledger.format.event import Event
from ledger.storage.db import Row, reading
from manifest.body import Body
from manifest.events import GenerationDeclared, OpeningDeclared
from manifest.lots.events import BatchDischarged, ResidueDeclared
from manifest.reconcile.ratio import ratio
from manifest.reference import default
from manifest.views import BALANCE, POSTING
from manifest.vocabulary import SOURCES, Account, LotKind
from tests.manifest.lots.independent import backward, forward
from tests.manifest.worlds.history import UNDER_WAY, told
from tests.world import World

ENDS = {account.value for account in Account if account not in {*SOURCES, *UNDER_WAY}}
TREATED = {Account.TREATED_SERVICE.value, Account.SELF_TREATED.value}
# Where the grams of each kind of lot come from.
SOURCE = {
    LotKind.PRIMARY: "generated", LotKind.OPENING: "opening", LotKind.SECONDARY: "generated_secondary",
    LotKind.CHILD: "regrouped",
}  # fmt: skip
Act = tuple[int, Event, Body]


def origins(world: World, acts: Iterable[Act], lots: dict[str, Row]) -> None:
    """Hold each lot against the event that made it: its kind, and where its grams come from."""
    for lot, kind in (found for _, _, body in acts for found in _made(body)):
        assert lots[lot]["lot_kind"] == kind, f"{lot} is {lots[lot]['lot_kind']}"
        sources = {row["account"] for row in world.rows(BALANCE, lot=lot)} & {one.value for one in SOURCES}
        assert sources == {SOURCE[kind]}, f"{lot}, {kind}, comes from {sources}"


def _made(body: Body) -> Iterator[tuple[str, LotKind]]:
    match body:
        case GenerationDeclared():
            yield body.lot, LotKind.PRIMARY
        case OpeningDeclared():
            yield body.lot, LotKind.OPENING
        case ResidueDeclared():
            yield body.lot, LotKind.SECONDARY
        case BatchDischarged():
            yield from ((output.lot, LotKind.CHILD) for output in body.outputs)
            yield from ((residue.lot, LotKind.SECONDARY) for residue in body.residues)


def fates(world: World, acts: list[Act], lots: dict[str, Row]) -> Counter[tuple[str, str]]:
    """Hold where the grams of lots ended against the walks from the roots and back from the ends."""
    history = told(acts, world.rows(POSTING), lots)
    roots = {lot for lot, row in lots.items() if row["lot_kind"] != LotKind.CHILD}
    ended: Counter[tuple[str, str]] = Counter()
    for row in world.rows(BALANCE):
        if row["lot"] in roots and row["account"] in ENDS and row["grams"]:
            ended[row["lot"], f"{row['account']}@{row['place']}"] = row["grams"]
    if history.turned:
        return ended
    back = {where: grams for where, grams in backward(history.steps).items() if grams}
    unlike = {where for where in {*back, *ended} if back.get(where, 0) != ended[where]}
    assert not unlike, {where: (back.get(where, 0), ended[where]) for where in sorted(unlike)}
    for root in sorted(roots) if not history.restated else ():
        exact = forward(history.steps, root)
        for place in {place for lot, place in ended if lot == root} | set(exact):
            off = abs(exact.get(place, Fraction(0)) - ended.get((root, place), 0))
            assert off <= history.movements, f"{root} at {place}: walked forward, {off} off"
    return ended


def figures(world: World, lots: dict[str, Row], ended: Counter[tuple[str, str]]) -> None:
    """Hold the published figures against the fates of lots, and against where they came from."""
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for (lot, where), grams in ended.items():
        sums[lots[lot]["lot_kind"], where.split("@")[0]] += grams
    came: Counter[str] = Counter()
    for row in world.rows(POSTING):
        came[row["account"]] -= row["grams"]
    with reading(world.engine) as reader:
        shown: dict[str, Any] = ratio(reader, world.ledger.log, reference=default()).as_json()["total"]
    primary = {name: sums[LotKind.PRIMARY, name] for name in ENDS}
    assert {name: shown[name] for name in ENDS} == primary
    for name in ("generated", "generated_secondary", "opening"):
        assert shown[name] == came[name], name
    treated = sum(primary[name] for name in TREATED)
    assert shown["cohort"] == _cut(treated, came["generated"] - primary["declassified"])
    flow = treated + sum(sums[LotKind.OPENING, name] for name in TREATED)
    assert (shown["flow_treated"], shown["flow_generated"]) == (flow, came["generated"])
    assert shown["flow"] == _cut(flow, came["generated"])


def _cut(part: int, whole: int) -> str | None:
    """Return a share with six decimals, cut; None where there is no whole."""
    if whole <= 0:
        return None
    return str((Decimal(part) / Decimal(whole)).quantize(Decimal("0.000001"), ROUND_DOWN))
