"""Wrong changes of the domain's code, one place each: the worlds or the tests of the subject notice them.

Each changes a meaning that somebody would be wronged by: grams made or lost, a duty ended too soon, a word
that counts without whoever it needs, a day that is off by one. How they are run is `mutant_run`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TESTS = "tests/manifest/"
LOTS = ("lots/test_batches.py", "lots/test_fate.py")


@dataclass(frozen=True, slots=True)
class Mutant:
    """In ``file`` under `manifest/` ``old`` (found once) becomes ``new``; ``tests`` are its subject's.

    ``of_worlds`` tells whether worlds are led at all: they know of no clocks and of one map only.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    of_worlds: bool = True

    @contextmanager
    def made(self, copy: Path) -> Iterator[None]:
        """Change a copy of the project for a while; raise ValueError when that place is no longer there."""
        path = copy / "manifest" / self.file
        text = path.read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise ValueError(f"{self.name}: {self.file} has changed")
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")
        try:
            yield
        finally:
            path.write_text(text, encoding="utf-8")

    @property
    def of_its_subject(self) -> Iterator[str]:
        """The paths of the tests of its subject."""
        return (TESTS + test for test in self.tests)


# Accounts: where grams are.
_ACCOUNTS = (
    Mutant(
        "a balance is that of the last movement",
        "service.py",
        "sums[where] = sums.get(where, 0) + posting.grams",
        "sums[where] = posting.grams",
        ("test_postings.py", "test_service.py"),
    ),
    Mutant(
        "what is left by rounding down goes to the first lot",
        "accounts.py",
        "    for index in by_remainder[: grams - sum(parts)]:\n        parts[index] += 1\n",
        "    parts[0] += grams - sum(parts)\n",
        ("test_accounts.py",),
    ),
    Mutant(
        "of equal remainders the last lot gets the gram",
        "accounts.py",
        "total), i))",
        "total), -i))",
        ("test_accounts.py",),
    ),
    Mutant(
        "opening stock counts as generated",
        "lots/postings.py",
        "LotKind.OPENING: Account.OPENING",
        "LotKind.OPENING: Account.GENERATED",
        ("test_postings.py", "test_ratio.py"),
    ),
    Mutant(
        "two lines may draw the same grams",
        "rules.py",
        "drawn[draw.lot] = drawn.get(draw.lot, 0) + draw.mass_g\n                if",
        "drawn[draw.lot] = drawn.get(draw.lot, 0)\n                if",
        ("test_rules.py", "test_bad_input.py"),
    ),
    Mutant(
        "an unexplained surplus is credited to the lots",
        "quantity.py",
        "return max(accepted_g - max(unexplained_g, 0), 0)",
        "return accepted_g",
        ("test_quantity.py",),
    ),
    Mutant(
        "a difference up to twice the tolerance is restated",
        "quantity.py",
        "if abs(delta) <= tolerance_g:",
        "if abs(delta) <= 2 * tolerance_g:",
        ("test_quantity.py",),
    ),
    Mutant(
        "treatment without a permit line is credited",
        "postings.py",
        "if part.final and part.permitted:",
        "if part.final:",
        ("test_postings.py", "test_ratio.py"),
    ),
    Mutant(
        "treatment on the own site without a permit line is credited",
        "lots/postings.py",
        "(Account.UNEXPLAINED, Reason.SELF_TREATED_WITHOUT_BASIS,",
        "(Account.SELF_TREATED, Reason.SELF_TREATED_WITHOUT_BASIS,",
        ("test_postings.py", "test_ratio.py"),
    ),
    Mutant(
        "any method ends the waste",
        "lookups.py",
        "return any(reference.method(method, on).final for method in methods)",
        "return bool(methods)",
        ("test_service.py", "test_postings.py"),
    ),
    Mutant(
        "what is returned goes to the site of the manifest, not to that of each lot",
        "postings.py",
        "carried, terms.store(lot), Reason.RETURNED",
        "carried, Slot(Account.STORED, before.registered.site), Reason.RETURNED",
        ("cases/test_listing.py",),
    ),
)

