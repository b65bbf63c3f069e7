"""What a permit and an approval allow: codes, methods and grams a year, and who may carry for whom."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from ledger.errors import Fact, Problem
from manifest.cases.parts import ARTICLE
from manifest.events import Registered
from manifest.vocabulary import PermitKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """A permit as the rules see it: ``lines`` gives methods and grams a year of each code.

    ``pauses`` are the times of its suspensions, first and last day (None: until further notice).
    """

    id: str
    party: str
    kind: PermitKind
    valid_from: date
    valid_to: date
    lines: Mapping[str, tuple[tuple[str, ...], int]]
    pauses: tuple[tuple[date, date | None], ...] = ()

    def covers(self, code: str, methods: Sequence[str], on: date) -> bool:
        """Tell whether the permit is valid on a date and names all methods for a code."""
        line = self.lines.get(code)
        return self.valid_on(on) and line is not None and set(methods) <= set(line[0])

    def valid_on(self, on: date) -> bool:
        """Tell whether a date lies within the permit's validity, and in none of its suspensions."""
        return self.valid_from <= on <= self.valid_to and not self.paused_on(on)

    def paused_on(self, on: date) -> bool:
        """Tell whether the permit is suspended on a date."""
        return any(first <= on and (last is None or on <= last) for first, last in self.pauses)


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """An approved linkage: ``carrier`` may carry for ``facility`` (NĐ 08/2022 Điều 73(1))."""

    id: str
    carrier: str
    facility: str
    valid_from: date
    valid_to: date


def permitted(
    event: Registered,
    permit: Permit | None,
    used_g: Mapping[str, int],
    on: date,
    *,
    party: str | None = None,
    kinds: Collection[PermitKind] = frozenset({PermitKind.TREATMENT}),
    only: Collection[int] | None = None,
    by_methods: bool = True,
    path: str = "/body/permit",
) -> Iterator[Problem]:
    """Yield problems of a permit: party, kind, date, code, method, what is left of the year.

    Source: Luật BVMT 72/2020/QH14 Điều 85(2): only the quantity and type in the permit. ``used_g`` is what
    was accepted under each code this year (decision B12). The permit is the first facility's unless ``party``
    says otherwise; ``only`` are the lines that are held against it, all of them when it is None.
    """
    if permit is None or permit.party != (party or event.facility) or permit.kind not in kinds:
        yield Problem("manifest.permit_unknown", path)
        return
    if not permit.valid_on(on):
        yield _not_valid(permit, on, path)
        return
    wanted: dict[str, int] = {}
    for index, line in enumerate(event.lines):
        if only is not None and line.line not in only:
            continue
        allowed = permit.lines.get(line.code)
        if allowed is None:
            yield Problem("manifest.permit_lacks_code", f"/body/lines/{index}/code", {"code": line.code})
            continue
        for method in sorted(set(line.planned_methods) - set(allowed[0])) if by_methods else ():
            lacking = {"code": line.code, "method": method}
            yield Problem("manifest.permit_lacks_method", f"/body/lines/{index}/planned_methods", lacking)
        wanted[line.code] = wanted.get(line.code, 0) + line.mass_g
        left = allowed[1] - used_g.get(line.code, 0)
        if wanted[line.code] > left:
            facts: dict[str, Fact] = {"code": line.code, "mass_g": wanted[line.code], "left_g": max(left, 0)}
            yield Problem("manifest.permit_used_up", f"/body/lines/{index}/mass_g", facts)


def _not_valid(permit: Permit, on: date, path: str) -> Problem:
    if permit.paused_on(on):
        return Problem("manifest.permit_suspended", path)
    return Problem("manifest.permit_not_valid", path, {"valid_to": permit.valid_to.isoformat()})


def carriers(
    event: Registered, permits: Mapping[str, Permit], approvals: Mapping[str, Approval], on: date
) -> Iterator[Problem]:
    """Yield problems of who is to carry.

    The generator itself, a facility, or a carry-only permit holder whose linkage with the facility is
    approved; at most two permit holders take part (Luật BVMT Điều 83(4), 85(5); NĐ 08/2022 Điều 73;
    decision B13). With a second facility those two are the facilities.
    """
    facilities = {event.facility} | ({event.second.party} if event.second else set())
    holders = set(facilities)
    for index, carrier in enumerate(event.carriers):
        path = f"/body/carriers/{index}"
        if carrier.party == event.generator or carrier.party in facilities:
            continue
        holders.add(carrier.party)
        permit = permits.get(carrier.permit or "")
        may_carry = permit is not None and permit.kind is not PermitKind.ENVIRONMENTAL
        if permit is None or permit.party != carrier.party or not may_carry:
            yield Problem("manifest.permit_unknown", f"{path}/permit")
        elif not permit.valid_on(on):
            yield _not_valid(permit, on, f"{path}/permit")
        else:
            for line in event.lines:
                if line.code not in permit.lines:
                    yield Problem("manifest.permit_lacks_code", f"{path}/permit", {"code": line.code})
        approval = approvals.get(carrier.approval or "")
        good = (
            approval is not None
            and (approval.carrier, approval.facility) == (carrier.party, event.facility)
            and approval.valid_from <= on <= approval.valid_to
        )
        if not good:
            yield Problem("manifest.approval_missing", f"{path}/approval")
    if len(holders) > 2:  # noqa: PLR2004  Điều 73(2): at most two
        code = "manifest.too_many_permit_holders" if event.second is None else "manifest.third_facility"
        yield Problem(code, "/body/carriers", {"limit": 2, "article": ARTICLE})
