"""Any corrections of one manifest: the books stand as if the right value had been there from the start."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ledger.errors import Refused
from ledger.format.event import parse_time, time_text
from manifest import events as e
from manifest.accounts import balanced
from manifest.body import Body
from manifest.consignment import Manifest
from manifest.correcting.events import CorrectionWithdrawn
from manifest.correcting.rules import proposed
from manifest.lifecycle import TRANSITIONS, step
from manifest.reference import default
from manifest.vocabulary import SOURCES, Account, CorrectedField, ManifestId, State
from tests import factories as f
from tests.factories import AT, CARRIER, DAY, FACILITY, GENERATOR, OTHER_CODE, SITE, some, terms

Act = tuple[Body, datetime, str]
Field = CorrectedField
PARTIES = (GENERATOR, CARRIER, FACILITY)
MASSES = [Field.NET_MASS, Field.SPLIT, Field.TREATED, Field.CODE, Field.STATE, Field.DIFFERENCE]
FIELDS = [
    *MASSES, Field.VEHICLE_PLATE, Field.ARRIVAL, Field.WASTE_NAME, Field.PAPER_NUMBER,
]  # fmt: skip
REFERENCE = default()


def play(acts: list[Act]) -> Manifest:
    """Return the manifest after acts."""
    state = Manifest(id=ManifestId(f.lot_id(1)))
    for body, at, by in acts:
        state, _ = step(state, body, at, by, terms())
    return state


class Corrected(RuleBasedStateMachine):
    """One manifest: ``acts`` as they came, ``right`` as they would have come without a mistake."""

    @initialize(
        lines=st.lists(st.lists(st.integers(1, 2000), min_size=1, max_size=3), min_size=1, max_size=2),
        gone=st.integers(0, 8),
        data=st.data(),
    )
    def register(self, lines: list[list[int]], gone: int, data: st.DataObject) -> None:
        self.acts: list[Act] = []
        self.right: list[Act] = []
        self.at, self.names = AT, 1000
        self.books: Counter[tuple[Account, str, str]] = Counter()
        declared = tuple(f.declared(n, *grams) for n, grams in enumerate(lines, start=1))
        for line in declared:
            for draw in line.lots:
                self.books[Account.GENERATED, SITE, draw.lot] -= draw.mass_g
                self.books[Account.STORED, SITE, draw.lot] += draw.mass_g
        self.live = Manifest(id=ManifestId(f.lot_id(1)))
        self.act(some(e.Registered, lines=declared))
        for _ in range(gone):
            self.go_on(data)

    def name(self) -> str:
        self.names += 1
        return f.lot_id(self.names)

    def act(self, body: Body, by: str | None = None, *, right: bool = True) -> None:
        self.at += timedelta(minutes=1)
        act = (body, self.at, by or f.by(body))
        self.live, made = step(self.live, *act, terms())
        assert balanced(made)
        for posting in made:
            self.books[posting.account, posting.place, posting.lot] += posting.grams
        self.acts.append(act)
        if right:
            self.right.append(act)

    @rule(data=st.data())
    def act_on(self, data: st.DataObject) -> None:
        self.go_on(data)

    def go_on(self, data: st.DataObject) -> None:
        now, lines = self.live, self.live.lines
        choices: list[Body] = [some(e.HandedOver), some(e.Arrived), some(e.Completed)]
        nets = [data.draw(st.sampled_from([1, 3, 4, 6])) * line.mass.declared_g // 4 + 1 for line in lines]
        weighed = [e.LineWeighed(line=n, net_g=g, ticket="PC") for n, g in enumerate(nets, start=1)]
        choices.append(some(e.Weighed, lines=tuple(weighed)))
        decided = []
        for line in lines:
            accepted = data.draw(st.sampled_from([line.mass.arrived_g, line.mass.arrived_g // 2]))
            refused = line.mass.arrived_g - accepted
            decided.append(
                e.LineDecided(line=line.number, accepted_g=accepted, refused_g=refused, reason="lý do")
            )
        if any(item.accepted_g for item in decided):
            choices.append(some(e.Accepted, lines=tuple(decided)))
        if now.refused_g:
            choices.append(some(e.Returned))
        parts = [
            e.LineTreated(
                line=line.number, mass_g=data.draw(st.integers(1, line.mass.untouched_g)),
                methods=data.draw(st.sampled_from([("TC",), ("SC",), ("OH",)])), treated_on=DAY,
            )
            for line in lines
            if line.mass.untouched_g
        ]  # fmt: skip
        if parts:
            choices.append(e.Treated(parts=tuple(parts)))
        possible = [body for body in choices if (now.status, type(body)) in TRANSITIONS]
        once = {e.HandedOver: bool(now.legs), e.Weighed: now.weighed_at is not None}
        possible = [body for body in possible if not once.get(type(body))]
        possible = [body for body in possible if not isinstance(body, e.Completed) or not now.left_g]
        if possible:
            self.act(data.draw(st.sampled_from(possible)))

    @rule(
        data=st.data(), field=st.sampled_from(MASSES) | st.sampled_from(FIELDS), who=st.sampled_from(PARTIES)
    )
    def propose(self, data: st.DataObject, field: CorrectedField, who: str) -> None:
        before = self.live
        body = self.proposal(data, field)
        if list(proposed(before, body, REFERENCE, self.at)):
            return
        if field in {Field.NET_MASS, Field.SPLIT} and any(line.mass.returned for line in before.lines):
            return  # what is refused after the way back is still there: no act from the start says so
        open_ = len(before.corrections)
        try:
            self.act(body, who, right=False)
        except Refused:
            assert self.live is before
            return
        assert len(self.live.corrections) <= 1
        assert open_ == 0 or body.correction not in self.live.corrections, "one open at a time"
        if body.correction not in self.live.corrections:
            self.take(body)
        elif data.draw(st.booleans()):
            for other in sorted(self.live.corrections[body.correction].waiting):
                self.act(some(e.CorrectionConsented, correction=body.correction), other, right=False)
            self.take(body)

    def proposal(self, data: st.DataObject, field: CorrectedField) -> e.CorrectionProposed:
        line = data.draw(st.sampled_from(self.live.lines))
        grams = st.integers(0, 2 * line.mass.declared_g)
        fields: dict[str, Any] = {"line": line.number, "net_g": None}
        match field:
            case Field.NET_MASS:
                fields["net_g"] = data.draw(grams)
            case Field.SPLIT:
                fields["accepted_g"] = data.draw(st.integers(0, line.mass.arrived_g + 1))
            case Field.TREATED:
                part = data.draw(st.integers(1, max(len(self.live.parts), 1)))
                fields |= {"part": part, "mass_g": data.draw(st.integers(1, line.mass.declared_g))}
                fields["methods"] = data.draw(st.sampled_from([None, ("TC",), ("SC",), ("OH",)]))
            case Field.CODE:
                fields |= {"code": OTHER_CODE, "lots": tuple(self.name() for _ in line.lots)}
            case Field.STATE:
                fields |= {"state": State.SLUDGE, "lots": tuple(self.name() for _ in line.lots)}
            case Field.VEHICLE_PLATE:
                fields |= {"leg": 1, "value": data.draw(st.sampled_from(["29C-111.11", "29C-222.22"]))}
            case Field.ARRIVAL:
                earlier = self.at - timedelta(seconds=data.draw(st.integers(1, 300)))
                fields["arrived_at"] = time_text(earlier)
            case Field.WASTE_NAME:
                fields["name"] = data.draw(st.sampled_from(["Dầu", "Nước lẫn dầu"]))
            case Field.PAPER_NUMBER:
                fields["value"] = data.draw(st.sampled_from(["001", "002"]))
        return some(e.CorrectionProposed, correction=self.name(), field=field, **fields)

    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        if not self.live.corrections:
            return
        before = self.live
        (name, open_), *more = before.corrections.items()
        assert not more
        assert open_.by not in open_.waiting
        kinds = [e.CorrectionConsented] * 4 + [e.CorrectionDeclined, CorrectionWithdrawn]
        kind = data.draw(st.sampled_from(kinds))
        who = data.draw(st.sampled_from([*sorted(open_.waiting) * 4, open_.by, *PARTIES]))
        entitled = {open_.by} if kind is CorrectionWithdrawn else open_.waiting
        try:
            self.act(some(kind, correction=name), who, right=False)
        except Refused:
            assert self.live is before
            assert who not in entitled or kind is e.CorrectionConsented
            return
        assert who in entitled
        if kind is e.CorrectionConsented and name not in self.live.corrections:
            self.take(open_.proposed)

    def take(self, body: e.CorrectionProposed) -> None:
        """Change what should have been from the start; an explained difference happens when it happens."""
        event(f"taken {body.field}")
        if body.field is Field.DIFFERENCE:
            self.right += [
                (body, self.at, CARRIER),
                (some(e.CorrectionConsented, correction=body.correction), self.at, GENERATOR),
                (some(e.CorrectionConsented, correction=body.correction), self.at, FACILITY),
            ]
            return
        part = 0
        for index, (act, at, by) in enumerate(self.right):
            changed = self.changed(act, body, part)
            part += len(act.parts) if isinstance(act, e.Treated) else 0
            when = parse_time(body.arrived_at) if isinstance(act, e.Arrived) and body.arrived_at else at
            self.right[index] = (changed, when, by)

    def changed(self, act: Body, body: e.CorrectionProposed, part: int) -> Body:
        match act, body.field:
            case e.Registered(), Field.PAPER_NUMBER:
                return replace(act, paper_number=body.value)
            case e.Registered(), Field.WASTE_NAME | Field.CODE | Field.STATE:
                lines = [self.named(one, body) if one.line == body.line else one for one in act.lines]
                return replace(act, lines=tuple(lines))
            case e.HandedOver(), Field.VEHICLE_PLATE:
                return replace(act, vehicle_plate=body.value or "")
            case e.Weighed(), Field.NET_MASS:
                weighed = [
                    replace(one, net_g=body.net_g or 0) if one.line == body.line else one for one in act.lines
                ]
                return replace(act, lines=tuple(weighed))
            case e.Accepted(), Field.NET_MASS | Field.SPLIT:
                now = {line.number: line.mass for line in self.live.lines}
                decided = [
                    replace(one, accepted_g=now[one.line].accepted_g or 0, refused_g=now[one.line].refused_g)
                    for one in act.lines
                ]
                return replace(act, lines=tuple(decided))
            case e.Treated(), Field.TREATED if body.part and part < body.part <= part + len(act.parts):
                parts = list(act.parts)
                old = parts[body.part - part - 1]
                mass_g, methods = body.mass_g or old.mass_g, body.methods or old.methods
                parts[body.part - part - 1] = replace(old, mass_g=mass_g, methods=methods)
                return replace(act, parts=tuple(parts))
        return act

    @staticmethod
    def named(line: e.LineDeclared, body: e.CorrectionProposed) -> e.LineDeclared:
        lots = body.lots or tuple(draw.lot for draw in line.lots)
        draws = tuple(replace(draw, lot=lot) for draw, lot in zip(line.lots, lots, strict=True))
        code, state = body.code or line.code, body.state or line.state
        return replace(line, code=code, state=state, name=body.name or line.name, lots=draws)

    @invariant()
    def the_books_stand_as_if_it_had_been_right_from_the_start(self) -> None:
        right = play(self.right)
        assert self.live.held == right.held
        assert self.live.lines == right.lines
        assert self.live.parts == right.parts
        assert [self.live.legs, self.live.vehicles, self.live.gate] == [
            right.legs,
            right.vehicles,
            right.gate,
        ]
        assert self.live.registered.paper_number == right.registered.paper_number
        assert (self.live.status, self.live.arrived_at) == (right.status, right.arrived_at)

    @invariant()
    def a_replay_of_all_acts_is_the_same_manifest(self) -> None:
        assert play(self.acts) == self.live

    @invariant()
    def every_gram_is_somewhere_and_no_place_is_below_nothing(self) -> None:
        lots: Counter[str] = Counter()
        for (account, _, lot), grams in self.books.items():
            assert grams >= 0 or account in SOURCES
            lots[lot] += grams
        assert not any(lots.values())


Corrected.TestCase.settings = settings(stateful_step_count=25)
TestAnyCorrections = Corrected.TestCase
