"""Grams: what each act posts, and that nothing is lost or counted twice on any journey."""

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ledger.errors import Refused, RuleBroken
from manifest import events as e
from manifest.accounts import Posting, Slot, balanced
from manifest.body import Body
from manifest.consignment import Line, Manifest
from manifest.correcting.rules import proposed
from manifest.lifecycle import TRANSITIONS, step
from manifest.lots.postings import adjusted, arisen, self_treated, source_of
from manifest.postings import post
from manifest.reference import default
from manifest.vocabulary import (
    SOURCES,
    Account,
    CorrectedField,
    LotId,
    LotKind,
    ManifestId,
    Reason,
    Status,
)
from tests import factories as f
from tests.factories import AT, CARRIER, DAY, FACILITY, FACILITY_SITE, GENERATOR, SITE, Scale, some, terms

Sums = dict[tuple[Account, str], int]


def sums(made: tuple[Posting, ...] | list[Posting]) -> Sums:
    found: Counter[tuple[Account, str]] = Counter()
    for posting in made:
        found[posting.account, posting.place] += posting.grams
    return {where: grams for where, grams in found.items() if grams}


def held(manifest: Manifest) -> Sums:
    found: Counter[tuple[Account, str]] = Counter()
    for (_, slot, _), grams in manifest.held.items():
        found[slot.account, slot.place] += grams
    return {where: grams for where, grams in found.items() if grams}


def after(manifest: Manifest, body: Body, by: str | None = None, **using: Any) -> tuple[Manifest, Sums]:
    done, made = step(manifest, body, AT, by or f.by(body), terms(**using))
    assert balanced(made)
    return done, sums(made)


# Each act by itself


def test_a_lot_comes_from_its_source_on_the_day_it_arose() -> None:
    for kind, source, reason, on in (
        (LotKind.PRIMARY, Account.GENERATED, Reason.DECLARED, DAY),
        (LotKind.OPENING, Account.OPENING, Reason.OPENING, None),
        (LotKind.SECONDARY, Account.GENERATED_SECONDARY, Reason.RESIDUE, DAY),
        (LotKind.CHILD, Account.REGROUPED, Reason.REGROUPED, DAY),
    ):
        made = arisen(f.lot_id(1), 5, kind, SITE, DAY)
        assert sums(list(made)) == {(source, SITE): -5, (Account.STORED, SITE): 5}
        assert {(posting.on, posting.reason) for posting in made} == {(on, reason)}


@pytest.mark.parametrize("delta", [-3, 3])
@pytest.mark.parametrize(
    ("kind", "source"),
    [
        (LotKind.PRIMARY, Account.GENERATED),
        (LotKind.OPENING, Account.OPENING),
        (LotKind.SECONDARY, Account.GENERATED_SECONDARY),
    ],
)
def test_an_adjustment_moves_between_store_and_source(delta: int, kind: LotKind, source: Account) -> None:
    made = adjusted(e.GenerationAdjusted(lot=f.lot_id(1), delta_g=delta, reason="cân lại"), kind, SITE)
    assert balanced(made)
    assert sums(list(made)) == {(source, SITE): -delta, (Account.STORED, SITE): delta}
    assert source_of(kind, SITE) == Slot(source, SITE)


@pytest.mark.parametrize(
    ("permitted", "account", "reason"),
    [
        (True, Account.SELF_TREATED, Reason.SELF_TREATED),
        (False, Account.UNEXPLAINED, Reason.SELF_TREATED_WITHOUT_BASIS),
    ],
)
def test_self_treatment_counts_only_with_a_permit_line(
    permitted: bool, account: Account, reason: Reason
) -> None:
    event = e.SelfTreated(lot=f.lot_id(1), mass_g=5, methods=("SC", "TĐ"), treated_on=DAY)
    made = self_treated(event, SITE, credited_g=event.mass_g if permitted else 0)
    assert sums(list(made)) == {(Account.STORED, SITE): -5, (account, SITE): 5}
    assert {(posting.reason, posting.method, posting.on) for posting in made} == {(reason, "TĐ", DAY)}


def test_registering_and_what_only_tells_moves_nothing() -> None:
    for status in (Status.REGISTERED, Status.CANCELLED):
        assert f.manifest_in(status).held == {}
    before = f.manifest_in(Status.IN_TRANSIT)
    for body in (some(e.Arrived), some(e.Weighed)):
        before, made = after(before, body)
        assert made == {}