# Lots, batches, final fate.
_LOTS = (
    Mutant(
        "fates are followed from the oldest lot",
        "lots/fate.py",
        "pending.pop(max(pending,",
        "pending.pop(min(pending,",
        LOTS,
    ),
    Mutant(
        "a part of a child lot takes along a part that is rounded up",
        "lots/fate.py",
        "else held * one.grams // whole",
        "else -(-held * one.grams // whole)",
        LOTS,
    ),
    Mutant(
        "what a child lot stood for stays behind when it turns out smaller",
        "lots/fate.py",
        "if left == 0 or grams.get(source, 0) > 0:",
        "if left >= 0:",
        LOTS,
    ),
    Mutant(
        "a broken trace counts as treated",
        "lots/batches.py",
        "lost = Slot(Account.TRACEABILITY_BREAK, held.place)",
        "lost = Slot(Account.TREATED_SERVICE, held.place)",
        LOTS,
    ),
    Mutant(
        "a trace may be broken under any permit",
        "lots/batches.py",
        'and bool(row["traceability_break"])',
        'and bool(row["permit"])',
        LOTS,
    ),
    Mutant(
        "a batch has what was put in last",
        "lots/following.py",
        '"charged_g": before["charged_g"] + total,',
        '"charged_g": total,',
        LOTS,
    ),
    Mutant(
        "of a child lot more may be poured than there is",
        "lots/rows.py",
        "    if mass_g > stored:",
        "    if mass_g > 2 * stored:",
        LOTS,
    ),
    Mutant(
        "a residue is primary waste",
        "lots/judge.py",
        "row = lot_row(reads, body, LotKind.SECONDARY, body.site",
        "row = lot_row(reads, body, LotKind.PRIMARY, body.site",
        LOTS,
    ),
    Mutant(
        "what a residue is treated into counts as a service to others",
        "lots/judge.py",
        "own = kind is LotKind.SECONDARY",
        "own = kind is LotKind.PRIMARY",
        LOTS,
    ),
    Mutant(
        "thinned waste may be made ordinary",
        "lots/declassification.py",
        'if lot["lot_kind"] == LotKind.CHILD or not',
        "if not",
        ("lots/test_declassification.py",),
    ),
    Mutant(
        "a certificate makes waste ordinary that arose long before its sample",
        "lots/declassification.py",
        "found.sampled_on <= last",
        "found.sampled_on >= last",
        ("lots/test_declassification.py",),
        of_worlds=False,
    ),
    Mutant(
        "waste of another's site is declared",
        "lots/judge.py",
        'if site is None or site["party"] != event.actors[0].party:',
        "if site is None:",
        ("test_service.py", "test_bad_input.py"),
    ),
    Mutant(
        "a manifest is completed while a batch stands for some of it",
        "acts.py",
        "if open_g := open_shares_g(reads, before.id):",
        "if (open_g := open_shares_g(reads, before.id)) < 0:",
        LOTS,
    ),
)

