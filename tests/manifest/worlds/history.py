"""What was done with each lot, told from the log: the events say what happened, the journal how much of whom.

Only the postings of an act itself are read, never those that the product credits in its wake: what those
should have been is what `tests.manifest.lots.independent` finds from this history.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ledger.format.event import Event
from ledger.storage.db import Row
from manifest.body import Body
from manifest.lots.events import BatchCharged, BatchDischarged
from manifest.vocabulary import SOURCES, Account, LotKind, Reason

UNDER_WAY = {Account.STORED, Account.IN_TRANSIT, Account.AT_FACILITY, Account.INTERIM}


@dataclass(slots=True)
class Told:
    """A history for the independent walks.

    ``turned`` are child lots of which something that had ended was taken back: proportions that had been
    settled move again, which the walks do not know. ``restated`` tells that a scale found a child lot larger
    or smaller: then it was so from the start, also for what had been poured of it before.
    """

    steps: list[tuple[Any, ...]] = field(default_factory=list)
    turned: set[str] = field(default_factory=set)
    restated: bool = False
    known: set[str] = field(default_factory=set)
    movements: int = 0


def told(acts: Iterable[tuple[int, Event, Body]], journal: Iterable[Row], lots: dict[str, Row]) -> Told:
    """Return the history of a log: its acts in order, the rows of its journal, its lots by id."""
    by_seq: dict[int, list[Row]] = defaultdict(list)
    for row in journal:
        by_seq[row["seq"]].append(row)
    found = Told()
    for seq, event, body in acts:
        rows = sorted(by_seq[seq], key=lambda row: int(row["n"]))
        found.movements += len(rows)
        if isinstance(body, BatchDischarged):
            _emptied(found, body, rows)
        else:
            own = [row for row in rows if _is_own(row, event, body, lots)]
            _moved(found, list(zip(own[::2], own[1::2], strict=True)), lots, body)
    return found


def _is_own(row: Row, event: Event, body: Body, lots: dict[str, Row]) -> bool:
    """Tell whether a posting is of the act itself: of its manifest, or of a lot that it names."""
    if event.kind.startswith("manifest."):
        return bool(row["manifest"] == event.stream)
    named = {getattr(body, "lot", None)} | {item.lot for item in getattr(body, "lots", ())}
    return row["manifest"] is None and row["lot"] in named and row["lot"] in lots


def _emptied(found: Told, body: BatchDischarged, rows: list[Row]) -> None:
    outputs = [(output.lot, output.mass_g) for output in body.outputs]
    if body.broken_g:  # what is lost comes out like a child, and ends at once
        outputs.append((f"{body.batch} lost", body.broken_g))
    found.known |= {residue.lot for residue in body.residues}
    found.steps += [("root", residue.lot, residue.mass_g) for residue in body.residues]
    found.steps.append(("empty", body.batch, outputs))
    if body.broken_g:
        place = next((row["place"] for row in rows if row["account"] == "traceability_break"), "")
        found.steps.append(("end", {f"{body.batch} lost": body.broken_g}, f"traceability_break@{place}"))


def _moved(found: Told, pairs: list[tuple[Row, Row]], lots: dict[str, Row], body: Body) -> None:
    batches = dict(_into(body))
    poured: dict[str, dict[str, int]] = defaultdict(dict)
    ended: dict[tuple[str, bool], dict[str, int]] = defaultdict(dict)
    for first, second in pairs:
        out, into = (first, second) if first["grams"] < 0 else (second, first)
        lot, grams = into["lot"], into["grams"]
        source, target = Account(out["account"]), Account(into["account"])
        child = lots[lot]["lot_kind"] == LotKind.CHILD
        if source in SOURCES and not child and lot not in found.known:
            found.known.add(lot)
            found.steps.append(("root", lot, grams))
        elif source in SOURCES and target not in UNDER_WAY and child:
            pass  # a surplus that nobody can place stands for nothing
        elif source in SOURCES or target in SOURCES:
            sign = 1 if source in SOURCES else -1
            found.steps.append(("restate", lot, sign * grams))
            found.restated |= child
            ending, place = (target, into["place"]) if sign == 1 else (source, out["place"])
            if ending not in UNDER_WAY:
                sums = ended[f"{ending}@{place}", sign == 1]
                sums[lot] = sums.get(lot, 0) + sign * grams
                if child:
                    found.turned.add(lot)
        elif into["reason"] == Reason.BATCHED:
            batch = batches[into["line"]] if into["line"] else batches[0]
            origin = f"{lot}|{into['manifest'] or ''}|{into['line'] or 0:02d}"
            poured[batch][origin] = poured[batch].get(origin, 0) + grams
        else:
            # From an end to an end, too: what is explained may turn out to have been treated.
            for end, place, sign in ((source, out["place"], -1), (target, into["place"], 1)):
                if end not in UNDER_WAY:
                    sums = ended[f"{end}@{place}", sign == 1]
                    sums[lot] = sums.get(lot, 0) + sign * grams
            if child and source not in UNDER_WAY:
                found.turned.add(lot)
    found.steps += [("pour", masses, batch) for batch, masses in poured.items()]
    found.steps += [("end", masses, where) for (where, _), masses in ended.items()]


def _into(body: Body) -> Iterator[tuple[int, str]]:
    """Yield the batch that each line of a manifest, or the own store (line zero), is poured into."""
    for part in getattr(body, "parts", ()):
        if part.batch is not None:
            yield part.line, part.batch
    if isinstance(body, BatchCharged):
        yield 0, body.batch