def test_the_load_moves_from_store_to_carrier_to_carrier() -> None:
    first, made = after(f.manifest_in(Status.REGISTERED), some(e.HandedOver))
    assert made == {(Account.STORED, SITE): -2000, (Account.IN_TRANSIT, CARRIER): 2000}
    second, made = after(first, some(e.HandedOver, leg=2, giver=CARRIER, taker=FACILITY))
    assert made == {(Account.IN_TRANSIT, CARRIER): -2000, (Account.IN_TRANSIT, FACILITY): 2000}
    same, made = after(second, some(e.HandedOver, leg=3, giver=FACILITY, taker=FACILITY))
    assert made == {}, "a change of vehicles within one party moves no mass"
    assert held(same) == {(Account.STORED, SITE): -2000, (Account.IN_TRANSIT, FACILITY): 2000}


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        (  # to the gram
            Scale((600, 400), 1000, 1000),
            {"at_facility": 1000},
        ),
        (  # within tolerance: the lots become what was weighed
            Scale((600, 400), 1050, 1050),
            {"generated": -50, "at_facility": 1050},
        ),
        (
            Scale((600, 400), 950, 900),
            {"generated": 50, "at_facility": 900, "in_transit": 50},
        ),
        (  # beyond it: the difference stays in the denominator, unexplained
            Scale((600, 400), 949, 949),
            {"unexplained": 51, "at_facility": 949},
        ),
        (
            Scale((600, 400), 1051, 1051),
            {"generated": -51, "unexplained": 51, "at_facility": 1000},
        ),
        (  # a surplus is credited last, so what is refused of it is refused mass
            Scale((600, 400), 1100, 40),
            {"generated": -100, "unexplained": 100, "in_transit": 1000},
        ),
        (
            Scale((600, 400), 1100, 300),
            {"generated": -100, "unexplained": 100, "at_facility": 200, "in_transit": 800},
        ),
    ],
)
def test_the_scale_against_the_declaration(scale: Scale, expected: dict[str, int]) -> None:
    found = {account.value: grams for (account, _), grams in held(scale.manifest()).items()}
    assert found == {"stored": -1000} | expected


def test_a_difference_is_shared_by_the_lots_to_the_gram() -> None:
    manifest = Scale((2, 1, 1), 2, 2).manifest()
    lots = manifest.lines[0].lots
    unexplained = Slot(Account.UNEXPLAINED, FACILITY_SITE)
    assert [manifest.held.get((1, unexplained, lot), 0) for lot in lots] == [1, 1, 0]
    at_facility = Slot(Account.AT_FACILITY, FACILITY_SITE)
    assert [manifest.held.get((1, at_facility, lot), 0) for lot in lots] == [1, 0, 1]


def test_the_source_of_a_restated_lot_is_its_own() -> None:
    kinds = {f.lot_id(10): LotKind.OPENING, f.lot_id(11): LotKind.SECONDARY}
    manifest = Scale((600, 400), 1010, 1010).manifest(terms(kind_of=kinds.__getitem__))
    assert held(manifest)[Account.OPENING, SITE] == -6
    assert held(manifest)[Account.GENERATED_SECONDARY, SITE] == -4


def test_a_refused_load_goes_back_into_store() -> None:
    refused = f.manifest_in(Status.REFUSED)
    assert held(refused) == {(Account.STORED, SITE): -2000, (Account.IN_TRANSIT, CARRIER): 2000}
    assert held(f.manifest_in(Status.RETURNED)) == {}


def treated(mass_g: int, *methods: str) -> e.Treated:
    return e.Treated(parts=(e.LineTreated(line=1, mass_g=mass_g, methods=methods, treated_on=DAY),))


def test_an_interim_method_never_counts_as_treated() -> None:
    manifest, made = after(Scale((600, 400), 1000, 1000).manifest(), treated(300, "SC"))
    assert made == {(Account.AT_FACILITY, FACILITY_SITE): -300, (Account.INTERIM, FACILITY_SITE): 300}
    manifest, made = after(manifest, treated(800, "SC", "TC"))
    assert made == {
        (Account.AT_FACILITY, FACILITY_SITE): -700,
        (Account.INTERIM, FACILITY_SITE): -100,
        (Account.TREATED_SERVICE, FACILITY_SITE): 800,
    }