# A manifest: who has it, who may do what, its permit.
_MANIFESTS = (
    Mutant(
        "a taker whom nobody planned is let in",
        "rules.py",
        "if event.taker not in allowed:",
        "if not allowed:",
        ("test_rules.py", "test_bad_input.py"),
    ),
    Mutant(
        "whoever has not got the load hands it over",
        "rules.py",
        "if event.giver != before.holder:",
        "if not event.giver:",
        ("test_rules.py", "test_bad_input.py"),
    ),
    Mutant(
        "use of a permit ignores corrections",
        "rows.py",
        "zip(before.lines, after.lines, strict=False):",
        "zip(before.lines, () if before.corrections else after.lines, strict=False):",
        ("correcting/test_corrections.py",),
    ),
    Mutant(
        "what the second facility accepts uses up the first one's permit too",
        "rows.py",
        "return 0 if passed_on else",
        "return",
        ("cases/test_second.py",),
    ),
    Mutant(
        "use of a permit is not added up over lines",
        "permits.py",
        "wanted[line.code] = wanted.get(line.code, 0) + line.mass_g",
        "wanted[line.code] = line.mass_g",
        ("test_rules.py", "test_bad_input.py"),
    ),
    Mutant(
        "a load is weighed while a vehicle is on the road",
        "cases/carriage.py",
        "    missing = sorted(set(before.vehicles) - before.gate)",
        "    missing = sorted(set(before.vehicles) - before.gate)[1:] if before.gate else []",
        ("cases/test_carriage.py",),
    ),
    Mutant(
        "what changed vehicles is in the first one, too",
        "cases/carriage.py",
        "        source[number] -= grams\n",
        "",
        ("cases/test_carriage.py",),
    ),
    Mutant(
        "more changes vehicles than is loaded",
        "cases/carriage.py",
        "if item.mass_g > loaded_g:",
        "if item.mass_g > 2 * loaded_g:",
        ("cases/test_carriage.py",),
    ),
    Mutant(
        "a certificate of disposal abroad moves nothing",
        "cases/abroad.py",
        "    for item in event.lines:\n        poured",
        "    for item in event.lines[:0]:\n        poured",
        ("cases/test_abroad.py",),
    ),
    Mutant(
        "a certificate of disposal from before the departure counts",
        "cases/abroad.py",
        "earliest=left_on, latest=on",
        "earliest=None, latest=on",
        ("cases/test_abroad.py",),
    ),
    Mutant(
        "a third facility is let in",
        "cases/second.py",
        "if event.facility != second.party:",
        "if not event.facility:",
        ("cases/test_second.py",),
    ),
    Mutant(
        "a facility treats what it has passed on",
        "cases/second.py",
        "if facility != by or _on_the_way(line):",
        "if _on_the_way(line):",
        ("cases/test_second.py",),
    ),
    Mutant(
        "what a method has touched goes on to the second facility",
        "quantity.py",
        "touched = line.treated_g or line.interim_g or line.batched_g",
        "touched = line.batched_g",
        ("cases/test_second.py",),
    ),
    Mutant(
        "of two untouched halves an interim method takes the same one twice",
        "quantity.py",
        "return self.left_g - self.interim_g",
        "return self.left_g",
        ("test_quantity.py",),
    ),
    Mutant(
        "a round's lines need not have what the ticket gives them",
        "cases/rounds.py",
        "if share_g is not None and share_g != item.net_g:",
        "if share_g is not None and share_g < item.net_g:",
        ("cases/test_rounds.py",),
    ),
    Mutant(
        "the shares of a round do not add up to the ticket",
        "cases/rounds.py",
        "{where: int(grams) for where, grams in spread(round_net_g, declared)}",
        "{where: round_net_g * grams // sum(one for _, one in declared) for where, grams in declared}",
        ("cases/test_rounds.py",),
    ),
)