def test_treatment_is_booked_on_its_day_with_its_last_method() -> None:
    manifest = Scale((600, 400), 1000, 1000).manifest()
    _, made = step(manifest, treated(10, "SC", "TĐ"), AT + timedelta(days=3), FACILITY, terms())
    assert {(posting.on, posting.method, posting.reason) for posting in made} == {(DAY, "TĐ", Reason.TREATED)}


def test_treatment_without_a_permit_line_is_credited_to_nobody() -> None:
    manifest, made = after(Scale((600, 400), 1000, 1000).manifest(), treated(300, "OH"))
    assert made == {(Account.AT_FACILITY, FACILITY_SITE): -300, (Account.UNEXPLAINED, FACILITY_SITE): 300}
    assert manifest.lines[0].mass.without_basis_g == 300


def test_parts_of_one_act_take_one_after_the_other() -> None:
    parts = [(700, ("SC",)), (600, ("TC",)), (400, ("TĐ",))]
    body = e.Treated(
        parts=tuple(e.LineTreated(line=1, mass_g=m, methods=how, treated_on=DAY) for m, how in parts)
    )
    manifest, _ = after(Scale((600, 400), 1000, 1000).manifest(), body)
    assert held(manifest) == {(Account.STORED, SITE): -1000, (Account.TREATED_SERVICE, FACILITY_SITE): 1000}


def test_the_permit_is_asked_for_the_day_of_treatment() -> None:
    asked = []

    def permits(code: str, methods: tuple[str, ...], on: date) -> bool:
        asked.append((code, methods, on))
        return True

    using = replace(terms(), permits=permits)
    late = AT + timedelta(days=400)
    step(Scale((600, 400), 1000, 1000).manifest(), treated(300, "TC"), late, FACILITY, using)
    assert set(asked) == {(f.CODE, ("TC",), DAY)}


# Corrections


def propose(manifest: Manifest, **changed: Any) -> Manifest:
    return step(manifest, some(e.CorrectionProposed, **changed), AT, FACILITY, terms())[0]


def corrected(manifest: Manifest, **changed: Any) -> tuple[Manifest, Sums]:
    return after(propose(manifest, **changed), some(e.CorrectionConsented), GENERATOR)


def test_a_corrected_mass_is_reversed_and_booked_again() -> None:
    before = Scale((600, 400), 900, 900).manifest()
    done, made = corrected(before, line=1, net_g=1000)
    assert made == {(Account.UNEXPLAINED, FACILITY_SITE): -100, (Account.AT_FACILITY, FACILITY_SITE): 100}
    assert held(done) == held(Scale((600, 400), 1000, 1000).manifest())
    _, postings = step(
        propose(before, line=1, net_g=1000), some(e.CorrectionConsented), AT, GENERATOR, terms()
    )
    assert {posting.reason for posting in postings} == {Reason.REVERSED, Reason.ACCEPTED}


def test_the_tolerance_of_the_decision_also_holds_for_its_correction() -> None:
    before = Scale((600, 400), 900, 900).manifest(terms(100))
    assert held(before)[Account.GENERATED, SITE] == 100
    done = step(propose(before, line=1, net_g=890), some(e.CorrectionConsented), AT, GENERATOR, terms(500))[0]
    assert held(done)[Account.UNEXPLAINED, FACILITY_SITE] == 110


def test_an_explained_shortage_restates_the_lots() -> None:
    done, made = corrected(Scale((600, 400), 900, 900).manifest(), field=CorrectedField.DIFFERENCE, line=1)
    assert made == {(Account.UNEXPLAINED, FACILITY_SITE): -100, (Account.GENERATED, SITE): 100}
    assert done.lines[0].mass.resolved


@pytest.mark.parametrize(
    ("methods", "credited", "left"),
    [
        ([(1100, "TC")], 1100, 0),
        ([(1050, "TC")], 1050, 50),
        ([(1050, "SC"), (500, "TC")], 500, 600),
        ([(1000, "OH"), (100, "TC")], 100, 0),
        ([(1000, "TC"), (60, "OH"), (40, "TC")], 1040, 0),
        ([(1100, "OH")], 0, 0),
    ],
)
def test_an_explained_surplus_is_credited_as_far_as_a_permit_line_covers_its_treatment(
    methods: list[tuple[int, str]], credited: int, left: int
) -> None:
    manifest = Scale((600, 400), 1100, 1100).manifest()
    for mass, method in methods:
        manifest, _ = after(manifest, treated(mass, method))
    done, _ = corrected(manifest, field=CorrectedField.DIFFERENCE, line=1)
    found = held(done)
    assert found.get((Account.TREATED_SERVICE, FACILITY_SITE), 0) == credited
    here = [found.get((account, FACILITY_SITE), 0) for account in (Account.AT_FACILITY, Account.INTERIM)]
    assert sum(here) == left == done.left_g
    assert found.get((Account.UNEXPLAINED, FACILITY_SITE), 0) == 1100 - credited - left


def test_explaining_a_difference_never_credits_treatment_without_a_permit_line() -> None:
    short, _ = after(Scale((600, 400), 900, 900).manifest(), treated(900, "OH"))
    done, made = corrected(short, field=CorrectedField.DIFFERENCE, line=1)
    assert made == {(Account.UNEXPLAINED, FACILITY_SITE): -100, (Account.GENERATED, SITE): 100}
    assert held(done)[Account.UNEXPLAINED, FACILITY_SITE] == 900


@pytest.mark.parametrize("back", [False, True])
def test_the_refused_part_of_an_explained_surplus_is_where_the_refused_load_is(back: bool) -> None:
    manifest = Scale((600, 400), 1100, 40).manifest()
    if back:
        manifest, _ = after(manifest, some(e.Returned))
    done, made = corrected(manifest, field=CorrectedField.DIFFERENCE, line=1)
    where = (Account.STORED, SITE) if back else (Account.IN_TRANSIT, CARRIER)
    assert made == {
        (Account.UNEXPLAINED, FACILITY_SITE): -100, (Account.AT_FACILITY, FACILITY_SITE): 40, where: 60,
    }  # fmt: skip
    assert done.left_g == 40


def test_a_mass_is_not_corrected_under_an_explained_difference() -> None:
    done, _ = corrected(Scale((600, 400), 1100, 1100).manifest(), field=CorrectedField.DIFFERENCE, line=1)
    other = f.lot_id(99)
    with pytest.raises(RuleBroken, match=r"manifest\.correction_out_of_reach"):
        propose(done, correction=other, line=1, net_g=1000)


def test_holdings_leave_zeros_out() -> None:
    lot = LotId(f.lot_id(1))
    place = (1, Slot(Account.STORED, SITE), lot)
    balances = {place: 5}
    posting = Posting(account=Account.STORED, place=SITE, lot=lot, grams=-5, reason=Reason.ADJUSTED, line=1)
    post(balances, [posting])
    assert balances == {}


# Any journey

MASS = st.integers(1, 3000)
METHODS = st.sampled_from([("TC",), ("SC",), ("SC", "TC"), ("OH",), ("TĐ", "SC"), ("OH", "SC")])
PARTIES = (GENERATOR, CARRIER, "org:carrier-2", FACILITY)