# Duties and second thoughts: refusals, corrections, claims.
_DUTIES = (
    Mutant(
        "what the second facility refuses is not owed",
        "obligations.py",
        "for stage in (_FIRST, _SECOND):",
        "for stage in (_FIRST,):",
        ("cases/test_second.py", "correcting/test_obligations.py"),
    ),
    Mutant(
        "a return ends what is owed",
        "obligations.py",
        "    if returned:\n        state = ObligationState.RETURNED",
        "    if returned:\n        state = ObligationState.ENDED",
        ("correcting/test_obligations.py",),
    ),
    Mutant(
        "a manifest settles what is owed with a gram of it",
        "obligations.py",
        'if taken < row["left_g"]:',
        "if not taken:",
        ("correcting/test_obligations.py",),
    ),
    Mutant(
        "treatment that is taken back owes nothing again",
        "obligations.py",
        "_FOLLOWED = {ObligationState.RETURNED, ObligationState.ENDED}",
        "_FOLLOWED = {ObligationState.RETURNED}",
        ("correcting/test_obligations.py",),
    ),
    Mutant(
        "a correction takes effect without anybody's consent",
        "correcting/process.py",
        "if ruling.consent is not Consent.CONSENT:",
        "if ruling.consent is not Consent.NONE:",
        ("correcting/test_corrections.py",),
    ),
    Mutant(
        "of several who have to agree to a correction one is enough",
        "correcting/process.py",
        "waiting = found.waiting - {by}",
        "waiting = found.waiting & {None}",
        ("correcting/test_corrections.py",),
    ),
    Mutant(
        "whoever proposes a correction agrees to it for the other side",
        "correcting/judge.py",
        'if _has_spoken(reads, set(row["voices"].split(",")), act):',
        'if not row["voices"]:',
        ("correcting/test_corrections.py",),
    ),
    Mutant(
        "several corrections of a manifest are open at a time",
        "correcting/process.py",
        "if waiting and before.corrections:",
        "if waiting and len(before.corrections) > 1:",
        ("correcting/test_corrections.py",),
    ),
    Mutant(
        "a corrected decision counts on the day of the correction",
        "correcting/masses.py",
        "yield replace(posting, on=on)",
        "yield posting",
        ("correcting/test_corrections.py",),
    ),
    Mutant(
        "of a surplus that is explained the refused part goes nowhere",
        "correcting/masses.py",
        "refused_g = surplus_g - min(accepted_g, surplus_g)",
        "refused_g = 0 * min(accepted_g, surplus_g)",
        ("correcting/test_corrections.py", "correcting/test_any_corrections.py"),
    ),
    Mutant(
        "a corrected part leaves what it had moved",
        "correcting/treatment.py",
        "for n in reversed(rest):",
        "for n in reversed(rest[1:]):",
        ("correcting/test_corrections.py", "correcting/test_any_corrections.py"),
    ),
    Mutant(
        "of a line of another code the old lot keeps its grams",
        "correcting/recoding.py",
        "    for lot, grams in line.drawn:\n        yield from move(lot, grams, store(lot), source(lot)",
        "    for lot, grams in line.drawn[:0]:\n        yield from move(lot, grams, store(lot), source(lot)",
        ("correcting/test_corrections.py", "correcting/test_any_corrections.py"),
    ),
    Mutant(
        "a claim that was rejected lets its act in",
        "claims/judge.py",
        'if row["state"] == Outcome.ACCEPTED',
        'if row["state"] != KEPT',
        ("../api/test_claims.py",),
    ),
    Mutant(
        "a decision on a claim lifts what no decision can",
        "claims/judge.py",
        "return named & WAIVABLE",
        "return named",
        ("../api/test_claims.py",),
    ),
)

# Days, places, figures.
_FIGURES = (
    Mutant(
        "an entry of a register ends a day early",
        "register/lookups.py",
        'return bool(row["valid_from"] <= on and (last is None or on <= last))',
        'return bool(row["valid_from"] <= on and (last is None or on < last))',
        ("register/test_parties.py", "register/test_places.py", "register/test_papers.py"),
        of_worlds=False,
    ),
    Mutant(
        "an entry of a register begins a day late",
        "register/lookups.py",
        'return bool(row["valid_from"] <= on and',
        'return bool(row["valid_from"] < on and',
        ("register/test_parties.py", "register/test_places.py", "register/test_papers.py"),
        of_worlds=False,
    ),
    Mutant(
        "a suspended permit is good on the last day of its suspension",
        "permits.py",
        "first <= on and (last is None or on <= last) for",
        "first <= on and (last is None or on < last) for",
        ("register/test_papers.py", "register/test_parties.py", "test_rules.py"),
    ),
    Mutant(
        "a permit ends the day before its last day",
        "permits.py",
        "self.valid_from <= on <= self.valid_to and",
        "self.valid_from <= on < self.valid_to and",
        ("test_rules.py", "register/test_papers.py"),
        of_worlds=False,
    ),
    Mutant(
        "the old map is good on the first day of the new one",
        "register/lookups.py",
        'place["commune"] if on >= MAP_CHANGED_ON else',
        'place["commune"] if on > MAP_CHANGED_ON else',
        ("register/test_places.py", "register/test_figures_by_place.py"),
        of_worlds=False,
    ),
    Mutant(
        "a lot has the area of the day on which it is asked for",
        "lots/rows.py",
        "place = placement(reads, site, arose_on)",
        "place = placement(reads, site, date(2025, 12, 31))",
        ("test_ratio.py", "register/test_figures_by_place.py"),
        of_worlds=False,
    ),
    Mutant(
        "the clock of storage starts a day late",
        "clocks.py",
        "local_noon(started) - _HALF_DAY",
        "local_noon(started) + _HALF_DAY",
        ("test_clocks.py",),
        of_worlds=False,
    ),
    Mutant(
        "a load on the road is warned of by the clock of its arrival",
        "running_clocks.py",
        '(ClockKind.TREATMENT, "transferred_at",',
        '(ClockKind.TREATMENT, "arrived_at",',
        ("cases/test_hospitals_and_notices.py",),
        of_worlds=False,
    ),
    Mutant(
        "a notice of storage ends the clock of treatment",
        "running_clocks.py",
        '(ClockKind.TREATMENT, "transferred_at", ("completed_at",)),',
        '(ClockKind.TREATMENT, "transferred_at", ("completed_at", "storage_notified_at")),',
        ("test_clocks.py", "cases/test_hospitals_and_notices.py"),
        of_worlds=False,
    ),
    Mutant(
        "the day on which treatment is due is late",
        "reconcile/ratio.py",
        "if as_of <= due:",
        "if as_of < due:",
        ("test_ratio.py",),
        of_worlds=False,
    ),
    Mutant(
        "what was made ordinary counts as treated",
        "reconcile/figures.py",
        "TREATED = (Account.TREATED_SERVICE, Account.SELF_TREATED)",
        "TREATED = (Account.TREATED_SERVICE, Account.SELF_TREATED, Account.DECLASSIFIED)",
        ("test_ratio.py", "lots/test_declassification.py"),
    ),
    Mutant(
        "what was made ordinary stays in the whole",
        "reconcile/figures.py",
        '"cohort": share(self.treated_g, self.generated_g - declassified)',
        '"cohort": share(self.treated_g, self.generated_g)',
        ("test_ratio.py", "lots/test_declassification.py"),
    ),
    Mutant(
        "child lots count beside the lots that they stand for",
        "reconcile/ratio.py",
        "_COUNTED = (LotKind.PRIMARY.value, LotKind.OPENING.value)",
        "_COUNTED = (LotKind.PRIMARY.value, LotKind.OPENING.value, LotKind.CHILD.value)",
        ("test_ratio.py", *LOTS),
    ),
    Mutant(
        "a share is rounded, not cut",
        "reconcile/figures.py",
        "max(part, 0) * _DECIMALS // whole",
        "(2 * max(part, 0) * _DECIMALS + whole) // (2 * whole)",
        ("test_ratio.py",),
    ),
    Mutant(
        "a ticket for several loads is as good as one for each",
        "evidence.py",
        "elif len(heard) < 2 or shared_ticket:",
        "elif len(heard) < 2:",
        ("test_evidence.py",),
        of_worlds=False,
    ),
    Mutant(
        "the month's threshold of a producer is that of the year",
        "classes.py",
        "large |= max(amount.months) >=",
        "large |= amount.year_g < 0 and max(amount.months) >=",
        ("test_classes.py",),
        of_worlds=False,
    ),
)

MUTANTS = (*_ACCOUNTS, *_LOTS, *_MANIFESTS, *_DUTIES, *_FIGURES)