class Journey(RuleBasedStateMachine):
    """Random legal acts on one manifest, with the books kept beside it from the postings alone."""

    @initialize(
        lines=st.lists(st.lists(MASS, min_size=1, max_size=4), min_size=1, max_size=3),
        kinds=st.lists(st.sampled_from(LotKind), min_size=50, max_size=50),
        tolerance=st.sampled_from([0, 10, 50, 300]),
    )
    def register(self, lines: list[list[int]], kinds: list[LotKind], tolerance: int) -> None:
        self.kinds = {f.lot_id(n): kind for n, kind in enumerate(kinds)}
        self.tolerance = tolerance
        self.at = AT
        self.number = 0
        self.books: Counter[tuple[Account, str, str]] = Counter()
        self.by_line: Counter[tuple[int, Slot, str]] = Counter()
        declared_lines = tuple(f.declared(n, *grams) for n, grams in enumerate(lines, start=1))
        for line in declared_lines:
            for draw in line.lots:
                self.books[source_of(self.kinds[draw.lot], SITE).account, SITE, draw.lot] -= draw.mass_g
                self.books[Account.STORED, SITE, draw.lot] += draw.mass_g
        self.manifest = Manifest(id=ManifestId(f.lot_id(1)))
        self.act(some(e.Registered, lines=declared_lines))

    def act(self, body: Body, by: str | None = None) -> None:
        self.at += timedelta(minutes=1)
        using = terms(self.tolerance, kind_of=self.kinds.__getitem__)
        self.manifest, made = step(self.manifest, body, self.at, by or f.by(body), using)
        assert balanced(made)
        assert sum(posting.grams for posting in made) == 0
        for posting in made:
            assert posting.grams
            assert posting.line is not None
            self.books[posting.account, posting.place, posting.lot] += posting.grams
            self.by_line[posting.line, Slot(posting.account, posting.place), posting.lot] += posting.grams

    def may(self, event: type[Body]) -> bool:
        return (self.manifest.status, event) in TRANSITIONS

    @rule(data=st.data())
    def go_on(self, data: st.DataObject) -> None:
        now = self.manifest
        choices = {
            self.hand_over: self.may(e.HandedOver) and len(now.legs) < 3,
            self.arrive: self.may(e.Arrived),
            self.weigh: self.may(e.Weighed),
            self.accept: self.may(e.Accepted) and any(line.mass.arrived_g for line in now.lines),
            self.refuse: self.may(e.Refused) and data.draw(st.integers(0, 7)) == 7,
            self.give_back: self.may(e.Returned) and now.refused_g > 0,
            self.treat: self.may(e.Treated) and now.left_g > 0,
            self.treat_too_much: self.may(e.Treated),
            self.complete: self.may(e.Completed),
            self.propose: self.may(e.CorrectionProposed) and now.decided_at is not None,
            self.answer: bool(now.corrections),
        }
        open_ = [act for act, possible in choices.items() if possible]
        if open_:
            data.draw(st.sampled_from(open_))(data)

    def hand_over(self, data: st.DataObject) -> None:
        giver, leg = self.manifest.holder, len(self.manifest.legs) + 1
        self.act(some(e.HandedOver, leg=leg, giver=giver, taker=data.draw(st.sampled_from(PARTIES))))

    def arrive(self, _: st.DataObject) -> None:
        self.act(some(e.Arrived))

    def weigh(self, data: st.DataObject) -> None:
        weighed = []
        for line in self.manifest.lines:
            of = line.mass.declared_g
            edge = of * self.tolerance // 1000
            near = st.sampled_from([of, of + edge, of - edge, of + edge + 1, max(of - edge - 1, 0)])
            net = data.draw(near | st.integers(0, 2 * of))
            weighed.append(e.LineWeighed(line=line.number, net_g=net, ticket="PC"))
        self.act(some(e.Weighed, lines=tuple(weighed)))

    def accept(self, data: st.DataObject) -> None:
        decided = []
        for line in self.manifest.lines:
            net = line.mass.arrived_g
            accepted = data.draw(st.sampled_from([net, net, 0]) | st.integers(0, net))
            decided.append(
                e.LineDecided(line=line.number, accepted_g=accepted, refused_g=net - accepted, reason="lý do")
            )
        if any(item.accepted_g for item in decided):
            self.act(some(e.Accepted, lines=tuple(decided)))

    def refuse(self, _: st.DataObject) -> None:
        self.act(some(e.Refused))

    def give_back(self, _: st.DataObject) -> None:
        self.act(some(e.Returned, giver=self.manifest.holder))

    def treat(self, data: st.DataObject) -> None:
        parts = []
        for line in self.manifest.lines:
            methods = data.draw(METHODS)
            limit = line.mass.left_g if terms().is_final(methods) else line.mass.untouched_g
            if limit:
                mass = data.draw(st.just(limit) | st.integers(1, limit))
                parts.append(e.LineTreated(line=line.number, mass_g=mass, methods=methods, treated_on=DAY))
        if parts:
            self.act(e.Treated(parts=tuple(parts)))

    def treat_too_much(self, data: st.DataObject) -> None:
        line, methods = self.manifest.lines[0], data.draw(METHODS)
        limit = line.mass.left_g if terms().is_final(methods) else line.mass.untouched_g
        part = e.LineTreated(line=1, mass_g=limit + 1, methods=methods, treated_on=DAY)
        with pytest.raises(RuleBroken, match=r"manifest\.treated_more_than_accepted"):
            self.act(e.Treated(parts=(part,)))

    def complete(self, _: st.DataObject) -> None:
        if self.manifest.left_g:
            with pytest.raises(RuleBroken, match=r"manifest\.not_all_treated"):
                self.act(some(e.Completed))
        else:
            self.act(some(e.Completed))

    def propose(self, data: st.DataObject) -> None:
        line = data.draw(st.sampled_from(self.manifest.lines))
        field = data.draw(st.sampled_from([CorrectedField.NET_MASS, CorrectedField.DIFFERENCE]))
        self.number += 1
        body = e.CorrectionProposed(
            correction=f.lot_id(100 + self.number),
            field=field,
            line=line.number,
            net_g=data.draw(st.integers(0, 2 * line.mass.declared_g)) if field == "net_g" else None,
            reason="cân lại",
        )
        who = data.draw(st.sampled_from(PARTIES))
        before = self.manifest
        if list(proposed(before, body, default(), self.at)):
            return
        if before.corrections:
            with pytest.raises(Refused, match=r"manifest\.correction_open_already"):
                self.act(body, who)
            return
        with suppress(RuleBroken):  # out of reach by now
            self.act(body, who)

    def answer(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.manifest.corrections)))
        who = data.draw(st.sampled_from(sorted(self.manifest.corrections[name].waiting)))
        agree = data.draw(st.sampled_from([e.CorrectionConsented] * 3 + [e.CorrectionDeclined]))
        before = self.manifest
        try:
            self.act(some(agree, correction=name), who)
        except RuleBroken as refused:
            late = refused.code in {"manifest.correction_out_of_reach", "manifest.accepted_and_refused"}
            assert late, "an answer is refused only when the line has moved on"
            assert self.manifest is before

    def teardown(self) -> None:
        if hasattr(self, "manifest"):
            event(f"ends {self.manifest.status}")

    @invariant()
    def the_holdings_are_the_sum_of_the_postings(self) -> None:
        assert dict(self.manifest.held) == {place: grams for place, grams in self.by_line.items() if grams}

    @invariant()
    def no_account_but_a_source_is_negative(self) -> None:
        assert all(grams >= 0 for (account, _, _), grams in self.books.items() if account not in SOURCES)

    @invariant()
    def what_came_out_of_the_sources_is_somewhere(self) -> None:
        lots: Counter[str] = Counter()
        for (_, _, lot), grams in self.books.items():
            lots[lot] += grams
        assert not any(lots.values())

    @invariant()
    def masses_obey_their_algebra(self) -> None:
        for line in self.manifest.lines:
            mass = line.mass
            assert mass.treated_g + mass.interim_g <= (mass.accepted_g or 0)
            if mass.accepted_g is not None:
                assert mass.accepted_g + mass.refused_g == mass.arrived_g

    def on(self, line: Line, account: Account) -> int:
        return sum(
            grams
            for (number, slot, _), grams in self.manifest.held.items()
            if number == line.number and slot.account is account
        )

    @invariant()
    def the_accounts_say_what_the_masses_say(self) -> None:
        for line in self.manifest.lines:
            mass = line.mass
            if mass.accepted_g is None:
                continue
            found = mass.difference.unexplained_g
            surplus = 0 if mass.resolved else max(found, 0)
            shortage = 0 if mass.resolved else max(-found, 0)
            credited = self.on(line, Account.TREATED_SERVICE)
            here = self.on(line, Account.AT_FACILITY) + self.on(line, Account.INTERIM)
            assert credited <= mass.treated_g - mass.without_basis_g
            assert here <= mass.left_g
            if surplus:  # the surplus is in no account but unexplained, whatever was done to it
                continue
            assert credited == mass.treated_g - mass.without_basis_g
            assert here == mass.left_g
            assert self.on(line, Account.UNEXPLAINED) == mass.without_basis_g + shortage
            assert self.on(line, Account.IN_TRANSIT) == (0 if mass.returned else mass.refused_g)

    @invariant()
    def a_completed_manifest_leaves_nothing_behind(self) -> None:
        if self.manifest.status is Status.COMPLETED:
            for line in self.manifest.lines:
                assert self.on(line, Account.AT_FACILITY) == self.on(line, Account.INTERIM) == 0
                if line.mass.returned or not line.mass.refused_g:
                    assert self.on(line, Account.IN_TRANSIT) == 0


Journey.TestCase.settings = settings(stateful_step_count=25)
TestJourney = Journey.TestCase
